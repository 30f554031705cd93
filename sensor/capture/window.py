"""The part of a capture that is in memory: a reused buffer that slides over a stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sensor.capture.batch import FrameBatch
from sensor.capture.stream import Stream

MIN_ARENA = 64


@dataclass(slots=True)
class Scan:
    """What a reader found in a window: whole frames, then perhaps why it cannot go on."""

    batch: FrameBatch | None
    needed: int  # bytes the next record needs in the window before it can be read
    damage: str | None = None


class Window:
    """Bytes ``start`` up to ``end`` of ``buffer`` are read from the stream and not yet used."""

    def __init__(self, stream: Stream, size: int) -> None:
        self._stream = stream
        self.base = 0  # offset of the buffer's first byte in the stream
        self.start = 0
        self.end = 0
        self._allocate(max(size, MIN_ARENA))

    def _allocate(self, size: int) -> None:
        self.buffer = bytearray(size)
        self.arena = np.frombuffer(self.buffer, dtype=np.uint8)

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
        if needed > len(self.buffer):
            self._allocate(max(needed, 2 * len(self.buffer)))
        self.buffer[: len(rest)] = rest
