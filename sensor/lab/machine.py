"""What every endpoint is to those who drive it: bytes and times in, datagrams and events out.

A machine opens no socket, reads no clock and draws no chance of its own. The virtual network
drives it in virtual time, the live shell on real sockets and a TUN device.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection
from typing import NamedTuple, Protocol

from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket

# Who drives a machine drains it after each step; more than one step's events are forgotten.
EVENTS_KEPT = 1_024


class Datagram(NamedTuple):
    """A UDP datagram over IPv4, from one of the machine's own ends.

    ``packet`` and ``kind`` are what its sender means it to be; ``ttl`` the IPv4 time to live.
    """

    source: Endpoint
    destination: Endpoint
    payload: bytes
    packet: TeredoPacket
    ttl: int = 64
    kind: Kind = Kind.TEREDO


class OuterPacket(NamedTuple):
    """An IPv4 packet of a tunnel that needs no UDP, whole as its receiver has it reassembled.

    ``kind`` is what its sender means it to be; ``NONE`` for what came, which nobody vouches for.
    """

    source: bytes
    destination: bytes
    protocol: int
    payload: bytes
    kind: Kind = Kind.NONE
    ttl: int = 64
    tos: int = 0
    dont_fragment: bool = False


class Event(NamedTuple):
    """Something that a person would be told.

    ``what`` is a stable lower-case word, ``text`` the sentence for a log, ``address`` and ``end``
    the IPv6 address and the IPv4 endpoint it is about, where there are such.
    """

    what: str
    text: str
    address: bytes | None = None
    end: Endpoint | None = None


class Steps(Protocol):
    """A driver calls ``start`` once, then the inputs as things happen and time passes.

    ``now`` is in seconds of any clock that never goes back. After each call the driver sends what
    there is to send, hands on ``ipv6_to_deliver``, tells ``next_event`` until it is None, and
    arranges for ``handle_timer`` at ``get_timer``.
    """

    drops: Counter[str]  # what was not taken or not sent, by reason

    def start(self, now: float) -> None: ...

    def stop(self, now: float) -> None:
        """Say good-bye, where the protocol has a word for it."""

    def send_ipv6(self, packet: bytes, now: float) -> None:
        """An IPv6 packet of the host, or of the native side of a relay, to be sent by tunnel."""

    def handle_timer(self, now: float) -> None: ...

    def get_timer(self) -> float | None:
        """When ``handle_timer`` is due, or None."""

    def ipv6_to_deliver(self) -> list[bytes]:
        """IPv6 packets for the host, or for the native side of a server or relay."""

    def next_event(self) -> Event | None: ...


class Machine(Steps, Protocol):
    """One that speaks UDP: the driver listens on ``ends``, which may change with every step."""

    @property
    def ends(self) -> Collection[Endpoint]:
        """The local UDP ends to listen on; the first is the one for service."""

    def receive_datagram(
        self, payload: bytes, source: Endpoint, destination: Endpoint, now: float
    ) -> None:
        """A datagram from the network; hostile octets are counted, never raised about.

        ``destination`` is one of ``ends``, or a multicast group with its port.
        """

    def datagrams_to_send(self) -> list[Datagram]: ...


class RawMachine(Steps, Protocol):
    """One that speaks IPv4 itself: the driver gives it all packets of its ``protocols``.

    ICMP errors (protocol 1) are given to it too, whatever they quote.
    """

    @property
    def protocols(self) -> Collection[int]:
        """IPv4 protocol numbers."""

    @property
    def addresses(self) -> Collection[bytes]:
        """The IPv4 addresses of 4 octets that it is at; the first one is its own alone."""

    def receive_packet(self, packet: OuterPacket, now: float) -> None:
        """A packet from the network; hostile octets are counted, never raised about.

        ``destination`` is one of ``addresses``, or a multicast group.
        """

    def packets_to_send(self) -> list[OuterPacket]: ...


class Outbox:
    """What a machine has said and nobody has fetched yet."""

    __slots__ = ("datagrams", "events", "outer", "packets")

    def __init__(self) -> None:
        self.datagrams: list[Datagram] = []
        self.outer: list[OuterPacket] = []
        self.packets: list[bytes] = []
        self.events: deque[Event] = deque(maxlen=EVENTS_KEPT)

    def take_datagrams(self) -> list[Datagram]:
        taken, self.datagrams = self.datagrams, []
        return taken

    def take_outer(self) -> list[OuterPacket]:
        taken, self.outer = self.outer, []
        return taken

    def take_packets(self) -> list[bytes]:
        taken, self.packets = self.packets, []
        return taken

    def take_event(self) -> Event | None:
        return self.events.popleft() if self.events else None
