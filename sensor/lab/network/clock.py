"""Virtual time: what is to happen, in the order in which it is due."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from sensor.errors import SensorError

# Some hundred times what the longest story needs: more is a packet that goes round for ever.
EVENTS = 1_000_000

Action = Callable[[], None]


class Clock:
    """Seconds since the start of the story; they pass only while it runs."""

    def __init__(self, limit: int = EVENTS) -> None:
        self._limit = limit
        self._now = 0.0
        self._actions = 0  # ever asked for; puts those that are due at once in order
        self._due: list[tuple[float, int, Action]] = []

    @property
    def now(self) -> float:
        return self._now

    def at(self, time: float, action: Action) -> None:
        """Do something at a time, or as the next thing if that is past.

        Raises SensorError beyond the limit of all actions.
        """
        if self._actions >= self._limit:
            raise SensorError(
                f"more than {self._limit} events by second {self._now:.3f} of virtual time: "
                "something goes round for ever"
            )
        heapq.heappush(self._due, (max(time, self._now), self._actions, action))
        self._actions += 1

    def after(self, delay: float, action: Action) -> None:
        """Do something ``delay`` seconds from now."""
        self.at(self._now + delay, action)

    def run(self, until: float) -> None:
        """Do all that is due by ``until``, which is then the time; never goes back."""
        while self._due and self._due[0][0] <= until:
            self._now, _, action = heapq.heappop(self._due)
            action()
        self._now = max(self._now, until)
