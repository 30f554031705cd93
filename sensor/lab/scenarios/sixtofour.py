"""Stories of 6to4 (RFC 3056, RFC 7526), and of who forges its addresses."""

from __future__ import annotations

from sensor.lab.network.host import Host
from sensor.lab.network.raw_node import RawNode
from sensor.lab.network.routes import EVERYWHERE, Prefix
from sensor.lab.scenarios.injections import echo, inject, opening
from sensor.lab.scenarios.premises import Campus
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.tunnels import Gateway, LanHost, Provider
from sensor.lab.scenarios.world import World
from sensor.lab.sixinfour.settings import SixToFourRelaySettings, SixToFourSettings
from sensor.lab.sixinfour.sixtofour import SixToFourRelay, SixToFourRouter
from sensor.schema.words import Kind
from sensor.wire.addresses import (
    SIXTOFOUR_ANYCAST,
    SIXTOFOUR_PREFIX,
    build_sixtofour,
    packed,
)

ALL_SITES: Prefix = (SIXTOFOUR_PREFIX.ljust(16, b"\0"), 16)
LAN = 1  # the number of a site's network
PRINTER = packed("::10")[8:]
# Of nobody here; a private one can be nobody's at all.
SOMEBODY_ELSE, PRIVATE = packed("198.51.100.77"), packed("192.168.1.1")
NATIVE_NOBODY = packed("2001:db8:99::1")


def router(world: World, host: Host, relay: bytes = SIXTOFOUR_ANYCAST) -> RawNode:
    """A 6to4 router, whose site's addresses all embed its own."""
    settings = SixToFourSettings(host.address, relay)
    machine = SixToFourRouter(settings, world.chance(f"{host.name}-end"))
    prefix, bits = machine.prefix
    world.formed.note(prefix, Kind.SIXTOFOUR, host.address, bits)
    return RawNode(machine, host)


def relay(
    world: World, *, anycast: bool = True, kind: type[SixToFourRelay] = SixToFourRelay
) -> Provider:
    """Leads from all 6to4 sites to the native Internet; with ``anycast`` as 192.88.99.1."""
    host = world.stranger("relay")
    if anycast:
        host.interface.addresses.append(SIXTOFOUR_ANYCAST)
    settings = SixToFourRelaySettings(host.address, (EVERYWHERE,), anycast)
    machine = kind(settings, world.chance("relay-end"))
    provider = world.provider(RawNode(machine, host), ALL_SITES)
    provider.start()
    return provider


def site(world: World, campus: Campus, by: bytes = SIXTOFOUR_ANYCAST) -> tuple[Gateway, LanHost]:
    """A 6to4 site on a campus, with a printer."""
    gateway = world.gateway(router(world, campus.host("router"), by), campus)
    address = build_sixtofour(gateway.node.host.address, LAN, PRINTER)
    printer = gateway.host("printer", address)
    printer.serve(80)
    gateway.start()
    return gateway, printer


def peers(world: World) -> None:
    """Two sites speak without any relay: outer ends are those that the inner ones embed."""
    campus = world.campus("campus")
    world.watch(campus)
    _, printer = site(world, campus)
    alice = world.tunnel_host(router(world, campus.host("alice")), place=campus)
    bob = world.tunnel_host(router(world, world.stranger("bob")))
    bob.serve(443)
    alice.start()
    bob.start()
    bob.fetch(printer, 80)
    alice.fetch(bob, 443)
    world.wait(5)
    bob.fetch(alice, 22)
    world.wait(10)


def anycast_relay(world: World) -> None:
    """The native Internet by whoever is 192.88.99.1, who answers from there."""
    campus = world.campus("campus")
    world.watch(campus)
    relay(world)
    _, printer = site(world, campus)
    remote = world.remote("remote")
    remote.serve(443)
    printer.fetch(remote, 443)
    world.wait(5)
    remote.fetch(printer, 80)
    remote.ping(printer)
    world.wait(5)
    remote.fetch(printer, 9_100)
    world.wait(10)


def unicast_relay(world: World) -> None:
    """The same by a relay that the site knows by its own address."""
    campus = world.campus("campus")
    world.watch(campus)
    leading = relay(world, anycast=False)
    _, printer = site(world, campus, leading.node.host.address)
    remote = world.remote("remote")
    remote.serve(443)
    printer.fetch(remote, 443)
    world.wait(5)
    remote.fetch(printer, 80)
    world.wait(10)


def spoofed(world: World) -> None:
    """A stranger's sources embed others; who is not the relay speaks for native hosts.

    The router refuses what it can judge. It cannot judge a native source, for a relay may be
    anywhere: the printer answers a victim that never asked.
    """
    campus = world.campus("campus")
    world.watch(campus)
    relay(world)
    gateway, printer = site(world, campus)
    victim, spoofer = world.remote("victim"), world.stranger("spoofer")
    at = gateway.node.host.address
    for ip in (SOMEBODY_ELSE, PRIVATE):
        forged = build_sixtofour(ip)
        world.formed.note(forged, Kind.SIXTOFOUR, ip)
        inject(spoofer, echo(forged, printer.address), at, Kind.SIXTOFOUR)
        world.wait(1)
    inject(spoofer, echo(victim.address, NATIVE_NOBODY), at, Kind.SIXINFOUR)
    world.wait(1)
    inject(spoofer, echo(victim.address, printer.address), at, Kind.SIXTOFOUR)
    world.wait(1)
    inject(spoofer, opening(victim.address, printer.address, 80), at, Kind.SIXTOFOUR)
    world.wait(5)


SIXTOFOUR = (
    Scenario("sixtofour-peers", "two 6to4 sites without a relay", 410, peers),
    Scenario(
        "sixtofour-relay", "6to4 by the anycast relay", 411, anycast_relay,
        against=("sixtofour-spoof",),
    ),
    Scenario("sixtofour-unicast-relay", "6to4 by a relay's own address", 412, unicast_relay),
    Scenario("sixtofour-spoof", "forged 6to4 and native sources to a 6to4 site", 413, spoofed),
)  # fmt: skip
