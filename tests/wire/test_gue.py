from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import gue
from sensor.wire.cursor import Cursor
from sensor.wire.gue import Header

# Protocol 41, and IPv4 behind a field of 4 octets and 4 of private data, as the draft lays out.
PLAIN = bytes.fromhex("00 29 0000")
WITH_FIELDS = bytes.fromhex("02 04 8000 11111111 22222222")


def parse(data: bytes) -> Header:
    return gue.parse(Cursor(data))


def test_the_shortest_header() -> None:
    assert gue.build(41, b"\x60") == PLAIN + b"\x60"
    cursor = Cursor(PLAIN + b"\x60")
    assert gue.parse(cursor) == Header(control=False, protocol=41, flags=0, fields=b"")
    assert cursor.rest() == b"\x60"


def test_fields_and_private_data() -> None:
    assert gue.build(4, b"\x45", flags=0x8000, fields=WITH_FIELDS[4:]) == WITH_FIELDS + b"\x45"
    cursor = Cursor(WITH_FIELDS + b"\x45")
    assert gue.parse(cursor) == Header(False, 4, 0x8000, WITH_FIELDS[4:])
    assert cursor.rest() == b"\x45"


def test_a_control_message() -> None:
    assert parse(b"\x20" + PLAIN[1:]) == Header(True, 41, 0, b"")


@pytest.mark.parametrize("first", [0x45, 0x60, 0x80, 0xC0])
def test_another_variant_is_refused(first: int) -> None:
    with pytest.raises(DecodeError, match=f"GUE variant {first >> 6} at offset 0"):
        parse(bytes([first]) + bytes(200))


@pytest.mark.parametrize("header", [PLAIN, WITH_FIELDS])
def test_cut_at_every_byte(refused: Callable[..., list[int]], header: bytes) -> None:
    assert refused(parse, header + b"\x60") == list(range(len(header)))


def test_fields_that_cannot_be_said() -> None:
    assert len(parse(gue.build(41, b"", fields=bytes(124))).fields) == 124
    for length in (1, 6, 128):
        with pytest.raises(ValueError, match="at most 124"):
            gue.build(41, b"", fields=bytes(length))


@given(
    st.integers(0, 0xFF),
    st.binary(max_size=20),
    st.integers(0, 0xFFFF),
    st.integers(0, 31).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n)),
)
def test_round_trip(protocol: int, payload: bytes, flags: int, fields: bytes) -> None:
    cursor = Cursor(gue.build(protocol, payload, flags=flags, fields=fields))
    assert gue.parse(cursor) == Header(False, protocol, flags, fields)
    assert cursor.rest() == payload


@given(st.binary(max_size=40))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    whole = len(data) >= 4 and len(data) >= 4 + (data[0] & 31) * 4
    assert answered(parse, data) is (whole and data[0] < 64)
