"""Stories of IPv6 in GRE (RFC 2784, 2890, 7676)."""

from __future__ import annotations

from dataclasses import replace

from sensor.lab.gre.endpoint import GreEndpoint
from sensor.lab.gre.settings import GreSettings
from sensor.lab.network.behaviour import PORT_RESTRICTED
from sensor.lab.network.host import Host
from sensor.lab.network.raw_node import RawNode
from sensor.lab.network.routes import Prefix
from sensor.lab.scenarios.premises import Premises
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.tunnels import TunnelHost
from sensor.lab.scenarios.visits import visited, watched_home
from sensor.lab.scenarios.world import World
from sensor.wire import gre
from sensor.wire.addresses import packed

LETS_THROUGH = replace(PORT_RESTRICTED, passes=frozenset({gre.PROTOCOL}))
NETWORK, BITS = packed("2001:db8:600::"), 48
KEYED = {7: packed("2001:db8:607::"), 8: packed("2001:db8:608::")}  # networks by their keys
USER = packed("2001:db8:600:1::2")
PRINTER = b"\x10"  # the end of its address


def end(world: World, host: Host, settings: GreSettings) -> RawNode:
    """One end of a tunnel."""
    return RawNode(GreEndpoint(settings, world.chance(f"{host.name}-end-{settings.key}")), host)


def provide(world: World, far: Host, settings: GreSettings, prefix: Prefix) -> None:
    """The end on the Internet of a tunnel whose other end has these settings."""
    mirrored = replace(settings, local=settings.remote, remote=settings.local)
    world.provider(end(world, far, mirrored), prefix).start()


def user(world: World, place: Premises, public: bytes | None = None) -> TunnelHost:
    """A host with a tunnel to a stranger, who knows it as ``public``, by default its own."""
    host, far = place.host("alice"), world.stranger("far-end")
    settings = GreSettings(host.address, far.address)
    provide(world, far, replace(settings, local=public or host.address), (NETWORK, BITS))
    return world.tunnel_host(end(world, host, settings), USER, place=place)


def plain(world: World) -> None:
    """A host's page is read, a closed port refuses."""
    campus = world.campus("campus")
    world.watch(campus)
    campus.neighbour("desk").browse(world.site)
    visited(world, user(world, campus))


def keyed(world: World) -> None:
    """Two networks by two tunnels between the same routers, told apart by their keys."""
    campus = world.campus("campus")
    world.watch(campus)
    near, far, remote = campus.host("router"), world.stranger("far-end"), world.remote("remote")
    for key, prefix in KEYED.items():
        settings = GreSettings(near.address, far.address, key=key, sequence=True, checksum=True)
        provide(world, far, settings, (prefix, BITS))
        office = world.gateway(end(world, near, settings), campus)
        office.start()
        printer = office.host(f"printer-{key}", prefix[:-1] + PRINTER)
        printer.serve(80)
        remote.fetch(printer, 80)
        printer.ping(remote)
    world.wait(10)


def over_nat(world: World) -> None:
    """The same as the first from behind a NAT that lets GRE through by addresses."""
    home = watched_home(world, LETS_THROUGH)
    visited(world, user(world, home, home.public))


GRE = (
    Scenario("gre-plain", "a host's IPv6 in GRE", 450, plain),
    Scenario("gre-keyed", "two keyed GRE tunnels between the same ends", 451, keyed),
    Scenario("gre-over-nat", "GRE from behind a NAT that lets it through", 452, over_nat),
)
