from __future__ import annotations

from dataclasses import replace

import pytest

from sensor.decode.inner import Inner, summarize
from sensor.decode.verdict import (
    Carrier,
    Outer,
    datagram_anomalies,
    inner_anomalies,
    joined,
    proves_itself,
    shape,
    shape_anomalies,
    weigh_carried,
)
from sensor.schema.words import Anomaly, Confidence, Evidence
from sensor.wire import ipv6
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor

from .. import build


def inner_of(packet: bytes) -> Inner:
    return summarize(packet, 0, ipv6.parse(Cursor(packet)), len(packet))


def test_what_holds_is_joined_to_what_is_there() -> None:
    found = {Evidence.GRAMMAR: True, Evidence.CHECKSUM: False, Evidence.BUBBLE: True}
    assert joined(found, Evidence(0)) == Evidence.GRAMMAR | Evidence.BUBBLE
    assert joined({Anomaly.TRUNCATED: False}, Anomaly.BAD_CHECKSUM) == Anomaly.BAD_CHECKSUM


def test_a_sound_packet_has_no_anomaly() -> None:
    packet = build.tcp6()
    assert inner_anomalies(inner_of(packet), len(packet)) == Anomaly(0)
    assert inner_anomalies(inner_of(packet), len(packet) + 1) == Anomaly(0)


def test_a_packet_longer_than_its_carrier_lies() -> None:
    packet = build.tcp6()
    assert inner_anomalies(inner_of(packet), len(packet) - 1) == Anomaly.LENGTH_MISMATCH


@pytest.mark.parametrize(
    ("packet", "anomaly"),
    [
        (build.bubble(hop_limit=0), Anomaly.HOP_LIMIT_ZERO),
        (build.tcp6()[:-1] + b"\x01", Anomaly.BAD_CHECKSUM),
        (ipv6.build(build.NATIVE, build.OTHER, 253, b"what is this"), Anomaly.EXTENSION_HEADERS),
        (
            ipv6.build(
                build.NATIVE,
                build.OTHER,
                ipv6.ROUTING,
                ipv6.build_extension(ipv6.ROUTING, ipv6.NO_NEXT_HEADER, bytes(6)),
            ),
            Anomaly.ROUTING_HEADER,
        ),
    ],
)
def test_an_oddity_of_the_inner_packet_is_named(packet: bytes, anomaly: Anomaly) -> None:
    assert inner_anomalies(inner_of(packet), len(packet)) == anomaly


def test_a_checksum_that_cannot_be_known_is_not_bad() -> None:
    inner = replace(inner_of(build.tcp6()), checksum=None)
    assert inner_anomalies(inner, inner.length) == Anomaly(0)


@pytest.mark.parametrize(("count", "odd"), [(0, False), (2, False), (3, True)])
def test_more_extension_headers_than_hosts_send(count: int, odd: bool) -> None:
    payload, following = b"", ipv6.NO_NEXT_HEADER
    for _ in range(count):
        payload = ipv6.build_extension(ipv6.DESTINATION, following, bytes(6)) + payload
        following = ipv6.DESTINATION
    packet = ipv6.build(build.NATIVE, build.OTHER, following, payload)
    expected = Anomaly.EXTENSION_CHAIN if odd else Anomaly(0)
    assert inner_anomalies(inner_of(packet), len(packet)) == expected


@pytest.mark.parametrize(
    ("source", "destination", "odd"),
    [
        ("2a00:db8::1", "ff02::1", False),
        ("::", "ff02::1", False),
        ("ff02::1", "2a00:db8::1", True),
        ("2a00:db8::1", "::", True),
        ("::1", "2a00:db8::1", True),
        ("2a00:db8::1", "::1", True),
        ("fec0::1", "2a00:db8::1", True),
        ("2a00:db8::1", "feff::1", True),
        ("::ffff:192.0.2.1", "2a00:db8::1", True),
        ("2a00:db8::1", "::ffff:192.0.2.1", True),
    ],
)
def test_addresses_that_no_tunnel_may_carry(source: str, destination: str, odd: bool) -> None:
    inner = inner_of(build.tcp6(packed(source), packed(destination)))
    expected = Anomaly.ODD_INNER_ADDRESS if odd else Anomaly(0)
    assert inner_anomalies(inner, inner.length) == expected


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        (1024, 65535, Anomaly(0)),
        (1023, 4000, Anomaly.BORROWED_PORT),
        (4000, 53, Anomaly.BORROWED_PORT),
        (0, 4000, Anomaly.BORROWED_PORT),
    ],
)
def test_ports_that_others_own(source: int, destination: int, expected: Anomaly) -> None:
    assert datagram_anomalies(Outer(4, build.V4A, build.V4B, source, destination)) == expected


def test_the_shape_of_an_inner_packet() -> None:
    inner = inner_of(build.tcp6())
    both = Evidence.EXACT_LENGTH | Evidence.CHECKSUM
    assert shape(inner, inner.length) == both
    assert shape(inner, inner.length + 1) == shape(inner, inner.length - 1) == Evidence.CHECKSUM
    assert shape(replace(inner, checksum=False), inner.length) == Evidence.EXACT_LENGTH
    assert shape(replace(inner, checksum=None), inner.length) == Evidence.EXACT_LENGTH


def test_behind_an_inner_packet_nothing_may_stand() -> None:
    inner = inner_of(build.tcp6())
    assert shape_anomalies(inner, inner.length) == Anomaly(0)
    assert shape_anomalies(inner, inner.length + 1) == Anomaly.TRAILING_BYTES
    assert shape_anomalies(inner, inner.length - 1) == Anomaly.LENGTH_MISMATCH


SOUND = inner_of(build.tcp6())
UNSOUND = inner_of(ipv6.build(build.NATIVE, build.OTHER, 253, b"what is this"))
UNREAD = inner_of(ipv6.build(build.NATIVE, build.OTHER, 60, b"\x06\xff")[:41])
WEAK, STRONG, CERTAIN = Confidence.WEAK, Confidence.STRONG, Confidence.CERTAIN


@pytest.mark.parametrize(
    ("inner", "carrier", "expected"),
    [
        (SOUND, Carrier(60), CERTAIN),
        (SOUND, Carrier(61), CERTAIN),
        (SOUND, Carrier(60, STRONG, WEAK), STRONG),
        (SOUND, Carrier(59), STRONG),
        (SOUND, Carrier(59, STRONG, WEAK), WEAK),
        (UNSOUND, Carrier(52), STRONG),
        (UNSOUND, Carrier(52, STRONG, WEAK), WEAK),
        (UNREAD, Carrier(42), STRONG),
        (SOUND, Carrier(60, WEAK), STRONG),
        (SOUND, Carrier(61, WEAK), WEAK),
        (replace(SOUND, checksum=None), Carrier(60, WEAK), WEAK),
        (replace(SOUND, checksum=False), Carrier(60, WEAK), WEAK),
    ],
)
def test_what_is_carried_is_as_sure_as_its_carrier(
    inner: Inner, carrier: Carrier, expected: Confidence
) -> None:
    assert weigh_carried(inner, carrier) is expected


def test_a_chain_tells_by_itself_only_if_it_is_as_specified() -> None:
    """Of a fragment header two bits are reserved (RFC 8200 section 4.5)."""
    header = ipv6.build_fragment(50, 7, 0, True)
    for field, proved in ((0, True), (6, False)):
        odd = header[:3] + bytes([header[3] | field]) + header[4:]
        packet = ipv6.build(build.NATIVE, build.OTHER, ipv6.FRAGMENT, odd + bytes(8))
        inner = inner_of(packet)
        assert proves_itself(inner, len(packet)) is proved
        assert not proves_itself(inner, len(packet) + 1)


def test_a_right_checksum_proves_a_packet_with_little_behind_it() -> None:
    for junk, proved in ((-1, False), (0, True), (64, True), (65, False)):
        assert proves_itself(SOUND, SOUND.length + junk) is proved


def test_a_routing_header_tells_only_before_a_transport() -> None:
    segment = build.tcp6()[ipv6.HEADER_LENGTH :]
    for transport, proved in ((6, True), (ipv6.NO_NEXT_HEADER, False)):
        route = ipv6.build_extension(ipv6.ROUTING, transport, bytes(6))
        packet = ipv6.build(build.NATIVE, build.OTHER, ipv6.ROUTING, route + segment)
        assert proves_itself(inner_of(packet), len(packet)) is proved
