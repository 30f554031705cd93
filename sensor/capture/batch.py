"""Many captured frames side by side in one buffer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Bytes of one frame. libpcap's limit; a snap length declared larger, or 0, does not raise it.
MAX_CAPTURED = 262_144

# The kernel is compiled for these types; a column of another type is refused at once.
_COLUMNS = {
    "offsets": np.int64,
    "captured": np.int64,
    "wire": np.int64,
    "times": np.int64,
    "linktypes": np.int32,
    "interfaces": np.int32,
    "positions": np.int64,
}


class Interface(NamedTuple):
    """Where frames were captured, as the capture describes it."""

    name: str  # empty where the capture does not tell
    linktype: int
    snaplen: int  # 0: no limit


@dataclass(slots=True, eq=False)
class FrameBatch:
    """Frames of one capture, in file order; row ``i`` is one frame.

    Arena and columns belong to the source, which fills them again: a batch is valid only until
    the source is asked for the next one. Raises ValueError where the columns do not fit together.
    """

    arena: NDArray[np.uint8]
    offsets: NDArray[np.int64]  # of the frame's first byte in the arena
    captured: NDArray[np.int64]  # bytes present
    wire: NDArray[np.int64]  # bytes the frame had on the wire
    times: NDArray[np.int64]  # nanoseconds since 1970 UTC; may be negative or run backwards
    linktypes: NDArray[np.int32]  # LINKTYPE_ numbers
    interfaces: NDArray[np.int32]  # number within the pcapng section; 0 in a pcap
    first_frame: int  # 1-based number of row 0 in its file
    source: int  # index of the capture among those named
    positions: NDArray[np.int64]  # byte offset of the frame's record in the file

    def __post_init__(self) -> None:
        if self.arena.dtype != np.uint8 or self.arena.ndim != 1:
            raise ValueError("the arena must be one row of bytes")
        for name, dtype in _COLUMNS.items():
            column = getattr(self, name)
            if column.dtype != dtype or column.shape != (len(self.offsets),):
                raise ValueError(f"column {name} has the wrong type or length")
        # Compared by subtraction, because offset + captured could wrap around.
        room = self.arena.size - self.offsets
        inside = (self.offsets >= 0) & (self.captured >= 0) & (self.captured <= room)
        if not inside.all():
            raise ValueError(f"row {int(np.argmin(inside))} lies outside the arena")

    def __len__(self) -> int:
        return len(self.offsets)

    def frame(self, i: int) -> bytes:
        """A copy of the bytes of row ``i``."""
        offset = int(self.offsets[i])
        return self.arena[offset : offset + int(self.captured[i])].tobytes()

    def slice(self, i: int, j: int) -> FrameBatch:
        """Rows ``i`` up to but without ``j`` as a view: nothing is copied."""
        rows = range(len(self))[i:j]
        if len(rows) == len(self):
            return self
        columns = {name: getattr(self, name)[rows.start : rows.stop] for name in _COLUMNS}
        first_frame = self.first_frame + rows.start
        return FrameBatch(self.arena, first_frame=first_frame, source=self.source, **columns)


def batch_of(
    frames: Sequence[bytes],
    linktype: int = 1,
    times: Sequence[int] | None = None,
    source: int = 0,
) -> FrameBatch:
    """A batch that owns its arena, from whole frames held in memory."""
    captured = np.array([len(frame) for frame in frames], dtype=np.int64)
    offsets = np.cumsum(captured) - captured
    return FrameBatch(
        arena=np.frombuffer(bytearray().join(frames), dtype=np.uint8),
        offsets=offsets,
        captured=captured,
        wire=captured.copy(),
        times=np.array([0] * len(frames) if times is None else times, dtype=np.int64),
        linktypes=np.full(len(frames), linktype, dtype=np.int32),
        interfaces=np.zeros(len(frames), dtype=np.int32),
        first_frame=1,
        source=source,
        positions=offsets.copy(),
    )
