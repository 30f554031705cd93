"""AYIYA and TSP among hostile senders: no exception, bounded, and they recover."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from sensor.lab.inner.packets import inner_packet
from sensor.wire import ayiya, tsp
from sensor.wire.cursor import Cursor
from tests.lab.brokers.parties import (
    ACCOUNTS,
    BLIND,
    PREFIX,
    TSP_END,
    ayiya_broker,
    ayiya_client,
    tsp_broker,
    tsp_client,
)
from tests.lab.framing.hostile import Troubled, stories
from tests.lab.framing.parties import NATIVE, OTHER, SERVER, data

SESSIONS = 3


def is_packet(payload: bytes) -> bool:
    return inner_packet(payload) == payload


def is_ayiya(payload: bytes) -> bool:
    cursor = Cursor(payload)
    header = ayiya.parse(cursor)
    assert header.sound
    return header.opcode != ayiya.FORWARD or is_packet(cursor.rest())


def is_tsp(payload: bytes) -> bool:
    if payload[0] >> 4 == 6:
        return is_packet(payload)
    cursor = Cursor(payload)
    tsp.parse(cursor)
    text = cursor.rest()
    return tsp.is_setup(text) or tsp.is_reply(text)


def play(troubled: Troubled, steps: list[Any], patience: float) -> None:
    troubled.start()
    for step in steps:
        troubled.step(*step)
    troubled.check_recovery(patience)


@given(stories)
def test_ayiya(story: tuple[list[Any], list[str]]) -> None:
    broker = ayiya_broker()

    def within() -> bool:
        return len(broker._places) <= len(ACCOUNTS)

    play(Troubled(ayiya_client(), broker, story[1], is_ayiya, within), story[0], 120)


@given(stories)
def test_tsp(story: tuple[list[Any], list[str]]) -> None:
    broker = tsp_broker(sessions=SESSIONS, pool=SESSIONS)

    def within() -> bool:
        sessions = broker._sessions
        return len(sessions._addresses) <= len(sessions) <= SESSIONS

    play(Troubled(tsp_client(), broker, story[1], is_tsp, within), story[0], 600)


@given(stories)
def test_tsp_with_an_account(story: tuple[list[Any], list[str]]) -> None:
    client, broker = tsp_client(name="carol", password="secret"), tsp_broker(pool=0)
    play(Troubled(client, broker, story[1], is_tsp, lambda: True), story[0], 600)


@pytest.mark.parametrize("source", [SERVER, OTHER])
def test_every_truncation_is_taken_or_refused(source: Any) -> None:
    for client, server in ((ayiya_client(), ayiya_broker()), (tsp_client(), tsp_broker())):
        pair = Troubled(client, server, [], lambda _: True, lambda: True)
        pair.start()
        pair.step("converse", True)
        pair.step("converse", False)
        before = list(pair.sent)
        for each in before:
            for length in range(len(each.payload)):
                for machine in (client, server):
                    machine.receive_datagram(each.payload[:length], source, SERVER, 1.0)
        assert client.drops.total() + server.drops.total() > len(before)


def test_blind_dialogues_take_nobodys_place() -> None:
    """Whoever never hears the broker has what it was offered until the next one comes."""
    broker = tsp_broker(sessions=SESSIONS, pool=SESSIONS)
    for port in range(1, 50):
        end = OTHER._replace(port=port)
        for number, words in enumerate(BLIND):
            broker.receive_datagram(tsp.build(number, 0, words), end, TSP_END, 0.0)
        guess = data(PREFIX + (port + 1).to_bytes(8), NATIVE)
        broker.receive_datagram(guess, end, TSP_END, 0.0)
    assert broker.ipv6_to_deliver() == []
    broker.datagrams_to_send()
    troubled = Troubled(tsp_client(), broker, [], is_tsp, lambda: True)
    troubled.start()
    assert troubled.client.address is not None
    troubled.check_recovery(0.0)


def test_a_broker_under_a_flood_still_serves_whom_it_served() -> None:
    broker = tsp_broker(sessions=SESSIONS, pool=2 * SESSIONS)
    troubled = Troubled(tsp_client(), broker, [], is_tsp, lambda: True)
    troubled.start()
    for port in range(1, 2_000):
        end = OTHER._replace(port=port)
        version = tsp.build(1, 0, b"VERSION=2.0.0\r\n")
        broker.receive_datagram(version, end, next(iter(broker.ends)), troubled.now)
        broker.datagrams_to_send()
    troubled.step("converse", True)
    assert broker.drops == {"client-evicted": 1_999 - SESSIONS + 1}
    troubled.check_recovery(0.0)
