"""Our client behind a symmetric NAT: qualified and reached with RFC 6081, off-line without."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .dissected import ADVERTISEMENT
from .exchanges import PORT
from .habits import MIREDO_RELAY, SENSOR_CLIENT, SENSOR_RELAY, check_client
from .matrix import Row, play
from .programs import (
    miredo_relay,
    miredo_server,
    sensor_client,
    sensor_relay,
    sensor_server,
    start_sensor_client,
)
from .verdict import replayed
from .world import INSIDE, RELAY, Nat, World

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("miredo")]

ROWS = {
    "all ours": Row(sensor_client, sensor_server, sensor_relay, SENSOR_CLIENT, SENSOR_RELAY, RELAY),
    "with miredo": Row(
        sensor_client, miredo_server, miredo_relay, SENSOR_CLIENT, MIREDO_RELAY, RELAY
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_our_client_is_qualified_and_reached(behind: Callable[[Nat], World], row: Row) -> None:
    played = play(behind(Nat.SYMMETRIC), row)
    assert played.client.nat == "symmetric"
    assert played.seen.malformed() == ""
    check_client(played.seen, row.client_habits)
    assert len({frame.origin for frame in played.seen.of(ADVERTISEMENT)}) == 2
    taps = played.taps
    verdict = replayed(taps.inside)
    tunnel = verdict.tunnel["v6tunnel"]
    assert tunnel["teredo"]["nat_type"] == "symmetric"
    assert tunnel["inside"]["address"] == played.client.address
    for captures, inside in (([taps.inside], INSIDE), ([taps.outside], None), (taps, INSIDE)):
        exposure = replayed(*captures).exposed(PORT)["v6tunnel"]
        assert exposure["exposure"]["state"] == "answered"
        assert exposure.get("inside", {}).get("ip") == inside
    assert replayed(*taps).tunnel["v6tunnel"]["inside"]["address"] == played.client.address


def test_without_the_extensions_it_stays_off_line(behind: Callable[[Nat], World]) -> None:
    world = behind(Nat.SYMMETRIC)
    server = sensor_server(world)
    client = start_sensor_client(world.inside, "--set", "client.symmetric=false")
    client.wait_for("Unsupported symmetric NAT")
    assert "2001:" not in world.inside.ip("-6 address")
    assert client.stop() == 0
    assert server.stop() == 0
