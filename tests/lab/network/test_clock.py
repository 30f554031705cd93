"""Virtual time keeps its order and cannot go on for ever."""

from __future__ import annotations

import pytest

from sensor.errors import SensorError
from sensor.lab.network.clock import Clock


def test_actions_come_in_order_of_time_then_of_asking() -> None:
    clock, done = Clock(), list[str]()
    clock.at(2.0, lambda: done.append("c"))
    clock.at(1.0, lambda: done.append("a"))
    clock.at(1.0, lambda: done.append("b"))
    clock.after(9.0, lambda: done.append("later"))
    clock.run(5.0)
    assert (done, clock.now) == (["a", "b", "c"], 5.0)


def test_each_action_sees_its_own_time_and_may_ask_for_more() -> None:
    clock, seen = Clock(), list[float]()

    def tick() -> None:
        seen.append(clock.now)
        clock.after(0.5, tick)

    clock.after(0.5, tick)
    clock.run(2.0)
    assert seen == [0.5, 1.0, 1.5, 2.0]


def test_what_is_past_comes_next_and_time_never_goes_back() -> None:
    clock, seen = Clock(), list[float]()
    clock.run(3.0)
    clock.at(1.0, lambda: seen.append(clock.now))
    clock.run(2.0)
    assert (seen, clock.now) == ([], 3.0)
    clock.run(3.0)
    assert seen == [3.0]


def test_what_goes_round_for_ever_is_stopped_and_said_so() -> None:
    clock, rounds = Clock(limit=100), list[float]()

    def again() -> None:
        rounds.append(clock.now)
        clock.after(0.0, again)

    clock.after(1.0, again)
    with pytest.raises(SensorError, match=r"more than 100 events by second 1\.000"):
        clock.run(10.0)
    assert len(rounds) == 100
