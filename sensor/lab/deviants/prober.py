"""Looks for hosts that unwrap whatever protocol 41 brings them, one address after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor.errors import DecodeError
from sensor.lab.inner.refusal import Refused
from sensor.lab.machine import Event, Outbox, OuterPacket
from sensor.lab.sixinfour import quote
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire import icmpv4, icmpv6, ipv6, sixinfour
from sensor.wire.addresses import build_sixtofour, text
from sensor.wire.cursor import Cursor
from sensor.wire.icmpv6 import Echo

if TYPE_CHECKING:
    from random import Random

UNASKED = "unasked"  # from who was not asked, or is known by now

_DATA_LENGTH = 8


@dataclass(frozen=True, slots=True)
class ProberSettings:
    """``targets`` are IPv4 addresses, asked ``interval`` seconds after one another."""

    local: bytes
    targets: tuple[bytes, ...]
    interval: float = 0.05


class Prober:
    """Pings the 6to4 address that each target would have, by protocol 41 to that very target.

    ``open`` are those that answered from inside a tunnel, ``closed`` those that an ICMP error came
    back about.
    """

    def __init__(self, settings: ProberSettings, rng: Random) -> None:
        self.drops: Counter[str] = Counter()
        self.open: list[bytes] = []
        self.closed: list[bytes] = []
        self._local = settings.local
        self._interval = settings.interval
        self._data = rng.randbytes(_DATA_LENGTH)
        self._waiting = list(reversed(settings.targets))
        self._asked: set[bytes] = set()
        self._due: float | None = None
        self._out = Outbox()

    @property
    def protocols(self) -> Collection[int]:
        return (sixinfour.PROTOCOL,)

    @property
    def addresses(self) -> Collection[bytes]:
        return (self._local,)

    def start(self, now: float) -> None:
        self._due = now
        self.handle_timer(now)

    def stop(self, now: float) -> None:
        self._due = None

    def send_ipv6(self, packet: bytes, now: float) -> None:
        """Nothing: it carries nobody's packets."""

    def get_timer(self) -> float | None:
        return self._due

    def handle_timer(self, now: float) -> None:
        if self._due is None or now < self._due:
            return
        if self._waiting:
            self._ask(self._waiting.pop())
        self._due = now + self._interval if self._waiting else None

    def receive_packet(self, packet: OuterPacket, now: float) -> None:
        try:
            self._receive(packet)
        except Refused as refusal:
            self.drops[str(refusal)] += 1
        except DecodeError:
            self.drops[UNASKED] += 1

    def packets_to_send(self) -> list[OuterPacket]:
        return self._out.take_outer()

    def ipv6_to_deliver(self) -> list[bytes]:
        return []

    def next_event(self) -> Event | None:
        return self._out.take_event()

    def _ask(self, target: bytes) -> None:
        self._asked.add(target)
        own, theirs = build_sixtofour(self._local), build_sixtofour(target)
        request = icmpv6.build_echo_request(own, theirs, Echo(1, 1, self._data))
        inner = ipv6.build(own, theirs, icmpv6.PROTOCOL, request)
        outer = OuterPacket(self._local, target, sixinfour.PROTOCOL, inner, Kind.SIXTOFOUR)
        self._out.outer.append(outer)

    def _receive(self, packet: OuterPacket) -> None:
        if packet.protocol == icmpv4.PROTOCOL:
            self.closed.append(self._settled(quote.read(packet).destination))
            return
        cursor = Cursor(packet.payload)
        if ipv6.parse(cursor).next_header != icmpv6.PROTOCOL:
            raise Refused(UNASKED)
        message = icmpv6.parse(cursor)
        if message.type != icmpv6.ECHO_REPLY or not message.body.endswith(self._data):
            raise Refused(UNASKED)
        found = self._settled(packet.source)
        self.open.append(found)
        self._out.events.append(Event("open", f"{text(found)} unwraps", end=Endpoint(found, 0)))

    def _settled(self, target: bytes) -> bytes:
        """A target whose answer is this; Refused for anybody else."""
        if target not in self._asked:
            raise Refused(UNASKED)
        self._asked.remove(target)
        return target
