"""L2TP, 6a44 and 6bed4 among hostile senders: no exception, bounded, and they recover."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from sensor.errors import SensorError
from sensor.lab.framing import control
from sensor.lab.inner.packets import inner_packet
from sensor.lab.machine import Machine
from sensor.schema.records import Endpoint
from sensor.wire import l2tp, ppp
from sensor.wire.cursor import Cursor
from tests.lab.framing.hostile import Troubled, stories
from tests.lab.framing.parties import OTHER, PUBLIC, Client
from tests.lab.framing.servers import (
    L2TP_END,
    l2tp_client,
    l2tp_server,
    sixa44_client,
    sixa44_relay,
    sixbed4_peer,
    sixbed4_router,
)

TUNNELS = 3


def is_packet(payload: bytes) -> bool:
    return inner_packet(payload) == payload


def is_l2tp(payload: bytes) -> bool:
    cursor = Cursor(payload)
    header = l2tp.parse(cursor)
    assert header.length == len(payload)
    if header.control:
        return not cursor.remaining or control.read(cursor).type > 0
    return ppp.parse(cursor) == ppp.IPV6 and is_packet(cursor.rest())


def is_sixa44(payload: bytes) -> bool:
    return len(payload) == 20 or is_packet(payload)


def is_sixbed4(payload: bytes) -> bool:
    return payload == b"" or is_packet(payload)


def nothing_kept() -> bool:
    return True


def play(troubled: Troubled, steps: list[Any], patience: float) -> None:
    troubled.start()
    for step in steps:
        troubled.step(*step)
    troubled.check_recovery(patience)


@given(stories)
def test_l2tp(story: tuple[list[Any], list[str]]) -> None:
    server = l2tp_server(tunnels=TUNNELS)

    def within() -> bool:
        assert len(server._theirs) == len(server._tunnels)
        return len(server._tunnels) <= TUNNELS and len(server._addresses) <= TUNNELS

    play(Troubled(l2tp_client(), server, story[1], is_l2tp, within), story[0], 500)


@given(stories)
def test_sixa44(story: tuple[list[Any], list[str]]) -> None:
    troubled = Troubled(sixa44_client(), sixa44_relay(), story[1], is_sixa44, nothing_kept)
    play(troubled, story[0], 2_000)


@given(stories)
def test_sixbed4(story: tuple[list[Any], list[str]]) -> None:
    troubled = Troubled(sixbed4_peer(), sixbed4_router(), story[1], is_sixbed4, nothing_kept)
    play(troubled, story[0], 400)


MACHINES: dict[str, tuple[Callable[[], Client], Callable[[], Machine]]] = {
    "l2tp": (l2tp_client, l2tp_server),
    "sixa44": (sixa44_client, sixa44_relay),
    "sixbed4": (sixbed4_peer, sixbed4_router),
}


@pytest.mark.parametrize("source", [PUBLIC, OTHER, L2TP_END])
@pytest.mark.parametrize("name", MACHINES)
def test_every_truncation_is_taken_or_refused(name: str, source: Endpoint) -> None:
    make_client, make_server = MACHINES[name]
    client, server = make_client(), make_server()
    pair = Troubled(client, server, [], lambda _: True, nothing_kept)
    pair.start()
    pair.step("converse", True)
    pair.step("converse", False)
    before = list(pair.sent)
    for each in before:
        for length in range(len(each.payload)):
            for machine in (client, server):
                machine.receive_datagram(each.payload[:length], source, L2TP_END, 1.0)
    assert client.drops.total() + server.drops.total() > len(before)


def test_the_checks_can_fail() -> None:
    for check in (is_l2tp, is_sixa44, is_sixbed4):
        with pytest.raises(SensorError):
            check(b"\x60" + bytes(38))
