"""The compiled decoder beside its specification."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sensor.capture.batch import FrameBatch, batch_of
from sensor.capture.files import CaptureFile
from sensor.decode.decoded import Decoded
from sensor.decode.kernel import Kernel
from sensor.decode.scalar import decode_batch
from sensor.decode.settings import DecodeSettings
from sensor.schema.rows import unpack
from sensor.schema.words import Reason

from ..hostile.corpus import Whole


class Twins:
    """Both decoders with the same settings."""

    def __init__(self, settings: DecodeSettings, kernel: type[Kernel] = Kernel) -> None:
        self.settings = settings
        self.kernel = kernel(settings)

    def compare(self, batch: FrameBatch) -> int:
        """Decode with both and say how many rows that gave; AssertionError where they differ."""
        expected = decode_batch(batch, self.settings)
        if not same(expected, self.kernel.decode(batch)):
            raise AssertionError(self._first_difference(batch))
        return len(expected.rows)

    def _first_difference(self, batch: FrameBatch) -> str:
        for i in range(len(batch)):
            alone = batch.slice(i, i + 1)
            expected, found = decode_batch(alone, self.settings), self.kernel.decode(alone)
            if not same(expected, found):
                return "\n".join(
                    [
                        f"row {i} of the batch, link type {batch.linktypes[i]}, "
                        f"{batch.wire[i]} octets on the wire, captured:",
                        batch.frame(i).hex(),
                        *map(str, self.settings.sixrd),
                        f"scalar: {told(expected)}",
                        f"kernel: {told(found)}",
                        *differences(expected, found),
                    ]
                )
        return "the decoders differ in this batch as a whole, but in none of its frames alone"


def same(expected: Decoded, found: Decoded) -> bool:
    """Bit for bit."""
    return (
        expected.rows.dtype == found.rows.dtype
        and expected.rows.tobytes() == found.rows.tobytes()
        and expected.reasons.dtype == found.reasons.dtype
        and expected.reasons.tobytes() == found.reasons.tobytes()
        and expected.fragments.dtype == found.fragments.dtype
        and expected.fragments.tolist() == found.fragments.tolist()
    )


def told(decoded: Decoded) -> str:
    reasons = " ".join(Reason(int(code)).text for code in decoded.reasons)
    return f"{reasons}, {len(decoded.rows)} rows, fragments {decoded.fragments.tolist()}"


def differences(expected: Decoded, found: Decoded) -> list[str]:
    return [
        f"depth {right.depth} {name}: scalar {value!r}, kernel {other!r}"
        for right, ours in zip(unpack(expected.rows), unpack(found.rows), strict=False)
        for name, value, other in zip(right._fields, right, ours, strict=True)
        if value != other
    ]


def batch_from(frames: list[Whole]) -> FrameBatch:
    """Frames of whatever link types, at different times."""
    batch = batch_of([frame.data for frame in frames], times=range(len(frames)), source=3)
    batch.linktypes[:] = [frame.link_type for frame in frames]
    return batch


def cuts(frame: Whole) -> FrameBatch:
    """One frame cut at each length, first by a snap length, then on the wire."""
    size = len(frame.data)
    captured = np.tile(np.arange(size + 1, dtype=np.int64), 2)
    rows = len(captured)
    zeros = np.zeros(rows, dtype=np.int64)
    return FrameBatch(
        arena=np.frombuffer(bytearray(frame.data), dtype=np.uint8),
        offsets=zeros,
        captured=captured,
        wire=np.where(np.arange(rows) <= size, size, captured),
        times=zeros,
        linktypes=np.full(rows, frame.link_type, dtype=np.int32),
        interfaces=np.zeros(rows, dtype=np.int32),
        first_frame=1,
        source=0,
        positions=zeros,
    )


def capture_batches(path: Path) -> list[FrameBatch]:
    """All batches of a capture, each valid for as long as the list."""
    with CaptureFile(str(path)) as capture:
        return [
            FrameBatch(
                arena=batch.arena.copy(),
                offsets=batch.offsets.copy(),
                captured=batch.captured.copy(),
                wire=batch.wire.copy(),
                times=batch.times.copy(),
                linktypes=batch.linktypes.copy(),
                interfaces=batch.interfaces.copy(),
                first_frame=batch.first_frame,
                source=batch.source,
                positions=batch.positions.copy(),
            )
            for batch in capture.batches()
        ]
