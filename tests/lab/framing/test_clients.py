"""A bounded table of clients."""

from __future__ import annotations

from collections import Counter

import pytest

from sensor.lab.framing.clients import BEGUN, Clients
from sensor.lab.inner.refusal import Refused


class One:
    def __init__(self, heard: float = 0.0) -> None:
        self.heard = heard


def table(limit: int = 2) -> tuple[Clients[str, One], Counter[str]]:
    drops: Counter[str] = Counter()
    return Clients(limit, 300.0, drops), drops


def test_the_oldest_that_settled_nothing_goes_first() -> None:
    clients, drops = table()
    first, second = One(), One()
    assert clients.begin("first", first) is None
    assert clients.begin("second", second) is None
    clients.heard("first", 1.0)
    assert clients.begin("third", One()) is second
    assert clients.get("second") is None
    assert clients.get("first") is first
    assert (len(clients), drops) == (2, {"client-evicted": 1})


def test_those_that_settled_stay() -> None:
    clients, drops = table()
    for name in ("first", "second"):
        clients.begin(name, One())
        clients.settle(name)
    with pytest.raises(Refused, match="clients-full"):
        clients.begin("third", One())
    assert drops == {}
    clients.remove("first")
    clients.remove("first")
    assert clients.begin("third", One()) is None


def test_silence_ends_them_sooner_or_later() -> None:
    clients, _ = table(limit=3)
    first, second, third = One(0.0), One(10.0), One(20.0)
    clients.begin("first", first)
    clients.settle("first")
    clients.begin("second", second)
    clients.begin("third", third)
    assert clients.due() == 10 + BEGUN
    clients.heard("second", 30.0)
    assert clients.due() == 20 + BEGUN
    assert clients.take_silent(20 + BEGUN) == [third]
    assert clients.take_silent(300.0) == [second, first]
    assert (len(clients), clients.due()) == (0, None)
