"""A client's account of what it sent."""

from __future__ import annotations

from sensor.lab.network.behaviour import PORT_PRESERVING, PORT_RESTRICTED
from sensor.lab.scenarios.world import SERVER, World
from sensor.lab.teredo.settings import following


def test_servers_are_noted_in_the_order_they_were_asked() -> None:
    world = World(1)
    alice = world.home("home", PORT_RESTRICTED).client("alice")
    assert list(alice.client.asked) == []
    alice.start()
    world.wait(3)
    assert list(alice.client.asked) == [SERVER, following(SERVER)]
    assert list(alice.client.used) == [alice.settings.local]
    assert list(alice.client.alternates) == []


def test_ends_and_told_addresses_are_noted() -> None:
    world = World(1)
    alice = world.home("left", PORT_PRESERVING).client("alice")
    bob = world.home("right", PORT_RESTRICTED).client("bob")
    alice.start()
    bob.start()
    world.wait(3)
    alice.ping(bob)
    world.wait(10)
    own = alice.settings.local
    assert next(iter(alice.client.used)) == own
    assert len(alice.client.used) == 2, "one for the peer"
    assert {end.ip for end in alice.client.used} == {own.ip}
    assert list(alice.client.alternates) == [own]
