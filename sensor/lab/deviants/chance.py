"""A source of chance that is broken."""

from __future__ import annotations

from random import Random


class StuckChance(Random):
    """Gives the same octets whenever it is asked for as many: nonces that never change.

    Numbers are drawn as they should be.
    """

    def __init__(self, seed: str) -> None:
        super().__init__(seed)
        self._given: dict[int, bytes] = {}

    def randbytes(self, n: int) -> bytes:
        """The first ``n`` octets that were drawn, for ever."""
        return self._given.setdefault(n, super().randbytes(n))
