"""When a host asks for routers."""

from __future__ import annotations

SOLICITATIONS = 3  # of one round, and seconds between them (RFC 4861 section 10)
INTERVAL = 4.0


class Rounds:
    """Three solicitations, then none until the next round; ``due`` in seconds."""

    __slots__ = ("_sent", "due")

    def __init__(self) -> None:
        self.due: float | None = None
        self._sent = 0

    def begin(self, due: float) -> None:
        """A round whose first solicitation is due then."""
        self.due, self._sent = due, 0

    def stop(self) -> None:
        self.due = None

    def sent(self, now: float, rest: float) -> None:
        """A solicitation has left; ``rest`` are seconds until another round if nobody answers."""
        self._sent += 1
        if self._sent < SOLICITATIONS:
            self.due = now + INTERVAL
        else:
            self.pause(now, rest)

    def pause(self, now: float, rest: float) -> None:
        """The next round is ``rest`` seconds away, or as far as two solicitations are."""
        self.begin(now + max(rest, INTERVAL))
