"""A configured tunnel: one other end, and no other."""

from __future__ import annotations

from random import Random

import pytest

from sensor.lab.inner.refusal import HOP_LIMIT, LOOP, TOO_BIG
from sensor.lab.sixinfour.peer import Peer
from sensor.lab.sixinfour.refusal import FORGED_SOURCE, NOT_CONFIGURED, NOT_SENT, NOT_UNICAST
from sensor.lab.sixinfour.settings import LinkSettings, PeerSettings
from sensor.schema.words import Kind
from sensor.wire import icmpv6, ipv6
from sensor.wire.addresses import packed, text
from sensor.wire.cursor import Cursor
from tests.lab.sixinfour.ends import (
    FAR,
    LOCAL,
    NATIVE,
    NEAR,
    REMOTE,
    STRANGER,
    error_about,
    hear,
    peer,
)
from tests.lab.teredo.parties import data, echo

THERE = packed("fe80::c633:6407")


def test_its_link_local_address_is_made_of_the_ipv4_one() -> None:
    assert text(peer().link_local) == "fe80::cb00:7105"


def test_everything_goes_to_the_other_end() -> None:
    machine = peer(LinkSettings(ttl=20))
    for destination in (FAR, NATIVE, packed("ff02::1"), THERE):
        machine.send_ipv6(data(NEAR, destination), 0.0)
    sent = machine.packets_to_send()
    assert [(p.source, p.destination, p.kind, p.ttl) for p in sent] == [
        (LOCAL, REMOTE, Kind.SIXINFOUR, 20)
    ] * 4


def test_whoever_else_sends_is_refused() -> None:
    machine = peer()
    hear(machine, data(FAR, NEAR), STRANGER, LOCAL)
    hear(machine, echo(FAR, machine.link_local), STRANGER, LOCAL)
    assert machine.drops == {NOT_CONFIGURED: 2}
    assert machine.ipv6_to_deliver() == []
    assert machine.packets_to_send() == []


def test_any_inner_source_of_the_other_end_is_taken_but_its_own() -> None:
    machine = peer()
    for source in (FAR, NATIVE, THERE, bytes(16)):
        hear(machine, data(source, NEAR), REMOTE, LOCAL)
    assert len(machine.ipv6_to_deliver()) == 4
    hear(machine, echo(machine.link_local, machine.link_local), REMOTE, LOCAL)
    assert machine.drops == {FORGED_SOURCE: 1}
    assert machine.packets_to_send() == []


def test_a_ping_of_its_link_local_address_is_answered_by_tunnel() -> None:
    machine = peer()
    hear(machine, echo(THERE, machine.link_local), REMOTE, LOCAL)
    assert machine.ipv6_to_deliver() == []
    (sent,) = machine.packets_to_send()
    assert (sent.source, sent.destination, sent.kind) == (LOCAL, REMOTE, Kind.SIXINFOUR)
    assert sent.payload == echo(machine.link_local, THERE, hop_limit=64, reply=True)


def test_two_ends_find_each_other_reachable() -> None:
    """Each side's solicitation comes back as the other side's advertisement (section 3.8)."""
    machine, other = peer(), Peer(PeerSettings(REMOTE, LOCAL), Random(2))
    body = bytes(4) + other.link_local
    question = icmpv6.build(
        machine.link_local, other.link_local, icmpv6.NEIGHBOUR_SOLICITATION, 0, body
    )
    packet = ipv6.build(
        machine.link_local, other.link_local, icmpv6.PROTOCOL, question, hop_limit=255
    )
    machine.send_ipv6(packet, 0.0)
    for outer in machine.packets_to_send():
        other.receive_packet(outer, 0.0)
    for outer in other.packets_to_send():
        machine.receive_packet(outer, 0.0)
    (heard,) = machine.ipv6_to_deliver()
    message = icmpv6.parse(Cursor(heard, ipv6.HEADER_LENGTH))
    assert message.type == icmpv6.NEIGHBOUR_ADVERTISEMENT
    assert heard[8:40] == other.link_local + machine.link_local


def test_a_solicitation_that_came_from_afar_is_refused() -> None:
    machine = peer()
    body = bytes(4) + machine.link_local
    message = icmpv6.build(THERE, machine.link_local, icmpv6.NEIGHBOUR_SOLICITATION, 0, body)
    packet = ipv6.build(THERE, machine.link_local, icmpv6.PROTOCOL, message, hop_limit=64)
    hear(machine, packet, REMOTE, LOCAL)
    assert machine.drops == {HOP_LIMIT: 1}
    assert machine.packets_to_send() == []


def test_other_packets_to_its_link_local_address_are_the_hosts() -> None:
    machine = peer()
    packet = data(THERE, machine.link_local)
    hear(machine, packet, REMOTE, LOCAL)
    assert machine.ipv6_to_deliver() == [packet]


def test_a_packet_too_big_is_told_to_the_host_from_the_link() -> None:
    machine = peer(LinkSettings(mtu=1_480))
    machine.send_ipv6(data(NEAR, FAR, bytes(1_481 - 48)), 0.0)
    (told,) = machine.ipv6_to_deliver()
    assert told[8:40] == machine.link_local + NEAR
    assert machine.drops == {TOO_BIG: 1}


def test_a_forged_error_about_another_tunnel_is_not_passed_on() -> None:
    machine = peer()
    machine.send_ipv6(data(NEAR, FAR), 0.0)
    (sent,) = machine.packets_to_send()
    machine.receive_packet(error_about(sent._replace(destination=STRANGER)), 0.0)
    assert machine.drops == {NOT_SENT: 1}


@pytest.mark.parametrize(
    ("remote", "word"), [(LOCAL, LOOP), (packed("224.0.0.5"), NOT_UNICAST), (bytes(4), NOT_UNICAST)]
)
def test_a_tunnel_to_nobody_carries_nothing(remote: bytes, word: str) -> None:
    machine = Peer(PeerSettings(LOCAL, remote), Random(1))
    machine.send_ipv6(data(NEAR, FAR), 0.0)
    assert machine.packets_to_send() == []
    assert machine.drops == {word: 1}
