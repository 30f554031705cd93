"""Numbers that look random and follow from a seed, a purpose and a position alone.

No state is kept, so that a capture is the same however it is cut into chunks, and on every
version of NumPy.
"""

from __future__ import annotations

from enum import IntEnum, auto

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Octets = NDArray[np.uint8]

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_MASK = (1 << 64) - 1
_POOL = 1 << 20


class Purpose(IntEnum):
    """What a number is drawn for: two purposes give unrelated numbers."""

    SCRIPT = auto()
    GAP = auto()
    HOST = auto()
    REMOTE = auto()
    TUNNEL = auto()
    PORT = auto()
    SERVICE = auto()
    NEAR_SEQUENCE = auto()
    FAR_SEQUENCE = auto()
    NONCE = auto()
    PAYLOAD = auto()
    POOL = auto()


class Draws:
    """Draws for one seed; the arithmetic is splitmix64's."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._pool = self.numbers(Purpose.POOL, np.arange(_POOL // 8)).astype("<u8").view(np.uint8)

    def numbers(self, purpose: Purpose, positions: Numbers) -> NDArray[np.uint64]:
        """64 random bits for each position."""
        begin = (self._seed * _FIRST + purpose * _SECOND) & _MASK
        mixed = positions.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(begin)
        for shift, factor in ((30, _FIRST), (27, _SECOND)):
            mixed = (mixed ^ mixed >> np.uint64(shift)) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
        return mixed

    def below(self, limit: int, purpose: Purpose, positions: Numbers) -> Numbers:
        """A number from 0 to ``limit`` - 1 for each position."""
        return (self.numbers(purpose, positions) >> np.uint64(16)).astype(np.int64) % limit

    def octets(self, length: int, positions: Numbers) -> Octets:
        """(positions, length) random octets, cut from a pool of 1 MiB."""
        starts = self.below(_POOL - length, Purpose.PAYLOAD, positions)
        cuts: Octets = np.lib.stride_tricks.sliding_window_view(self._pool, length)[starts]
        return cuts
