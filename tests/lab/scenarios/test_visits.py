"""A visit reaches what it names, and leaves time for a tunnel to keep itself open."""

from __future__ import annotations

from sensor.lab.network.behaviour import CONE
from sensor.lab.scenarios.sixinfour import configured
from sensor.lab.scenarios.visits import CLOSED_PORT, visited, watched_home
from sensor.lab.scenarios.world import World
from tests.lab.scenarios.stories import told


def test_a_visit_has_a_ping_two_pages_and_a_refusal() -> None:
    _, truth = told("sixinfour-campus")
    assert [(tried.by, tried.service.port, tried.whole) for tried in truth.tries] == [
        ("alice", 0, True),
        ("remote", 80, True),
        ("remote", CLOSED_PORT, False),
        ("remote", 80, True),
    ]


def test_nobody_answers_without_a_tunnel() -> None:
    world = World(1)
    campus, far = world.campus("campus"), world.stranger("far")
    alice = world.tunnel_host(
        configured(world, campus.host("alice"), far.address), b"\x20" + bytes(15), place=campus
    )
    visited(world, alice)
    assert [tried.answered for tried in world.tries] == [False] * 4


def test_a_watched_home_is_watched_and_browses() -> None:
    world = World(1)
    home = watched_home(world, CONE)
    world.wait(5)
    assert world.watched.home is home
    assert home.box.behaviour is CONE
    assert len(world.watched.inside.frames) > 4
