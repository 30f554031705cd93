"""What the parts of a client share."""

from __future__ import annotations

import pytest

from sensor.lab.machine import Datagram
from sensor.lab.teredo.link import end_text
from sensor.lab.teredo.style import WINDOWS_7, WINDOWS_XP
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire.addresses import packed, text
from tests.lab.teredo.world import LOCAL, MAPPED, SECOND, SERVER, link


def test_the_cone_bit_marks_the_soliciting_address() -> None:
    xp = link(WINDOWS_XP)
    assert text(xp.link_local()) == "fe80::ffff:ffff:fffd"
    assert text(xp.link_local(cone=True)) == "fe80::8000:ffff:ffff:fffd"
    assert text(link(WINDOWS_7).link_local()) == "fe80::ffff:ffff:fffe"


def test_only_both_ends_of_the_server_are_the_server() -> None:
    ends = [SERVER, SECOND, Endpoint(SERVER.ip, 3545), Endpoint(MAPPED.ip, 3544)]
    assert [link().is_server(end) for end in ends] == [True, True, False, False]


@pytest.mark.parametrize(
    ("ip", "reachable"),
    [
        ("203.0.113.7", True),
        ("192.168.0.7", False),
        ("127.0.0.1", False),
        ("224.0.0.253", False),
        ("255.255.255.255", False),
        ("198.51.100.255", True),
    ],
)
def test_strangers_name_global_addresses_only(ip: str, reachable: bool) -> None:
    assert link().may_reach(packed(ip)) is reachable


def test_nor_may_they_name_the_broadcast_address_of_its_own_network() -> None:
    public = link(local=Endpoint(packed("203.0.113.2"), 40_000), network_bits=28)
    assert public.may_reach(packed("203.0.113.14"))
    assert not public.may_reach(packed("203.0.113.15"))
    assert public.may_reach(packed("203.0.113.31"))


def test_the_former_prefix_counts_for_those_who_use_it() -> None:
    legacy = packed("3ffe:831f:4136:e378:8000:63bf:3fff:fdd2")
    assert link().teredo(legacy) is None
    found = link(WINDOWS_XP).teredo(legacy)
    assert found is not None
    assert found.ip == packed("192.0.2.45")


def test_datagrams_leave_from_the_service_end_unless_told_otherwise() -> None:
    made, other = link(), Endpoint(LOCAL.ip, 50_123)
    made.send(b"one", SERVER, TeredoPacket.DATA)
    made.send(b"two", SERVER, TeredoPacket.BUBBLE, source=other, ttl=1)
    one, two = made.outbox.take_datagrams()
    assert one == Datagram(LOCAL, SERVER, b"one", TeredoPacket.DATA, 64)
    assert two == Datagram(other, SERVER, b"two", TeredoPacket.BUBBLE, 1)


def test_an_event_holds_what_it_is_about() -> None:
    made = link()
    made.tell("nat-type", "NAT cone", made.address, MAPPED)
    event = made.outbox.take_event()
    assert event == ("nat-type", "NAT cone", made.address, MAPPED)
    assert end_text(MAPPED) == "203.0.113.2:50000"
