"""Our endpoints and Miredo's with one another, through a real NAT.

Each row: ping both ways, 10 MB to and from a service of the inside host, a clean end, the habits
of each make on the wire, Wireshark's reading, and what the sensor says from either side.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .habits import (
    MIREDO_CLIENT,
    MIREDO_RELAY,
    SENSOR_CLIENT,
    SENSOR_HOST_RELAY,
    SENSOR_RELAY,
)
from .matrix import Row, check_rows, check_verdict, check_wire, play
from .programs import (
    miredo_client,
    miredo_relay,
    miredo_server,
    sensor_client,
    sensor_host_relay,
    sensor_relay,
    sensor_server,
)
from .world import NATIVE, RELAY, Nat, World

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("miredo")]

OUR_CLIENT = Row(sensor_client, miredo_server, miredo_relay, SENSOR_CLIENT, MIREDO_RELAY, RELAY)
OURS = Row(sensor_client, sensor_server, sensor_relay, SENSOR_CLIENT, SENSOR_RELAY, RELAY)
THEIR_CLIENT = {
    "our server and relay": Row(
        miredo_client, sensor_server, sensor_relay, MIREDO_CLIENT, SENSOR_RELAY, RELAY
    ),
    "our server and host relay": Row(
        miredo_client, sensor_server, sensor_host_relay, MIREDO_CLIENT, SENSOR_HOST_RELAY, NATIVE
    ),
    "our host relay": Row(
        miredo_client, miredo_server, sensor_host_relay, MIREDO_CLIENT, SENSOR_HOST_RELAY, NATIVE
    ),
    "our server": Row(
        miredo_client, sensor_server, miredo_relay, MIREDO_CLIENT, MIREDO_RELAY, RELAY
    ),
}
RESTRICTED = [Nat.PRESERVING, Nat.MOVING]


def check(world: World, row: Row) -> None:
    played = play(world, row)
    check_wire(row, played)
    check_verdict(world, played)
    check_rows(played)


@pytest.mark.parametrize("nat", RESTRICTED, ids=lambda nat: nat.name.lower())
def test_our_client_with_miredo(behind: Callable[[Nat], World], nat: Nat) -> None:
    check(behind(nat), OUR_CLIENT)


@pytest.mark.parametrize("row", THEIR_CLIENT.values(), ids=THEIR_CLIENT.keys())
def test_miredos_client(world: World, row: Row) -> None:
    check(world, row)


@pytest.mark.parametrize("nat", RESTRICTED, ids=lambda nat: nat.name.lower())
def test_all_ours(behind: Callable[[Nat], World], nat: Nat) -> None:
    check(behind(nat), OURS)
