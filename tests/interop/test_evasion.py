"""Who really receives what the deviants send: Miredo and Linux, and our own client."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from .evader import DISGUISES
from .lab import Namespace
from .programs import Client, miredo_client, miredo_server, sensor_client
from .world import World

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("miredo")]

PEER = "203.0.113.9"
IN_FRONT = {"authentication", "origin", "both", "two-authentications", "two-origins"}
Start = Callable[[World, Namespace | None], Client]


def received(world: World, start: Start) -> set[str]:
    """In what disguise a client on the Internet is reached."""
    miredo_server(world)
    client = start(world, world.host("peer", PEER))
    evader = (sys.executable, "-P", "-m", "tests.interop.evader", client.address)
    return set(world.native.run(*evader).split())


def test_miredo_takes_indicators_in_front_of_data_but_none_twice(world: World) -> None:
    refused = {"two-authentications", "two-origins"}
    assert received(world, miredo_client) == DISGUISES.keys() - refused


def test_ours_takes_none(world: World) -> None:
    assert received(world, sensor_client) == DISGUISES.keys() - IN_FRONT
