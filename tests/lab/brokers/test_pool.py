"""Addresses to give away."""

from __future__ import annotations

from sensor.lab.brokers.pool import Pool
from tests.lab.brokers.parties import CAROL, PREFIX, TSP_OWN, tsp_settings


def test_the_lowest_free_address_is_given() -> None:
    pool = Pool(tsp_settings(pool=3))
    first, second, third = (pool.take(None) for _ in range(3))
    assert [first, second, third] == [PREFIX + n.to_bytes(8) for n in (2, 3, 4)]
    assert TSP_OWN not in (first, second, third)
    assert pool.take(None) is None
    assert second is not None
    pool.give_back(second)
    pool.give_back(second)
    assert pool.take(None) == second
    assert pool.take(None) is None


def test_an_accounts_address_is_always_its_own() -> None:
    carol = CAROL.address
    pool = Pool(tsp_settings(pool=300))
    assert pool.take(CAROL) == pool.take(CAROL) == carol
    pool.give_back(carol)
    given = [pool.take(None) for _ in range(300)]
    assert carol not in given
    assert len(set(given)) == 300


def test_there_need_be_none() -> None:
    assert Pool(tsp_settings(pool=0)).take(None) is None
