"""A solicitation, repeated until it is answered or given up (RFC 4380 section 5.2.1)."""

from __future__ import annotations

from sensor.lab.teredo.arrival import Arrival
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.solicitation import Advertised, check, solicit
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket

TIMEOUT = 4.0  # seconds
SOLICITATIONS = 3


class Inquiry:
    """One question to a server, from one of the client's own ends."""

    def __init__(
        self, link: Link, server: Endpoint, now: float, *, cone: bool, end: Endpoint | None = None
    ) -> None:
        self._link = link
        self._end = end
        self._count = 0
        self.solicitation = solicit(link, server, cone)
        self._send(now)

    def _send(self, now: float) -> None:
        self._count += 1
        self.sent = now
        self.due = now + TIMEOUT
        self._link.send(
            self.solicitation.payload,
            self.solicitation.server,
            TeredoPacket.ROUTER_SOLICITATION,
            source=self._end,
        )

    def receive(self, arrival: Arrival, body: bytes) -> Advertised:
        """The answer; Refused if it is none."""
        return check(self._link, self.solicitation, arrival, body)

    def handle_timer(self, now: float) -> bool:
        """Ask again; False if that was done often enough."""
        if self._count == SOLICITATIONS:
            return False
        self._send(now)
        return True
