"""Clients and servers in disguise are parties like all others."""

from __future__ import annotations

from random import Random

from sensor.lab.deviants.disguise import Disguise
from sensor.lab.deviants.evasion import TrailingJunk
from sensor.lab.network.behaviour import CONE
from sensor.lab.scenarios.disguised import OWN_SERVER, client, knock, run_server
from sensor.lab.scenarios.world import World
from sensor.schema.words import TeredoPacket


def test_a_client_in_disguise_qualifies_and_is_told_of() -> None:
    world = World(1)
    home = world.home("home", CONE)
    world.watch(home)
    alice = client(home, "alice", TrailingJunk(Random(1), (5,)), refresh=7.0)
    alice.start()
    world.wait(30)
    assert world.clients == [alice]
    assert alice.client.state == "qualified"
    asked = [f for f in world.watched.inside.frames if f.label and f.label.sender == "alice"]
    assert len(asked) > 5
    assert all(frame.label is not None and frame.label.flawed for frame in asked)


def test_a_server_of_their_own_serves_at_any_port() -> None:
    world = World(1)
    home = world.home("home", CONE)
    world.watch(home)
    assert run_server(world, "own", Disguise(), 4_444) == OWN_SERVER
    alice = client(home, "alice", server=OWN_SERVER)
    alice.start()
    world.wait(3)
    assert alice.client.address is None, "nobody is at port 3544 there"
    assert alice.client.state == "starting"


def test_knocks_go_straight_or_by_the_server() -> None:
    world = World(1)
    home, away = world.home("home", CONE), world.home("away", CONE)
    world.watch(home)
    alice, bob = client(home, "alice"), away.client("bob")
    alice.start()
    bob.start()
    world.wait(3)
    before = len(world.watched.outside.frames)
    knock(alice, bob)
    knock(alice, bob, by_server=True)
    world.wait(1)
    sent = [
        frame.octets[30:34]
        for frame in world.watched.outside.frames[before:]
        if frame.label and frame.label.sender == "alice"
        and frame.label.packet is TeredoPacket.BUBBLE
    ]  # fmt: skip
    assert sent[:2] == [away.public, world.server.primary]
