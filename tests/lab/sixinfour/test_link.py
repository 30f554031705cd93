"""Wrapping, unwrapping and complaining as RFC 4213 section 3 has it."""

from __future__ import annotations

from collections import Counter

import pytest

from sensor.errors import ConfigError
from sensor.lab.inner.refusal import LENGTH, LOOP, MALFORMED, TOO_BIG, Refused
from sensor.lab.machine import Outbox, OuterPacket
from sensor.lab.sixinfour.link import LARGEST_MTU, LEAST_MTU, Link
from sensor.lab.sixinfour.refusal import NO_ERROR, NOT_SENT, ODD_SOURCE, QUOTES_TOO_LITTLE
from sensor.lab.sixinfour.settings import LinkSettings
from sensor.schema.words import Kind
from sensor.wire import icmpv4, icmpv6, ipv6, udp
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor
from tests.lab.sixinfour.ends import (
    FAR,
    LOCAL,
    NATIVE,
    NEAR,
    REMOTE,
    STRANGER,
    carried,
    error_about,
)
from tests.lab.teredo.parties import data

OWN = packed("fe80::cb00:7105")


class Wire:
    """A link with what is behind it in view."""

    def __init__(self, **settings: object) -> None:
        self.drops: Counter[str] = Counter()
        self.outbox = Outbox()
        chosen = LinkSettings(**settings)  # type: ignore[arg-type]
        self.link = Link(chosen, self.drops, self.outbox)

    def send(self, packet: bytes, own: bytes | None = OWN) -> None:
        self.link.send(packet, LOCAL, REMOTE, Kind.SIXINFOUR, own)

    def sent(self, packet: bytes) -> OuterPacket:
        self.send(packet)
        (outer,) = self.outbox.take_outer()
        return outer

    def told(self) -> tuple[ipv6.IPv6Header, icmpv6.Message]:
        (error,) = self.outbox.take_packets()
        return ipv6.parse(Cursor(error)), icmpv6.parse(Cursor(error, ipv6.HEADER_LENGTH))


def of_length(octets: int) -> bytes:
    return data(NEAR, FAR, bytes(octets - 48))


def with_class(traffic_class: int) -> bytes:
    return ipv6.build(
        NEAR, FAR, udp.PROTOCOL, udp.build(NEAR, FAR, 1, 2, b""), traffic_class=traffic_class
    )


def test_a_packet_goes_out_as_it_is_with_the_outer_header_of_section_3_5() -> None:
    packet = data(NEAR, FAR, hop_limit=1)
    assert Wire().sent(packet) == OuterPacket(
        LOCAL, REMOTE, 41, packet, Kind.SIXINFOUR, ttl=64, tos=0, dont_fragment=False
    )
    assert Wire(ttl=8).sent(packet).ttl == 8


@pytest.mark.parametrize("traffic_class", [0, 0x0F, 0xB8, 0xFF])
def test_the_traffic_class_is_copied_only_where_that_is_asked_for(traffic_class: int) -> None:
    packet = with_class(traffic_class)
    assert Wire().sent(packet).tos == 0
    assert Wire(copy_class=True).sent(packet).tos == traffic_class


@pytest.mark.parametrize("mtu", [LEAST_MTU, 1_400, LARGEST_MTU])
def test_the_largest_packet_fits_and_the_next_is_answered(mtu: int) -> None:
    wire = Wire(mtu=mtu)
    assert not wire.sent(of_length(mtu)).dont_fragment
    wire.send(of_length(mtu + 1))
    assert wire.outbox.take_outer() == []
    assert wire.drops == {TOO_BIG: 1}
    header, message = wire.told()
    assert (header.source, header.destination) == (OWN, NEAR)
    assert (message.type, message.code) == (icmpv6.TOO_BIG, 0)
    assert int.from_bytes(message.body[:4]) == mtu
    assert of_length(mtu + 1).startswith(icmpv6.quoted(message.body))


def test_every_packet_too_big_is_answered() -> None:
    """Otherwise the search for the path's MTU would wait for one that is never told again."""
    wire = Wire()
    for _ in range(50):
        wire.send(of_length(1_281))
    assert len(wire.outbox.take_packets()) == 50


def test_without_an_own_address_it_is_only_counted() -> None:
    wire = Wire()
    wire.send(of_length(1_281), own=None)
    assert wire.outbox.take_packets() == []
    assert wire.drops == {TOO_BIG: 1}


@pytest.mark.parametrize("mtu", [0, LEAST_MTU - 1, LARGEST_MTU + 1, 65_535])
def test_an_mtu_beyond_the_static_ones_is_refused(mtu: int) -> None:
    with pytest.raises(ConfigError, match="choose 1280 to 1480"):
        Wire(mtu=mtu)


@pytest.mark.parametrize("packet", [b"", b"\x60", bytes(60), data(NEAR, FAR) + b"\0"])
def test_only_whole_packets_are_sent(packet: bytes) -> None:
    wire = Wire()
    wire.send(packet)
    assert wire.outbox.take_outer() == []
    assert wire.drops == {MALFORMED: 1}


@pytest.mark.parametrize("packet", [data(NEAR, FAR), with_class(0x2E)])
@pytest.mark.parametrize("padding", [b"", b"\0", bytes(46)])
def test_what_was_packed_comes_out_without_padding_and_with_its_class(
    packet: bytes, padding: bytes
) -> None:
    wire = Wire()
    assert wire.link.open(carried(packet + padding, REMOTE, LOCAL, tos=0xFC)) == packet
    assert wire.drops == {}


def test_every_cut_is_counted_as_what_it_is() -> None:
    packet = data(NEAR, FAR)
    for length in range(len(packet)):
        wire = Wire()
        assert wire.link.open(carried(packet[:length], REMOTE, LOCAL)) is None
        assert wire.drops == {MALFORMED if length < 40 else LENGTH: 1}


def test_another_version_is_no_ipv6() -> None:
    wire = Wire()
    assert wire.link.open(carried(b"\x45" + bytes(60), REMOTE, LOCAL)) is None
    assert wire.drops == {MALFORMED: 1}


@pytest.mark.parametrize(
    "source", ["ff02::1", "ff0e::5", "::1", "::1.2.3.4", "::ffff:1.2.3.4", "::ffff:0:0"]
)
def test_sources_that_nobody_has_are_refused(source: str) -> None:
    wire = Wire()
    assert wire.link.open(carried(data(packed(source), NEAR), REMOTE, LOCAL)) is None
    assert wire.drops == {ODD_SOURCE: 1}


@pytest.mark.parametrize("source", ["::", "fe80::1", "2001:db8::1", "::1:0:0", "::fffe:0:0"])
def test_other_sources_pass(source: str) -> None:
    packet = data(packed(source), NEAR)
    assert Wire().link.open(carried(packet, REMOTE, LOCAL)) == packet


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (icmpv4.UNREACHABLE, 0),
        (icmpv4.UNREACHABLE, 2),
        (icmpv4.UNREACHABLE, 13),
        (icmpv4.TIME_EXCEEDED, 0),
    ],
)
def test_the_host_hears_that_its_packet_did_not_arrive(kind: int, code: int) -> None:
    wire = Wire()
    sent = wire.sent(data(NEAR, FAR))
    wire.link.complain(error_about(sent, kind, code), OWN)
    header, message = wire.told()
    assert (header.source, header.destination) == (OWN, NEAR)
    assert (message.type, message.code) == (icmpv6.UNREACHABLE, 3)
    assert icmpv6.quoted(message.body) == sent.payload


@pytest.mark.parametrize(("mtu", "told"), [(0, 1_280), (1_300, 1_280), (1_400, 1_380)])
def test_a_smaller_link_on_the_way_is_told_never_below_the_least(mtu: int, told: int) -> None:
    wire = Wire(mtu=1_480)
    sent = wire.sent(of_length(1_480))
    wire.link.complain(error_about(sent, icmpv4.UNREACHABLE, 4, mtu=mtu), OWN)
    _, message = wire.told()
    assert message.type == icmpv6.TOO_BIG
    assert int.from_bytes(message.body[:4]) == told


def test_an_error_needs_the_inner_header_and_no_more() -> None:
    """RFC 792 asks a router for 8 octets only, which tell no host."""
    wire = Wire()
    sent = wire.sent(data(NEAR, FAR))
    wire.link.complain(error_about(sent, quote=20 + 40), OWN)
    assert len(wire.outbox.take_packets()) == 1
    for quote in (20, 28, 59):
        wire.link.complain(error_about(sent, quote=quote), OWN)
    assert wire.drops == {QUOTES_TOO_LITTLE: 3}
    assert wire.outbox.take_packets() == []


def test_an_error_about_a_packet_from_another_address_is_not_passed_on() -> None:
    wire = Wire()
    sent = wire.sent(data(NEAR, FAR))
    elsewhere = error_about(sent._replace(source=STRANGER))._replace(destination=LOCAL)
    wire.link.complain(elsewhere, OWN)
    wire.link.complain(error_about(sent._replace(protocol=47)), OWN)
    assert wire.drops == {NOT_SENT: 2}
    assert wire.outbox.take_packets() == []


def test_an_error_is_passed_on_only_for_where_the_packet_really_went() -> None:
    def route(packet: bytes) -> bytes:
        if packet[24:40] == NATIVE:
            raise Refused(LOOP)
        return REMOTE

    wire = Wire()
    sent = wire.sent(data(NEAR, FAR))
    wire.link.complain(error_about(sent), OWN, route)
    assert len(wire.outbox.take_packets()) == 1
    wire.link.complain(error_about(sent._replace(destination=STRANGER)), OWN, route)
    wire.link.complain(error_about(sent._replace(payload=data(NEAR, NATIVE))), OWN, route)
    assert wire.drops == {NOT_SENT: 1, LOOP: 1}
    assert wire.outbox.take_packets() == []


def test_no_error_about_an_error() -> None:
    wire = Wire()
    error = icmpv6.build_error(NEAR, FAR, icmpv6.UNREACHABLE, 0, data(FAR, NEAR))
    sent = wire.sent(ipv6.build(NEAR, FAR, icmpv6.PROTOCOL, error))
    wire.link.complain(error_about(sent), OWN)
    assert wire.outbox.take_packets() == []


def test_what_is_no_such_error_is_counted() -> None:
    wire = Wire()
    sent = wire.sent(data(NEAR, FAR))
    wire.link.complain(error_about(sent, icmpv4.REDIRECT), OWN)
    assert wire.drops == {NO_ERROR: 1}
    assert wire.outbox.take_packets() == []
