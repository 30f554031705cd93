"""Fragments inside a tunnel: each is a packet of it, and none hides what is further inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import reduce

import pytest

from sensor.schema.rows import Observation
from sensor.schema.words import Anomaly, Confidence, Kind, Reason
from sensor.wire import icmpv6, ipv4, ipv6, sixinfour, tcp, vxlan
from sensor.wire.ports import TSP_PORT, VXLAN_PORT

from ..build import (
    CLIENT,
    NATIVE,
    OTHER,
    RELAY,
    TEREDO,
    V4A,
    V4B,
    echo6,
    ethernet,
    four_in_six,
    six_in_six,
    tcp6,
    udp,
)
from ..fragments import ipv4_fragments, ipv6_fragments, spans
from .reassembled import (
    INCOMPLETE,
    OUTERMOST,
    OVERLAP,
    content,
    decoded,
    ethernets,
    inner,
    outer,
    played,
)


def test_a_first_fragment_that_tells_the_transport_is_enough() -> None:
    frames = inner(tcp6(payload=bytes(100)), 64)
    seen = played(frames)
    assert [content(seen.rows[i]) for i in (1, 2)] == [content(decoded(data)) for data in frames]
    assert not seen.whole
    assert not seen.late


def test_a_tiny_first_fragment_hides_nothing() -> None:
    packet = tcp6(payload=bytes(100))
    frames = inner(packet, 8, 64)
    seen = played(frames)
    assert [content(seen.rows[i]) for i in (1, 2)] == [
        content(decoded(data)) for data in frames[:2]
    ]
    row = seen.only(3)
    assert (row.has_transport, row.tcp_flags, row.inner_destination_port) == (1, tcp.SYN, 443)
    expected = decoded(ethernet(sixinfour.encapsulate(V4A, V4B, packet)))
    assert content([row]) == content(expected)
    assert seen.reasons[3] is Reason.TUNNELLED


def test_the_first_fragment_may_come_last_and_tell_nothing() -> None:
    packet = tcp6(payload=bytes(100))
    seen = played(inner(packet, 8)[::-1])
    assert seen.only(2).tcp_flags == tcp.SYN
    assert seen.rows[1][0].has_fragment


def test_a_tunnel_in_a_tunnel_in_tiny_fragments_is_seen() -> None:
    seen = played(inner(six_in_six(tcp6()), 8, 32))
    assert [(row.kind, row.depth) for row in seen.rows[3]] == [
        (Kind.SIXINFOUR, 0),
        (Kind.IP6_IN_IP6, 1),
    ]
    assert seen.rows[3][1].tcp_flags == tcp.SYN


HIDDEN = udp((NATIVE, 50000), (OTHER, 3545), tcp6(TEREDO, NATIVE, payload=bytes(100)))
# Inner packets of which more may be inside than their first octets tell.
NESTS = {
    "teredo": HIDDEN,
    "no sign of teredo": udp((NATIVE, 50000), (OTHER, 3545), tcp6(payload=bytes(40))),
    "6in4 in ipv4": four_in_six(OUTERMOST),
    "teredo in ipv6": six_in_six(HIDDEN),
    "6in4 in vxlan": udp((NATIVE, 5), (OTHER, VXLAN_PORT), vxlan.build(7, ethernet(OUTERMOST))),
    "tsp over tcp": tcp6(ports=(49152, TSP_PORT), flags=tcp.ACK, payload=b"VERSION=2.0.0\r\n"),
    "a quote": ipv6.build(
        NATIVE,
        OTHER,
        icmpv6.PROTOCOL,
        icmpv6.build_error(NATIVE, OTHER, icmpv6.UNREACHABLE, 0, HIDDEN),
    ),
    "one more than the limit": reduce(lambda packet, _: six_in_six(packet), range(7), HIDDEN),
}


def tunnels(rows: Iterable[Observation]) -> set[tuple[int, int, int, Anomaly]]:
    """The tunnels that anybody is told of."""
    return {
        (row.depth, row.kind, row.quoted, Anomaly(row.anomalies) & Anomaly.TOO_MANY_LAYERS)
        for row in rows
        if row.confidence > Confidence.WEAK
    }


def transports(rows: Iterable[Observation]) -> Counter[tuple[int, int, int]]:
    """How often the transport in each tunnel is told to whom counts conversations."""
    return Counter(
        (row.depth, row.inner_source_port, row.inner_destination_port)
        for row in rows
        if row.has_transport and row.confidence > Confidence.WEAK
    )


@pytest.mark.parametrize("nest", NESTS)
def test_no_cut_hides_what_is_inside_and_none_has_it_counted_twice(nest: str) -> None:
    packet = NESTS[nest]
    expected = decoded(ethernet(sixinfour.encapsulate(V4A, V4B, packet)))
    ends = range(8, len(packet) - 40, 8)
    wrong = []
    for cuts in [(end,) for end in ends] + [(8, end) for end in ends[1:]]:
        for frames in (inner(packet, *cuts), inner(packet, *cuts)[::-1]):
            found = [row for rows in played(frames).rows.values() for row in rows]
            missed = tunnels(expected) - tunnels(found)
            if missed or transports(found) != transports(expected):
                wrong.append((cuts, missed, transports(found)))
    assert not wrong


def test_what_is_inside_is_told_where_the_packet_is_whole() -> None:
    frames = inner(HIDDEN, 8)
    seen = played(frames)
    assert content(seen.rows[1]) == content(decoded(frames[0]))
    around, hidden = seen.rows[2]
    _, expected = decoded(ethernet(sixinfour.encapsulate(V4A, V4B, HIDDEN)))
    assert content([hidden]) == content([expected])
    assert (hidden.kind, hidden.has_transport) == (Kind.TEREDO, 1)
    assert (seen.rows[1][0].has_transport, around.has_transport) == (1, 0)


def test_ordinary_datagrams_keep_the_rows_of_their_fragments() -> None:
    for packet in (udp((NATIVE, 53), (OTHER, 4000), bytes(100)), echo6(data=bytes(100))):
        frames = inner(packet, 8, 64)
        seen = played(frames)
        assert not seen.whole
        for number, frame in enumerate(frames, start=1):
            assert content(seen.rows[number]) == content(decoded(frame))


def test_a_contradicting_first_fragment_does_not_speak_for_the_packet() -> None:
    """All octets that tell the transport came before it did, and stay."""
    packet, other = tcp6(payload=bytes(100)), udp((NATIVE, 1), (OTHER, 2), bytes(112))
    first, second, last = inner(packet, 8, 56)
    seen = played([first, second, inner(other, 56)[0], last])
    assert seen.only(3).inner_destination_port == 2
    row = seen.only(4)
    assert (row.has_transport, row.tcp_flags, row.anomalies) == (1, tcp.SYN, OVERLAP)


def test_fragments_in_a_datagram_in_fragments_are_followed() -> None:
    pieces = ipv4_fragments(OUTERMOST, spans(len(OUTERMOST) - 20, 16))
    carried = [
        udp((NATIVE, 5), (OTHER, VXLAN_PORT), vxlan.build(7, ethernet(piece))) for piece in pieces
    ]
    frames = [
        frame
        for identification, packet in enumerate(carried)
        for frame in inner(packet, 8, identification=identification)
    ]
    for order in (frames, frames[::-1], frames[2:] + frames[:2]):
        seen = played(order)
        found = [row for rows in seen.rows.values() for row in rows]
        assert [(row.depth, row.tcp_flags) for row in found if row.depth] == [(1, tcp.SYN)]
        # Each datagram is one packet of the conversation around, whatever it carries.
        assert transports(found)[0, 5, VXLAN_PORT] == 2


def test_ipv4_fragments_inside_a_tunnel_keep_its_rows() -> None:
    pieces = ipv4_fragments(OUTERMOST, spans(len(OUTERMOST) - 20, 48))
    frames = ethernets(sixinfour.encapsulate(V4A, V4B, four_in_six(piece)) for piece in pieces)
    seen = played(frames)
    assert [len(seen.rows[i]) for i in (1, 2)] == [2, 2]
    assert Anomaly(seen.rows[1][1].anomalies) == INCOMPLETE
    assert (seen.rows[2][1].tcp_flags, seen.rows[2][1].anomalies) == (tcp.SYN, 0)


def test_teredo_carries_fragments_whatever_it_announces_itself() -> None:
    pieces = ipv6_fragments(tcp6(NATIVE, TEREDO, (1, 8080), payload=bytes(64)), spans(84, 8))
    seen = played(ethernets(udp(RELAY, CLIENT, piece) for piece in pieces))
    row = seen.only(2)
    assert (row.kind, row.inner_destination_port, row.anomalies) == (Kind.TEREDO, 8080, 0)
    assert row.inner_length == 40 + 84


def test_the_same_fragments_in_another_tunnel_do_not_mix() -> None:
    packet = tcp6(payload=bytes(100))
    here, there = inner(packet, 8), inner(packet, 8, carry=CLIENT[0])
    assert not played([here[0], there[1]]).whole
    assert played([here[0], there[1], here[1]]).whole.keys() == {3}


def test_fragments_in_fragments() -> None:
    packet = tcp6(payload=bytes(200))
    tunnelled = [
        sixinfour.encapsulate(V4A, V4B, piece) for piece in ipv6_fragments(packet, spans(220, 8))
    ]
    first, last = [outer(piece, 32, identification=i) for i, piece in enumerate(tunnelled, start=1)]
    seen = played([last[1], first[0], first[1], last[0]])
    assert [seen.reasons[i] for i in (1, 2)] == [Reason.FRAGMENT] * 2
    assert (seen.only(3).has_fragment, seen.only(3).has_transport) == (1, 0)
    assert (seen.only(4).has_fragment, seen.only(4).tcp_flags) == (0, tcp.SYN)
    assert seen.whole[4].frames == (1, 3, 4)


def test_withheld_inside_what_was_put_together_refers_to_that() -> None:
    """Both fragments of the outer packet make the first fragment of one in it."""
    piece = ipv4_fragments(OUTERMOST, spans(len(OUTERMOST) - 20, 104))[0]
    seen = played(outer(ipv4.build(V4A, V4B, 4, piece), 48))
    assert seen.late == [2]
    assert seen.anomalies(2) == INCOMPLETE
    data, row = seen.whole[2].data, seen.only(2)
    assert data[row.inner_offset :] == OUTERMOST[20 : 20 + 104]
