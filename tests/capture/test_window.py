from __future__ import annotations

import io

from sensor.capture.window import MIN_ARENA, Window


class Drip:
    """A stream that hands on one byte a read, as a slow pipe may."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readinto1(self, buffer: memoryview, /) -> int:
        return self._content.readinto1(buffer[:1])


def test_bytes_not_used_stay_when_the_window_slides() -> None:
    window = Window(io.BytesIO(bytes(range(200))), MIN_ARENA)
    assert window.fill(MIN_ARENA)
    window.start += 60
    assert window.fill(10)
    assert window.buffer[window.start : window.start + 10] == bytes(range(60, 70))
    assert window.position == 60


def test_a_record_larger_than_the_buffer_makes_it_grow() -> None:
    window = Window(io.BytesIO(bytes(range(250))), MIN_ARENA)
    assert window.fill(4)
    window.start += 1
    assert window.fill(MIN_ARENA + 1)
    assert len(window.buffer) == window.arena.size == 2 * MIN_ARENA
    assert window.fill(249)
    assert bytes(window.arena[window.start : window.end]) == bytes(range(1, 250))


def test_a_slow_stream_is_waited_for() -> None:
    window = Window(Drip(b"abcdef"), MIN_ARENA)
    assert window.fill(3)
    assert window.available == 3
    assert not window.fill(7)
    assert window.available == 6


def test_enough_bytes_need_no_read() -> None:
    assert Window(io.BytesIO(b""), 0).fill(0)


def test_buffers_and_columns_take_turns() -> None:
    window = Window(io.BytesIO(bytes(range(250)) * 4), MIN_ARENA, turns=3)
    buffers, columns = [], []
    for number in range(6):
        assert window.fill(10)
        assert window.arena[window.start] == number * 60 % 250
        window.start += 60
        buffers.append(window.buffer)
        columns.append(window.columns.times)
        window.turn()
    for made in (buffers, columns):
        assert len({id(each) for each in made}) == 3
        assert all(made[i] is made[i + 3] for i in range(3))


def test_a_buffer_in_its_turn_is_used_up_first() -> None:
    window = Window(io.BytesIO(bytes(range(200))), MIN_ARENA, turns=2)
    assert window.fill(MIN_ARENA)
    first, columns = window.buffer, window.columns
    window.start += 30
    window.turn()
    assert window.fill(MIN_ARENA - 30)
    assert window.buffer is first
    assert window.columns is not columns
    assert window.fill(MIN_ARENA)
    assert window.buffer is not first
    assert bytes(window.arena[window.start : window.start + 34]) == bytes(range(30, 64))
    assert bytes(first) == bytes(range(MIN_ARENA))


def test_what_was_not_left_is_filled_again() -> None:
    window = Window(io.BytesIO(bytes(range(200))), MIN_ARENA, turns=2)
    assert window.fill(MIN_ARENA)
    first, columns = window.buffer, window.columns
    window.start += 60
    assert window.fill(MIN_ARENA)
    assert window.buffer is first
    assert window.columns is columns
