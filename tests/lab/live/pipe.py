"""The smallest machine: each IPv6 packet is a datagram to its one peer, and back."""

from __future__ import annotations

from collections import Counter

from sensor.lab.machine import Datagram, Event, Outbox
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket


class Pipe:
    """Sends from its first end; ``due`` is when it wants to be woken, ``woken`` when it was."""

    def __init__(self, end: Endpoint, peer: Endpoint, ttl: int = 64) -> None:
        self.ends = [end]
        self.peer = peer
        self.ttl = ttl
        self.drops: Counter[str] = Counter()
        self.due: float | None = None
        self.woken: list[float] = []
        self.received_at: list[Endpoint] = []
        self.outbox = Outbox()

    def start(self, now: float) -> None:
        self.tell("started")

    def stop(self, now: float) -> None:
        self.tell("stopped")

    def tell(self, what: str) -> None:
        self.outbox.events.append(Event(what, f"{what} now"))

    def receive_datagram(
        self, payload: bytes, source: Endpoint, destination: Endpoint, now: float
    ) -> None:
        self.received_at.append(destination)
        if source == self.peer:
            self.outbox.packets.append(payload)
        else:
            self.drops["stranger"] += 1

    def send_ipv6(self, packet: bytes, now: float) -> None:
        datagram = Datagram(self.ends[0], self.peer, packet, TeredoPacket.DATA, self.ttl)
        self.outbox.datagrams.append(datagram)

    def handle_timer(self, now: float) -> None:
        self.woken.append(now)
        self.due = None

    def get_timer(self) -> float | None:
        return self.due

    def datagrams_to_send(self) -> list[Datagram]:
        return self.outbox.take_datagrams()

    def ipv6_to_deliver(self) -> list[bytes]:
        return self.outbox.take_packets()

    def next_event(self) -> Event | None:
        return self.outbox.take_event()
