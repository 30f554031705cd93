"""What every endpoint is to those who drive it: bytes and times in, datagrams and events out.

A machine opens no socket, reads no clock and draws no chance of its own. The virtual network
drives it in virtual time, the live shell on real sockets and a TUN device.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection
from typing import NamedTuple, Protocol

from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket

# Who drives a machine drains it after each step; more than one step's events are forgotten.
EVENTS_KEPT = 1_024


class Datagram(NamedTuple):
    """A UDP datagram over IPv4, from one of the machine's own ends.

    ``packet`` is what its sender means it to be; ``ttl`` the IPv4 time to live.
    """

    source: Endpoint
    destination: Endpoint
    payload: bytes
    packet: TeredoPacket
    ttl: int = 64


class Event(NamedTuple):
    """Something that a person would be told.

    ``what`` is a stable lower-case word, ``text`` the sentence for a log, ``address`` and ``end``
    the IPv6 address and the IPv4 endpoint it is about, where there are such.
    """

    what: str
    text: str
    address: bytes | None = None
    end: Endpoint | None = None


class Machine(Protocol):
    """A driver calls ``start`` once, then the three inputs as things happen and time passes.

    ``now`` is in seconds of any clock that never goes back. After each call the driver sends
    ``datagrams_to_send``, hands on ``ipv6_to_deliver``, tells ``next_event`` until it is None,
    listens on ``ends``, which may have changed, and arranges for ``handle_timer`` at ``get_timer``.
    """

    drops: Counter[str]  # what was not taken or not sent, by reason

    @property
    def ends(self) -> Collection[Endpoint]:
        """The local UDP ends to listen on; the first is the one for service."""

    def start(self, now: float) -> None: ...

    def stop(self, now: float) -> None:
        """Say good-bye, where the protocol has a word for it."""

    def receive_datagram(
        self, payload: bytes, source: Endpoint, destination: Endpoint, now: float
    ) -> None:
        """A datagram from the network; hostile octets are counted, never raised about.

        ``destination`` is one of ``ends``, or a multicast group with its port.
        """

    def send_ipv6(self, packet: bytes, now: float) -> None:
        """An IPv6 packet of the host, or of the native side of a relay, to be sent by tunnel."""

    def handle_timer(self, now: float) -> None: ...

    def get_timer(self) -> float | None:
        """When ``handle_timer`` is due, or None."""

    def datagrams_to_send(self) -> list[Datagram]: ...

    def ipv6_to_deliver(self) -> list[bytes]:
        """IPv6 packets for the host, or for the native side of a server or relay."""

    def next_event(self) -> Event | None: ...


class Outbox:
    """What a machine has said and nobody has fetched yet."""

    __slots__ = ("datagrams", "events", "packets")

    def __init__(self) -> None:
        self.datagrams: list[Datagram] = []
        self.packets: list[bytes] = []
        self.events: deque[Event] = deque(maxlen=EVENTS_KEPT)

    def take_datagrams(self) -> list[Datagram]:
        taken, self.datagrams = self.datagrams, []
        return taken

    def take_packets(self) -> list[bytes]:
        taken, self.packets = self.packets, []
        return taken

    def take_event(self) -> Event | None:
        return self.events.popleft() if self.events else None
