"""Which frames of captures are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sensor.capture.batch import FrameBatch


@dataclass(frozen=True, slots=True)
class Selection:
    """Which frames count: nanoseconds since 1970 UTC, ``end`` excluded; ``count`` frames at most.

    ``keep`` decides by a frame's octets, link type and length on the wire, None: all are kept.
    """

    start: int | None = None
    end: int | None = None
    count: int | None = None
    keep: Callable[[bytes, int, int], bool] | None = None

    def kept(self, batch: FrameBatch) -> Iterator[FrameBatch]:
        """Runs of neighbouring frames of a batch that count, however many there were before."""
        if self.start is None and self.end is None and self.keep is None:
            yield batch
            return
        keep = np.ones(len(batch), dtype=np.bool_)
        if self.start is not None:
            keep &= batch.times >= self.start
        if self.end is not None:
            keep &= batch.times < self.end
        if self.keep is not None:
            for i in np.flatnonzero(keep):
                linktype, wire = int(batch.linktypes[i]), int(batch.wire[i])
                keep[i] = self.keep(batch.frame(int(i)), linktype, wire)
        edges = np.flatnonzero(np.diff(keep.astype(np.int8), prepend=0, append=0))
        for start, stop in edges.reshape(-1, 2).tolist():
            yield batch.slice(start, stop)

    def is_over(self, batch: FrameBatch) -> bool:
        """Whether a capture in the order of time has nothing after this batch that counts."""
        return self.end is not None and bool((batch.times >= self.end).any())


EVERYTHING = Selection()
