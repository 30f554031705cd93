from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import vxlan
from sensor.wire.cursor import Cursor
from sensor.wire.vxlan import Header

HEADER = bytes.fromhex("08 000000 abcdef 00")  # the figure of RFC 7348 section 5


def parse(data: bytes) -> Header:
    return vxlan.parse(Cursor(data))


def test_a_header() -> None:
    assert vxlan.build(0xABCDEF, b"frame") == HEADER + b"frame"
    cursor = Cursor(HEADER + b"frame")
    assert vxlan.parse(cursor) == Header(flags=0x08, vni=0xABCDEF)
    assert cursor.rest() == b"frame"


def test_what_is_reserved_is_ignored() -> None:
    assert parse(bytes.fromhex("ff ffffff abcdef ff")) == Header(0xFF, 0xABCDEF)


@pytest.mark.parametrize("flags", [0x00, 0xF7])
def test_an_identifier_that_is_not_valid_is_refused(flags: int) -> None:
    with pytest.raises(DecodeError, match="without an identifier at offset 0"):
        parse(bytes([flags]) + HEADER[1:])


def test_cut_at_every_byte(refused: Callable[..., list[int]]) -> None:
    assert refused(parse, HEADER + b"frame") == list(range(8))


@given(st.integers(0, 0xFFFFFF), st.binary(max_size=20))
def test_round_trip(vni: int, frame: bytes) -> None:
    cursor = Cursor(vxlan.build(vni, frame))
    assert vxlan.parse(cursor) == Header(0x08, vni)
    assert cursor.rest() == frame


@given(st.binary(max_size=16))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    assert answered(parse, data) is (len(data) >= 8 and bool(data[0] & 8))
