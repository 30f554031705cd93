"""Questions find their answers, and forgotten ones none."""

from __future__ import annotations

from collections import Counter
from random import Random

from sensor.lab.network.asked import (
    ANSWER_IGNORED,
    ANSWERS,
    FIRST_EPHEMERAL,
    QUESTION_EVICTED,
    QUESTIONS,
    Questions,
    ephemeral,
)
from sensor.lab.network.clock import Clock


def questions() -> tuple[Questions, Clock, Counter[str]]:
    clock, drops = Clock(), Counter[str]()
    return Questions(clock, Random(1), drops), clock, drops


def test_an_answer_comes_to_who_asked_with_its_time() -> None:
    asked, clock, _ = questions()
    clock.run(5.0)
    number, mine = asked.ask()
    _, other = asked.ask()
    clock.run(6.5)
    assert asked.answer(number, b"yes")
    assert (mine.at, mine.answers, mine.refused) == (5.0, [(6.5, b"yes")], False)
    assert other.answers == []


def test_nobody_asked_from_other_numbers() -> None:
    asked, _, _ = questions()
    number, mine = asked.ask()
    assert not asked.answer(number ^ 1, b"no")
    asked.refuse(number ^ 1)
    assert not mine.refused
    asked.refuse(number)
    assert mine.refused


def test_of_too_many_questions_the_oldest_is_forgotten() -> None:
    asked, _, drops = questions()
    numbers = [asked.ask()[0] for _ in range(QUESTIONS + 3)]
    assert drops[QUESTION_EVICTED] == 3
    assert [asked.answer(number, b"") for number in numbers[2:4]] == [False, True]


def test_too_many_answers_are_ignored() -> None:
    asked, _, drops = questions()
    number, mine = asked.ask()
    for _ in range(ANSWERS + 5):
        asked.answer(number, b"again")
    assert (len(mine.answers), drops[ANSWER_IGNORED]) == (ANSWERS, 5)


def test_ephemeral_ports_are_never_taken_ones() -> None:
    rng = Random(3)
    taken = set(range(FIRST_EPHEMERAL, 65_536)) - {60_000}
    assert ephemeral(rng, taken) == 60_000
    assert FIRST_EPHEMERAL <= ephemeral(rng, set()) <= 65_535
