"""One line a happening on standard error, with its time in UTC."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

# Strangers cause events too: a log that grows as fast as they send would be theirs to fill.
EVENTS_A_SECOND = 20


class Log:
    """Lines of one endpoint, which ``role`` names; nobody reading them stops nothing.

    ``stream`` is None where standard error is closed.
    """

    def __init__(
        self, role: str, stream: TextIO | None, clock: Callable[[], float] = time.time
    ) -> None:
        self._role = role
        self._stream = stream
        self._clock = clock
        self._second = 0
        self._events = 0

    def say(self, text: str) -> None:
        if self._stream is None:
            return
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
        try:
            self._stream.write(f"{moment} {self._role}: {text}\n")
            self._stream.flush()
        except OSError:
            pass  # a full disk, a pipe nobody reads: the tunnel goes on

    def event(self, text: str) -> None:
        """As ``say``, up to so many a second; then only their number is told."""
        second = int(self._clock())
        if second != self._second:
            self.summarise()
            self._second = second
        self._events += 1
        if self._events <= EVENTS_A_SECOND:
            self.say(text)

    def summarise(self) -> None:
        """Tell how many events were left out."""
        if self._events > EVENTS_A_SECOND:
            self.say(f"{self._events - EVENTS_A_SECOND} more events in one second")
        self._events = 0
