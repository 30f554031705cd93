"""An Ethernet with IPv4 on it: a home network, an Internet exchange."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from sensor.lab.network.clock import Clock
from sensor.lab.network.medium import NO_SUCH_HOST, Interface, Medium, Receive
from sensor.lab.network.packet import Packet
from sensor.wire import link

LATENCY = 0.0002  # seconds; a local network

_EVERYBODY = b"\xff" * 6
_NOBODY = bytes(6)  # what a frame to an address that nobody answers for is sent to


class Segment(Medium):
    """Delivers a packet to who has its address, else to the gateway; multicast to all others.

    Nobody asks for hardware addresses (ARP): everybody knows them. What goes to its ``broadcast``
    address reaches all but the gateway, who would pass it on.
    """

    ethertype = link.ETHERTYPE_IPV4

    def __init__(self, name: str, clock: Clock, rng: Random, latency: float = LATENCY) -> None:
        super().__init__(name, clock, rng, latency)
        self.gateway: Interface | None = None
        self.broadcast: bytes | None = None
        self._interfaces: list[Interface] = []

    def attach(self, name: str, addresses: Sequence[bytes], receive: Receive) -> Interface:
        """Plug a host in; ``receive`` is called with what arrives for it."""
        interface = Interface(self, name, addresses, receive)
        self._interfaces.append(interface)
        return interface

    def receivers(self, packet: Packet, sender: Interface) -> tuple[bytes, list[Interface]]:
        destination = packet.octets[16:20]
        others = [interface for interface in self._interfaces if interface is not sender]
        if is_multicast4(destination):
            return _group_mac(destination), others
        if destination == self.broadcast:
            return _EVERYBODY, [each for each in others if each is not self.gateway]
        owners = [interface for interface in others if destination in interface.addresses]
        if not owners:  # a gateway never sends to itself
            owners = [interface for interface in others if interface is self.gateway]
        if not owners:
            self.drops[NO_SUCH_HOST] += 1
            return _NOBODY, []
        return owners[0].mac, owners[:1]


def is_multicast4(address: bytes) -> bool:
    """True in 224.0.0.0/4."""
    return address[0] >> 4 == 0xE


def _group_mac(group: bytes) -> bytes:
    """The hardware address of a group: its low 23 bits behind 01:00:5e (RFC 1112 section 6.4)."""
    return b"\x01\x00\x5e" + bytes([group[1] & 0x7F]) + group[2:]
