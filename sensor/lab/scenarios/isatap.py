"""Stories of ISATAP (RFC 5214): sites, hosts abroad, and strangers who speak as routers."""

from __future__ import annotations

from sensor.lab.network.behaviour import PORT_RESTRICTED
from sensor.lab.network.host import Host
from sensor.lab.network.raw_node import RawNode
from sensor.lab.scenarios.injections import advertisement, echo, inject
from sensor.lab.scenarios.premises import Premises
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.tunnels import Provider, TunnelHost
from sensor.lab.scenarios.world import World
from sensor.lab.sixinfour.isatap import IsatapHost, isatap_address
from sensor.lab.sixinfour.isatap_router import IsatapRouter
from sensor.lab.sixinfour.settings import IsatapHostSettings, IsatapRouterSettings
from sensor.schema.words import Kind
from sensor.wire.addresses import LINK_LOCAL_PREFIX, packed

PREFIX = packed("2001:db8:515a:1::")[:8]
ROGUE_PREFIX = packed("2001:db8:bad:1::")[:8]
PREFIX_BITS = 64
ROUTER_NAME = "isatap.example.net"


def note(world: World, ip: bytes, *prefixes: bytes) -> None:
    """Who speaks ISATAP forms a link-local address, and one under each prefix it is told."""
    for prefix in (LINK_LOCAL_PREFIX, *prefixes):
        world.formed.note(isatap_address(prefix, ip), Kind.ISATAP, ip)


def router(world: World, host: Host, prefix: bytes = PREFIX) -> Provider:
    """An ISATAP router that leads from the native Internet to the hosts of a prefix."""
    note(world, host.address, prefix)
    settings = IsatapRouterSettings(host.address, prefix)
    machine = IsatapRouter(settings, world.chance(f"{host.name}-end"))
    provider = world.provider(RawNode(machine, host), (prefix + bytes(8), PREFIX_BITS))
    provider.start()
    return provider


def member(
    world: World, place: Premises, host: Host, router: bytes, prefix: bytes = PREFIX
) -> TunnelHost:
    """A host that knows the IPv4 address of its router."""
    note(world, host.address, prefix)
    settings = IsatapHostSettings(host.address, (router,))
    machine = IsatapHost(settings, world.chance(f"{host.name}-end"))
    return world.tunnel_host(RawNode(machine, host), place=place)


def site(world: World) -> None:
    """A router and two hosts on private addresses; a service of one is read from outside.

    No tunnel leaves the site: outside only its hosts' question for the router's name is seen.
    """
    home = world.home("site", PORT_RESTRICTED)
    world.watch(home)
    leading = home.host("router")
    world.name(ROUTER_NAME, leading.address)
    router(world, leading)
    for name in ("first", "second"):
        home.neighbour(name).resolve(ROUTER_NAME)
    world.wait(1)
    alice = member(world, home, home.host("alice"), leading.address)
    bob = member(world, home, home.host("bob"), leading.address)
    remote = world.remote("remote")
    alice.serve(80)
    bob.serve(8_080)
    remote.serve(443)
    alice.start()
    bob.start()
    world.wait(2)
    alice.fetch(bob, 8_080)
    alice.fetch(remote, 443)
    world.wait(5)
    remote.fetch(alice, 80)
    remote.fetch(bob, 22)
    world.wait(10)


def abroad(world: World) -> None:
    """A host solicits a router across the boundary, which RFC 5214 keeps for one site."""
    campus = world.campus("campus")
    world.watch(campus)
    far = world.stranger("far-router")
    world.name(ROUTER_NAME, far.address)
    router(world, far)
    campus.neighbour("desk").resolve(ROUTER_NAME)
    world.wait(1)
    alice, remote = member(world, campus, campus.host("alice"), far.address), world.remote("remote")
    alice.serve(80)
    alice.start()
    world.wait(2)
    remote.fetch(alice, 80)
    world.wait(5)
    remote.fetch(alice, 22)
    world.wait(10)


def spoofed(world: World) -> None:
    """A stranger sends as others, and advertises by protocol 41 from afar.

    The host takes nothing that comes from another IPv4 address than it embeds, nor an advertisement
    of who is not on its list; from the forged IPv4 address of its router it takes one, and has the
    stranger's prefix beside its own from then on.
    """
    campus = world.campus("campus")
    world.watch(campus)
    leading, stranger = campus.host("router"), world.stranger("stranger")
    router(world, leading)
    alice = member(world, campus, campus.host("alice"), leading.address)
    alice.serve(80)
    alice.start()
    world.wait(2)
    at, own = alice.node.host.address, isatap_address(LINK_LOCAL_PREFIX, stranger.address)
    note(world, stranger.address)
    note(world, at, ROGUE_PREFIX)
    somebody = isatap_address(PREFIX, leading.address)
    told = isatap_address(LINK_LOCAL_PREFIX, at)
    forged = isatap_address(LINK_LOCAL_PREFIX, leading.address)
    inject(stranger, echo(somebody, alice.address), at, Kind.ISATAP)
    world.wait(1)
    inject(stranger, advertisement(own, told, ROGUE_PREFIX), at, Kind.ISATAP)
    world.wait(1)
    inject(stranger, advertisement(forged, told, ROGUE_PREFIX), at, Kind.ISATAP)
    world.wait(1)
    inject(stranger, advertisement(forged, told, ROGUE_PREFIX), at, Kind.ISATAP, leading.address)
    world.wait(5)


ISATAP = (
    Scenario(
        "isatap-site", "an ISATAP site, read from outside through its router", 430, site,
        against=("isatap-spoof",),
    ),
    Scenario("isatap-abroad", "an ISATAP host with a router across the boundary", 431, abroad),
    Scenario("isatap-spoof", "ISATAP sources and advertisements from afar", 432, spoofed),
)  # fmt: skip
