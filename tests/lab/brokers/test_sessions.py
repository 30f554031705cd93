"""The clients that a TSP broker knows."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from sensor.lab.brokers.dialogue import BrokerDialogue
from sensor.lab.brokers.pool import Pool
from sensor.lab.brokers.sessions import SETTLED, Session, Sessions
from sensor.lab.brokers.tunnel import V6UDPV4, Agreement
from sensor.lab.framing.clients import BEGUN
from sensor.lab.inner.refusal import Refused
from sensor.schema.records import Endpoint
from tests.lab.brokers.parties import tsp_settings
from tests.lab.framing.parties import ALICE, BROKER, PUBLIC, SERVER

SETTINGS = tsp_settings()
POOL = Pool(SETTINGS, Random(1))
AGREED = Agreement(V6UDPV4, ALICE, PUBLIC.ip, BROKER, SERVER.ip, 30)


def session(port: int, now: float = 0.0) -> Session:
    dialogue = BrokerDialogue(SETTINGS, POOL, PUBLIC.ip, (V6UDPV4,))
    return Session(Endpoint(PUBLIC.ip, port), dialogue, now)


def test_a_session_is_found_by_end_and_by_address() -> None:
    sessions, one = Sessions(2, Counter()), session(1)
    sessions.begin(one)
    assert sessions.get(one.end) is one
    assert sessions.of_address(ALICE) is None
    sessions.settle(one, AGREED)
    assert (sessions.get(one.end), sessions.of_address(ALICE)) == (one, one)
    sessions.end(one)
    assert (sessions.get(one.end), sessions.of_address(ALICE)) == (None, None)
    assert len(sessions) == 0


def test_an_address_has_one_session() -> None:
    sessions = Sessions(9, Counter())
    one, two = session(1), session(2)
    for each in (one, two):
        sessions.begin(each)
        sessions.settle(each, AGREED)
    assert sessions.of_address(ALICE) is two
    assert sessions.get(one.end) is None


def test_a_tunnel_stays_until_the_next_one_of_its_end_has_settled() -> None:
    sessions = Sessions(9, Counter())
    old, broken, new = session(1), session(1), session(1)
    sessions.begin(old)
    sessions.settle(old, AGREED)
    sessions.begin(broken)
    sessions.begin(new)
    assert (sessions.settled(old.end), sessions.begun(old.end)) == (old, new)
    assert (sessions.get(old.end), len(sessions)) == (new, 2)
    sessions.settle(new, AGREED._replace(address=BROKER))
    assert (sessions.settled(old.end), sessions.begun(old.end)) == (new, None)
    assert (sessions.of_address(ALICE), sessions.of_address(BROKER)) == (None, new)
    assert len(sessions) == 1


def test_tunnels_stay_where_strangers_go() -> None:
    drops: Counter[str] = Counter()
    sessions = Sessions(2, drops)
    one, two, three = session(1), session(2), session(3)
    sessions.begin(one)
    sessions.settle(one, AGREED)
    sessions.begin(two)
    sessions.begin(three)
    assert [sessions.get(each.end) for each in (one, two, three)] == [one, None, three]
    assert drops == {"client-evicted": 1}
    sessions.settle(three, AGREED._replace(address=BROKER))
    with pytest.raises(Refused, match="clients-full"):
        sessions.begin(two)


def test_the_silent_end() -> None:
    sessions = Sessions(9, Counter())
    one, two = session(1), session(2)
    sessions.begin(one)
    sessions.settle(one, AGREED)
    sessions.begin(two)
    assert sessions.due() == BEGUN
    assert sessions.take_silent(BEGUN) == [two]
    sessions.heard(one, 100.0)
    assert sessions.due() == 100 + SETTLED
    assert sessions.take_silent(99 + SETTLED) == []
    assert sessions.take_silent(100 + SETTLED) == [one]
    assert sessions.due() is None
    assert sessions.of_address(ALICE) is None
