"""How long the NAT keeps a mapping nobody uses (RFC 4380 section 5.2.7).

A second port is qualified, left alone for the interval under trial, and then sent a bubble by way
of the server from the service port. If that arrives the mapping lives still. Every round starts
from a fresh solicitation, so that a round that failed spoils no other.
"""

from __future__ import annotations

from sensor.lab.inner.refusal import Refused
from sensor.lab.teredo.arrival import Arrival
from sensor.lab.teredo.inquiry import Inquiry
from sensor.lab.teredo.link import Link
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import addresses, icmpv6, teredo

FIRST_CANDIDATE = 60.0  # seconds
MAXIMUM = 120.0
WAIT = 2.0  # for a bubble to arrive
BUBBLES = 3
GOOD_ENOUGH = 0.75  # of the maximum

INTERVAL_PACKET = "interval-packet"


class Interval:
    """The search; ``current`` is the longest interval known to be good, in seconds."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.current = link.settings.refresh
        self._maximum = MAXIMUM
        self._candidate = FIRST_CANDIDATE if self.current < FIRST_CANDIDATE else self._middle
        self._inquiry: Inquiry | None = None
        self._address: bytes | None = None  # of the second port
        self._bubbles = 0
        self._due: float | None = None
        self.done = link.settings.interval_port is None or self._good_enough

    @property
    def _middle(self) -> float:
        return (self.current + self._maximum) / 2

    @property
    def _good_enough(self) -> bool:
        return self.current >= GOOD_ENOUGH * self._maximum

    @property
    def end(self) -> Endpoint | None:
        """The second end, while the search lasts."""
        port = self._link.settings.interval_port
        return None if self.done or port is None else Endpoint(self._link.settings.local.ip, port)

    @property
    def due(self) -> float | None:
        return self._inquiry.due if self._inquiry is not None else self._due

    def start(self, now: float) -> None:
        """The client is qualified: a round begins, unless the search is over."""
        if self.end is None:
            return
        self._address, self._bubbles, self._due = None, 0, None
        self._inquiry = Inquiry(self._link, self._link.server, now, cone=False, end=self.end)

    def stop(self) -> None:
        self._inquiry = self._due = self._address = None

    def receive(self, arrival: Arrival, now: float) -> None:
        """A packet at the second end: an advertisement, or the bubble that proves the mapping."""
        if self._inquiry is not None:
            message = arrival.checked_message()
            if message is None or message.type != icmpv6.ROUTER_ADVERTISEMENT:
                raise Refused(INTERVAL_PACKET)
            mapped = self._inquiry.receive(arrival, message.body).mapped
            self._leave_alone(mapped, now)
        elif self._bubbles and self._is_probe(arrival):
            self.current = self._candidate
            self._next_round(now)
        else:
            raise Refused(INTERVAL_PACKET)

    def _is_probe(self, arrival: Arrival) -> bool:
        header = arrival.header
        ends = (header.source, header.destination)
        by_server = self._link.is_server(arrival.source)
        return by_server and arrival.bubble and ends == (self._link.address, self._address)

    def _leave_alone(self, mapped: Endpoint, now: float) -> None:
        found = addresses.TeredoAddress(self._link.server.ip, 0, mapped.port, mapped.ip, False)
        self._address = found.build()
        self._inquiry = None
        self._due = now + self._candidate

    def handle_timer(self, now: float) -> None:
        if self._inquiry is not None:
            if not self._inquiry.handle_timer(now):
                self._finish()  # what was found so far is good all the same
        elif self._bubbles < BUBBLES:
            self._probe(now)
        else:
            self._maximum = self._candidate
            self._next_round(now)

    def _probe(self, now: float) -> None:
        link = self._link
        if link.address is None or self._address is None:
            self.stop()
            return
        self._bubbles += 1
        self._due = now + WAIT
        bubble = teredo.build_bubble(link.address, self._address, link.style.bubble_hop_limit)
        link.send(bubble, link.server, TeredoPacket.BUBBLE)

    def _next_round(self, now: float) -> None:
        if self._good_enough:
            self._finish()
            return
        self._candidate = self._middle
        self.start(now)

    def _finish(self) -> None:
        self.stop()
        self.done = True
        self._link.tell("interval", f"refresh interval {self.current:g} s")
