"""IPv6 in GRE: what one end builds, and what the other takes."""

from __future__ import annotations

from typing import Any

import pytest

from sensor.lab.gre.endpoint import AHEAD, SEQUENCE_KEPT
from sensor.lab.machine import OuterPacket
from sensor.schema.words import Kind
from sensor.wire import gre, icmpv4, icmpv6, ipv6
from sensor.wire.addresses import packed, text
from sensor.wire.cursor import Cursor
from tests.lab.framing.parties import ALICE, NATIVE, data
from tests.lab.gre.parties import EAST, OWN, THIRD, WEST, carried, east, outer, west

PACKET = data(ALICE, NATIVE)
EVERYTHING = {"key": 0xCAFE, "sequence": True, "checksum": True}


@pytest.mark.parametrize(
    "settings", [{}, {"key": 0}, {"sequence": True}, {"checksum": True}, EVERYTHING]
)
def test_packets_go_both_ways(settings: dict[str, Any]) -> None:
    one, other = east(**settings), west(**settings)
    for now in (0.0, 1.0, 2.0):
        assert carried(one, other, PACKET, now) == [PACKET]
        assert carried(other, one, PACKET, now) == [PACKET]
    assert not one.drops + other.drops


def test_the_packet_octet_by_octet() -> None:
    machine = east(key=0xCAFE, sequence=True, ttl=32)
    machine.send_ipv6(PACKET, 0.0)
    machine.send_ipv6(PACKET, 0.0)
    first, second = machine.packets_to_send()
    header = bytes.fromhex("3000 86dd 0000cafe 00000000")
    assert first == OuterPacket(EAST, WEST, 47, header + PACKET, Kind.GRE6, 32, 0, False)
    assert second.payload == header[:-1] + b"\1" + PACKET


def test_it_is_at_its_own_address_and_takes_gre() -> None:
    machine = east()
    assert (machine.addresses, machine.protocols) == ((EAST,), (47,))
    machine.start(0.0)
    machine.handle_timer(0.0)
    assert machine.get_timer() is None
    assert machine.next_event() is None
    machine.stop(0.0)
    stopped = machine.next_event()
    assert stopped is not None
    assert stopped.what == "stopped"


GOOD = gre.build(gre.IPV6, PACKET)


@pytest.mark.parametrize(
    ("packet", "word"),
    [
        (outer(GOOD, source=THIRD), "not-the-peer"),
        (outer(GOOD, destination=THIRD), "not-the-peer"),
        (outer(GOOD, protocol=41), "not-gre"),
        (outer(icmpv4.build_error(3, 2, GOOD), THIRD, protocol=1), "icmp-error"),
        (outer(gre.build(gre.IPV6, PACKET, routes=())), "reserved-bits"),
        (outer(b"\x08" + GOOD[1:]), "reserved-bits"),
        (outer(b"\x04" + GOOD[1:]), "reserved-bits"),
        (outer(gre.build(gre.IPV4, PACKET)), "protocol-type"),
        (outer(gre.build(gre.TRANSPARENT_ETHERNET, PACKET)), "protocol-type"),
        (outer(gre.build_pptp(7, PACKET)), "malformed"),
        (outer(GOOD[:1] + b"\x02" + GOOD[2:]), "malformed"),
        (outer(gre.build(gre.IPV6, PACKET, key=5)), "key-differs"),
        (outer(GOOD[:-1]), "length"),
        (outer(GOOD[:43]), "malformed"),
        (outer(b""), "malformed"),
        (outer(gre.build(gre.IPV6, b"\x45" + PACKET[1:])), "malformed"),
    ],
)
def test_what_is_not_taken_is_counted(packet: OuterPacket, word: str) -> None:
    machine = west()
    machine.receive_packet(packet, 0.0)
    assert machine.drops == {word: 1}
    assert machine.ipv6_to_deliver() == []


@pytest.mark.parametrize("source", ["ff02::1", "::1", "::1.2.3.4", "::ffff:1.2.3.4"])
def test_sources_that_nobody_has_are_refused(source: str) -> None:
    machine = west(sequence=True)
    forged = gre.build(gre.IPV6, data(packed(source), NATIVE), sequence=900)
    machine.receive_packet(outer(forged), 0.0)
    assert machine.drops == {"ipv6-source-odd": 1}
    machine.receive_packet(numbered(5), 0.0)
    assert machine.ipv6_to_deliver() == [PACKET]


def test_bits_that_rfc_2784_lets_receivers_ignore_are_ignored() -> None:
    machine = west()
    machine.receive_packet(outer(b"\x03\xf8" + GOOD[2:]), 0.0)
    assert machine.ipv6_to_deliver() == [PACKET]


def test_what_follows_the_inner_packet_is_left_out() -> None:
    machine = west()
    machine.receive_packet(outer(GOOD + b"junk"), 0.0)
    assert machine.ipv6_to_deliver() == [PACKET]


@pytest.mark.parametrize("key", [None, 4, 0xFFFFFFFF])
def test_a_tunnel_with_a_key_takes_no_other(key: int | None) -> None:
    machine = west(key=5)
    machine.receive_packet(outer(gre.build(gre.IPV6, PACKET, key=key)), 0.0)
    assert machine.drops == {"key-differs": 1}


def test_a_wrong_checksum_is_noticed_even_where_none_is_sent() -> None:
    summed = gre.build(gre.IPV6, PACKET, checksum=True)
    machine = west()
    machine.receive_packet(outer(summed), 0.0)
    machine.receive_packet(outer(summed[:-1] + b"?"), 0.0)
    assert machine.ipv6_to_deliver() == [PACKET]
    assert machine.drops == {"bad-checksum": 1}


def numbered(number: int | None) -> OuterPacket:
    return outer(gre.build(gre.IPV6, PACKET, sequence=number))


def taken(numbers: list[int | None]) -> list[bool]:
    machine = west(sequence=True)
    before, found = 0, []
    for number in numbers:
        machine.receive_packet(numbered(number), 0.0)
        found.append(len(machine.ipv6_to_deliver()) == 1)
        before += not found[-1]
    assert sum(machine.drops.values()) == before
    return found


def test_old_numbers_are_discarded() -> None:
    assert taken([5, 5, 4, 6, 9, 7]) == [True, False, False, True, True, False]


def test_numbers_wrap() -> None:
    top = 0xFFFFFFFF
    assert taken([top - 1, top, 0, top, 1]) == [True, True, True, False, True]


def test_numbers_are_new_up_to_so_far_ahead() -> None:
    assert taken([0, AHEAD]) == [True, True]
    assert taken([0, AHEAD + 1]) == [True, False]
    assert taken([0xFFFFFFFF, AHEAD - 1, 0x80000000]) == [True, True, False]


def test_one_forged_number_does_not_silence_the_peer() -> None:
    for forged in (AHEAD + 6, 0x7FFFFFFF, 0x80000000):
        assert taken([5, forged, 6, 7]) == [True, False, True, True]


def test_a_number_is_needed() -> None:
    machine = west(sequence=True)
    machine.receive_packet(numbered(None), 0.0)
    assert machine.drops == {"no-sequence": 1}


def test_a_damaged_packet_moves_no_number() -> None:
    machine = west(sequence=True)
    machine.receive_packet(outer(gre.build(gre.IPV6, PACKET[:-1], sequence=900)), 0.0)
    machine.receive_packet(numbered(5), 0.0)
    assert machine.ipv6_to_deliver() == [PACKET]


def test_after_a_long_silence_any_number_is_new() -> None:
    machine = west(sequence=True)
    machine.receive_packet(numbered(900), 0.0)
    machine.receive_packet(numbered(0), SEQUENCE_KEPT - 1)
    assert machine.drops == {"out-of-sequence": 1}
    machine.receive_packet(numbered(0), SEQUENCE_KEPT)
    assert len(machine.ipv6_to_deliver()) == 2


def test_the_number_sent_wraps() -> None:
    machine = east(sequence=True)
    machine._next = 0xFFFFFFFF
    for _ in range(2):
        machine.send_ipv6(PACKET, 0.0)
    numbers = [gre.parse(Cursor(sent.payload)).sequence for sent in machine.packets_to_send()]
    assert numbers == [0xFFFFFFFF, 0]


def test_what_is_no_whole_packet_is_not_sent() -> None:
    machine = east()
    for octets in (b"", PACKET[:-1], PACKET + b"\0"):
        machine.send_ipv6(octets, 0.0)
    assert machine.drops == {"malformed": 3}
    assert machine.packets_to_send() == []


def test_packets_that_are_too_big_are_answered() -> None:
    machine = east(own=OWN, mtu=1_400)
    machine.send_ipv6(data(ALICE, NATIVE, bytes(1_352)), 0.0)
    assert len(machine.packets_to_send()) == 1
    machine.send_ipv6(data(ALICE, NATIVE, bytes(1_353)), 0.0)
    assert machine.packets_to_send() == []
    (error,) = machine.ipv6_to_deliver()
    cursor = Cursor(error)
    header = ipv6.parse(cursor)
    message = icmpv6.parse(cursor)
    assert (text(header.source), header.destination) == (text(OWN), ALICE)
    assert (message.type, message.body[:4]) == (icmpv6.TOO_BIG, (1_400).to_bytes(4))
    assert machine.drops == {"packet-too-big": 1}


def test_who_has_no_address_complains_to_nobody() -> None:
    machine = east()
    machine.send_ipv6(data(ALICE, NATIVE, bytes(1_400)), 0.0)
    assert machine.ipv6_to_deliver() == []
    assert machine.drops == {"packet-too-big": 1}


def test_errors_are_limited() -> None:
    machine = east(own=OWN)
    for _ in range(30):
        machine.send_ipv6(data(ALICE, NATIVE, bytes(1_400)), 0.0)
    assert len(machine.ipv6_to_deliver()) == 10
    assert machine.drops == {"packet-too-big": 30, "errors-limited": 20}
