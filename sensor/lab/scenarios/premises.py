"""An inside network at the boundary of the Internet, and the hosts on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.lab.network.box import Box
from sensor.lab.network.host import Host
from sensor.lab.network.nat import NatBox
from sensor.lab.network.router import Router
from sensor.lab.network.segment import Segment
from sensor.lab.scenarios.party import request
from sensor.schema.records import Endpoint
from sensor.wire import dns
from sensor.wire.ports import DNS_PORT

if TYPE_CHECKING:
    from sensor.lab.network.connection import Connection
    from sensor.lab.scenarios.infrastructure import Site
    from sensor.lab.scenarios.world import World

FIRST_HOST = 20


class Premises:
    """A /24 with a box between it and the next network; ``box`` is set by those that have one."""

    box: Box

    def __init__(self, world: World, name: str, network: tuple[int, int, int]) -> None:
        self.name = name
        self.world = world
        self.segment = Segment(name, world.clock, world.chance(name))
        self.network = bytes(network)
        self.segment.broadcast = self.network + b"\xff"
        self._hosts = FIRST_HOST - 1

    @property
    def way_out(self) -> list[Premises]:
        """The networks on the way to the Internet, this one first."""
        return [self]

    @property
    def boxes(self) -> list[NatBox]:
        """The NATs on the way."""
        return []

    @property
    def pools(self) -> tuple[bytes, ...]:
        """Public IPv4 addresses that stand for its hosts at the Internet."""
        return ()

    def owns(self, ip: bytes) -> bool:
        """Whether an IPv4 address is of this network, or of a box on its way out."""
        boxes = (place.box for place in self.way_out)
        return ip[:3] == self.network or any(ip in box.outside.addresses for box in boxes)

    def host(self, name: str) -> Host:
        """A host with an IPv4 address here, and nothing else yet."""
        return Host(name, self.segment, [self.next_address()], self.world.chance(name))

    def neighbour(self, name: str) -> Neighbour:
        """A host with IPv4 alone."""
        return Neighbour(self.host(name), self.world)

    def next_address(self) -> bytes:
        """An IPv4 address that nobody has here."""
        self._hosts += 1
        return self.network + bytes([self._hosts])


class Campus(Premises):
    """A network of public addresses, or of a site's own, behind a router that translates nothing.

    The Internet knows the way to its hosts.
    """

    def __init__(
        self,
        world: World,
        name: str,
        network: tuple[int, int, int],
        outside: tuple[Segment, bytes],
    ) -> None:
        super().__init__(world, name, network)
        segment, address = outside
        gateway, chance = self.network + b"\x01", world.chance(f"{name}-router")
        self.box: Router = Router(f"{name}-router", self.segment, segment, gateway, address, chance)

    def next_address(self) -> bytes:
        """An IPv4 address that nobody has here, announced to the Internet."""
        address = super().next_address()
        self.box.announce(address)
        return address


class Neighbour:
    """A host without tunnels: what it does is what a network is mostly full of."""

    def __init__(self, host: Host, world: World) -> None:
        self.host = host
        self._world = world
        self._number = 0

    def resolve(self, name: str) -> None:
        """Ask the resolver for an IPv4 address."""
        self._number += 1
        query = dns.build_query(self._number, name, dns.TYPE_A)
        self.host.ask(Endpoint(self._world.resolver.address, DNS_PORT), query)

    def browse(self, site: Site) -> Connection:
        """Look its name up and fetch a page, over IPv4."""
        self.resolve(site.name)
        return self.host.tcp.connect(site.ip, site.port, request(site.name))

    def ping(self, site: Site) -> None:
        """Send one echo request over IPv4."""
        self.host.ping(site.ip)
