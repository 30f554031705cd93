"""A server that feeds itself, as Miredo did before 0.9.7."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.lab.inner.refusal import Refused
from sensor.lab.machine import Datagram
from sensor.lab.teredo.arrival import read_without_origin
from sensor.lab.teredo.server import Server
from sensor.lab.teredo.settings import ServerSettings
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket

if TYPE_CHECKING:
    from random import Random

# How often one packet goes round. Nothing in Teredo ends it, for servers leave the hop limit as it
# is: in a real one the operator does.
ROUNDS = 255

ENDLESS = "endless-loop"  # packets that had gone round as often


class WeakServer(Server):
    """Forwards to its own ends, and believes what it then hears from itself.

    Its host delivers such a packet by loopback: no network sees more of it than the first one.
    ``rounds`` counts them.
    """

    def __init__(self, settings: ServerSettings, rng: Random) -> None:
        super().__init__(settings, rng)
        self.rounds = 0
        self._to_itself: Datagram | None = None

    def receive_datagram(
        self, payload: bytes, source: Endpoint, destination: Endpoint, now: float
    ) -> None:
        if source in self.ends:
            self._believe(payload, source, destination)
        else:
            super().receive_datagram(payload, source, destination, now)
        self._go_round()

    def _go_round(self) -> None:
        for _ in range(ROUNDS):
            if self._to_itself is None:
                return
            sent, self._to_itself = self._to_itself, None
            self.rounds += 1
            self._believe(sent.payload, sent.source, sent.destination)
        if self._to_itself is not None:
            self._to_itself = None
            self.drops[ENDLESS] += 1

    def _believe(self, payload: bytes, source: Endpoint, destination: Endpoint) -> None:
        """Forward what claims to come from one of its own ends, with the mapping to prove it."""
        try:
            arrival = read_without_origin(payload, source, destination)
            self._accept(arrival)
            target = self._client(arrival.header.destination)
            if target is not None:
                self._forward(arrival, arrival.message(), target)
        except Refused as refused:
            self.drops[str(refused)] += 1

    def _send(
        self, end: Endpoint, destination: Endpoint, payload: bytes, packet: TeredoPacket
    ) -> None:
        if destination in self.ends:
            self._to_itself = Datagram(end, destination, payload, packet)
        else:
            super()._send(end, destination, payload, packet)
