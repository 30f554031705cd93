"""What the Internet has of its own: Teredo servers, relays, web sites, native hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor.lab.network.host import Host
from sensor.lab.network.node import Node
from sensor.lab.network.routes import EVERYWHERE, Prefix
from sensor.lab.scenarios.openings import LoggingStack
from sensor.lab.scenarios.party import Party, response
from sensor.lab.teredo.relay import Relay
from sensor.lab.teredo.server import Server
from sensor.lab.teredo.settings import RelaySettings, ServerSettings
from sensor.schema.records import Endpoint
from sensor.wire.addresses import TEREDO_PREFIX

if TYPE_CHECKING:
    from sensor.lab.scenarios.world import World

RELAY_PORT = 3545
ALL_TEREDO: Prefix = (TEREDO_PREFIX.ljust(16, b"\0"), 32)


class TeredoServer:
    """A server on two addresses that follow each other."""

    def __init__(self, world: World, name: str, settings: ServerSettings) -> None:
        self.settings = settings
        self.host = Host(
            name, world.internet, [settings.primary, settings.secondary], world.chance(name)
        )
        self.node = Node(Server(settings, world.chance(f"{name}-server")), self.host)
        self.node.bridge(world.native)
        self.node.start()

    @property
    def primary(self) -> bytes:
        return self.settings.primary

    def fall_silent(self) -> None:
        """Nothing reaches it any more, nor does it say anything."""
        self.host.interface.up = False

    def come_back(self) -> None:
        """As before."""
        self.host.interface.up = True


class TeredoRelay:
    """A relay that leads from the native Internet to all Teredo clients."""

    def __init__(
        self,
        world: World,
        name: str,
        end: Endpoint,
        source: bytes,
        prefix: bytes = TEREDO_PREFIX,
    ) -> None:
        self.end = end
        self.host = Host(name, world.internet, [end.ip], world.chance(name))
        settings = RelaySettings(local=end, source=source, served=(EVERYWHERE,), prefix=prefix)
        self.node = Node(Relay(settings, world.chance(f"{name}-relay")), self.host)
        self.node.bridge(world.native, (prefix.ljust(16, b"\0"), 32))
        self.node.start()


class NativeParty(Party):
    """A host on the native IPv6 Internet."""

    def __init__(self, world: World, name: str, address: bytes) -> None:
        stack = LoggingStack(name, world.clock, world.chance(name), [address])
        super().__init__(world, name, stack)
        world.native.host(stack)


class RelayingParty(NativeParty):
    """A native host with a relay of its own (RFC 4380 section 5.4)."""

    def __init__(self, world: World, name: str, address: bytes, end: Endpoint) -> None:
        super().__init__(world, name, address)
        self.end = end
        self.host = Host(f"{name}-4", world.internet, [end.ip], world.chance(f"{name}-4"))
        settings = RelaySettings(local=end, source=address, served=((address, 128),))
        self.node = Node(Relay(settings, world.chance(f"{name}-relay")), self.host)
        self.node.carry(self.stack, ALL_TEREDO)
        self.node.start()


@dataclass(frozen=True, slots=True)
class Site:
    """A web site on the IPv4 Internet."""

    name: str
    ip: bytes
    port: int


def build_site(world: World, site: Site, page: bytes) -> Host:
    """The host of a web site."""
    host = Host(site.name, world.internet, [site.ip], world.chance(site.name))
    host.tcp.serve(site.port, lambda asked: response(asked, page))
    return host
