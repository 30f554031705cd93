"""Stories of a block of UDP port 3544, and of what it does and does not end."""

from __future__ import annotations

from sensor.lab.network.behaviour import ADDRESS_RESTRICTED, PORT_RESTRICTED
from sensor.lab.scenarios.disguised import client
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import World
from sensor.wire.ports import TEREDO_PORT

SELDOM = 3_600.0  # seconds between two questions to the server: longer than the story
APART = 20.0  # seconds between two readings, less than peers are believed without one
SILENCE = 150.0  # seconds, longer than the NAT keeps a mapping


def outlived(world: World) -> None:
    """Who is in use needs no server: a relay and a peer go on until they fall silent."""
    home, away = world.home("home", PORT_RESTRICTED), world.home("away", ADDRESS_RESTRICTED)
    world.watch(home)
    alice, bob = client(home, "alice", refresh=SELDOM), client(away, "bob")
    remote = world.remote("remote")
    alice.serve(80)
    alice.start()
    bob.start()
    world.wait(3)
    remote.fetch(alice, 80)
    bob.fetch(alice, 80)
    world.wait(5)
    home.box.firewall.block(TEREDO_PORT)
    for _ in range(4):
        world.wait(APART)
        remote.fetch(alice, 80)
        bob.fetch(alice, 80)
    world.wait(SILENCE)
    remote.fetch(alice, 80)
    bob.fetch(alice, 80)
    world.wait(20)


def obeyed(world: World) -> None:
    """A client that asks its server as often as it should is off-line soon."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice, remote = home.client("alice"), world.remote("remote")
    alice.serve(80)
    alice.start()
    world.wait(3)
    remote.fetch(alice, 80)
    world.wait(5)
    home.box.firewall.block(TEREDO_PORT)
    world.wait(60)
    for _ in range(2):
        home.neighbour("desk").browse(world.site)
        world.wait(20)


def never_qualified(world: World) -> None:
    """Where 3544 was always blocked there are questions inside and nothing outside."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    home.box.firewall.block(TEREDO_PORT)
    alice, desk = home.client("alice", retry=30.0), home.neighbour("desk")
    alice.start()
    for _ in range(4):
        desk.browse(world.site)
        world.wait(20)


BLOCKING = (
    Scenario("block-of-3544", "a tunnel in use outlives a block of port 3544", 260, outlived),
    Scenario(
        "block-obeyed", "a client goes off-line once port 3544 is blocked", 261, obeyed,
        against=("block-of-3544",),
    ),
    Scenario("block-from-start", "port 3544 was always blocked", 262, never_qualified),
)  # fmt: skip
