"""What the scalar decoder says of a frame, as rows of the same form as the expected ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sensor.capture.batch import batch_of
from sensor.decode.reassembly import Reassembly
from sensor.decode.scalar import Frame, decode_batch, decode_frame
from sensor.schema.rows import Observation, unpack
from sensor.schema.words import (
    Anomaly,
    Confidence,
    Evidence,
    Kind,
    Layer,
    Reason,
    TeredoPacket,
    Transport,
    kind_texts,
)

from ..build import End
from .made import NOTHING, SETTINGS, TIME, Row


class Seen(NamedTuple):
    reason: Reason
    rows: tuple[Row, ...]
    stack: tuple[str, ...]
    confidence: Confidence  # the lowest of the rows
    highest: Confidence
    quoted: bool  # all rows are of a quoted packet

    @property
    def believed(self) -> bool:
        """Whether there are rows, and all of them count."""
        return self.confidence >= Confidence.STRONG


def see(data: bytes, link_type: int, missing: int = 0, whole_at: int | None = None) -> Seen:
    """Decode a frame of which the last ``missing`` octets were not captured."""
    captured = data[: len(data) - missing]
    frame = Frame(captured, link_type, len(data), time=TIME, whole_at=whole_at)
    return _seen(*decode_frame(frame, SETTINGS))


def see_together(frames: Sequence[bytes]) -> Seen:
    """The last of Ethernet frames that hold the fragments of one packet."""
    batch = batch_of(frames, times=[TIME] * len(frames))
    reassembly = Reassembly(SETTINGS)
    (run,) = reassembly.take(batch, decode_batch(batch, SETTINGS))
    assert list(reassembly.finish()) == []
    assert set(run.decoded.reasons[:-1].tolist()) == {Reason.FRAGMENT}
    return _seen(Reason(int(run.decoded.reasons[-1])), unpack(run.decoded.rows))


def _seen(reason: Reason, rows: list[Observation]) -> Seen:
    confidences = [Confidence(row.confidence) for row in rows] or [Confidence.NONE]
    stack = rows[0].stack[: rows[0].stack_length] if rows else b""
    layers = tuple(Layer(code).text for code in stack)
    lowest, highest = min(confidences), max(confidences)
    quoted = bool(rows) and all(row.quoted for row in rows)
    return Seen(reason, tuple(map(_row, rows)), layers, lowest, highest, quoted)


def _row(row: Observation) -> Row:
    size = 4 if row.outer_version == 4 else 16
    return Row(
        kind=Kind(row.kind).text,
        kinds=frozenset(kind_texts(row.kinds)),
        reasons=frozenset(Evidence(row.reasons).words),
        anomalies=frozenset(Anomaly(row.anomalies).words),
        transport=Transport(row.outer_transport).text,
        source=(row.outer_source[:size], row.outer_source_port),
        destination=(row.outer_destination[:size], row.outer_destination_port),
        inner_source=_inner(row, row.inner_source, row.inner_source_port),
        inner_destination=_inner(row, row.inner_destination, row.inner_destination_port),
        teredo=TeredoPacket(row.teredo_packet).text,
    )


def _inner(row: Observation, address: bytes, port: int) -> End:
    return (address, port) if row.inner_length else NOTHING
