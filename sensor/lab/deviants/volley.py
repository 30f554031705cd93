"""Sends what somebody wrote beforehand, from whatever ends that claims to be from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from sensor.lab.machine import Datagram, Event, Outbox
from sensor.schema.records import Endpoint

# As many as there are ports: who scans or floods in a story needs no more.
MOST = 65_536

VOLLEY_CUT = "volley-cut"  # datagrams beyond those
UNHEARD = "unheard"  # what came back


class Volley:
    """A machine (``sensor.lab.machine``) that answers nobody.

    One of ``datagrams`` leaves every ``gap`` seconds, the first one at the start. ``local`` is
    where it is in truth.
    """

    def __init__(self, local: Endpoint, datagrams: Sequence[Datagram], gap: float) -> None:
        self.drops: Counter[str] = Counter()
        if len(datagrams) > MOST:
            self.drops[VOLLEY_CUT] += len(datagrams) - MOST
        self._local = local
        self._datagrams = datagrams[:MOST]
        self._gap = gap
        self._sent = 0
        self._due: float | None = None
        self._out = Outbox()

    @property
    def ends(self) -> Collection[Endpoint]:
        return (self._local,)

    def start(self, now: float) -> None:
        self._due = now
        self.handle_timer(now)

    def stop(self, now: float) -> None:
        """The rest is never sent."""
        self._due = None

    def receive_datagram(
        self, payload: bytes, source: Endpoint, destination: Endpoint, now: float
    ) -> None:
        self.drops[UNHEARD] += 1

    def send_ipv6(self, packet: bytes, now: float) -> None:
        self.drops[UNHEARD] += 1

    def get_timer(self) -> float | None:
        return self._due

    def handle_timer(self, now: float) -> None:
        while self._due is not None and self._due <= now:
            if self._sent == len(self._datagrams):
                self._due = None
                return
            self._out.datagrams.append(self._datagrams[self._sent])
            self._sent += 1
            self._due += self._gap

    def datagrams_to_send(self) -> list[Datagram]:
        return self._out.take_datagrams()

    def ipv6_to_deliver(self) -> list[bytes]:
        return self._out.take_packets()

    def next_event(self) -> Event | None:
        return self._out.take_event()
