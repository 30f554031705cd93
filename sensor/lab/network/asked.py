"""Questions that a host sent, and what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from random import Random

from sensor.lab.network.clock import Clock

FIRST_EPHEMERAL = 49_152  # RFC 6335 section 6
EPHEMERAL = 65_536 - FIRST_EPHEMERAL

# What a host has under way at once: one more forgets the oldest.
QUESTIONS = 1_024
# One question to a hostile network may be answered by many.
ANSWERS = 256

QUESTION_EVICTED = "question-evicted"
ANSWER_IGNORED = "answer-ignored"


class Asked:
    """The answers to one echo request or datagram, each with its time in seconds.

    ``refused`` tells that an ICMP error came back about it.
    """

    __slots__ = ("answers", "at", "refused")

    def __init__(self, at: float) -> None:
        self.at = at
        self.answers: list[tuple[float, bytes]] = []
        self.refused = False


class Questions:
    """By the ephemeral port, or the echo identifier, that each was sent from."""

    def __init__(self, clock: Clock, rng: Random, drops: Counter[str]) -> None:
        self._clock = clock
        self._rng = rng
        self._drops = drops
        self._asked: dict[int, Asked] = {}

    def ask(self) -> tuple[int, Asked]:
        """A number that none of the others has, and where its answers will be."""
        if len(self._asked) >= QUESTIONS:
            self._asked.pop(next(iter(self._asked)))
            self._drops[QUESTION_EVICTED] += 1
        number = ephemeral(self._rng, self._asked)
        self._asked[number] = Asked(self._clock.now)
        return number, self._asked[number]

    def answer(self, number: int, payload: bytes) -> bool:
        """Note an answer; False if nobody asked."""
        asked = self._asked.get(number)
        if asked is None:
            return False
        if len(asked.answers) < ANSWERS:
            asked.answers.append((self._clock.now, payload))
        else:
            self._drops[ANSWER_IGNORED] += 1
        return True

    def refuse(self, number: int) -> None:
        """Note an error about what was sent from ``number``."""
        asked = self._asked.get(number)
        if asked is not None:
            asked.refused = True


def ephemeral(rng: Random, taken: Container[int]) -> int:
    """A port drawn at random, the next one up if that is taken; fewer than all must be."""
    first = rng.randrange(EPHEMERAL)
    ports = (FIRST_EPHEMERAL + (first + step) % EPHEMERAL for step in range(EPHEMERAL))
    return next(port for port in ports if port not in taken)
