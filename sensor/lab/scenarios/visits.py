"""What happens in many stories of tunnels alike: a home is watched, a tunnel's host is visited."""

from __future__ import annotations

from sensor.lab.network.behaviour import PORT_RESTRICTED, NatBehaviour
from sensor.lab.scenarios.home import Home
from sensor.lab.scenarios.party import HTTP_PORT
from sensor.lab.scenarios.tunnels import TunnelHost
from sensor.lab.scenarios.world import World

CLOSED_PORT = 22


def watched_home(world: World, behaviour: NatBehaviour = PORT_RESTRICTED) -> Home:
    """A home with a desk that browses, as most of its traffic does."""
    home = world.home("home", behaviour)
    world.watch(home)
    home.neighbour("desk").browse(world.site)
    return home


def visited(world: World, alice: TunnelHost) -> None:
    """Who has a tunnel speaks first, is read, knocked at, left alone for long, and read again."""
    remote = world.remote("remote")
    alice.serve(HTTP_PORT)
    alice.start()
    world.wait(3)
    alice.ping(remote)
    world.wait(2)
    remote.fetch(alice, HTTP_PORT)
    world.wait(5)
    remote.fetch(alice, CLOSED_PORT)
    world.wait(70)
    remote.fetch(alice, HTTP_PORT)
    world.wait(5)
