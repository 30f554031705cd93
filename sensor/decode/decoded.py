"""What a decoder hands on for one batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor.schema.rows import Rows


@dataclass(frozen=True, slots=True)
class Decoded:
    """Rows of a batch, and for each frame of it what became of the frame (``Reason``)."""

    rows: Rows
    reasons: npt.NDArray[np.uint8]
