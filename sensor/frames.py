"""Captures frame by frame, for `sensor decode`: through the scalar twins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sensor.capture.files import CaptureFile
from sensor.decode.scalar import decode_batch
from sensor.decode.settings import DecodeSettings
from sensor.errors import CaptureError
from sensor.schema.rows import Observation, unpack
from sensor.schema.words import Reason
from sensor.track.marks import accepted
from sensor.track.scalar import Table
from sensor.track.settings import TrackSettings


@dataclass(frozen=True, slots=True)
class ReadFrame:
    """One frame with what the decoder and the table say of it."""

    capture: str
    number: int
    time: int
    link_type: int
    wire_length: int
    data: bytes
    reason: Reason
    rows: list[Observation]


def read_frames(
    paths: Sequence[str],
    decode: DecodeSettings,
    track: TrackSettings,
    damages: list[CaptureError],
) -> Iterator[ReadFrame]:
    """Every frame of every capture, in file order; damage ends a file and is noted."""
    for source, path in enumerate(paths):
        try:
            with CaptureFile(path, source) as capture:
                yield from _frames_of(capture, decode, Table(track))
        except CaptureError as error:
            damages.append(error)


def _frames_of(capture: CaptureFile, settings: DecodeSettings, table: Table) -> Iterator[ReadFrame]:
    for batch in capture.batches():
        decoded = decode_batch(batch, settings)
        index = 0
        while index < len(decoded.rows):
            index, _ = table.update(decoded.rows, index)
            table.drop_closed()
        of_frame: dict[int, list[Observation]] = {}
        for row in unpack(decoded.rows):
            of_frame.setdefault(row.frame, []).append(row)
        for i in range(len(batch)):
            number = batch.first_frame + i
            found = of_frame.get(number, [])
            yield ReadFrame(
                capture=capture.path,
                number=number,
                time=int(batch.times[i]),
                link_type=int(batch.linktypes[i]),
                wire_length=int(batch.wire[i]),
                data=batch.frame(i),
                reason=final_reason(Reason(int(decoded.reasons[i])), found),
                rows=[row for row in found if accepted(row)],
            )


def final_reason(reason: Reason, rows: Sequence[Observation]) -> Reason:
    """What became of a frame once the table has seen its rows."""
    if not rows:
        return reason
    if rows[0].copy_of:
        return Reason.COPY
    return Reason.TUNNELLED if accepted(rows[0]) else Reason.WEAK
