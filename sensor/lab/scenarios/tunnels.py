"""Who has a tunnel that is not Teredo's: single hosts, networks behind a router, providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.lab.network.native import Native
from sensor.lab.network.node import Node
from sensor.lab.network.raw_node import RawNode
from sensor.lab.network.routes import EVERYWHERE, Prefix
from sensor.lab.scenarios.openings import LoggingStack
from sensor.lab.scenarios.party import Party

if TYPE_CHECKING:
    from sensor.lab.scenarios.premises import Premises
    from sensor.lab.scenarios.world import World

LAN_LATENCY = 0.0003  # seconds


class TunnelHost(Party):
    """A host that is a tunnel's end itself; ``place`` is the network it is on, None: the Internet.

    Without ``addresses`` its machine gives it one.
    """

    def __init__(
        self,
        world: World,
        node: Node | RawNode,
        addresses: tuple[bytes, ...],
        place: Premises | None,
    ) -> None:
        name = node.host.name
        stack = LoggingStack(name, world.clock, world.chance(f"{name}-stack"), addresses)
        super().__init__(world, name, stack)
        self.place = place
        self.node = node
        self.node.carry(self.stack)

    def start(self) -> None:
        """Open the tunnel."""
        self.node.start()

    def stop(self) -> None:
        """Close it."""
        self.node.stop()


class LanHost(Party):
    """A host with native IPv6 behind a tunnel router."""

    def __init__(self, gateway: Gateway, name: str, address: bytes) -> None:
        world = gateway.world
        stack = LoggingStack(name, world.clock, world.chance(name), [address])
        super().__init__(world, name, stack)
        self.place = gateway.place
        self._gateway = gateway
        gateway.lan.host(stack)

    @property
    def tunnel(self) -> str:
        return self._gateway.node.host.name


class Gateway:
    """A tunnel router with a network of native IPv6 behind it."""

    def __init__(self, world: World, node: Node | RawNode, place: Premises | None) -> None:
        self.world = world
        self.place = place
        self.node = node
        name = f"{node.host.name}-lan"
        self.lan = Native(world.clock, world.chance(name), LAN_LATENCY, name)
        node.bridge(self.lan, EVERYWHERE)

    def host(self, name: str, address: bytes) -> LanHost:
        """Put a host on that network."""
        return self.world.admit(LanHost(self, name, address))

    def start(self) -> None:
        """Open the tunnel."""
        self.node.start()


class Provider:
    """An end of tunnels that leads from ``prefixes`` to the native Internet and back."""

    def __init__(self, world: World, node: Node | RawNode, prefixes: tuple[Prefix, ...]) -> None:
        self.node = node
        node.bridge(world.native, *prefixes)

    def start(self) -> None:
        """Open the tunnels."""
        self.node.start()
