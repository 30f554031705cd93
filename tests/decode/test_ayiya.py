from __future__ import annotations

from dataclasses import replace

import pytest

from sensor.decode.scalar import Frame, decode_frame
from sensor.schema.rows import Observation
from sensor.schema.words import Reason
from sensor.wire import ayiya, ipv6
from sensor.wire.ports import AYIYA_OLD_PORT, AYIYA_PORT

from .. import build
from ..build import CLIENT, PEER, TEREDO, V4A, V4B, End, in_four, tcp6, udp_frame
from .seen import DEFAULTS, Seen, anomalies, decode, kinds, only_row, seen, stack

SIXXS: End = (PEER[0], AYIYA_PORT)
EPOCH = 1_262_304_000
DAY = 86_400
HEADER = ayiya.Header(
    identity_type=1,
    identity=bytes(range(16)),
    hash_method=ayiya.SHA1,
    signature=bytes(20),
    authentication=1,
    opcode=ayiya.FORWARD,
    next_header=41,
    epoch=EPOCH,
)
BARE_NOOP = replace(HEADER, opcode=ayiya.NOOP, next_header=59)
ESP = ipv6.build(build.NATIVE, build.OTHER, 50, b"no checksum")


def only_row_at(data: bytes, time: int = EPOCH) -> Observation:
    """The row of a frame captured ``time`` seconds after 1970."""
    reason, rows = decode_frame(Frame(data, 1, len(data), time=time * 10**9), DEFAULTS)
    assert len(rows) == 1, reason
    return rows[0]


def judged(payload: bytes, destination: End = PEER, time: int = EPOCH) -> Seen:
    return seen(only_row_at(udp_frame(CLIENT, destination, payload), time))


def reason(payload: bytes, destination: End = PEER) -> Reason:
    found, rows = decode(udp_frame(CLIENT, destination, payload))
    assert rows == []
    return found


def test_a_row_field_by_field() -> None:
    row = only_row_at(udp_frame(CLIENT, SIXXS, HEADER.build() + tcp6(payload=b"data")))
    assert seen(row) == Seen("ayiya", "certain", "exact-length checksum ayiya epoch scheme-port")
    assert (kinds(row), stack(row)) == (["ayiya"], "ethernet ipv4 udp ayiya ipv6 tcp")
    assert (row.payload_offset, row.inner_offset, row.inner_length) == (86, 86, 64)
    assert (row.tail_length, row.payload_length, row.outer_transport) == (0, 4, 1)
    assert (row.outer_source_port, row.outer_destination_port) == (CLIENT[1], 5072)
    assert (row.inner_source, row.inner_destination_port) == (build.NATIVE, 443)


@pytest.mark.parametrize(
    ("payload", "destination", "time", "expected"),
    [
        (tcp6(), PEER, EPOCH, ("certain", "exact-length checksum ayiya epoch")),
        (tcp6(), PEER, 0, ("certain", "exact-length checksum ayiya")),
        (ESP, PEER, EPOCH, ("certain", "exact-length ayiya epoch")),
        (ESP, PEER, 0, ("strong", "exact-length ayiya")),
        (ESP + b"j", PEER, EPOCH, ("strong", "ayiya epoch", "trailing-bytes")),
        (ESP + b"j", SIXXS, 0, ("strong", "ayiya scheme-port", "trailing-bytes")),
        (tcp6() + b"j", PEER, 0, ("strong", "checksum ayiya", "trailing-bytes")),
    ],
)
def test_what_its_confidence_rests_on(
    payload: bytes, destination: End, time: int, expected: tuple[str, ...]
) -> None:
    assert judged(HEADER.build() + payload, destination, time) == Seen("ayiya", *expected)


@pytest.mark.parametrize("port", [AYIYA_PORT, AYIYA_OLD_PORT])
def test_either_port_speaks_for_it_at_either_end(port: int) -> None:
    there = udp_frame(CLIENT, (PEER[0], port), HEADER.build() + tcp6())
    back = udp_frame((PEER[0], port), CLIENT, HEADER.build() + tcp6())
    for frame in (there, back):
        assert "scheme-port" in seen(only_row(frame)).reasons


@pytest.mark.parametrize(
    ("time", "right"),
    [
        (EPOCH, True),
        (EPOCH - DAY, True),
        (EPOCH + DAY, True),
        (EPOCH - DAY - 1, False),
        (EPOCH + DAY + 1, False),
    ],
)
def test_its_clock_may_be_off_by_a_day(time: int, right: bool) -> None:
    assert ("epoch" in judged(HEADER.build() + tcp6(), time=time).reasons) is right


def test_without_any_sign_it_is_none() -> None:
    assert reason(HEADER.build() + ESP + b"j") is Reason.UDP


@pytest.mark.parametrize(
    "packet",
    [
        ipv6.build(build.NATIVE, build.OTHER, 253, bytes(8)),
        tcp6(payload=bytes(9))[:-1],
        b"\x45" + bytes(60),
        bytes(60),
    ],
)
def test_around_nonsense_it_is_none(packet: bytes) -> None:
    assert reason(HEADER.build() + packet, SIXXS) is Reason.UDP


@pytest.mark.parametrize("exponent", range(9))
def test_identities_of_every_length(exponent: int) -> None:
    header = replace(HEADER, identity=bytes(1 << exponent))
    found, rows = decode(udp_frame(CLIENT, SIXXS, header.build() + tcp6()))
    if exponent < 4:
        assert (found, rows) == (Reason.UDP, [])
    else:
        assert [seen(row).kind for row in rows] == ["ayiya"]


def test_an_identity_that_is_too_long() -> None:
    payload = b"\x90" + HEADER.build()[1:] + bytes(512) + tcp6()
    assert reason(payload, SIXXS) is Reason.UDP


@pytest.mark.parametrize("opcode", range(8))
def test_every_opcode_may_carry_a_packet_or_none(opcode: int) -> None:
    forwarding = replace(HEADER, opcode=opcode).build() + tcp6()
    assert judged(forwarding, SIXXS).confidence == "certain"
    bare = replace(BARE_NOOP, opcode=opcode).build()
    assert judged(bare, SIXXS).confidence == "certain"


def test_the_row_of_a_packet_without_another_inside() -> None:
    row = only_row_at(udp_frame(CLIENT, SIXXS, BARE_NOOP.build()))
    assert seen(row) == Seen("ayiya", "certain", "exact-length ayiya epoch scheme-port")
    assert stack(row) == "ethernet ipv4 udp ayiya"
    assert (row.payload_offset, row.inner_offset, row.inner_length) == (42, 0, 0)


@pytest.mark.parametrize(
    ("tail", "destination", "time", "expected"),
    [
        (b"", PEER, EPOCH, ("certain", "exact-length ayiya epoch")),
        (b"", SIXXS, 0, ("strong", "exact-length ayiya scheme-port")),
        (b"hello", PEER, EPOCH, ("strong", "ayiya epoch")),
        (b"hello", SIXXS, 0, ("strong", "ayiya scheme-port")),
    ],
)
def test_what_confidence_in_a_header_alone_rests_on(
    tail: bytes, destination: End, time: int, expected: tuple[str, ...]
) -> None:
    assert judged(BARE_NOOP.build() + tail, destination, time) == Seen("ayiya", *expected)


def test_a_header_that_fills_its_datagram_by_chance() -> None:
    """One of two million datagrams of random octets: a hash of UMAC may have any length."""
    found = replace(BARE_NOOP, hash_method=ayiya.UMAC, signature=bytes(16), opcode=ayiya.ECHO_REPLY)
    for header in (BARE_NOOP, found):
        assert reason(header.build()) is Reason.UDP


def test_a_header_alone_with_something_behind_it_and_no_sign_is_none() -> None:
    assert reason(BARE_NOOP.build() + b"hello") is Reason.UDP


def test_a_port_that_others_own() -> None:
    borrowed: End = (PEER[0], 53)
    assert judged(HEADER.build() + tcp6(), borrowed).anomalies == "borrowed-port"
    assert judged(BARE_NOOP.build(), borrowed).anomalies == "borrowed-port"


def test_ipv4_inside_is_walked_through() -> None:
    within = in_four(tcp6(), 41)
    row = only_row(udp_frame(CLIENT, SIXXS, replace(HEADER, next_header=4).build() + within))
    assert stack(row) == "ethernet ipv4 udp ayiya ipv4 ipv6 tcp"
    assert (seen(row).kind, row.outer_source[:4], row.outer_source_port) == ("6in4", V4A, 0)


def test_ipv4_inside_that_is_none() -> None:
    payload = replace(HEADER, next_header=4).build() + bytes(60)
    assert reason(payload, SIXXS) is Reason.UDP


def test_cut_before_the_inner_header_ends_only_its_ends_are_told() -> None:
    frame = udp_frame(CLIENT, SIXXS, HEADER.build() + tcp6())
    for size in range(86, 126):
        row = only_row(frame[:size], wire_length=len(frame))
        assert (stack(row), row.inner_length) == ("ethernet ipv4 udp ayiya", 0)
        assert (seen(row).confidence, anomalies(row)) == ("strong", ["truncated"])
    row = only_row(frame[:126], wire_length=len(frame))
    assert (stack(row), anomalies(row)) == ("ethernet ipv4 udp ayiya ipv6", ["truncated"])
    for size in range(42, 86):
        assert decode(frame[:size], wire_length=len(frame))[1] == []


def test_what_is_behind_the_header_must_have_been_cut_to_be_missing() -> None:
    assert reason(HEADER.build() + tcp6()[:39], SIXXS) is Reason.UDP
    frame = udp_frame(CLIENT, SIXXS, HEADER.build() + b"\x45" + bytes(60))
    assert decode(frame[:-1], wire_length=len(frame))[1] == []


@pytest.mark.parametrize("header", [HEADER, BARE_NOOP, replace(HEADER, next_header=4)])
def test_no_room_for_its_layer(header: ayiya.Header) -> None:
    inside = {41: tcp6(), 59: b"", 4: in_four(tcp6(), 41)}[header.next_header]
    packet = udp_frame((V4A, 5), (V4B, AYIYA_PORT), header.build() + inside)[14:]
    for _ in range(13):
        packet = in_four(packet)
    row = only_row(build.ethernet(packet))
    assert row.stack_length == 16
    assert "too-many-layers" in anomalies(row)


def test_teredo_in_ayiya() -> None:
    """What another scheme carries is judged for itself."""
    within = build.udp((build.NATIVE, 5), (build.OTHER, 6), tcp6(TEREDO))
    _, rows = decode(udp_frame(CLIENT, SIXXS, HEADER.build() + within))
    assert [seen(row)[:2] for row in rows] == [("ayiya", "certain"), ("teredo", "strong")]
