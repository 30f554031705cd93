"""What a decoder hands on for one batch, and what it is once fragments are put together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sensor.capture.batch import FrameBatch
from sensor.schema.rows import Rows

_NONE = np.empty((0, 2), np.int64)


class Decoded(NamedTuple):
    """Rows of a batch, and for each frame of it what became of the frame (``Reason``).

    ``fragments`` has a line for each frame with a fragment of what may hold a tunnel: the frame's
    index in the batch, and the offset in it of the outermost IP header that says so.
    """

    rows: Rows
    reasons: npt.NDArray[np.uint8]
    fragments: npt.NDArray[np.int64] = _NONE


class Whole(NamedTuple):
    """A frame with a packet put together from fragments instead of the one that it holds itself.

    ``data`` are its octets up to the packet at ``at``, and the whole packet; ``frames`` the
    numbers of those that the fragments came in.
    """

    data: bytes
    at: int
    frames: tuple[int, ...]


class Run(NamedTuple):
    """Frames that follow each other, and what became of them.

    ``whole`` has the octets that rows refer to, by number of the frame, where these are not the
    frame's own. A ``late`` run is one frame that was ``fragment`` in an earlier one.
    """

    batch: FrameBatch
    decoded: Decoded
    whole: dict[int, Whole]
    late: bool = False
