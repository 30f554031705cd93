"""What the Internet has of its own."""

from __future__ import annotations

from sensor.lab.network.behaviour import PORT_RESTRICTED
from sensor.lab.scenarios.infrastructure import RelayingParty
from sensor.lab.scenarios.world import OTHER_SERVER, RELAY, World
from sensor.lab.teredo.style import WINDOWS_XP
from sensor.wire.addresses import LEGACY_TEREDO_PREFIX, TEREDO_PREFIX


def test_a_silent_server_qualifies_nobody_until_it_is_back() -> None:
    world = World(1)
    alice = world.home("home", PORT_RESTRICTED).client("alice", retry=30.0)
    world.server.fall_silent()
    alice.start()
    world.wait(20)
    assert alice.client.state == "off-line"
    world.server.come_back()
    world.wait(30)
    assert alice.client.state == "qualified"


def test_a_native_host_is_reached_through_the_relay() -> None:
    world = World(1)
    alice = world.home("home", PORT_RESTRICTED).client("alice")
    remote = world.remote("remote")
    alice.start()
    world.wait(3)
    pinged = alice.ping(remote)
    world.wait(3)
    assert pinged.answered
    relays = {event.end for _, event in alice.node.events if event.what == "relay-learned"}
    assert relays == {RELAY}
    assert alice.address.startswith(TEREDO_PREFIX)


def test_a_relay_of_ones_own_is_used_in_its_place() -> None:
    world = World(1)
    alice = world.home("home", PORT_RESTRICTED).client("alice")
    remote = world.relaying_remote("remote")
    assert isinstance(remote, RelayingParty)
    alice.start()
    world.wait(3)
    pinged = remote.ping(alice)
    world.wait(3)
    assert pinged.answered
    relays = {event.end for _, event in alice.node.events if event.what == "relay-learned"}
    assert relays == {remote.end}


def test_a_former_server_has_the_former_prefix() -> None:
    world = World(1)
    former = world.legacy_server("former")
    assert former.primary == OTHER_SERVER
    home = world.home("home", PORT_RESTRICTED)
    alice = home.client("alice", style=WINDOWS_XP, server=former.primary)
    remote = world.remote("remote")
    alice.start()
    world.wait(20)
    assert alice.address.startswith(LEGACY_TEREDO_PREFIX)
    pinged = remote.ping(alice)
    world.wait(3)
    assert pinged.answered
