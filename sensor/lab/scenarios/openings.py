"""What an IPv6 host itself knows of those who opened its services, as its own log would say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from random import Random
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.lab.network.clock import Clock
from sensor.lab.network.routes import Prefix
from sensor.lab.network.stack6 import Stack6
from sensor.schema.records import Endpoint
from sensor.wire import icmpv6, ipv6, tcp, udp
from sensor.wire.cursor import Cursor


class Outcome(IntEnum):
    """How far an opening got; a larger number is a stronger outcome."""

    ATTEMPTED = 1
    REFUSED = 2
    ANSWERED = 3

    @property
    def text(self) -> str:
        return self.name.lower()


class Talk(NamedTuple):
    """A TCP or UDP conversation of a host; ``transport`` is a next-header number."""

    transport: int
    own: Endpoint
    remote: Endpoint


@dataclass(slots=True)
class Opening:
    """A remote end asked a service of this host; ``at`` is in seconds of the clock."""

    talk: Talk
    at: float
    outcome: Outcome = Outcome.ATTEMPTED


class OpeningLog:
    """Who spoke first in each conversation, and what became of it."""

    def __init__(self) -> None:
        self._openings: dict[Talk, Opening] = {}
        self._own: set[Talk] = set()

    def __iter__(self) -> Iterator[Opening]:
        return iter(self._openings.values())

    def arrived(self, packet: bytes, now: float) -> None:
        """A packet for this host."""
        spoken = _spoken(packet)
        if spoken is None:
            return
        talk = Talk(spoken.transport, spoken.destination, spoken.source)
        if spoken.may_open and talk not in self._own and talk not in self._openings:
            self._openings[talk] = Opening(talk, now)

    def left(self, packet: bytes) -> None:
        """A packet of this host."""
        refused = _refused(packet)
        if refused is not None:
            self._decide(Talk(refused.transport, refused.destination, refused.source), True)
        spoken = _spoken(packet)
        if spoken is None:
            return
        talk = Talk(spoken.transport, spoken.source, spoken.destination)
        if talk in self._openings:
            self._decide(talk, spoken.resets)
        else:
            self._own.add(talk)

    def _decide(self, talk: Talk, refuses: bool) -> None:
        """A refusal takes back no answer."""
        opening = self._openings.get(talk)
        if opening is not None:
            outcome = Outcome.REFUSED if refuses else Outcome.ANSWERED
            opening.outcome = max(opening.outcome, outcome)


class LoggingStack(Stack6):
    """An IPv6 host that keeps such a log."""

    def __init__(
        self, name: str, clock: Clock, rng: Random, addresses: Iterable[bytes] = ()
    ) -> None:
        super().__init__(name, clock, rng, addresses)
        self.log = OpeningLog()

    def receive(self, octets: bytes) -> None:
        """Note who speaks, and listen."""
        self.log.arrived(octets, self.clock.now)
        super().receive(octets)

    def route(self, prefix: Prefix, send: Callable[[bytes], None]) -> None:
        """Note what leaves this way."""

        def logged(octets: bytes) -> None:
            self.log.left(octets)
            send(octets)

        super().route(prefix, logged)


class _Spoken(NamedTuple):
    transport: int
    source: Endpoint
    destination: Endpoint
    may_open: bool  # a first one of these opens a conversation
    resets: bool


def _spoken(packet: bytes) -> _Spoken | None:
    """A TCP segment or UDP datagram; None for anything else."""
    cursor = Cursor(packet)
    header = ipv6.parse(cursor)
    if header.next_header == tcp.PROTOCOL:
        segment = tcp.parse(cursor)
        ports = segment.source_port, segment.destination_port
        may_open = segment.flags & (tcp.SYN | tcp.ACK) == tcp.SYN
        resets = bool(segment.flags & tcp.RST)
    elif header.next_header == udp.PROTOCOL:
        datagram = udp.parse(cursor)
        ports = datagram.source_port, datagram.destination_port
        may_open, resets = True, False
    else:
        return None
    source = Endpoint(header.source, ports[0])
    destination = Endpoint(header.destination, ports[1])
    return _Spoken(header.next_header, source, destination, may_open, resets)


def _refused(packet: bytes) -> _Spoken | None:
    """What an ICMPv6 destination unreachable quotes."""
    cursor = Cursor(packet)
    if ipv6.parse(cursor).next_header != icmpv6.PROTOCOL:
        return None
    message = icmpv6.parse(cursor)
    if message.type != icmpv6.UNREACHABLE:
        return None
    try:
        return _spoken(icmpv6.quoted(message.body))
    except DecodeError:
        return None  # too short a quotation
