"""Rounds of solicitations: three, and a rest."""

from __future__ import annotations

from sensor.lab.sixinfour.rounds import INTERVAL, SOLICITATIONS, Rounds


def test_three_and_then_a_rest() -> None:
    rounds = Rounds()
    assert rounds.due is None
    rounds.begin(5.0)
    times: list[float] = []
    for _ in range(2 * SOLICITATIONS):
        assert rounds.due is not None
        times.append(rounds.due)
        rounds.sent(rounds.due, 100.0)
    assert times == [5.0, 9.0, 13.0, 113.0, 117.0, 121.0]


def test_an_answer_ends_the_round() -> None:
    rounds = Rounds()
    rounds.begin(0.0)
    rounds.sent(0.0, 100.0)
    rounds.pause(1.0, 50.0)
    assert rounds.due == 51.0
    rounds.sent(51.0, 100.0)
    assert rounds.due == 51.0 + INTERVAL
    rounds.stop()
    assert rounds.due is None


def test_no_rest_is_shorter_than_between_two() -> None:
    rounds = Rounds()
    rounds.pause(1.0, 0.0)
    assert rounds.due == 1.0 + INTERVAL
