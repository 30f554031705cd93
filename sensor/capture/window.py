"""The part of a capture that is in memory: a reused buffer that slides over a stream."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from sensor.capture.batch import FrameBatch
from sensor.capture.records import empty_columns
from sensor.capture.stream import Stream

MIN_ARENA = 64


@dataclass(slots=True)
class Scan:
    """What a reader found in a window: whole frames, then perhaps why it cannot go on."""

    batch: FrameBatch | None
    needed: int  # bytes the next record needs in the window before it can be read
    damage: str | None = None


class Window:
    """Bytes ``start`` up to ``end`` of ``buffer`` are read from the stream and not yet used.

    ``columns`` are for the frames in it. With ``turns`` above 1 there are so many buffers and
    columns, made when first needed: what a batch was made of lasts for so many calls of ``turn``.
    """

    def __init__(self, stream: Stream, size: int, turns: int = 1) -> None:
        self._stream = stream
        self._turns = turns
        self._size = max(size, MIN_ARENA)
        self._turned = False  # since the buffer's turn began
        self.base = 0  # offset of the buffer's first byte in the stream
        self.start = 0
        self.end = 0
        # The last ones are in use.
        self._buffers = deque([bytearray(self._size)])
        self._columns = deque([empty_columns()])
        self._take_last()

    def _take_last(self) -> None:
        self.columns = self._columns[-1]
        self.buffer = self._buffers[-1]
        self.arena = np.frombuffer(self.buffer, dtype=np.uint8)

    def turn(self) -> None:
        """Leave what was read last as it is; the buffer once all in it is used."""
        self._turned = True
        if len(self._columns) < self._turns:
            self._columns.append(empty_columns())
        else:
            self._columns.rotate(-1)
        self._take_last()

    @property
    def available(self) -> int:
        return self.end - self.start

    @property
    def position(self) -> int:
        """Offset of ``start`` in the (unpacked) stream."""
        return self.base + self.start

    def fill(self, needed: int) -> bool:
        """Read until ``needed`` bytes are available; False where the stream ends before.

        Whoever asks bounds ``needed``: the buffer grows to hold it.
        """
        if self.available < needed:
            self._make_room(needed)
        while self.available < needed:
            count = self._stream.readinto1(memoryview(self.buffer)[self.end :])
            if not count:
                return False
            self.end += count
        return True

    def _make_room(self, needed: int) -> None:
        rest = self.buffer[self.start : self.end]
        self.base += self.start
        self.start, self.end = 0, len(rest)
        if self._turned:
            self._turn_buffer()
        if needed > len(self._buffers[-1]):
            self._buffers[-1] = bytearray(max(needed, 2 * len(self._buffers[-1])))
        self._take_last()
        self.buffer[: len(rest)] = rest

    def _turn_buffer(self) -> None:
        self._turned = False
        if len(self._buffers) < self._turns:
            self._buffers.append(bytearray(self._size))
        else:
            self._buffers.rotate(-1)
