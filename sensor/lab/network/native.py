"""A native IPv6 network, such as the Internet: the longest prefix announced gets the packet."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from sensor.lab.network.clock import Clock
from sensor.lab.network.medium import NO_SUCH_HOST, Interface, Medium, Receive
from sensor.lab.network.packet import Packet
from sensor.lab.network.routes import EVERYWHERE, Prefix, Routes
from sensor.lab.network.stack6 import Stack6
from sensor.wire import ipv6, link

LATENCY = 0.02  # seconds; a long way

NO_HOPS = "no-hops"
UNREADABLE = "unreadable"

_HOP_LIMIT_AT = 7
_NOBODY = bytes(6)


class Native(Medium):
    """One router wide: each packet loses one hop on its way, and the last one ends it."""

    ethertype = link.ETHERTYPE_IPV6

    def __init__(
        self, clock: Clock, rng: Random, latency: float = LATENCY, name: str = "native"
    ) -> None:
        super().__init__(name, clock, rng, latency)
        self._routes: Routes[Interface] = Routes()

    def attach(self, name: str, prefixes: Sequence[Prefix], receive: Receive) -> Interface:
        """Announce prefixes; ``receive`` is called with what is for them."""
        interface = Interface(self, name, [address for address, _ in prefixes], receive)
        for prefix in prefixes:
            self._routes.add(prefix, interface)
        return interface

    def host(self, stack: Stack6) -> Interface:
        """Attach a host with all its addresses; what it has no other route for goes here."""
        prefixes = [(address, 128) for address in stack.addresses]
        interface = self.attach(stack.name, prefixes, lambda packet: stack.receive(packet.octets))
        stack.route(EVERYWHERE, lambda octets: interface.send(Packet(octets)))
        return interface

    def receivers(self, packet: Packet, sender: Interface) -> tuple[bytes, list[Interface]]:
        owner = self._routes.find(packet.octets[24:40])
        if owner is None or owner is sender:
            self.drops[NO_SUCH_HOST] += 1
            return _NOBODY, []
        return owner.mac, [owner]

    def forwarded(self, packet: Packet) -> Packet | None:
        octets = packet.octets
        if len(octets) < ipv6.HEADER_LENGTH:
            self.drops[UNREADABLE] += 1
            return None
        if octets[_HOP_LIMIT_AT] <= 1:
            self.drops[NO_HOPS] += 1
            return None
        fewer = bytes([octets[_HOP_LIMIT_AT] - 1])
        return packet._replace(octets=octets[:_HOP_LIMIT_AT] + fewer + octets[_HOP_LIMIT_AT + 1 :])
