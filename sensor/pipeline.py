"""Wires capture -> decode -> track -> outputs; holds no policy."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sensor.ahead import ahead
from sensor.capture.batch import FrameBatch
from sensor.capture.files import CaptureFile, first_time, may_wait
from sensor.decode.decoded import Decoded
from sensor.decode.kernel import Kernel
from sensor.decode.settings import DecodeSettings
from sensor.errors import CaptureError
from sensor.jit import load
from sensor.schema.records import Change, Scope, SensorRecord, TunnelRecord
from sensor.schema.rows import Rows
from sensor.schema.words import Confidence, Evidence, Kind, Reason, Vantage
from sensor.track.interface import TableLike
from sensor.track.settings import TrackSettings
from sensor.track.table import Table
from sensor.track.tracker import Tracker

STDIN = "-"

# Modules whose machine code is loaded, or built where it is missing, all at once.
COMPILED = ("sensor.capture.records", "sensor.decode.kernel", "sensor.track.table")

# Runs of frames in memory at a time: one is tracked, the next one is read and decoded.
SLOTS = 2

_REASONS = max(Reason) + 1


@dataclass(frozen=True, slots=True)
class Source:
    """One capture of an observation and the side of the NAT it was taken on."""

    path: str
    vantage: Vantage = Vantage.UNKNOWN


@dataclass(frozen=True, slots=True)
class Selection:
    """Which frames count: nanoseconds since 1970 UTC, ``end`` excluded; ``count`` frames at most.

    ``keep`` decides by a frame's octets, link type and length on the wire, None: all are kept.
    """

    start: int | None = None
    end: int | None = None
    count: int | None = None
    keep: Callable[[bytes, int, int], bool] | None = None


@dataclass(slots=True)
class Ledger:
    """Counts every frame once: read = tunnelled + copies + other + unreadable."""

    reasons: Counter[Reason] = field(default_factory=Counter)
    kinds: Counter[Kind] = field(default_factory=Counter)
    first: int | None = None
    last: int | None = None

    def see(self, batch: FrameBatch, reasons: NDArray[np.uint8], rows: Rows) -> None:
        """One run of frames, what the decoder said of each, and its rows as the table marked them.

        Of a frame with rows the outermost one decides, and no more the decoder.
        """
        counts = np.bincount(reasons, minlength=_REASONS)
        if len(rows):
            outermost = rows["depth"] == 0
            copied = outermost & (rows["copy_of"] != 0)
            tunnelled = outermost & ~copied & _accepted(rows)
            decided = reasons[rows["frame"][outermost].astype(np.int64) - batch.first_frame]
            copies, tunnels = np.count_nonzero(copied), np.count_nonzero(tunnelled)
            counts -= np.bincount(decided, minlength=_REASONS)
            counts[Reason.COPY] += copies
            counts[Reason.TUNNELLED] += tunnels
            counts[Reason.WEAK] += len(decided) - copies - tunnels
            for number, count in _counted(np.bincount(rows["kind"][tunnelled])):
                self.kinds[Kind(number)] += count
        for number, count in _counted(counts):
            self.reasons[Reason(number)] += count
        first, last = int(batch.times.min()), int(batch.times.max())
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)

    @property
    def read(self) -> int:
        return sum(self.reasons.values())

    @property
    def unreadable(self) -> int:
        return sum(count for reason, count in self.reasons.items() if reason.unreadable)

    def record(self, table: TableLike, seconds: float, scope: Scope) -> SensorRecord:
        tunnelled, copies = self.reasons[Reason.TUNNELLED], self.reasons[Reason.COPY]
        return SensorRecord(
            read=self.read,
            tunnelled=tunnelled,
            copies=copies,
            other=self.read - tunnelled - copies - self.unreadable,
            unreadable=self.unreadable,
            kinds={kind.text: self.kinds[kind] for kind in sorted(self.kinds)},
            reasons={
                reason.text: count
                for reason, count in sorted(self.reasons.items())
                if reason not in (Reason.TUNNELLED, Reason.COPY)
            },
            dropped_state=sum(table.limits_hit.values()),
            dropped_documents=0,
            first_time=self.first,
            last_time=self.last,
            seconds=seconds,
            scope=scope,
            unpromoted=table.unpromoted,
        )


@dataclass(frozen=True, slots=True)
class _Portion:
    """One run of frames of one capture, decoded, and what reading came upon until then."""

    frames: tuple[FrameBatch, Decoded] | None  # None: there are no more
    damages: list[CaptureError]  # since the portion before
    bytes_read: int  # of all captures


class Replay:
    """Several captures as one observation, by packet time.

    Iterate over ``changes()``; afterwards ``damages``, ``ledger`` and ``limits_hit`` are whole.
    ``on_batch`` is called after each run of frames, for a progress display of ``bytes_read``;
    ``stop()`` ends after the current one. Without ``story`` there are no changes but the last
    of each tunnel, and those of exposures.

    Captures are read and decoded in a second thread, ahead of what is tracked. But where reading
    may wait for a writer all is done in one: there an interrupt must end the wait.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        decode: DecodeSettings,
        track: TrackSettings,
        selection: Selection = Selection(),
        service_name: Callable[[int, int], str | None] = lambda transport, port: None,
        story: bool = True,
    ) -> None:
        self.sources = sources
        self.damages: list[CaptureError] = []
        self.ledger = Ledger()
        self.stopped = False
        self.on_batch: Callable[[], None] = lambda: None
        load(*COMPILED)
        self.bytes_read = 0
        self._selection = selection
        # From here on for the thread that reads.
        self._kernels = [Kernel(decode) for _ in range(SLOTS)]
        self._found: list[CaptureError] = []
        self._open: dict[int, CaptureFile] = {}
        self._finished_bytes = 0
        # And these for the other.
        self._scopes: set[Scope] = set()
        self._foreign: set[int] = set()  # captures of a link type that cannot be read
        self._table = table = Table(track, tuple(source.vantage for source in sources))
        paths = tuple(source.path for source in sources)
        self._tracker = Tracker(track, table, paths, service_name, story)

    @property
    def limits_hit(self) -> Counter[str]:
        return self._tracker.table.limits_hit

    def stop(self) -> None:
        self.stopped = True

    def changes(self) -> Generator[Change]:
        """Every change of a record, in packet-time order; the sensor's own record comes last."""
        started = time.monotonic()
        portions = self._portions()
        if not any(may_wait(source.path) for source in self.sources):
            portions = ahead(portions, SLOTS)
        with closing(portions):
            for portion in portions:
                self._take(portion)
                self.on_batch()
                yield from self._changes()
                if self.stopped:
                    break
        if self.ledger.last is not None:
            self._tracker.sweep(self.ledger.last)
        self._tracker.finish()
        yield from self._changes()
        seconds = time.monotonic() - started
        record = self.ledger.record(self._tracker.table, seconds, self._scope())
        yield Change("sensor-metrics", self.ledger.last or 0, 0, 0, record)

    def _changes(self) -> list[Change]:
        changes = self._tracker.take_changes()
        for change in changes:
            if isinstance(change.record, TunnelRecord):
                self._scopes.add(change.record.scope)
        return changes

    def _take(self, portion: _Portion) -> None:
        """Track and count one run of frames of one capture."""
        self.damages += portion.damages
        self.bytes_read = portion.bytes_read
        if portion.frames is None:
            return
        batch, decoded = portion.frames
        rows = decoded.rows
        self._tracker.update(rows, lambda row: batch.frame(row.frame - batch.first_frame))
        self.ledger.see(batch, decoded.reasons, rows)
        if self.ledger.reasons[Reason.UNKNOWN_LINK_TYPE]:
            self._note_link_type(batch, decoded.reasons == Reason.UNKNOWN_LINK_TYPE)

    def _note_link_type(self, batch: FrameBatch, unknown: NDArray[np.bool_]) -> None:
        """A link type that cannot be read is damage, noted once for a capture."""
        if batch.source in self._foreign or not unknown.any():
            return
        self._foreign.add(batch.source)
        i = int(np.argmax(unknown))
        frame, offset = batch.first_frame + i, int(batch.positions[i])
        reason = f"link type {batch.linktypes[i]} is none that this sensor can read"
        self.damages.append(CaptureError(self.sources[batch.source].path, frame, offset, reason))

    def _scope(self) -> Scope:
        """What could be observed of all tunnels together, ended ones too."""
        sides = {scope.vantage for scope in self._scopes} - {Vantage.UNKNOWN}
        vantage = Vantage.BOTH if len(sides) > 1 else next(iter(sides), Vantage.UNKNOWN)
        answered = any(scope.both_directions for scope in self._scopes)
        return Scope(vantage, answered, any(scope.midstream for scope in self._scopes))

    # reading, perhaps in a second thread

    def _portions(self) -> Generator[_Portion]:
        """All that there is to track, in order; each valid until SLOTS more are asked for."""
        for batch, kernel in zip(self._parts(), itertools.cycle(self._kernels), strict=False):
            decoded = kernel.decode(batch)
            self._table.prepare(decoded.rows)
            yield self._portion((batch, decoded))
        yield self._portion(None)

    def _portion(self, frames: tuple[FrameBatch, Decoded] | None) -> _Portion:
        damages, self._found = self._found, []
        reading = sum(capture.bytes_read for capture in self._open.values())
        return _Portion(frames, damages, self._finished_bytes + reading)

    # merging by packet time

    def _parts(self) -> Iterator[FrameBatch]:
        """Runs of frames of single captures, in packet-time order across all of them.

        A capture is opened when its first frame's turn comes: a folder of a thousand rotated files
        holds one of them open, overlapping ones as many as overlap.
        """
        queue = [(self._first_time(i), i) for i in range(len(self.sources))]
        heapq.heapify(queue)
        runs: dict[int, _Run] = {}
        left = self._selection.count
        while queue and left != 0:
            _, number = heapq.heappop(queue)
            if number in runs:
                run = runs[number]
                part = run.take(queue[0][0] if queue else None)
                if left is not None:
                    part = part.slice(0, left)
                    left -= len(part)
                yield part
                run.settle()
            else:
                # Now open; its first frame that counts may be later than its turn was.
                run = runs[number] = _Run(self._selected(number))
            if run.next_time is not None:
                heapq.heappush(queue, (run.next_time, number))
            else:
                del runs[number]

    def _first_time(self, number: int) -> int:
        """When a capture's turn comes; a stream's is at once, for it cannot be read twice."""
        path = self.sources[number].path
        first = None if path == STDIN or len(self.sources) == 1 else first_time(path)
        return -(1 << 63) if first is None else first

    def _selected(self, number: int) -> Iterator[FrameBatch]:
        """Batches of one capture without the frames that were not asked for; notes its damage."""
        path = self.sources[number].path
        try:
            with CaptureFile(path, number, slots=SLOTS) as capture:
                self._open[number] = capture
                for batch in capture.batches():
                    for part in _kept(batch, self._selection):
                        capture.hold()
                        yield part
        except CaptureError as error:
            if not self.stopped:  # what is cut off by stopping is not damaged
                self._found.append(_alone(error))
        finally:
            closed = self._open.pop(number, None)
            self._finished_bytes += closed.bytes_read if closed else 0


class _Run:
    """The batches of one capture, handed out piece by piece."""

    def __init__(self, batches: Iterator[FrameBatch]) -> None:
        self._batches = batches
        self._batch: FrameBatch | None = None
        self._at = 0
        self._advance()

    def _advance(self) -> None:
        self._batch, self._at = next(self._batches, None), 0

    def settle(self) -> None:
        """The piece handed out last is done with: its octets may be overwritten now."""
        if self._batch is not None and self._at == len(self._batch):
            self._advance()

    @property
    def next_time(self) -> int | None:
        return None if self._batch is None else int(self._batch.times[self._at])

    def take(self, limit: int | None) -> FrameBatch:
        """Frames up to the first one later than ``limit``, at least one."""
        assert self._batch is not None, "asked only while next_time is known"
        times = self._batch.times[self._at :]
        stop = len(times)
        if limit is not None:
            later = np.flatnonzero(times > limit)
            stop = max(1, int(later[0])) if len(later) else stop
        whole = stop == len(self._batch)
        part = self._batch if whole else self._batch.slice(self._at, self._at + stop)
        self._at += stop
        return part


def _kept(batch: FrameBatch, selection: Selection) -> Iterator[FrameBatch]:
    """Runs of neighbouring frames that the selection keeps."""
    if selection.start is None and selection.end is None and selection.keep is None:
        yield batch
        return
    keep = np.ones(len(batch), dtype=np.bool_)
    if selection.start is not None:
        keep &= batch.times >= selection.start
    if selection.end is not None:
        keep &= batch.times < selection.end
    if selection.keep is not None:
        for i in np.flatnonzero(keep):
            linktype, wire = int(batch.linktypes[i]), int(batch.wire[i])
            keep[i] = selection.keep(batch.frame(int(i)), linktype, wire)
    edges = np.flatnonzero(np.diff(keep.astype(np.int8), prepend=0, append=0))
    for start, stop in edges.reshape(-1, 2).tolist():
        yield batch.slice(start, stop)


def _alone(error: CaptureError) -> CaptureError:
    """Without what led to it, which would keep the capture's buffers and this observation."""
    error.__context__ = None
    return error.with_traceback(None)


def _counted(counts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Each number that occurs, and how often."""
    return ((number, count) for number, count in enumerate(counts.tolist()) if count)


def _accepted(rows: Rows) -> NDArray[np.bool_]:
    """Which rows are tunnels after what the table knows; ``track.marks.accepted`` of them all."""
    learned = rows["reasons"] & Evidence.LEARNED_FLOW != 0
    accepted: NDArray[np.bool_] = (rows["confidence"] > Confidence.WEAK) | learned
    return accepted
