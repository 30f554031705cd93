"""Networks at the boundary, with and without a NAT."""

from __future__ import annotations

from sensor.lab.network.behaviour import CONE
from sensor.lab.scenarios.world import World
from sensor.wire.addresses import is_private


def test_a_campus_is_reached_at_its_own_addresses() -> None:
    world = World(1)
    campus = world.campus("campus")
    world.watch(campus)
    desk, stranger = campus.neighbour("desk"), world.stranger("stranger")
    assert not is_private(desk.host.address)
    asked = stranger.ping(desk.host.address)
    page = desk.browse(world.site)
    world.wait(2)
    assert len(asked.answers) == 1
    assert page.received.startswith(b"HTTP/1.1 200 OK")
    inside, outside = (tap.frames for tap in (world.watched.inside, world.watched.outside))
    assert len(inside) == len(outside)


def test_who_owns_an_address() -> None:
    world = World(1)
    carrier = world.carrier("carrier", CONE)
    home, campus = world.home("home", CONE, carrier), world.campus("campus")
    assert home.owns(home.host("desk").address)
    assert home.owns(home.public)
    assert home.owns(home.box.outside.addresses[0])
    assert not campus.owns(home.public)
    assert campus.owns(campus.host("desk").address)
    assert not home.owns(world.stranger("stranger").address)


def test_networks_do_not_overlap() -> None:
    world = World(1)
    places = [world.home("a", CONE), world.campus("b"), world.campus("c"), world.home("d", CONE)]
    assert len({place.network for place in places}) == len(places)
    assert all(
        not place.owns(other.next_address())
        for place in places
        for other in places
        if other is not place
    )
