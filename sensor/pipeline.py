"""Wires capture -> decode -> track -> outputs; holds no policy."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensor.ahead import ahead
from sensor.capture.batch import FrameBatch
from sensor.capture.files import CaptureFile, first_time, may_wait, unknown_link_type
from sensor.capture.selection import EVERYTHING, Selection
from sensor.decode.decoded import Decoded, Run
from sensor.decode.kernel import Kernel
from sensor.decode.settings import DecodeSettings
from sensor.errors import CaptureError
from sensor.jit import load
from sensor.schema.records import Change, Scope, SensorRecord, TunnelRecord
from sensor.schema.rows import Observation, Rows
from sensor.schema.witness import Witness
from sensor.schema.words import Confidence, Evidence, Kind, Reason, Vantage
from sensor.track.interface import TableLike
from sensor.track.settings import TrackSettings
from sensor.track.table import Table
from sensor.track.tracker import Tracker
from sensor.track.witnesses import Witnesses

if TYPE_CHECKING:
    from sensor.decode.reassembly import Reassembly

STDIN = "-"

# Modules whose machine code is loaded, or built where it is missing, all at once.
COMPILED = ("sensor.capture.records", "sensor.decode.kernel", "sensor.track.table")

# Runs of frames in memory at a time: one is tracked, the next one is read and decoded.
SLOTS = 2

_REASONS = max(Reason) + 1


@dataclass(frozen=True, slots=True)
class Source:
    """One capture of an observation and the side of the NAT it was taken on.

    With ``follow`` it is read as it grows, and then what takes its name after it.
    """

    path: str
    vantage: Vantage = Vantage.UNKNOWN
    follow: bool = False


@dataclass(slots=True)
class Ledger:
    """Counts every frame once: read = tunnelled + copies + other + unreadable."""

    reasons: Counter[Reason] = field(default_factory=Counter)
    kinds: Counter[Kind] = field(default_factory=Counter)
    first: int | None = None
    last: int | None = None

    def see(
        self, batch: FrameBatch, reasons: NDArray[np.uint8], rows: Rows, late: bool = False
    ) -> None:
        """One run of frames, what the decoder said of each, and its rows as the table marked them.

        Of a frame with traffic of a tunnel the outermost row decides, and no more the decoder. A
        late run is one frame that was counted as a fragment before.
        """
        counts = np.bincount(reasons, minlength=_REASONS)
        counts[Reason.FRAGMENT] -= late
        if len(rows):
            outermost = (rows["depth"] == 0) & _traffic(rows)
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
                if count and reason not in (Reason.TUNNELLED, Reason.COPY)
            },
            dropped_state=sum(table.limits_hit.values()),
            dropped_documents=0,
            first_time=self.first,
            last_time=self.last,
            seconds=seconds,
            scope=scope,
            unpromoted=table.unpromoted,
        )


class _Portion(NamedTuple):
    """One run of frames of one capture, and what reading came upon until then."""

    frames: tuple[FrameBatch, Kernel] | None  # and who decodes them; None: there are no more
    damages: list[CaptureError]  # since the portion before
    bytes_read: int  # of all captures
    decoded: Decoded | None = None  # if that is done already


class Replay:
    """Several captures as one observation, by packet time.

    Iterate over ``changes()``; afterwards ``damages``, ``ledger`` and ``limits_hit`` are whole.
    ``on_batch`` is called after each run of frames, for a progress display of ``bytes_read``;
    ``stop()`` ends after the current one. Without ``story`` there are no changes but the last
    of each tunnel, and those of exposures. ``name_role`` says which names of ``decode.names``
    belong to tunnels, for ``witnesses``.

    Captures are read in a second thread, ahead of what is tracked; whichever of the two has time
    decodes. But where reading may wait for a writer all is done in one: there an interrupt
    must end the wait.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        decode: DecodeSettings,
        track: TrackSettings,
        selection: Selection = EVERYTHING,
        service_name: Callable[[int, int], str | None] = lambda transport, port: None,
        story: bool = True,
        name_role: Callable[[str], str | None] = lambda name: None,
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
        self._busy = False  # the other thread, which sets it: then this one has time to decode
        # And these for the other.
        self._reassembly: Reassembly | None = None  # made when there is a fragment
        self._scopes: set[Scope] = set()
        self._foreign: set[int] = set()  # captures of a link type that cannot be read
        self._table = table = Table(track, tuple(source.vantage for source in sources))
        paths = tuple(source.path for source in sources)
        self._tracker = Tracker(track, table, paths, service_name, story)
        self._settings = decode
        self._name_role = name_role
        self._witnesses = Witnesses(track.limits.names)

    @property
    def limits_hit(self) -> Counter[str]:
        limits = self._tracker.table.limits_hit + self._witnesses.limits_hit
        return limits + self._reassembly.limits_hit if self._reassembly else limits

    @property
    def witnesses(self) -> list[Witness]:
        """Look-ups of tunnels' names, by time."""
        return list(self._witnesses)

    def stop(self) -> None:
        self.stopped = True

    def changes(self) -> Generator[Change]:
        """Every change of a record, in packet-time order; the sensor's own record comes last."""
        started = time.monotonic()
        portions = self._portions()
        if not any(source.follow or may_wait(source.path) for source in self.sources):
            portions = ahead(portions, SLOTS)
        with closing(portions):
            for portion in portions:
                self._busy = True
                for run in self._runs(portion):
                    self._track(run)
                    self.on_batch()
                    yield from self._changes()
                self._busy = False
                if self.stopped:
                    break
            self.on_batch()
        if self._reassembly is not None:
            for run in self._reassembly.finish():
                self._track(run)
                self.on_batch()
        if self.ledger.last is not None:
            self._tracker.sweep(self.ledger.last)
        self._tracker.finish()
        yield from self._changes()
        seconds = time.monotonic() - started
        record = self.ledger.record(self._tracker.table, seconds, self._scope())
        record = record._replace(dropped_state=sum(self.limits_hit.values()))
        yield Change("sensor-metrics", self.ledger.last or 0, 0, 0, record)

    def _changes(self) -> list[Change]:
        changes = self._tracker.take_changes()
        for change in changes:
            if isinstance(change.record, TunnelRecord):
                self._scopes.add(change.record.scope)
        return changes

    def _runs(self, portion: _Portion) -> Iterator[Run]:
        """The frames of a portion, decoded, with fragments put together; most have none."""
        self.damages += portion.damages
        self.bytes_read = portion.bytes_read
        if portion.frames is None:
            return
        batch, kernel = portion.frames
        decoded = portion.decoded or kernel.decode(batch)
        if self._reassembly is None and len(decoded.fragments):
            from sensor.decode.reassembly import Reassembly  # it brings the scalar decoder

            self._reassembly = Reassembly(self._settings)
        if self._reassembly is None:
            yield Run(batch, decoded, {})
        else:
            yield from self._reassembly.take(batch, decoded)

    def _track(self, run: Run) -> None:
        """Track and count frames that follow each other in one capture."""
        batch, decoded, whole = run.batch, run.decoded, run.whole
        rows = decoded.rows

        def octets(row: Observation) -> bytes:
            made = whole.get(row.frame)
            return made.data if made else batch.frame(row.frame - batch.first_frame)

        self._tracker.update(rows, octets)
        self.ledger.see(batch, decoded.reasons, rows, run.late)
        if self.ledger.reasons[Reason.NAME]:
            self._note_names(run)
        if self.ledger.reasons[Reason.UNKNOWN_LINK_TYPE]:
            self._note_link_type(batch, decoded.reasons == Reason.UNKNOWN_LINK_TYPE)

    def _note_names(self, run: Run) -> None:
        """Read look-ups of tunnels' names, so many in a second of packet time."""
        from sensor.decode.lookups import witnesses
        from sensor.decode.scalar import Frame

        batch = run.batch
        for i in map(int, np.flatnonzero(run.decoded.reasons == Reason.NAME)):
            time = int(batch.times[i])
            if not self._witnesses.admits(time):
                continue
            made = run.whole.get(batch.first_frame + i)
            frame = Frame(
                data=made.data if made else batch.frame(i),
                link_type=int(batch.linktypes[i]),
                wire_length=int(batch.wire[i]),
                number=batch.first_frame + i,
                time=time,
                source=batch.source,
                whole_at=made.at if made else None,
            )
            for witness in witnesses(frame, self._settings, self._name_role):
                self._witnesses.see(witness)

    def _note_link_type(self, batch: FrameBatch, unknown: NDArray[np.bool_]) -> None:
        """A link type that cannot be read is damage, noted once for a capture."""
        if batch.source in self._foreign or not unknown.any():
            return
        self._foreign.add(batch.source)
        path = self.sources[batch.source].path
        self.damages.append(unknown_link_type(path, batch, int(np.argmax(unknown))))

    def _scope(self) -> Scope:
        """What could be observed of all tunnels together, ended ones too."""
        sides = {scope.vantage for scope in self._scopes} - {Vantage.UNKNOWN}
        vantage = Vantage.BOTH if len(sides) > 1 else next(iter(sides), Vantage.UNKNOWN)
        answered = any(scope.both_directions for scope in self._scopes)
        return Scope(vantage, answered, any(scope.midstream for scope in self._scopes))

    # reading, perhaps in a second thread

    def _portions(self) -> Generator[_Portion]:
        """All that there is to track, in order; each valid until SLOTS more are asked for."""
        for frames in zip(self._parts(), itertools.cycle(self._kernels), strict=False):
            decoded = self._decoded(*frames) if self._busy else None
            yield self._portion(frames, decoded)
        yield self._portion(None)

    def _decoded(self, batch: FrameBatch, kernel: Kernel) -> Decoded:
        decoded = kernel.decode(batch)
        self._table.prepare(decoded.rows)
        return decoded

    def _portion(
        self, frames: tuple[FrameBatch, Kernel] | None, decoded: Decoded | None = None
    ) -> _Portion:
        damages, self._found = self._found, []
        reading = sum(capture.bytes_read for capture in self._open.values())
        return _Portion(frames, damages, self._finished_bytes + reading, decoded)

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
        while queue:
            _, number = heapq.heappop(queue)
            if number in runs:
                run = runs[number]
                part = run.take(queue[0][0] if queue else None)
                if left is not None:
                    part = part.slice(0, left)
                    left -= len(part)
                yield part
                if left == 0:
                    return  # without a wait for what is not wanted
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
        """What is wanted of one capture and, where it is followed, of each that replaces it."""
        while (yield from self._capture(number)):
            pass

    def _capture(self, number: int) -> Generator[FrameBatch, None, bool]:
        """What is wanted of one file; notes its damage. Returns whether it was replaced."""
        source = self.sources[number]
        stopped = partial(getattr, self, "stopped")
        try:
            with CaptureFile(
                source.path, number, slots=SLOTS, follow=source.follow, stopped=stopped
            ) as capture:
                self._open[number] = capture
                for batch in capture.batches():
                    for part in self._selection.kept(batch):
                        capture.hold()
                        yield part
                    if source.follow and self._selection.is_over(batch):
                        return False
        except CaptureError as error:
            if not self.stopped:  # what is cut off by stopping is not damaged
                self._found.append(_alone(error))
        finally:
            closed = self._open.pop(number, None)
            self._finished_bytes += closed.bytes_read if closed else 0
        return closed is not None and closed.replaced


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


def _alone(error: CaptureError) -> CaptureError:
    """Without what led to it, which would keep the capture's buffers and this observation."""
    error.__context__ = None
    return error.with_traceback(None)


def _counted(counts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Each number that occurs, and how often."""
    return ((number, count) for number, count in enumerate(counts.tolist()) if count)


def _traffic(rows: Rows) -> NDArray[np.bool_]:
    """``track.marks.is_traffic`` of them all."""
    traffic: NDArray[np.bool_] = (rows["kind"] != Kind.NONE) & (rows["quoted"] == 0)
    return traffic


def _accepted(rows: Rows) -> NDArray[np.bool_]:
    """Of traffic, what is a tunnel's after what the table knows: ``track.marks.accepted``."""
    learned = rows["reasons"] & Evidence.LEARNED_FLOW != 0
    accepted: NDArray[np.bool_] = (rows["confidence"] > Confidence.WEAK) | learned
    return accepted
