from __future__ import annotations

import itertools
import random
import struct

import numpy as np
import pytest

from sensor.capture.batch import FrameBatch, batch_of
from sensor.decode.scalar import Frame, decode_batch, decode_frame
from sensor.decode.settings import DecodeSettings
from sensor.schema.rows import OBSERVATION, STACK_LIMIT, Observation, unpack
from sensor.schema.words import Confidence, Kind, Layer, Reason
from sensor.wire import ipv4, ipv6, link, sixinfour, tcp, teredo
from sensor.wire import udp as udp_wire

from .. import build
from ..build import (
    CLIENT,
    MAPPED,
    NATIVE,
    OTHER,
    PEER,
    RELAY,
    SERVER,
    TEREDO,
    V4A,
    V4B,
    authentication,
    bubble,
    echo6,
    ethernet,
    solicitation,
    tcp6,
    udp_frame,
)
from .seen import DEFAULTS, all_seen, anomalies, decode, only_row, seen, stack

TUNNEL = sixinfour.encapsulate(V4A, V4B, tcp6())
TEREDO_FRAME = udp_frame(CLIENT, RELAY, tcp6(TEREDO, NATIVE))


def reason(data: bytes, link_type: int = 1, wire_length: int | None = None) -> Reason:
    found, rows = decode(data, link_type, wire_length)
    assert rows == []
    return found


def unfollowed(data: bytes, settings: DecodeSettings = DEFAULTS) -> Observation:
    """The row of a frame of which nothing but too many layers is known."""
    found, rows = decode(data, settings=settings)
    assert found is Reason.TOO_MANY_LAYERS
    assert [(row.kind, row.confidence, anomalies(row), row.inner_length) for row in rows] == [
        (Kind.NONE, Confidence.STRONG, ["too-many-layers"], 0)
    ]
    return rows[0]


def four(packet: bytes, protocol: int = 4) -> bytes:
    return ipv4.build(V4A, V4B, protocol, packet)


# link layers


@pytest.mark.parametrize(
    ("frame", "link_type", "layers", "vlan"),
    [
        (ethernet(TUNNEL), link.LINKTYPE_ETHERNET, "ethernet ipv4 ipv6 tcp", 0),
        (ethernet(TUNNEL, (7,)), link.LINKTYPE_ETHERNET, "ethernet vlan ipv4 ipv6 tcp", 8),
        (ethernet(TUNNEL, (0,)), link.LINKTYPE_ETHERNET, "ethernet vlan ipv4 ipv6 tcp", 1),
        (ethernet(TUNNEL, (7, 9)), link.LINKTYPE_ETHERNET, "ethernet vlan vlan ipv4 ipv6 tcp", 10),
        (
            ethernet(TUNNEL, (1, 2, 4095)),
            link.LINKTYPE_ETHERNET,
            "ethernet vlan vlan vlan ipv4 ipv6 tcp",
            4096,
        ),
        (build.sll(TUNNEL), link.LINKTYPE_LINUX_SLL, "sll ipv4 ipv6 tcp", 0),
        (build.sll2(TUNNEL), link.LINKTYPE_LINUX_SLL2, "sll2 ipv4 ipv6 tcp", 0),
        (TUNNEL, link.LINKTYPE_RAW, "ipv4 ipv6 tcp", 0),
        (TUNNEL, link.LINKTYPE_RAW_BSD, "ipv4 ipv6 tcp", 0),
        (TUNNEL, link.LINKTYPE_IPV4, "ipv4 ipv6 tcp", 0),
        (b"\0\0\0\2" + TUNNEL, link.LINKTYPE_NULL, "null ipv4 ipv6 tcp", 0),
        (b"\2\0\0\0" + TUNNEL, link.LINKTYPE_NULL, "null ipv4 ipv6 tcp", 0),
    ],
)
def test_link_layers(frame: bytes, link_type: int, layers: str, vlan: int) -> None:
    row = only_row(frame, link_type=link_type)
    assert stack(row) == layers
    assert row.vlan == vlan
    assert row.inner_offset == len(frame) - 60
    assert row.inner_source == NATIVE


@pytest.mark.parametrize(
    ("frame", "link_type", "expected"),
    [
        (b"", 1, Reason.TRUNCATED_LINK),
        (ethernet(TUNNEL)[:13], 1, Reason.TRUNCATED_LINK),
        (ethernet(TUNNEL, (7,))[:17], 1, Reason.TRUNCATED_LINK),
        (b"\0\0\0", 0, Reason.TRUNCATED_LINK),
        (b"", 101, Reason.TRUNCATED_LINK),
        (TUNNEL, 147, Reason.UNKNOWN_LINK_TYPE),
        (b"\0\0\0\x07" + TUNNEL, 0, Reason.NOT_IP),
        (b"\x50" + TUNNEL[1:], 101, Reason.NOT_IP),
        (ethernet(TUNNEL)[:12] + b"\x08\x06" + TUNNEL, 1, Reason.NOT_IP),
        (ethernet(TUNNEL)[:12] + b"\x00\x40" + TUNNEL, 1, Reason.NOT_IP),
        (ethernet(TUNNEL)[:14], 1, Reason.TRUNCATED_NETWORK),
        (ethernet(TUNNEL)[:33], 1, Reason.TRUNCATED_NETWORK),
        (ethernet(build.udp((NATIVE, 1), (OTHER, 2), b""))[:53], 1, Reason.TRUNCATED_NETWORK),
        (ethernet(b"\x55" + TUNNEL[1:]), 1, Reason.BAD_IPV4),
        (ethernet(b"\x44" + TUNNEL[1:]), 1, Reason.BAD_IPV4),
        (ethernet(TUNNEL[:2] + b"\0\x13" + TUNNEL[4:]), 1, Reason.BAD_IPV4),
        (TUNNEL, link.LINKTYPE_IPV6, Reason.BAD_IPV6),
    ],
)
def test_frames_that_end_or_err_before_any_payload(
    frame: bytes, link_type: int, expected: Reason
) -> None:
    assert reason(frame, link_type) is expected


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (four(tcp6(), 6), Reason.TCP),
        (four(bytes(8), 1), Reason.ICMP),
        (four(bytes(60), 47), Reason.GRE),
        (four(bytes(60), 50), Reason.IPV4_PROTOCOL),
        (tcp6(), Reason.IPV6_NATIVE),
        (echo6(), Reason.IPV6_NATIVE),
        (build.udp(CLIENT, PEER, b"x" * 39), Reason.UDP_SHORT),
        (build.udp(CLIENT, PEER, b"x" * 40), Reason.UDP),
        (build.udp((NATIVE, 1), (OTHER, 2), b"x" * 40), Reason.UDP),
        (four(bytes(7), 17), Reason.BAD_UDP),
        (build.four_in_six(four(tcp6(), 6)), Reason.TCP),
        (build.six_in_six(tcp6()), Reason.IPV6_NATIVE),
        (build.six_in_six(b"\x45" + bytes(50)), Reason.BAD_IPV6),
    ],
)
def test_frames_without_a_tunnel(packet: bytes, expected: Reason) -> None:
    assert reason(ethernet(packet)) is expected


# lengths that lie


def test_ethernet_padding_is_no_payload() -> None:
    frame = ethernet(sixinfour.encapsulate(V4A, V4B, bubble(NATIVE, OTHER)))
    row = only_row(frame + bytes(6))
    assert (anomalies(row), row.tail_length) == ([], 0)
    padded = udp_frame(CLIENT, RELAY, bubble(TEREDO, NATIVE)) + b"\x41\x01\x00" + bytes(9)
    assert (anomalies(only_row(padded)), only_row(padded).trailer_count) == ([], 0)


def with_total_length(packet: bytes, length: int) -> bytes:
    return packet[:2] + length.to_bytes(2) + packet[4:]


def test_a_total_length_of_zero_takes_what_is_there() -> None:
    row = only_row(ethernet(with_total_length(TUNNEL, 0)))
    assert seen(row).reasons == "exact-length checksum protocol-41"
    assert seen(row).confidence == "certain"


def test_a_total_length_that_is_short() -> None:
    row = only_row(ethernet(with_total_length(TUNNEL, 79)))
    assert anomalies(row) == ["length-mismatch"]
    assert seen(row).confidence == "strong"
    assert reason(ethernet(with_total_length(TUNNEL, 59))) is Reason.NOT_IPV6_INSIDE


def test_a_total_length_that_is_long() -> None:
    row = only_row(ethernet(with_total_length(TUNNEL, 5000)))
    assert anomalies(row) == ["trailing-bytes", "length-mismatch"]
    assert row.tail_length == 4920


def test_a_total_length_longer_than_the_frame_was_on_the_wire() -> None:
    frame = ethernet(with_total_length(TUNNEL, 5000))
    row = only_row(frame[:-1], wire_length=len(frame))
    assert anomalies(row) == ["trailing-bytes", "length-mismatch", "truncated"]


def with_udp_length(frame: bytes, length: int) -> bytes:
    return frame[:38] + length.to_bytes(2) + frame[40:]


def test_a_udp_length_of_zero_takes_what_is_there() -> None:
    assert seen(only_row(with_udp_length(TEREDO_FRAME, 0))) == seen(only_row(TEREDO_FRAME))


@pytest.mark.parametrize("length", range(1, 8))
def test_a_udp_length_shorter_than_its_header(length: int) -> None:
    assert reason(with_udp_length(TEREDO_FRAME, length)) is Reason.BAD_UDP


def test_a_udp_length_that_cuts_its_packet() -> None:
    assert reason(with_udp_length(TEREDO_FRAME, 67)) is Reason.UDP_LENGTH
    assert reason(with_udp_length(TEREDO_FRAME, 8)) is Reason.UDP_SHORT


def test_a_udp_length_longer_than_its_packet() -> None:
    row = only_row(with_udp_length(TEREDO_FRAME, 69))
    assert anomalies(row) == ["length-mismatch"]
    assert seen(row).reasons == "checksum teredo-address"


def test_a_udp_length_within_ethernet_padding_ends_with_the_packet() -> None:
    row = only_row(with_udp_length(TEREDO_FRAME, 70) + bytes(6))
    assert anomalies(row) == ["length-mismatch"]
    assert row.trailer_count == 0


def test_udp_cut_by_the_snap_length() -> None:
    size = len(TEREDO_FRAME)
    for cut in range(34, 42):
        assert reason(TEREDO_FRAME[:cut], wire_length=size) is Reason.TRUNCATED_PAYLOAD
    for cut in range(42, 82):
        assert reason(TEREDO_FRAME[:cut], wire_length=size) is Reason.TRUNCATED_PAYLOAD
    for cut in range(82, size):
        assert anomalies(only_row(TEREDO_FRAME[:cut], wire_length=size)) == ["truncated"]


@pytest.mark.parametrize(
    ("packet", "told", "header"),
    [
        (tcp6(), 14, 20),
        (build.udp((NATIVE, 5353), (OTHER, 53), b"query"), 4, 8),
        (build.solicitation(), 2, 4),
    ],
)
def test_a_transport_cut_by_the_snap_length(packet: bytes, told: int, header: int) -> None:
    """The capture took octets away; where nobody did, a header is whole or none."""
    frame = build.sixinfour_frame(packet)
    whole = only_row(frame)
    for size in range(74, len(frame)):
        row = only_row(frame[:size], wire_length=len(frame))
        assert row.has_transport == (size >= 74 + told)
        assert "truncated" in anomalies(row)
        assert only_row(frame[:size]).has_transport == (size >= 74 + header)
        if row.has_transport:
            same = ("inner_source_port", "tcp_flags", "tcp_sequence", "icmp_type", "payload_length")
            assert all(getattr(row, name) == getattr(whole, name) for name in same)


def test_the_stack_of_a_cut_transport_names_it() -> None:
    frame = build.sixinfour_frame(tcp6())
    cut = [only_row(frame[:size], wire_length=len(frame)) for size in (87, 88)]
    assert [stack(row) for row in cut] == ["ethernet ipv4 ipv6", "ethernet ipv4 ipv6 tcp"]


def test_native_ipv6_cut_by_the_snap_length_is_no_tunnel() -> None:
    frame = ethernet(tcp6())
    for size in range(54, len(frame)):
        assert reason(frame[:size], wire_length=len(frame)) is Reason.IPV6_NATIVE


def test_a_cut_outside_the_packet_is_none() -> None:
    frame = ethernet(sixinfour.encapsulate(V4A, V4B, bubble(NATIVE, OTHER)))
    row = only_row(frame, wire_length=len(frame) + 4)
    assert anomalies(row) == []
    assert row.wire_length == row.captured_length + 4


# fragments of the carrier


def fragment_of(packet: bytes, first: int, offset: int = 0) -> bytes:
    """The first octets of an IPv4 payload, or those from ``offset`` on."""
    part = packet[20 + offset :] if offset else packet[20 : 20 + first]
    source, destination = packet[12:16], packet[16:20]
    fragment = ipv4.build(
        source, destination, packet[9], part, more_fragments=not offset, fragment_offset=offset
    )
    return ethernet(fragment)


def test_the_first_fragment_of_a_6in4_packet() -> None:
    packet = sixinfour.encapsulate(V4A, V4B, tcp6(payload=bytes(100)))
    row = only_row(fragment_of(packet, 80))
    assert seen(row) == (
        "6in4",
        "certain",
        "exact-length protocol-41",
        "fragment-incomplete",
        "none",
    )
    assert (row.inner_length, row.payload_length, row.has_fragment) == (160, 100, 0)
    assert row.inner_destination_port == 443


def test_the_first_fragment_of_a_teredo_packet() -> None:
    packet = build.udp(CLIENT, RELAY, tcp6(TEREDO, NATIVE, payload=bytes(100)))
    row = only_row(fragment_of(packet, 80))
    assert seen(row).reasons == "exact-length teredo-address"
    assert anomalies(row) == ["fragment-incomplete"]


def test_a_first_fragment_that_holds_all_its_headers_claim() -> None:
    """More of it is to come whatever they say."""
    packet = sixinfour.encapsulate(V4A, V4B, tcp6() + b"more")
    row = only_row(fragment_of(packet, 60))
    assert anomalies(row) == ["fragment-incomplete"]
    datagram = build.udp(CLIENT, RELAY, tcp6(TEREDO, NATIVE))
    more = ipv4.build(CLIENT[0], RELAY[0], 17, datagram[20:] + bytes(4), more_fragments=True)
    assert anomalies(only_row(ethernet(more))) == ["fragment-incomplete"]


def test_a_first_fragment_cut_by_the_snap_length() -> None:
    frame = fragment_of(sixinfour.encapsulate(V4A, V4B, tcp6(payload=bytes(100))), 80)
    row = only_row(frame[:-1], wire_length=len(frame))
    assert anomalies(row) == ["truncated", "fragment-incomplete"]
    assert reason(frame[:60], wire_length=len(frame)) is Reason.TRUNCATED_PAYLOAD


@pytest.mark.parametrize("first", [8, 16, 32])
def test_a_fragment_too_small_for_the_inner_header(first: int) -> None:
    assert reason(fragment_of(TUNNEL, first)) is Reason.TRUNCATED_PAYLOAD
    teredo_packet = build.udp(CLIENT, RELAY, tcp6(TEREDO, NATIVE))
    assert reason(fragment_of(teredo_packet, first)) is Reason.TRUNCATED_PAYLOAD


def test_a_fragment_too_small_for_the_udp_header() -> None:
    tiny = ethernet(ipv4.build(V4A, V4B, 17, bytes(7), more_fragments=True))
    assert reason(tiny) is Reason.TRUNCATED_PAYLOAD


def test_later_fragments_are_only_counted() -> None:
    assert reason(fragment_of(TUNNEL, 0, offset=24)) is Reason.FRAGMENT
    # even if they begin like a tunnel
    later = ipv4.build(V4A, V4B, 41, tcp6(), fragment_offset=8)
    assert reason(ethernet(later)) is Reason.FRAGMENT


# fragments inside


def inner_fragment(offset: int, more: bool, payload: bytes) -> bytes:
    header = ipv6.build_fragment(6, 0xCAFE, offset, more)
    return ipv6.build(TEREDO, NATIVE, ipv6.FRAGMENT, header + payload)


def test_a_first_fragment_inside() -> None:
    row = only_row(udp_frame(CLIENT, RELAY, inner_fragment(0, True, tcp6(TEREDO)[40:] + bytes(4))))
    assert (row.has_fragment, row.fragment_id, row.fragment_offset, row.fragment_more) == (
        1,
        0xCAFE,
        0,
        1,
    )
    assert (row.has_transport, row.inner_destination_port) == (1, 443)
    assert stack(row) == "ethernet ipv4 udp teredo ipv6 tcp"


def test_a_later_fragment_inside() -> None:
    row = only_row(udp_frame(CLIENT, RELAY, inner_fragment(1280, False, tcp6(TEREDO)[40:])))
    assert (row.has_fragment, row.fragment_offset, row.fragment_more) == (1, 1280, 0)
    assert (row.has_transport, row.inner_transport, row.inner_destination_port) == (0, 6, 0)
    assert stack(row) == "ethernet ipv4 udp teredo ipv6"


def test_a_tunnel_in_a_first_fragment_inside_is_incomplete() -> None:
    within = six_in_six_fragment(tcp6(payload=bytes(100))[:80])
    found = all_seen(build.sixinfour_frame(within))
    assert [(row.kind, row.anomalies) for row in found] == [
        ("6in4", ""),
        ("ip6-in-ip6", "fragment-incomplete"),
    ]


def six_in_six_fragment(payload: bytes) -> bytes:
    header = ipv6.build_fragment(41, 1, 0, more=True)
    return ipv6.build(NATIVE, OTHER, ipv6.FRAGMENT, header + payload)


def test_a_carrier_that_is_a_fragment_of_native_ipv6() -> None:
    datagram = udp_wire.build(NATIVE, OTHER, 4001, 4002, tcp6(TEREDO, NATIVE))
    first = ipv6.build_fragment(17, 1, 0, True) + datagram
    row = only_row(ethernet(ipv6.build(NATIVE, OTHER, ipv6.FRAGMENT, first)))
    assert anomalies(row) == ["fragment-incomplete"]
    later = ipv6.build_fragment(17, 1, 8, False) + datagram
    assert reason(ethernet(ipv6.build(NATIVE, OTHER, ipv6.FRAGMENT, later))) is Reason.IPV6_NATIVE


# nesting


def test_teredo_in_6in4() -> None:
    within = build.udp((NATIVE, 3000), (OTHER, 3001), tcp6(TEREDO, NATIVE))
    _, rows = decode(build.sixinfour_frame(within))
    assert [seen(row)[:2] for row in rows] == [("6in4", "certain"), ("teredo", "strong")]
    assert [row.depth for row in rows] == [0, 1]
    assert {stack(row) for row in rows} == {"ethernet ipv4 ipv6 udp teredo ipv6 tcp"}
    outer, inner = rows
    assert (outer.inner_source, outer.inner_source_port) == (NATIVE, 3000)
    assert (inner.outer_version, inner.outer_source, inner.outer_source_port) == (6, NATIVE, 3000)
    assert (inner.outer_destination, inner.outer_destination_port) == (OTHER, 3001)
    assert (inner.inner_source, inner.inner_destination_port) == (TEREDO, 443)


def test_6in4_in_teredo() -> None:
    within = build.four_in_six(four(tcp6(NATIVE, OTHER), 41), TEREDO, NATIVE)
    found = all_seen(udp_frame(CLIENT, RELAY, within))
    assert [row[:2] for row in found] == [("teredo", "strong"), ("6in4", "strong")]


def test_teredo_in_teredo() -> None:
    within = ipv6.build(
        TEREDO, NATIVE, 17, udp_wire.build(TEREDO, NATIVE, 5, 6, tcp6(TEREDO, OTHER))
    )
    found = all_seen(udp_frame(MAPPED, RELAY, within))
    assert [row[:2] for row in found] == [("teredo", "certain"), ("teredo", "strong")]


def test_ipv6_in_ipv6_inside_a_tunnel_leads_to_the_innermost() -> None:
    _, rows = decode(build.sixinfour_frame(build.six_in_six(tcp6(OTHER, NATIVE))))
    assert [seen(row) for row in rows] == [
        ("6in4", "certain", "exact-length protocol-41", "", "none"),
        ("ip6-in-ip6", "certain", "exact-length checksum protocol-41", "", "none"),
    ]
    innermost = rows[-1]
    assert (innermost.outer_version, innermost.outer_transport) == (6, 2)
    assert (innermost.outer_source, innermost.outer_destination) == (NATIVE, OTHER)
    assert (innermost.inner_source, innermost.inner_destination) == (OTHER, NATIVE)
    assert (innermost.inner_source_port, innermost.inner_destination_port) == (49152, 443)


def test_what_ipv6_in_ipv6_inside_a_tunnel_has_wrong() -> None:
    broken = tcp6()[:-1] + b"\1"
    found = all_seen(build.sixinfour_frame(build.six_in_six(broken + b"junk")))
    assert found[1].anomalies == "trailing-bytes bad-checksum"
    longer = all_seen(build.sixinfour_frame(build.six_in_six(tcp6()[:-1])))
    assert (longer[1].confidence, longer[1].anomalies) == ("strong", "length-mismatch")
    hollow = only_row(build.sixinfour_frame(build.six_in_six(b"\x45" + bytes(50))))
    assert hollow.inner_transport == 41


def test_an_inner_packet_longer_than_its_carrier_marks_what_is_in_it() -> None:
    within = build.six_in_six(tcp6(payload=b"12345678"))[:-1]
    frame = ethernet(ipv4.build(V4A, V4B, 41, within))
    assert [row.anomalies for row in all_seen(frame)] == ["length-mismatch", "length-mismatch"]


def test_octets_behind_an_inner_packet_are_not_its_own() -> None:
    within = build.six_in_six(tcp6(payload=b"12345678")[:-1]) + b"8"
    found = all_seen(ethernet(ipv4.build(V4A, V4B, 41, within)))
    assert [row.anomalies for row in found] == ["trailing-bytes", "length-mismatch"]


@pytest.mark.parametrize(
    ("packet", "layers"),
    [
        (four(TUNNEL), "ethernet ipv4 ipv4 ipv6 tcp"),
        (four(four(TUNNEL)), "ethernet ipv4 ipv4 ipv4 ipv6 tcp"),
        (build.four_in_six(TUNNEL), "ethernet ipv6 ipv4 ipv6 tcp"),
        (
            build.six_in_six(build.four_in_six(TEREDO_FRAME[14:])),
            "ethernet ipv6 ipv6 ipv4 udp teredo ipv6 tcp",
        ),
    ],
)
def test_carriers_in_carriers(packet: bytes, layers: str) -> None:
    assert stack(only_row(ethernet(packet))) == layers


def test_ipv4_inside_a_tunnel_is_named() -> None:
    row = only_row(build.sixinfour_frame(build.four_in_six(four(bytes(20), 1))))
    assert stack(row) == "ethernet ipv4 ipv6 ipv4 icmp"
    assert row.inner_transport == 4


def nested(depth: int, packet: bytes) -> bytes:
    for _ in range(depth):
        packet = build.six_in_six(packet)
    return packet


# limits: reported, never silent


def test_eight_tunnels_and_no_more() -> None:
    for depth, found, hit in ((6, 7, False), (7, 8, False), (8, 8, True), (30, 8, True)):
        found_reason, rows = decode(build.sixinfour_frame(nested(depth, tcp6())))
        assert found_reason is Reason.TUNNELLED
        assert [row.depth for row in rows] == list(range(found))
        assert ("too-many-layers" in anomalies(rows[-1])) is hit
        assert not any("too-many-layers" in anomalies(row) for row in rows[:-1])


def test_sixteen_layers_and_no_more() -> None:
    packet = TEREDO_FRAME[14:]
    for depth in range(10):
        row = only_row(ethernet(packet))
        assert stack(row) == "ethernet" + " ipv4" * (depth + 1) + " udp teredo ipv6 tcp"
        assert anomalies(row) == []
        packet = four(packet)
    for layers in ("udp teredo ipv6 tcp", "udp teredo ipv6", "udp teredo", "udp"):
        row = only_row(ethernet(packet))
        assert row.stack_length <= 16
        expected = "ethernet" + " ipv4" * (16 - 1 - len(layers.split())) + " " + layers
        if layers == "udp teredo ipv6 tcp":
            assert stack(row) == expected
            assert anomalies(row) == []
        else:
            assert stack(row) == expected
            assert anomalies(row) == ["too-many-layers"]
        packet = four(packet)
    assert stack(unfollowed(ethernet(packet))) == "ethernet" + " ipv4" * 15
    assert unfollowed(ethernet(four(packet))).outer_source[:4] == V4A


def test_more_vlan_tags_than_are_passed() -> None:
    row = unfollowed(ethernet(TUNNEL, tuple(range(link.MAX_TAGS + 1))))
    assert (row.outer_version, row.outer_source) == (0, bytes(16))


def test_tags_count_as_layers() -> None:
    """As many as leave room for the header that carries the tunnel."""
    row = only_row(ethernet(TUNNEL, tuple(range(14))))
    assert (row.kind, row.stack_length, row.vlan) == (Kind.SIXINFOUR, STACK_LIMIT, 14)
    deeper = unfollowed(ethernet(TUNNEL, tuple(range(15))))
    assert deeper.stack[:3] == bytes((Layer.ETHERNET, Layer.VLAN, Layer.VLAN))


def test_a_tunnel_at_the_very_end_of_the_stack() -> None:
    packet = TUNNEL
    for _ in range(14):
        packet = four(packet)
    row = only_row(ethernet(packet))
    assert stack(row) == "ethernet" + " ipv4" * 15
    assert anomalies(row) == ["too-many-layers"]
    assert seen(row).kind == "6in4"


@pytest.mark.parametrize(
    ("packet", "layers"),
    [
        (tcp6(), 1),
        (TUNNEL, 1),
        (build.udp(CLIENT, PEER, bytes(60)), 2),
        (build.udp((NATIVE, 1), (OTHER, 2), bytes(60)), 2),
    ],
)
def test_limits_may_be_lower(packet: bytes, layers: int) -> None:
    assert unfollowed(ethernet(packet), DecodeSettings(layers=layers)).stack_length == layers


def test_nothing_is_looked_for_beyond_the_last_layer() -> None:
    frame = build.sixinfour_frame(build.six_in_six(tcp6()))
    found, rows = decode(frame, settings=DecodeSettings(layers=2))
    assert found is Reason.TUNNELLED
    assert [anomalies(row) for row in rows] == [["too-many-layers"]]
    found, rows = decode(frame, settings=DecodeSettings(tunnels=1))
    assert [anomalies(row) for row in rows] == [["too-many-layers"]]


def test_the_link_layer_counts_too() -> None:
    assert stack(unfollowed(ethernet(TUNNEL, (1, 2)), DecodeSettings(layers=1))) == "ethernet"


def options(count: int, transport: int, payload: bytes) -> bytes:
    for _ in range(count):
        payload = ipv6.build_extension(60, transport, bytes(6)) + payload
        transport = 60
    return ipv6.build(TEREDO, NATIVE, transport, payload)


def test_sixty_four_extension_headers_and_no_more() -> None:
    segment = tcp6(TEREDO, NATIVE)[40:]
    row = only_row(udp_frame(CLIENT, RELAY, options(64, 6, segment)))
    assert (row.inner_destination_port, anomalies(row)) == (443, ["extension-chain"])
    row = only_row(udp_frame(CLIENT, RELAY, options(65, 6, segment)))
    assert (row.has_transport, anomalies(row)) == (0, ["too-many-layers", "extension-chain"])
    assert seen(row).confidence == "strong"


def test_a_tunnel_behind_too_many_native_extension_headers() -> None:
    datagram = udp_wire.build(TEREDO, NATIVE, 1, 2, tcp6(TEREDO, NATIVE))
    assert only_row(ethernet(options(64, 17, datagram))).depth == 0
    assert stack(unfollowed(ethernet(options(65, 17, datagram)))) == "ethernet ipv6"


class Counting(tuple[int, ...]):
    """Counts how often membership was asked, which a walk does once for every header."""

    asked = 0

    def __contains__(self, value: object) -> bool:
        Counting.asked += 1
        return super().__contains__(value)


def test_the_work_on_one_frame_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many headers are announced, and in however many layers."""
    monkeypatch.setattr(ipv6, "_WALKED", Counting((0, 43, 44, 51, 60, 135, 139, 140)))
    chain = options(8000, 59, b"")[40:]
    packet = ipv6.build(TEREDO, NATIVE, 60, chain)
    Counting.asked = 0
    only_row(ethernet(ipv4.build(V4A, V4B, 41, packet[:65000])))
    assert Counting.asked == ipv6.MAX_EXTENSION_HEADERS + 1
    deep = nested(1000, tcp6())
    Counting.asked = 0
    assert len(decode(build.sixinfour_frame(deep))[1]) == 8
    assert Counting.asked == 9


def test_indicators_and_trailers_are_bounded() -> None:
    payload = b"\0\0\0\0\0\0\0\0" * 8000
    assert reason(udp_frame(CLIENT, PEER, payload)) is Reason.UDP
    row = only_row(udp_frame(CLIENT, RELAY, bubble(TEREDO) + bytes(60000)))
    assert row.trailer_count == teredo.MAX_TRAILERS == 16
    assert row.tail_length == 60000 - 32


# batches


def mixed_frames() -> list[bytes]:
    return [
        *build.exchange(),
        build.sixinfour_frame(build.six_in_six(tcp6())),
        ethernet(build.four_in_six(TUNNEL), (5,)),
        udp_frame(CLIENT, PEER, b"hello"),
        b"",
        ethernet(TUNNEL)[:20],
        udp_frame(CLIENT, PEER, ipv6.build(NATIVE, OTHER, 50, b"weak")),
        udp_frame(CLIENT, SERVER, authentication() + solicitation()),
    ]


def test_a_batch_gives_rows_and_one_reason_for_each_frame() -> None:
    frames = mixed_frames()
    times = [10**18 + i for i in range(len(frames))]
    batch = batch_of(frames, times=times, source=3)
    decoded = decode_batch(batch, DecodeSettings())
    assert decoded.rows.dtype == OBSERVATION
    assert decoded.reasons.dtype == np.uint8
    names = [Reason(int(code)).text for code in decoded.reasons]
    assert names == [
        *["tunnelled"] * 10,
        "udp-short",
        "truncated-link",
        "truncated-network",
        "weak",
        "tunnelled",
    ]
    rows = unpack(decoded.rows)
    assert [row.frame for row in rows] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10, 14, 15]
    assert [row.depth for row in rows] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]
    assert all(row.time == times[row.frame - 1] for row in rows)
    assert {row.source for row in rows} == {3}


def test_rows_are_the_same_wherever_batches_end() -> None:
    frames = mixed_frames()
    batch = batch_of(frames, times=list(range(len(frames))))
    whole = decode_batch(batch, DecodeSettings())
    rng = random.Random(7)
    for size in (1, 2, 3, 7):
        edges = [*range(0, len(frames), size), len(frames)]
        assert_same(batch, whole.rows.tobytes(), whole.reasons.tolist(), edges)
    edges = sorted({0, len(frames), *rng.sample(range(len(frames)), 5)})
    assert_same(batch, whole.rows.tobytes(), whole.reasons.tolist(), edges)


def assert_same(batch: FrameBatch, rows: bytes, reasons: list[int], edges: list[int]) -> None:
    parts = [
        decode_batch(batch.slice(i, j), DecodeSettings()) for i, j in itertools.pairwise(edges)
    ]
    assert b"".join(part.rows.tobytes() for part in parts) == rows
    assert [code for part in parts for code in part.reasons.tolist()] == reasons


def test_an_empty_batch() -> None:
    decoded = decode_batch(batch_of([]), DecodeSettings())
    assert (len(decoded.rows), len(decoded.reasons)) == (0, 0)


def test_a_frame_knows_where_it_came_from() -> None:
    frame = Frame(TEREDO_FRAME, 1, 200, number=9, time=-5, source=2)
    _, rows = decode_frame(frame, DecodeSettings())
    row = rows[0]
    assert (row.frame, row.time, row.source, row.wire_length) == (9, -5, 2, 200)
    assert row.captured_length == len(TEREDO_FRAME)


def test_no_answer_depends_on_what_was_decoded_before() -> None:
    frames = mixed_frames()
    alone = [decode(frame) for frame in frames]
    assert [decode(frame) for frame in reversed(frames)] == alone[::-1]


def test_flow_label_and_flags_are_kept() -> None:
    segment = tcp.build(NATIVE, OTHER, 1, 2, sequence=1, acknowledgement=2, flags=0xFF)
    packet = ipv6.build(NATIVE, OTHER, 6, segment, flow_label=0xABCDE)
    packet = packet[:52] + struct.pack("!B", packet[52] | 1) + packet[53:]  # the ninth flag bit
    row = only_row(build.sixinfour_frame(packet))
    assert (row.flow_label, row.tcp_flags) == (0xABCDE, 0xFF)
