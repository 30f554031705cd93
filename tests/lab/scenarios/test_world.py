"""A world holds what its story puts there."""

from __future__ import annotations

import pytest

from sensor.errors import SensorError
from sensor.lab.network.behaviour import CONE, PORT_RESTRICTED
from sensor.lab.scenarios.world import SERVER, SERVER_NAME, World
from sensor.wire import dns
from sensor.wire.addresses import is_private, packed


def test_chance_depends_on_seed_and_name_alone() -> None:
    first, second = World(3), World(3)
    second.chance("another").random()
    assert first.chance("name").random() == second.chance("name").random()
    assert first.chance("name").random() != first.chance("other").random()
    assert first.chance("name").random() != World(4).chance("name").random()


def test_ports_are_dynamic_ones() -> None:
    ports = {World(seed).port("name") for seed in range(40)}
    assert len(ports) > 30
    assert min(ports) >= 49_152


def test_homes_have_networks_and_public_addresses_of_their_own() -> None:
    world = World(1)
    first, second = world.home("first", CONE), world.home("second", PORT_RESTRICTED)
    inside = [home.box.inside.addresses[0] for home in (first, second)]
    outside = [home.box.outside.addresses[0] for home in (first, second)]
    assert len({*inside, *outside}) == 4
    assert [is_private(ip) for ip in (*inside, *outside)] == [True, True, False, False]


def test_homes_of_a_carrier_share_its_public_address() -> None:
    world = World(1)
    carrier = world.carrier("carrier", CONE)
    home = world.home("home", CONE, carrier)
    assert home.box.outside.addresses[0][:2] == bytes([100, 64])
    assert home.boxes == [home.box, carrier.box]
    assert home.way_out == [home, carrier]


def test_who_tells_a_story_must_say_where_to_look() -> None:
    world = World(1)
    with pytest.raises(SensorError, match="where to look"):
        _ = world.watched
    home = world.home("home", CONE)
    world.watch(home)
    assert world.watched.home is home


def test_names_are_resolved() -> None:
    world = World(1)
    desk = world.home("home", CONE).neighbour("desk")
    world.watch(world.places[0])
    desk.resolve(SERVER_NAME)
    desk.resolve("nobody.example.net")
    world.wait(1)
    replies = [frame.octets[42:] for frame in world.watched.inside.frames if _from_53(frame.octets)]
    told = [[record.data for record in dns.parse(reply).answers] for reply in replies]
    assert told == [[SERVER], []]


def _from_53(frame: bytes) -> bool:
    return frame[34:36] == (53).to_bytes(2)


def test_everybody_is_known_by_the_addresses_they_had() -> None:
    world = World(1)
    home = world.home("home", PORT_RESTRICTED)
    alice, remote = home.client("alice"), world.remote("remote")
    alice.start()
    world.wait(3)
    before = alice.address
    home.rebind()
    world.wait(60)
    assert alice.address != before
    assert [world.party_of(ip) for ip in (before, alice.address)] == [alice, alice]
    assert world.party_of(remote.address) is remote


def test_native_hosts_have_addresses_of_documentation() -> None:
    world = World(1)
    remotes = [world.remote("first"), world.relaying_remote("second")]
    assert len({remote.address for remote in remotes}) == 2
    assert {remote.address[:4] for remote in remotes} == {packed("2001:db8::")[:4]}
