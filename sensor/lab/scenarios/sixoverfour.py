"""The story of 6over4 (RFC 2529), which makes IPv4 multicast an Ethernet for IPv6."""

from __future__ import annotations

from sensor.lab.network.behaviour import PORT_RESTRICTED
from sensor.lab.network.host import Host
from sensor.lab.network.raw_node import RawNode
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import World
from sensor.lab.sixinfour.settings import SixOverFourSettings
from sensor.lab.sixinfour.sixoverfour import SixOverFour
from sensor.schema.words import Kind
from sensor.wire.addresses import build_sixover4, packed

PREFIX = packed("2001:db8:604:1::")[:8]


def end(world: World, host: Host, prefix: bytes | None = None) -> RawNode:
    """A host of the link, with a ``prefix`` its router."""
    world.formed.note(build_sixover4(host.address), Kind.SIXOVERFOUR, host.address)
    settings = SixOverFourSettings(host.address, prefix)
    return RawNode(SixOverFour(settings, world.chance(f"{host.name}-end")), host)


def lan(world: World) -> None:
    """A router advertises by multicast, two hosts find each other, one is read from outside."""
    home = world.home("site", PORT_RESTRICTED)
    world.watch(home)
    router = world.provider(end(world, home.host("router"), PREFIX), (PREFIX + bytes(8), 64))
    alice = world.tunnel_host(end(world, home.host("alice")), place=home)
    bob = world.tunnel_host(end(world, home.host("bob")), place=home)
    remote = world.remote("remote")
    alice.serve(80)
    bob.serve(8_080)
    home.neighbour("desk").browse(world.site)
    router.start()
    alice.start()
    bob.start()
    world.wait(2)
    alice.fetch(bob, 8_080)
    world.wait(5)
    remote.fetch(alice, 80)
    world.wait(40)


SIXOVERFOUR = (
    Scenario("sixoverfour-lan", "6over4 by multicast, within one site", 440, lan),
)  # fmt: skip
