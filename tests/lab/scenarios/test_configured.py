"""A configured tunnel from a campus, as stories build it."""

from __future__ import annotations

from sensor.lab.network.behaviour import CONE
from sensor.lab.network.host import Host
from sensor.lab.scenarios.configured import (
    FAR_END,
    IRC_LOGIN,
    IRC_WELCOME,
    configured,
    log_in,
    public_client,
    serve_irc,
)
from sensor.lab.scenarios.world import World
from sensor.schema.words import Kind
from sensor.wire.addresses import parse_teredo


def test_both_sides_reach_each_other() -> None:
    world = World(1)
    ends = configured(world)
    ends.remote.serve(80)
    ends.alice.serve(80)
    there, here = ends.remote.fetch(ends.alice), ends.alice.fetch(ends.remote)
    world.wait(5)
    assert there.whole
    assert here.whole
    kinds = {frame.label.kind for frame in world.watched.outside.frames if frame.label}
    assert kinds == {Kind.SIXINFOUR}
    outer = {frame.octets[26:30] for frame in world.watched.outside.frames}
    assert outer == {FAR_END, ends.alice.node.host.address}


def test_the_irc_server_welcomes_who_logs_in_and_nobody_else() -> None:
    world = World(1)
    ends = configured(world)
    serve_irc(ends.alice)
    tried = log_in(ends.remote, ends.alice)
    other = ends.remote.fetch(ends.alice, tried.service.port)
    world.wait(5)
    assert tried.whole
    assert getattr(tried.asked, "received", b"") == IRC_WELCOME
    assert IRC_LOGIN.count(b"\r\n") == 2
    assert not other.answered
    assert world.tries == [tried, other]


def test_a_public_client_is_where_its_address_says() -> None:
    world = World(1)
    campus = world.campus("campus")
    world.watch(campus)
    alice = public_client(world, campus, "alice", Host)
    alice.start()
    bob = world.home("home", CONE).client("bob")
    bob.start()
    world.wait(5)
    found = parse_teredo(alice.address)
    assert found is not None
    assert found.ip == alice.node.host.address
    tried = bob.ping(alice)
    world.wait(5)
    assert tried.answered
