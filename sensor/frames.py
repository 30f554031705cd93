"""Captures frame by frame, for `sensor decode`: through the scalar twins.

Frames come in file order. Where one may yet have rows, because it waits for the other fragments of
a packet, all behind it are held back until that is known, but no more than FRAMES_HELD, or those of
OCTETS_HELD: then it goes without rows, and comes once more, late, if they never became whole.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sensor.capture.batch import FrameBatch
from sensor.capture.files import CaptureFile, unknown_link_type
from sensor.capture.selection import EVERYTHING, Selection
from sensor.capture.stream import never
from sensor.decode.decoded import Run, Whole
from sensor.decode.reassembly import Reassembly
from sensor.decode.scalar import decode_batch
from sensor.decode.settings import DecodeSettings
from sensor.errors import CaptureError
from sensor.schema.rows import Observation, unpack
from sensor.schema.words import Reason
from sensor.track.marks import accepted, is_traffic, shown
from sensor.track.scalar import Table
from sensor.track.settings import TrackSettings

FRAMES_HELD = 4_096
OCTETS_HELD = 16 << 20


@dataclass(frozen=True, slots=True)
class ReadFrame:
    """One frame with what the decoder and the table say of it.

    ``data`` are the octets that rows refer to: of a frame that completes a packet in fragments
    (``whole``) with this packet. A ``late`` frame came before, then without rows.
    """

    capture: str
    number: int
    time: int
    link_type: int
    wire_length: int
    captured_length: int
    data: bytes
    reason: Reason
    rows: list[Observation]
    whole: Whole | None = None
    late: bool = False


def read_frames(
    paths: Sequence[str],
    decode: DecodeSettings,
    track: TrackSettings,
    damages: list[CaptureError],
    selection: Selection = EVERYTHING,
    follow: bool = False,
    stopped: Callable[[], bool] = never,
) -> Iterator[ReadFrame]:
    """Every frame of every capture that is wanted, in file order; damage ends a file and is noted.

    With ``follow`` a capture is read as it grows, and then what takes its name after it. Once
    ``stopped`` says so, nothing is waited for and no more is taken; what is held back still comes,
    and what is cut off is no damage.
    """
    left = selection.count
    for number, path in enumerate(paths):
        reader = _Reader(
            path, number, decode, Table(track), damages, selection, follow, stopped, left
        )
        yield from reader.frames()
        left = reader.left
        if left == 0 or stopped():
            return


@dataclass(slots=True)
class _Reader:
    """One capture on its way through the decoder and the table."""

    path: str
    number: int
    decode: DecodeSettings
    table: Table
    damages: list[CaptureError]
    selection: Selection
    follow: bool
    stopped: Callable[[], bool]
    left: int | None  # frames that may still come; None: any number
    _foreign: bool = False  # a frame has had a link type that cannot be read
    _reassembly: Reassembly = field(init=False)
    _queue: _Queue = field(init=False)

    def __post_init__(self) -> None:
        self._reassembly = Reassembly(self.decode)
        self._queue = _Queue()

    def frames(self) -> Iterator[ReadFrame]:
        while (yield from self._file()):
            pass

    def _file(self) -> Generator[ReadFrame, None, bool]:
        """What is wanted of one file. Returns whether it was replaced while it was followed."""
        capture: CaptureFile | None = None
        damage: CaptureError | None = None
        try:
            with CaptureFile(
                self.path, self.number, follow=self.follow, stopped=self.stopped
            ) as capture:
                for batch in capture.batches():
                    for part in self._wanted(batch):
                        yield from self._runs(part)
                    over = self.follow and self.selection.is_over(batch)
                    if over or self.left == 0 or self.stopped():
                        break
        except CaptureError as error:
            damage = error
        yield from self._rest()
        if damage is not None and not self.stopped():
            self.damages.append(damage)
        return self.left != 0 and capture is not None and capture.replaced

    def _wanted(self, batch: FrameBatch) -> Iterator[FrameBatch]:
        """The parts of a batch that count, as long as frames may come."""
        for part in self.selection.kept(batch):
            if self.left is not None:
                part = part.slice(0, self.left)
                self.left -= len(part)
            yield part
            if self.left == 0:
                return

    def _runs(self, batch: FrameBatch) -> Iterator[ReadFrame]:
        """The frames of a batch, and those that it sets free."""
        for run in self._reassembly.take(batch, decode_batch(batch, self.decode)):
            yield from self._ordered(run)
            if self.stopped():
                return

    def _rest(self) -> Iterator[ReadFrame]:
        """What is still held back when there are no more frames."""
        for run in self._reassembly.finish():
            yield from self._ordered(run)
        yield from self._queue.ready(())

    def _ordered(self, run: Run) -> Iterator[ReadFrame]:
        """What is followed comes at once: nobody knows when the next frame will."""
        waiting = () if self.follow else {number for _, number in self._reassembly.waiting}
        for frame in self._tracked(run):
            self._queue.put(frame)
            yield from self._queue.ready(waiting)
            if self.stopped():
                return  # what comes late is one frame a run

    def _tracked(self, run: Run) -> Iterator[ReadFrame]:
        batch, decoded = run.batch, run.decoded
        index = 0
        while index < len(decoded.rows):
            index, _ = self.table.update(decoded.rows, index)
            self.table.drop_closed()
        of_frame: dict[int, list[Observation]] = {}
        for row in unpack(decoded.rows):
            of_frame.setdefault(row.frame, []).append(row)
        for i in range(len(batch)):
            number = batch.first_frame + i
            found, whole = of_frame.get(number, []), run.whole.get(number)
            reason = final_reason(Reason(int(decoded.reasons[i])), found)
            if reason is Reason.UNKNOWN_LINK_TYPE and not self._foreign:
                self._foreign = True
                self.damages.append(unknown_link_type(self.path, batch, i))
            yield ReadFrame(
                capture=self.path,
                number=number,
                time=int(batch.times[i]),
                link_type=int(batch.linktypes[i]),
                wire_length=int(batch.wire[i]),
                captured_length=int(batch.captured[i]),
                data=whole.data if whole else batch.frame(i),
                reason=reason,
                rows=[row for row in found if shown(row)],
                whole=whole,
                late=run.late,
            )


class _Queue:
    """Frames on their way out; one that comes late takes its old place, if that is still here."""

    def __init__(self) -> None:
        self._frames: dict[int, ReadFrame] = {}  # by number, in their order
        self._octets = 0

    def put(self, frame: ReadFrame) -> None:
        before = self._frames.get(frame.number)
        if before is not None:
            self._octets -= len(before.data)
            frame = replace(frame, late=False)
        self._frames[frame.number] = frame
        self._octets += len(frame.data)

    def ready(self, waiting: Container[int]) -> Iterator[ReadFrame]:
        """The frames in front of the first one that waits, and those there is no room for."""
        while self._frames:
            number = next(iter(self._frames))
            full = len(self._frames) > FRAMES_HELD or self._octets > OCTETS_HELD
            if number in waiting and not full:
                break
            frame = self._frames.pop(number)
            self._octets -= len(frame.data)
            yield frame


def final_reason(reason: Reason, rows: Sequence[Observation]) -> Reason:
    """What became of a frame once the table has seen its rows."""
    if not rows or not is_traffic(rows[0]):
        return reason
    if rows[0].copy_of:
        return Reason.COPY
    return Reason.TUNNELLED if accepted(rows[0]) else Reason.WEAK
