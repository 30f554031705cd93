"""What all ends of protocol-41 tunnels have in common: how they are driven, and what they count."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Collection

from sensor.lab.inner.packets import is_whole
from sensor.lab.inner.refusal import LOOP, MALFORMED, Refused
from sensor.lab.machine import Event, Outbox, OuterPacket, RawMachine
from sensor.lab.sixinfour.link import Link
from sensor.lab.sixinfour.places import is_unicast4
from sensor.lab.sixinfour.refusal import NOT_MINE, NOT_UNICAST, WRONG_PROTOCOL
from sensor.lab.sixinfour.settings import LinkSettings
from sensor.schema.words import Kind
from sensor.wire import icmpv4, sixinfour


class End(RawMachine):
    """One end, at IPv4 ``addresses`` of which it sends from the first.

    ``own`` is its IPv6 address, the source of its errors; ``kind`` labels what it sends.
    """

    def __init__(
        self, addresses: tuple[bytes, ...], own: bytes, settings: LinkSettings, kind: Kind
    ) -> None:
        self.drops: Counter[str] = Counter()
        self._addresses = addresses
        self._own = own
        self._kind = kind
        self._out = Outbox()
        self._link = Link(settings, self.drops, self._out)

    @abstractmethod
    def _route(self, packet: bytes) -> bytes:
        """Where an IPv6 packet of this side goes in IPv4; Refused if it does not go.

        Reads no more than the IPv6 header, which is there.
        """

    @abstractmethod
    def _take(self, packet: bytes, outer: OuterPacket, now: float) -> None:
        """The IPv6 packet that came in ``outer``, from another host; Refused if it is not taken."""

    @property
    def protocols(self) -> Collection[int]:
        return (sixinfour.PROTOCOL,)

    @property
    def addresses(self) -> Collection[bytes]:
        return self._addresses

    def start(self, now: float) -> None:
        """Nothing: such a tunnel is there as soon as both ends are."""

    def stop(self, now: float) -> None:
        self._out.events.append(Event("stopped", "stopped"))

    def get_timer(self) -> float | None:
        return None

    def handle_timer(self, now: float) -> None:
        """Nothing, for those without a timer."""

    def send_ipv6(self, packet: bytes, now: float) -> None:
        try:
            if not is_whole(packet):
                raise Refused(MALFORMED)
            self._send(packet, self._route(packet))
        except Refused as refusal:
            self.drops[str(refusal)] += 1

    def receive_packet(self, packet: OuterPacket, now: float) -> None:
        try:
            self._receive(packet, now)
        except Refused as refusal:
            self.drops[str(refusal)] += 1

    def packets_to_send(self) -> list[OuterPacket]:
        return self._out.take_outer()

    def ipv6_to_deliver(self) -> list[bytes]:
        return self._out.take_packets()

    def next_event(self) -> Event | None:
        return self._out.take_event()

    def _receive(self, packet: OuterPacket, now: float) -> None:
        if packet.destination not in self._addresses:
            raise Refused(NOT_MINE)
        if packet.protocol == icmpv4.PROTOCOL:
            self._link.complain(packet, self._own, self._route, now=now)
            return
        if packet.protocol != sixinfour.PROTOCOL:
            raise Refused(WRONG_PROTOCOL)
        if not is_unicast4(packet.source):
            raise Refused(NOT_UNICAST)
        if packet.source in self._addresses:
            raise Refused(LOOP)
        inner = self._link.open(packet)
        if inner is not None:
            self._take(inner, packet, now)

    def _send(self, packet: bytes, destination: bytes) -> None:
        """To one other host, or Refused."""
        outer = self._other(destination)
        self._link.send(packet, self._source, outer, self._kind, self._own)

    def _other(self, destination: bytes) -> bytes:
        """One other host's address: who writes IPv6 addresses chooses what is in them."""
        if destination in self._addresses:
            raise Refused(LOOP)
        if not is_unicast4(destination):
            raise Refused(NOT_UNICAST)
        return destination

    @property
    def _source(self) -> bytes:
        """The outer source of what it sends."""
        return self._addresses[0]
