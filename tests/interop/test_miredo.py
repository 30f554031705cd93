"""Miredo's own client, server and relay: that the harness is right before ours are judged by it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .dissected import Conversation, End
from .exchanges import ping
from .habits import MIREDO_CLIENT, MIREDO_RELAY
from .matrix import Row, check_verdict, check_wire, play
from .programs import miredo_client, miredo_relay, miredo_server
from .world import INSIDE, PUBLIC, RELAY, SERVER, Nat, World

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("miredo")]

ALONE = Row(miredo_client, miredo_server, miredo_relay, MIREDO_CLIENT, MIREDO_RELAY, RELAY)


@pytest.mark.parametrize("nat", [Nat.PRESERVING, Nat.MOVING], ids=lambda nat: nat.name.lower())
def test_miredo_alone_is_reached_through_the_nat(behind: Callable[[Nat], World], nat: Nat) -> None:
    world = behind(nat)
    played = play(world, ALONE)
    check_wire(ALONE, played)
    check_verdict(world, played)


def test_the_symmetric_nat_maps_the_same_port_anew_for_everyone(
    behind: Callable[[Nat], World],
) -> None:
    world = behind(Nat.SYMMETRIC)
    miredo_server(world)
    miredo_relay(world)
    with world.watched() as taps:
        client = miredo_client(world)
        # Miredo's relay takes the answer to its own bubble from whatever port it comes.
        ping(world.native, client.address)
    inside, outside = Conversation(taps.inside, INSIDE), Conversation(taps.outside, PUBLIC)
    assert {frame.source for frame in inside.sent()} == {End(INSIDE, inside.client_port)}
    ports = {frame.destination.ip: frame.source.port for frame in outside.sent()}
    assert ports.keys() == {SERVER, RELAY}
    assert ports[SERVER] != ports[RELAY]
