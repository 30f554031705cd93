"""A host that changes what its tunnels send and what reaches them, as a packet filter on it can.

The endpoints behind it are honest and do not know of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from sensor.lab.machine import OuterPacket
from sensor.lab.network.host import TTL, Host, PacketReceiver, Receiver
from sensor.lab.network.packet import Label
from sensor.lab.network.segment import Segment
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import udp


class Passing(NamedTuple):
    """What a UDP datagram, or an IPv4 packet without ports, carries from one end to another.

    ``label`` is there on the way out alone: who receives has octets and nothing else.
    """

    payload: bytes
    source: Endpoint
    destination: Endpoint
    label: Label | None = None

    @property
    def packet(self) -> TeredoPacket:
        """What it is meant to be on the way out."""
        return TeredoPacket.NONE if self.label is None else self.label.packet

    def flawed(self, payload: bytes) -> Passing:
        """With another payload, which is not meant to be well formed."""
        label = self.label and self.label._replace(flawed=True)
        return self._replace(payload=payload, label=label)


class Disguise:
    """Changes nothing; each kind changes one direction or both."""

    def leaving(self, passing: Passing) -> Passing:
        """What is sent in the place of a packet of a tunnel."""
        return passing

    def arriving(self, passing: Passing) -> Passing:
        """What an endpoint is given in the place of what came; hostile octets do no harm."""
        return passing


class DisguisedHost(Host):
    """An IPv4 host whose tunnels wear a disguise; all else that it sends is as it is."""

    def __init__(
        self,
        name: str,
        segment: Segment,
        addresses: Sequence[bytes],
        rng: Random,
        disguise: Disguise,
    ) -> None:
        super().__init__(name, segment, addresses, rng)
        self.disguise = disguise
        self._worn: dict[tuple[int, PacketReceiver], PacketReceiver] = {}

    def send_udp(
        self,
        payload: bytes,
        source: Endpoint,
        destination: Endpoint,
        *,
        ttl: int = TTL,
        label: Label | None = None,
    ) -> None:
        passing = Passing(payload, source, destination, label)
        if label is not None:
            passing = self.disguise.leaving(passing)
        super().send_udp(
            passing.payload, passing.source, passing.destination, ttl=ttl, label=passing.label
        )

    def send_packet(self, packet: OuterPacket, label: Label | None = None) -> None:
        if label is not None and packet.protocol != udp.PROTOCOL:
            passing = self.disguise.leaving(_without_ports(packet, label))
            packet, label = packet._replace(payload=passing.payload), passing.label
        super().send_packet(packet, label)

    def bind(self, end: Endpoint, receive: Receiver) -> None:
        def unmask(payload: bytes, source: Endpoint, destination: Endpoint) -> None:
            passing = self.disguise.arriving(Passing(payload, source, destination))
            receive(passing.payload, passing.source, passing.destination)

        super().bind(end, unmask)

    def listen(self, protocol: int, receive: PacketReceiver) -> None:
        def unmask(packet: OuterPacket) -> None:
            passing = self.disguise.arriving(_without_ports(packet, None))
            receive(packet._replace(payload=passing.payload))

        self._worn[protocol, receive] = unmask
        super().listen(protocol, unmask)

    def close(self, protocol: int, receive: PacketReceiver) -> None:
        super().close(protocol, self._worn.pop((protocol, receive)))


def _without_ports(packet: OuterPacket, label: Label | None) -> Passing:
    source, destination = Endpoint(packet.source, 0), Endpoint(packet.destination, 0)
    return Passing(packet.payload, source, destination, label)
