from __future__ import annotations

import pytest

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

DATA = bytes(range(1, 21))


def test_reads_numbers_in_network_order() -> None:
    cursor = Cursor(DATA)
    assert (cursor.u8(), cursor.u16(), cursor.u32()) == (1, 0x0203, 0x04050607)
    assert cursor.u64() == 0x08090A0B0C0D0E0F
    assert (cursor.position, cursor.remaining) == (15, 5)


def test_positions_are_absolute() -> None:
    cursor = Cursor(DATA, 3, 7)
    assert cursor.peek_u8() == 4
    assert cursor.take(2) == b"\x04\x05"
    assert (cursor.position, cursor.end, cursor.remaining) == (5, 7, 2)
    assert cursor.rest() == b"\x06\x07"
    assert cursor.rest() == b""


@pytest.mark.parametrize("read", ["u8", "u16", "u32", "u64", "peek_u8"])
def test_a_read_past_the_end_is_refused_and_moves_nothing(read: str) -> None:
    cursor = Cursor(DATA, 4, 4)
    with pytest.raises(DecodeError, match="truncated at offset 4"):
        getattr(cursor, read)()
    assert cursor.position == 4


@pytest.mark.parametrize("length", [-1, 4, 1 << 70])
@pytest.mark.parametrize("read", ["take", "skip", "sub", "restrict"])
def test_a_length_that_lies_is_refused(read: str, length: int) -> None:
    cursor = Cursor(DATA, 2, 5)
    with pytest.raises(DecodeError, match="truncated at offset 2"):
        getattr(cursor, read)(length)
    assert cursor.position == 2


@pytest.mark.parametrize(("start", "end"), [(-1, None), (0, 21), (6, 5), (21, None)])
def test_a_window_outside_the_data_is_refused(start: int, end: int | None) -> None:
    with pytest.raises(DecodeError, match="window outside the data"):
        Cursor(DATA, start, end)


def test_sub_reads_on_its_own() -> None:
    cursor = Cursor(DATA)
    inner = cursor.sub(4)
    assert (cursor.position, inner.position, inner.end) == (4, 0, 4)
    assert inner.rest() == DATA[:4]
    assert cursor.u8() == 5


def test_restrict_narrows_and_restores() -> None:
    cursor = Cursor(DATA, 1)
    with cursor.restrict(3) as inner:
        assert inner.remaining == 3
        assert inner.rest() == DATA[1:4]
    assert (cursor.position, cursor.end) == (4, 20)


def test_restrict_to_nothing_and_to_everything() -> None:
    cursor = Cursor(DATA)
    with cursor.restrict(0):
        assert cursor.remaining == 0
    with cursor.restrict(20):
        assert cursor.rest() == DATA


def test_restrict_complains_about_unread_bytes() -> None:
    cursor = Cursor(DATA)
    with pytest.raises(DecodeError, match="unread bytes at offset 1"), cursor.restrict(2):
        cursor.u8()
    assert cursor.end == 20


def test_loose_restrict_passes_over_unread_bytes() -> None:
    cursor = Cursor(DATA)
    with cursor.restrict(4, loose=True):
        cursor.u8()
    assert (cursor.position, cursor.end) == (4, 20)


def test_restrict_lets_the_error_of_its_body_through() -> None:
    cursor = Cursor(DATA, 1)
    with pytest.raises(DecodeError, match="truncated at offset 1"), cursor.restrict(2):
        cursor.u32()
    assert (cursor.position, cursor.end) == (1, 20)


def test_windows_nest() -> None:
    cursor = Cursor(DATA)
    with cursor.restrict(10, loose=True), cursor.restrict(4):
        assert cursor.rest() == DATA[:4]
    assert (cursor.position, cursor.end) == (10, 20)
