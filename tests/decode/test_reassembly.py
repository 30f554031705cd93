"""Fragmented packets put together, frame by frame, and what is given up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.capture.batch import batch_of
from sensor.decode.decoded import Decoded
from sensor.decode.reassembly import Reassembly
from sensor.decode.scalar import decode_batch
from sensor.decode.settings import DecodeSettings, FragmentLimits
from sensor.schema.words import Anomaly, Kind, Reason
from sensor.wire import ipv4, ipv6, link, mpls, sixinfour, tcp

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
from ..fragments import Span, ipv4_fragments, ipv6_fragments, spans
from .reassembled import (
    INCOMPLETE,
    LENGTHS,
    OUTERMOST,
    OVERLAP,
    RAW,
    SECOND,
    SYN,
    TRUNCATED,
    UNKNOWN,
    Seen,
    content,
    decoded,
    ethernets,
    inner,
    outer,
    played,
)

# outside any tunnel


def test_the_frame_that_completes_a_packet_has_its_rows() -> None:
    seen = played(outer(OUTERMOST, 48, 104))
    assert seen.reasons == {1: Reason.FRAGMENT, 2: Reason.FRAGMENT, 3: Reason.TUNNELLED}
    assert (seen.rows[1], seen.rows[2], seen.late) == ([], [], [])
    row = seen.only(3)
    expected = decoded(ethernet(ipv4.build(V4A, V4B, 41, OUTERMOST[20:], identification=77)))
    assert content([row]) == content(expected)
    assert seen.whole[3].frames == (1, 2, 3)
    assert seen.whole[3].data[row.inner_offset :] == OUTERMOST[20:]
    assert seen.whole[3].at == 14


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 2, 0), (2, 0, 1), (0, 2, 1)])
def test_the_last_fragment_to_come_completes_it(order: tuple[int, ...]) -> None:
    frames = outer(SYN, 16, 40)
    seen = played([frames[i] for i in order], times=[5, 6, 7])
    assert [seen.reasons[i] for i in (1, 2)] == [Reason.FRAGMENT] * 2
    row = seen.only(3)
    assert (row.kind, row.tcp_flags, row.inner_destination_port) == (Kind.TEREDO, tcp.SYN, 8080)
    assert (row.time, row.anomalies, row.wire_length) == (7, 0, len(frames[order[2]]))


def test_a_packet_that_is_no_tunnel_is_told_once() -> None:
    plain = outer(udp(CLIENT, RELAY, bytes(200)), 96)
    seen = played(plain)
    assert seen.reasons == {1: Reason.FRAGMENT, 2: Reason.UDP}
    assert seen.rows == {1: [], 2: []}


def test_what_never_becomes_whole_comes_late_with_its_own_frame() -> None:
    seen = played([*outer(OUTERMOST, 104)[:1], ethernet(SYN)], times=[3, 4])
    assert seen.order == [1, 2, 1]
    assert (seen.late, seen.reasons[1]) == ([1], Reason.TUNNELLED)
    assert seen.anomalies(1) == INCOMPLETE
    assert (seen.only(1).time, seen.only(1).has_transport) == (3, 1)
    assert seen.only(2).anomalies == 0


def test_without_its_first_fragment_it_stays_a_fragment() -> None:
    seen = played(outer(OUTERMOST, 48, 104)[1:])
    assert seen.reasons == {1: Reason.FRAGMENT, 2: Reason.FRAGMENT}
    assert not seen.late


def test_a_first_fragment_that_tells_nothing_gets_its_reason_back() -> None:
    seen = played(outer(udp(CLIENT, RELAY, bytes(200)), 96)[:1])
    assert (seen.late, seen.reasons, seen.rows) == ([1], {1: Reason.UDP}, {1: []})


def test_fragments_without_a_tunnel_inside_are_left_alone() -> None:
    segment = ipv4.build(V4A, V4B, 6, bytes(100), identification=1)
    seen = played(outer(segment, 48))
    assert seen.reasons == {1: Reason.TCP, 2: Reason.FRAGMENT}


def test_native_ipv6_may_carry_a_tunnel_in_fragments() -> None:
    packet = udp((NATIVE, 4000), (OTHER, 5000), tcp6(TEREDO, NATIVE, payload=bytes(100)))
    frames = ethernets(ipv6_fragments(packet, spans(len(packet) - 40, 8, 64)))
    seen = played(frames)
    assert seen.reasons == {1: Reason.FRAGMENT, 2: Reason.FRAGMENT, 3: Reason.TUNNELLED}
    assert content(seen.rows[3]) == content(decoded(ethernet(packet)))


def test_ipv4_inside_ipv4_and_inside_a_carrier_inside_a_vlan() -> None:
    pieces = ipv4_fragments(SYN, spans(len(SYN) - 20, 24))
    frames = [
        ethernet(ipv4.build(V4A, V4B, 4, pieces[0], identification=1), (7,)),
        ethernet(ipv4.build(V4A, V4B, 4, pieces[1], identification=2), (9,)),
    ]
    seen = played(frames)
    assert seen.whole[2].at == 14 + 4 + 20
    row = seen.only(2)
    assert (row.kind, row.tcp_flags, row.vlan) == (Kind.TEREDO, tcp.SYN, 10)


def test_equal_fragments_of_different_carriers_do_not_mix() -> None:
    pieces = ipv4_fragments(SYN, spans(len(SYN) - 20, 24))
    frames = [ethernet(ipv4.build(V4A, V4B, 4, pieces[0])), ethernet(pieces[1])]
    frames.append(ethernet(ipv4.build(V4B, V4B, 4, pieces[1])))
    assert not played(frames).whole
    frames.append(ethernet(four_in_six(pieces[1])))
    assert not played(frames).whole
    frames.append(ethernet(ipv4.build(V4A, V4B, 4, pieces[1])))
    assert played(frames).whole.keys() == {5}


@pytest.mark.parametrize("label", [100, 0x49300, 0x6FFFF])
def test_labels_in_front_are_not_taken_for_an_ip_header(label: int) -> None:
    pieces = ipv4_fragments(SYN, spans(len(SYN) - 20, 24))
    carried = [ipv4.build(V4A, V4B, 4, piece, identification=i) for i, piece in enumerate(pieces)]
    frames = [
        link.build_ethernet(mpls.build([label], packet), mpls.ETHERTYPE, bytes(6), bytes(6))
        for packet in carried
    ]
    seen = played(frames)
    assert (seen.late, seen.only(2).tcp_flags) == ([], tcp.SYN)


@pytest.mark.parametrize("linktype", [RAW, link.LINKTYPE_LINUX_SLL])
def test_any_link_type_may_carry_them(linktype: int) -> None:
    before = b"" if linktype == RAW else bytes(14) + b"\x08\x00"
    packets = ipv4_fragments(OUTERMOST, spans(len(OUTERMOST) - 20, 48))
    seen = played([before + packet for packet in packets], linktype=linktype)
    assert seen.only(2).kind == Kind.SIXINFOUR


def test_several_packets_at_once() -> None:
    every = [outer(OUTERMOST, 48, identification=i) for i in range(20)]
    frames = [pair[0] for pair in every] + [pair[1] for pair in reversed(every)]
    seen = played(frames)
    assert [seen.only(number).outer_id for number in range(21, 41)] == [*range(19, -1, -1)]
    assert not seen.late


# contradictions


def test_contradicting_octets_are_told_where_the_packet_is_whole() -> None:
    other = sixinfour.encapsulate(V4A, V4B, tcp6(flags=tcp.RST, payload=bytes(range(100))))
    first, last = outer(OUTERMOST, 104)
    seen = played([first, outer(other, 104)[0], last])
    assert (seen.only(3).tcp_flags, seen.anomalies(3)) == (tcp.SYN, OVERLAP)
    # The other story stands beside it, lest what it tells goes by unseen.
    assert (seen.only(2).tcp_flags, seen.anomalies(2)) == (tcp.RST, OVERLAP | INCOMPLETE)
    assert seen.rows[1] == []


def test_contradictions_of_what_never_becomes_whole_come_late() -> None:
    parts: list[Span] = [(0, 48), (64, 80)]
    changed = OUTERMOST[:90] + b"changed!" + OUTERMOST[98:]
    frames = ipv4_fragments(OUTERMOST, parts) + ipv4_fragments(changed, [(64, 80)])
    seen = played(ethernets(frames))
    assert seen.late == [1]
    assert seen.anomalies(1) == INCOMPLETE | OVERLAP


def test_mirrored_fragments_are_silent() -> None:
    frames = [frame for frame in outer(OUTERMOST, 48) for _ in range(2)]
    seen = played(frames)
    assert [seen.reasons[i] for i in (1, 2)] == [Reason.FRAGMENT] * 2
    assert seen.anomalies(3) == Anomaly(0)
    assert seen.reasons[4] is Reason.FRAGMENT
    assert not seen.late


@pytest.mark.parametrize("cut", [8, 64])
def test_contradictions_inside_a_tunnel_are_told_at_once_and_at_the_end(cut: int) -> None:
    packet = tcp6(payload=bytes(100))
    changed = packet[:-1] + b"!"
    frames = [
        *inner(packet, cut, 104)[::2],
        inner(changed, cut, 104)[2],
        inner(packet, cut, 104)[1],
    ]
    seen = played(frames)
    found = [seen.anomalies(number) & OVERLAP for number in (1, 2, 3, 4)]
    assert found == [0, 0, OVERLAP, OVERLAP]
    assert seen.only(4).has_transport == (cut == 8)


def test_a_packet_around_without_rows_inside_tells_of_contradictions() -> None:
    plain = ipv4.build(V4A, V4B, 17, bytes(64))
    pieces = ipv4_fragments(plain, [(0, 32), (0, 32), (24, 64)])
    pieces[1] = pieces[1][:-1] + b"!"
    frames = ethernets(sixinfour.encapsulate(V4A, V4B, four_in_six(piece)) for piece in pieces)
    seen = played(frames)
    assert [seen.anomalies(number) & OVERLAP for number in (1, 2, 3)] == [0, OVERLAP, OVERLAP]


def test_a_tunnel_around_the_contradiction_is_not_marked() -> None:
    packet = tcp6(payload=bytes(100))
    pieces = ipv6_fragments(packet, [(0, 64), (56, 120)])
    pieces.append(pieces[1][:-1] + b"!")
    frames = ethernets(sixinfour.encapsulate(V4A, V4B, six_in_six(piece)) for piece in pieces)
    seen = played(frames[:1] + frames[2:] + frames[1:2])
    marks = [Anomaly(row.anomalies) & OVERLAP for row in seen.rows[2] + seen.rows[3]]
    assert marks == [0, 0, 0, 0]  # the packet was whole before it was contradicted
    seen = played(frames[1:] + frames[:1])
    assert [Anomaly(row.anomalies) & OVERLAP for row in seen.rows[3]] == [0, OVERLAP]


def test_two_different_ends() -> None:
    first, last = outer(OUTERMOST, 104)
    longer = sixinfour.encapsulate(V4A, V4B, tcp6(payload=bytes(range(108))))
    seen = played([last, outer(longer, 104)[1], first])
    assert (seen.anomalies(3), seen.only(3).inner_length) == (OVERLAP, len(OUTERMOST) - 20)


# what can never be whole


def test_a_packet_that_is_too_long_is_refused() -> None:
    first = outer(OUTERMOST, 104)[0]
    far = ipv4.build(V4A, V4B, 41, bytes(64), identification=77, fragment_offset=65_528 - 56)
    beyond = bytearray(ethernet(far))
    beyond[20:22] = (65_528 // 8).to_bytes(2)
    seen = played([first, bytes(beyond), *outer(OUTERMOST, 104)])
    assert seen.late == [1]
    assert seen.order == [1, 2, 1, 3, 4]
    assert seen.anomalies(1) == INCOMPLETE | LENGTHS
    # Nothing of it is waited for any more: what comes afterwards stands as it is.
    assert seen.anomalies(3) == INCOMPLETE | LENGTHS
    assert seen.reasons[4] is Reason.FRAGMENT


def test_what_was_not_captured_is_not_waited_for() -> None:
    frames = outer(OUTERMOST, 48, 104)
    seen = played([frames[0], frames[1]], missing=1)
    assert seen.order == [1, 2, 1]
    assert seen.anomalies(1) == INCOMPLETE
    first = played(frames[:1], missing=1)
    assert (first.late, first.reasons[1]) == ([], Reason.TUNNELLED)
    assert first.anomalies(1) == INCOMPLETE | TRUNCATED


def test_padding_behind_a_short_fragment_does_not_count() -> None:
    frames = outer(OUTERMOST, 8, 16)
    seen = played([frame.ljust(60, b"\xff") for frame in frames])
    assert (seen.anomalies(3), seen.only(3).tcp_flags) == (Anomaly(0), tcp.SYN)
    swapped = [frames[2], frames[1].ljust(60, b"\xff"), frames[0].ljust(1500, b"\xff")]
    assert played(swapped).anomalies(3) == Anomaly(0)


def test_a_fragment_that_is_none_is_passed_over() -> None:
    batch = batch_of([ethernet(SYN)])
    found = decode_batch(batch, DecodeSettings())
    wrong = found._replace(fragments=np.array([[0, 60]], dtype=np.int64))
    (run,) = Reassembly(DecodeSettings()).take(batch, wrong)
    assert run.decoded.rows.tobytes() == found.rows.tobytes()
    assert run.decoded.reasons.tolist() == found.reasons.tolist()


def test_a_link_layer_that_cannot_be_read_tells_no_ends() -> None:
    packets = ipv4_fragments(OUTERMOST, spans(len(OUTERMOST) - 20, 48))
    batch = batch_of(packets, UNKNOWN)
    none = Decoded(
        decode_batch(batch, DecodeSettings()).rows,
        np.full(2, Reason.UNKNOWN_LINK_TYPE, dtype=np.uint8),
        np.array([[0, 0], [1, 0]], dtype=np.int64),
    )
    (run,) = Reassembly(DecodeSettings()).take(batch, none)
    assert run.decoded.reasons.tolist() == [Reason.FRAGMENT, Reason.UNKNOWN_LINK_TYPE]


# limits


def flood(count: int) -> list[bytes]:
    """First fragments of as many packets."""
    return [outer(OUTERMOST, 104, identification=i)[0] for i in range(count)]


def test_the_oldest_packet_makes_room_for_another() -> None:
    seen = played(flood(7), limits=FragmentLimits(datagrams=4))
    assert seen.order == [1, 2, 3, 4, 5, 1, 6, 2, 7, 3, 4, 5, 6, 7]
    assert seen.limits_hit == {"fragmented_datagrams": 3}
    assert {seen.anomalies(number) for number in range(1, 8)} == {INCOMPLETE}


def test_octets_held_are_bounded() -> None:
    one = len(flood(1)[0]) + 104 + 2 * 128
    seen = played(flood(7), limits=FragmentLimits(octets=4 * one))
    assert seen.order == [1, 2, 3, 4, 5, 1, 6, 2, 7, 3, 4, 5, 6, 7]
    assert seen.limits_hit == {"fragment_octets": 3}
    alone = played(flood(2), limits=FragmentLimits(octets=one - 1))
    assert alone.order == [1, 1, 2, 2]


def test_octets_are_let_go_with_the_packet() -> None:
    one = len(flood(1)[0]) + 104 + 2 * 128
    frames = [frame for i in range(9) for frame in outer(OUTERMOST, 104, identification=i)]
    seen = played(frames, limits=FragmentLimits(octets=one + 400))
    assert not seen.limits_hit
    assert [seen.only(number).anomalies for number in range(2, 19, 2)] == [0] * 9


def test_fragments_of_one_packet_are_bounded() -> None:
    frames = outer(OUTERMOST, *range(8, 152, 8))
    assert played(frames, limits=FragmentLimits(fragments=len(frames))).only(len(frames))
    seen = played(frames, limits=FragmentLimits(fragments=len(frames) - 1))
    assert seen.limits_hit == {"fragments_per_datagram": 1}
    assert not any(seen.rows.values())
    assert seen.late == [1]


def test_what_is_lost_already_is_no_limit_hit() -> None:
    cut = batch_of(flood(5))
    cut.captured[:] -= 1
    settings = DecodeSettings(fragments=FragmentLimits(datagrams=2))
    reassembly = Reassembly(settings)
    seen = Seen()
    for run in reassembly.take(cut, decode_batch(cut, settings)):
        seen.see(run)
    assert not reassembly.limits_hit
    assert not seen.late


def test_packets_are_given_up_at_the_time_of_a_later_frame() -> None:
    frames = [*flood(2), ethernet(SYN), ethernet(SYN), ethernet(SYN)]
    times = [0, 10, 30, 31, 41]
    seen = played(frames, [time * SECOND for time in times])
    assert seen.order == [1, 2, 3, 1, 4, 2, 5]


def test_a_late_fragment_belongs_to_another_packet() -> None:
    first, last = outer(OUTERMOST, 104)
    assert played([first, last], [0, 30 * SECOND]).whole
    seen = played([first, last], [0, 30 * SECOND + 1])
    assert seen.order == [1, 1, 2]
    assert not seen.whole


def test_time_may_run_backwards() -> None:
    first, last = outer(OUTERMOST, 104)
    day = 86_400 * SECOND
    assert played([first, last], [SECOND, 0]).whole
    seen = played([first, *flood(1), last], [day, 0, 1])
    assert seen.order == [1, 1, 2, 3, 2]
    extreme = played([*flood(3), ethernet(SYN)], [(1 << 63) - 1, -(1 << 63), 0, 1])
    assert sorted(extreme.late) == [1, 2, 3]


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_times_may_lie_as_far_apart_as_numbers_reach(batches: int) -> None:
    first, last = outer(OUTERMOST, 104)
    latest, earliest = (1 << 63) - 1, -(1 << 63)
    seen = played([first, ethernet(SYN), last], [latest, latest, earliest], batches=batches)
    assert (seen.order, seen.whole) == ([1, 2, 1, 3], {})


@pytest.mark.parametrize("batches", [2, 3, 5, 11])
def test_where_batches_end_changes_nothing(batches: int) -> None:
    frames = [*flood(3), ethernet(SYN), *outer(OUTERMOST, 48, 104, identification=1), *flood(4)]
    times = [0, 1, 2, 31, 31, 31, 32, 33, 63, 63, 63]
    limits = FragmentLimits(datagrams=3)
    at = [time * SECOND for time in times]
    expected = played(frames, at, limits=limits)
    assert len(expected.late) > 3
    assert played(frames, at, limits=limits, batches=batches) == expected


def test_the_frames_of_others_stay_in_the_batch() -> None:
    batch = batch_of([ethernet(SYN)] * 3)
    found = decode_batch(batch, DecodeSettings())
    (run,) = Reassembly(DecodeSettings()).take(batch, found)
    assert run.batch is batch
    assert run.decoded is found


# anything


@dataclass(frozen=True, slots=True)
class Story:
    """A packet, and the frames with its fragments in the order they come."""

    whole: bytes
    frames: list[bytes]


def _cut(draw: st.DrawFn, length: int) -> list[Span]:
    """Parts in any order, some more than once; all octets are in them."""
    cuts = sorted(set(draw(st.lists(st.integers(1, (length - 1) // 8), max_size=6))))
    parts = spans(length, *(8 * cut for cut in cuts))
    parts += draw(st.lists(st.sampled_from(parts), max_size=2))
    return draw(st.permutations(parts))


PACKETS = st.one_of(
    st.binary(min_size=9, max_size=200).map(lambda data: tcp6(payload=data)),
    st.binary(min_size=9, max_size=200).map(lambda data: tcp6(NATIVE, TEREDO, payload=data)),
    st.binary(min_size=9, max_size=200).map(lambda data: echo6(data=data)),
    st.binary(min_size=9, max_size=60).map(lambda data: six_in_six(tcp6(payload=data))),
)
CARRIERS = st.sampled_from(
    [
        lambda packet: sixinfour.encapsulate(V4A, V4B, packet),
        lambda packet: udp(RELAY, CLIENT, packet),
        lambda packet: ipv4.build(V4B, V4A, 4, sixinfour.encapsulate(V4A, V4B, packet)),
    ]
)


@st.composite
def outer_stories(draw: st.DrawFn) -> Story:
    packet = draw(CARRIERS)(draw(PACKETS))
    frames = ethernets(ipv4_fragments(packet, _cut(draw, len(packet) - 20), identification=0))
    return Story(ethernet(packet), frames)


@st.composite
def inner_stories(draw: st.DrawFn) -> Story:
    packet, carry = draw(PACKETS), draw(CARRIERS)
    pieces = ipv6_fragments(packet, _cut(draw, len(packet) - 40))
    return Story(ethernet(carry(packet)), ethernets(map(carry, pieces)))


def _completing(frames: Sequence[bytes]) -> Iterator[int]:
    """The number of the frame with which each fragment has come."""
    distinct = set(frames)
    for number, frame in enumerate(frames, start=1):
        distinct.discard(frame)
        if not distinct:
            yield number
            return


@given(outer_stories())
def test_cut_anyhow_and_put_together_is_the_packet(story: Story) -> None:
    seen = played(story.frames)
    if len(set(story.frames)) == 1:
        return
    (number,) = _completing(story.frames)
    assert content(seen.rows[number]) == content(decoded(story.whole))
    assert not any(seen.rows[earlier] for earlier in range(1, number))


@given(inner_stories())
def test_inside_a_tunnel_the_transport_is_told_once(story: Story) -> None:
    expected = content(decoded(story.whole))
    if len(set(story.frames)) == 1 or not expected:
        return
    seen = played(story.frames)
    (number,) = _completing(story.frames)
    alone = [content(decoded(frame)) for frame in story.frames]
    if not all(alone):
        return  # where a fragment alone looks like no tunnel, nobody knows that it is one
    told = any(rows[-1].has_transport for rows in alone)
    assert content(seen.rows[number]) == (alone[number - 1] if told else expected)
    for earlier in range(1, number):
        assert content(seen.rows[earlier]) == alone[earlier - 1]


@given(st.lists(st.binary(max_size=40), max_size=8), st.booleans())
def test_hostile_fragments_give_every_frame_once(payloads: list[bytes], six: bool) -> None:
    frames = []
    for data in payloads:
        field, body = data[:2].ljust(2, b"\0"), data[2:]
        if six:
            piece = bytes([data[0] if data else 6, 0]) + field + bytes(4) + body
            packet = sixinfour.encapsulate(V4A, V4B, ipv6.build(NATIVE, OTHER, 44, piece))
        else:
            packet = ipv4.build(V4A, V4B, 41, body)
            packet = packet[:6] + field + packet[8:]
        frames.append(ethernet(packet))
    if frames:
        seen = played(frames)
        assert sorted(seen.reasons) == list(range(1, len(frames) + 1))
        assert len(seen.order) == len(frames) + len(seen.late)
