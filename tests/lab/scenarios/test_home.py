"""Who lives behind a NAT, and what becomes of them."""

from __future__ import annotations

import pytest

from sensor.errors import SensorError
from sensor.lab.network.behaviour import PORT_RESTRICTED
from sensor.lab.scenarios.home import ClientParty, Home
from sensor.lab.scenarios.noted import NotedClient
from sensor.lab.scenarios.world import World
from sensor.lab.teredo.style import MIREDO


def qualified() -> tuple[World, ClientParty]:
    world = World(5)
    alice = world.home("home", PORT_RESTRICTED).client("alice", style=MIREDO)
    alice.start()
    world.wait(3)
    return world, alice


def test_hosts_of_a_home_have_addresses_of_its_network() -> None:
    home = World(1).home("home", PORT_RESTRICTED)
    hosts = [home.client("alice").host, home.neighbour("desk").host]
    network = home.box.inside.addresses[0][:3]
    assert len({host.address for host in hosts}) == 2
    assert {host.address[:3] for host in hosts} == {network}


def test_a_client_has_an_address_once_it_is_qualified() -> None:
    world = World(1)
    alice = world.home("home", PORT_RESTRICTED).client("alice")
    with pytest.raises(SensorError, match="alice, who is not qualified"):
        _ = alice.address
    alice.start()
    world.wait(3)
    assert alice.stack.addresses == [alice.address]
    (had,) = alice.had
    assert (had.address, had.mapped) == (alice.address, alice.client.mapped)


def test_rebinding_gives_another_address() -> None:
    world, alice = qualified()
    assert isinstance(alice.home, Home)
    alice.home.rebind()
    world.wait(40)
    first, second = alice.had
    assert first.address != second.address
    assert first.mapped != second.mapped
    assert second.address == alice.address
    assert first.since < second.since


def test_a_story_chooses_style_and_settings() -> None:
    world = World(1)
    home = world.home("home", PORT_RESTRICTED)
    other = world.teredo_server("other")
    alice = home.client("alice", style=MIREDO, server=other.primary, hairpin=False)
    assert alice.settings.style is MIREDO
    assert alice.settings.server == other.primary
    assert not alice.settings.hairpin
    assert home.client("bob").settings.server == world.server.primary


def test_who_stopped_hears_nothing() -> None:
    world, alice = qualified()
    end = alice.settings.local
    alice.stop()
    asker = alice.home.neighbour("desk")
    asked = asker.host.ask(end, b"anybody?")
    world.wait(1)
    assert asked.refused


def test_neighbours_browse_over_ipv4() -> None:
    world = World(1)
    desk = world.home("home", PORT_RESTRICTED).neighbour("desk")
    page = desk.browse(world.site)
    desk.ping(world.site)
    world.wait(3)
    assert page.received.startswith(b"HTTP/1.1 200 OK")


def test_a_story_chooses_port_and_machine() -> None:
    class Other(NotedClient):
        """A client of another make."""

    home = World(1).home("home", PORT_RESTRICTED)
    alice = home.client("alice", machine=Other, port=3_074)
    assert alice.settings.local.port == 3_074
    assert isinstance(alice.client, Other)
