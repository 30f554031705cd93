"""Stories in which something breaks."""

from __future__ import annotations

from dataclasses import replace

from sensor.lab.network.behaviour import PORT_RESTRICTED
from sensor.lab.network.medium import Faults
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import World

BIG_PAGE = b"<p>a line of a long page\n" * 12_000


def server_lost(world: World) -> None:
    """The server falls silent, the client goes off-line, and qualifies again when it is back."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice, remote = home.client("alice", retry=30.0), world.remote("remote")
    alice.serve(80)
    alice.start()
    world.wait(5)
    world.server.fall_silent()
    world.wait(60)
    world.server.come_back()
    world.wait(60)
    remote.fetch(alice, 80)
    world.wait(20)


def rebound(world: World) -> None:
    """The NAT forgets everything while a page is being read; it is read again afterwards."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice, remote = home.client("alice"), world.remote("remote")
    alice.serve(80, BIG_PAGE)
    alice.start()
    world.wait(5)
    remote.fetch(alice, 80)
    world.wait(0.35)
    home.rebind()
    world.wait(60)
    remote.fetch(alice, 80)
    world.wait(30)


def short_lived(world: World) -> None:
    """The NAT forgets a mapping sooner than the client refreshes it."""
    home = world.home("home", replace(PORT_RESTRICTED, lifetime=15.0))
    world.watch(home)
    alice, remote = home.client("alice"), world.remote("remote")
    alice.serve(80)
    alice.start()
    world.wait(70)
    remote.fetch(alice, 80)
    world.wait(10)


def bad_line(world: World) -> None:
    """Packets are lost, doubled, late or out of order."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice, remote = home.client("alice"), world.remote("remote")
    alice.serve(80)
    world.internet.faults = Faults(loss=0.1, doubling=0.05, reordering=0.1, delay=0.02)
    alice.start()
    world.wait(15)
    remote.fetch(alice, 80)
    world.wait(60)


def gone(world: World) -> None:
    """The client ends while it is being read from: its host refuses what still comes."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice, remote = home.client("alice"), world.remote("remote")
    alice.serve(80, BIG_PAGE)
    alice.start()
    world.wait(5)
    remote.fetch(alice, 80)
    world.wait(0.35)
    alice.stop()
    world.wait(10)


TROUBLE = (
    Scenario("server-lost", "the server falls silent and comes back", 40, server_lost),
    Scenario("rebound", "the NAT gives another mapping in mid connection", 41, rebound),
    Scenario("short-lived", "mappings that end before they are refreshed", 42, short_lived),
    Scenario("gone", "a client ends in mid connection", 44, gone),
    Scenario("bad-line", "packets are lost, doubled, late and out of order", 45, bad_line),
)
