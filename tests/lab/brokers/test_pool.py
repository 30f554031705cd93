"""Addresses to give away."""

from __future__ import annotations

from random import Random

from sensor.lab.brokers.pool import Pool
from tests.lab.brokers.parties import CAROL, PREFIX, TSP_OWN, tsp_settings

FIRST = PREFIX + (2).to_bytes(8)  # 1 is the broker's own


def test_an_address_is_given_once_until_it_is_given_back() -> None:
    pool = Pool(tsp_settings(pool=3), Random(1))
    given = {pool.take(None) for _ in range(3)}
    assert len(given) == 3
    assert not given & {TSP_OWN, None}
    assert pool.take(None) is None
    second = sorted(address for address in given if address)[1]
    pool.give_back(second)
    pool.give_back(second)
    again = pool.take(None)
    assert again is not None
    assert again not in given - {second}
    assert pool.take(None) is None


def test_an_accounts_address_is_always_its_own() -> None:
    carol = CAROL.address
    pool = Pool(tsp_settings(pool=300), Random(1))
    assert pool.take(CAROL) == pool.take(CAROL) == carol
    pool.give_back(carol)
    given = [pool.take(None) for _ in range(300)]
    assert carol not in given
    assert len(set(given)) == 300


def test_nobody_can_guess_what_is_drawn() -> None:
    pool = Pool(tsp_settings(pool=2), Random(1))
    first, second = pool.take(None), pool.take(None)
    assert first is not None
    assert second is not None
    low, high = sorted(int.from_bytes(each[8:]) for each in (first, second))
    assert {first[:8], second[:8]} == {PREFIX}
    assert high - low > 1 << 32
    assert pool.take(None) is None
    pool.give_back(first)
    assert pool.take(None) not in (None, first, second)


class Highest(Random):
    """Draws the same number for ever."""

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        return (1 << 64) - 1


def test_what_is_taken_is_passed_over() -> None:
    pool = Pool(tsp_settings(pool=2), Highest())
    assert [pool.take(None) for _ in range(3)] == [PREFIX + b"\xff" * 8, FIRST, None]


def test_there_need_be_none() -> None:
    assert Pool(tsp_settings(pool=0), Random(1)).take(None) is None
