"""How often something may happen that strangers can provoke."""

from __future__ import annotations


class Allowance:
    """At most ``rate`` times a second on the average, and as many at once."""

    __slots__ = ("_left", "_rate", "_since")

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._left = rate
        self._since: float | None = None

    def take(self, now: float) -> bool:
        """Whether it may happen once more; time that passed fills the allowance up."""
        since = now if self._since is None else self._since
        self._left = min(self._rate, self._left + (now - since) * self._rate)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
