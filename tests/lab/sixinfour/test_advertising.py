"""When a router advertises, and what it says."""

from __future__ import annotations

from random import Random

from sensor.lab.sixinfour import advertising
from sensor.lab.sixinfour.advertising import (
    BETWEEN,
    INITIAL,
    INITIAL_INTERVAL,
    INTERVAL,
    LIFETIMES,
    Advertising,
)
from tests.lab.sixinfour.site import PREFIX


def test_often_at_first_then_seldom() -> None:
    schedule = Advertising(Random(1))
    schedule.start(10.0)
    waits = []
    for _ in range(20):
        assert schedule.due is not None
        now = schedule.due
        schedule.sent(now)
        waits.append(schedule.due - now)
    assert waits[: INITIAL - 1] == [INITIAL_INTERVAL] * (INITIAL - 1)
    assert all(INTERVAL[0] <= wait <= INTERVAL[1] for wait in waits[INITIAL - 1 :])
    assert len(set(waits)) > 10


def test_who_asks_waits_no_longer_but_makes_no_flood() -> None:
    schedule = Advertising(Random(1))
    schedule.asked(1.0)
    assert schedule.due is None
    schedule.start(10.0)
    schedule.sent(10.0)
    schedule.asked(11.0)
    assert schedule.due == 10.0 + BETWEEN
    schedule.sent(13.0)
    schedule.asked(20.0)
    assert schedule.due == 20.0
    schedule.asked(500.0)
    assert schedule.due == 20.0
    schedule.stop()
    assert schedule.due is None


def test_it_says_where_addresses_are_formed_and_how_long() -> None:
    said = advertising.build(PREFIX, LIFETIMES)
    assert said.router_lifetime == 1_800
    assert said.prefixes == ((64, 0xC0, 2_592_000, 604_800, PREFIX + bytes(8)),)
