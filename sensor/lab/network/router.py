"""A router between a site and the Internet, without NAT."""

from __future__ import annotations

from random import Random

from sensor.lab.network.box import NOT_FORWARDED, Box
from sensor.lab.network.medium import Interface
from sensor.lab.network.packet import Packet
from sensor.lab.network.segment import Segment


class Router(Box):
    """Leads out from everywhere inside, and in to the addresses that it announces.

    Fragments pass like whole packets.
    """

    def __init__(
        self,
        name: str,
        inside: Segment,
        outside: Segment,
        inside_ip: bytes,
        outside_ip: bytes,
        rng: Random,
    ) -> None:
        super().__init__(name, inside, outside, inside_ip, outside_ip, rng.getrandbits(16))

    def announce(self, ip: bytes) -> None:
        """Let the outside segment bring an inside host's packets here."""
        self.outside.addresses.append(ip)

    def _from_inside(self, packet: Packet) -> None:
        self._route(packet, self.inside, self.outside)

    def _from_outside(self, packet: Packet) -> None:
        self._route(packet, self.outside, self.inside)

    def _route(self, packet: Packet, came_by: Interface, leaves_by: Interface) -> None:
        destination = packet.octets[16:20]
        if destination == self._ip or self._ends_here(destination):
            self.drops[NOT_FORWARDED] += 1
        else:
            self._forward(packet, came_by, leaves_by.send)
