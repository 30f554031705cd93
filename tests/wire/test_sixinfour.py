from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import ipv4, ipv6, sixinfour
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor
from sensor.wire.sixinfour import Packet

OUTER = (packed("203.0.113.1"), packed("198.51.100.2"))
A, B = packed("2002:cb00:7101::1"), packed("2001:db8::1")
INNER = ipv6.build(A, B, 17, b"payload!")


def parse(data: bytes) -> Packet:
    return sixinfour.parse(data, len(data))


def test_round_trip_through_both_headers() -> None:
    cursor = Cursor(sixinfour.encapsulate(*OUTER, INNER, ttl=9, identification=77))
    outer = ipv4.parse(cursor)
    assert (outer.source, outer.destination, outer.protocol) == (*OUTER, 41)
    assert (outer.ttl, outer.identification, outer.dont_fragment) == (9, 77, False)
    assert outer.total_length == 20 + len(INNER)
    payload = cursor.rest()
    assert payload == INNER
    assert parse(payload) == Packet(ipv6.parse(Cursor(INNER)), 0)


def test_the_outer_header_by_default() -> None:
    outer = ipv4.parse(Cursor(sixinfour.encapsulate(*OUTER, INNER)))
    assert (outer.ttl, outer.identification) == (64, 0)


@given(st.binary(max_size=40), st.binary(max_size=20))
def test_trailing_bytes_are_counted(payload: bytes, junk: bytes) -> None:
    packet = parse(ipv6.build(A, B, 17, payload) + junk)
    assert (packet.header.payload_length, packet.trailing) == (len(payload), len(junk))


def test_lengths_come_from_the_outer_header_not_from_the_capture() -> None:
    assert sixinfour.parse(INNER[:44], len(INNER) + 6).trailing == 6
    assert sixinfour.parse(INNER + bytes(6), len(INNER)).trailing == 0


def test_an_inner_packet_too_long_is_left_to_the_caller() -> None:
    assert parse(INNER[:-1]).trailing == 0


def test_cut_at_every_byte(refused: Callable[..., list[int]]) -> None:
    assert refused(parse, INNER) == list(range(40))
    assert refused(lambda cut: sixinfour.parse(cut, len(INNER)), INNER) == list(range(40))


@pytest.mark.parametrize("length", [-1, 0, 39])
def test_a_declared_length_without_a_header_is_refused(length: int) -> None:
    with pytest.raises(DecodeError):
        sixinfour.parse(INNER, length)


@given(st.binary(max_size=60), st.integers(-5, 70))
def test_any_bytes_are_answered_or_refused(
    answered: Callable[..., bool], data: bytes, length: int
) -> None:
    expected = len(data) >= 40 and length >= 40 and data[0] >> 4 == 6
    assert answered(lambda each: sixinfour.parse(each, length), data) is expected
