"""The table of what has no ports: its lifetimes, its limits."""

from __future__ import annotations

from collections import Counter

import pytest

from sensor.lab.network import passthrough as module
from sensor.lab.network.mappings import HISTORY_FORGOTTEN, NO_MAPPING, TABLE_FULL
from sensor.lab.network.passthrough import LIFETIME, PASSAGE_TAKEN, Passage, Passthrough
from sensor.lab.network.rewrite import Flow
from sensor.schema.records import Endpoint

OUTSIDE = bytes([203, 0, 113, 2])
REMOTE = bytes([198, 51, 100, 1])
SIXINFOUR, GRE = 41, 47


def inside(number: int) -> bytes:
    return bytes([10, 0, 0, 1 + number])


def remote(number: int) -> bytes:
    return bytes([198, 51, 100, 1 + number])


def flow(source: bytes, destination: bytes, protocol: int = SIXINFOUR) -> Flow:
    return Flow(protocol, Endpoint(source, 0), Endpoint(destination, 0))


class Table:
    """The table with its counters, and its two directions."""

    def __init__(self, limit: int = 100) -> None:
        self.drops: Counter[str] = Counter()
        self.table = Passthrough(OUTSIDE, limit, self.drops)

    def out(
        self, source: bytes, to: bytes = REMOTE, now: float = 0.0, protocol: int = SIXINFOUR
    ) -> bool:
        end = self.table.outbound(flow(source, to, protocol), now)
        assert end in (None, Endpoint(OUTSIDE, 0))
        return end is not None

    def back(
        self, came_from: bytes = REMOTE, now: float = 0.0, protocol: int = SIXINFOUR
    ) -> bytes | None:
        end = self.table.inbound(flow(came_from, OUTSIDE, protocol), now)
        return end.ip if end else None


def test_who_was_sent_to_may_answer_and_nobody_else() -> None:
    nat = Table()
    assert nat.back() is None
    assert nat.out(inside(0))
    assert nat.back() == inside(0)
    assert nat.back(remote(1)) is None
    assert nat.back(protocol=GRE) is None
    assert nat.drops == {NO_MAPPING: 3}


def test_both_directions_keep_a_passage_until_it_is_idle_for_long() -> None:
    nat = Table()
    nat.out(inside(0))
    assert nat.out(inside(0), now=LIFETIME - 1)
    assert nat.back(now=2 * LIFETIME - 2) == inside(0)
    assert nat.back(now=3 * LIFETIME - 3) == inside(0)
    assert nat.back(now=4 * LIFETIME - 3) is None
    assert nat.table.all == (Passage(SIXINFOUR, inside(0), REMOTE, 0.0),)


def test_another_inside_host_has_to_wait() -> None:
    nat = Table()
    nat.out(inside(0))
    assert not nat.out(inside(1), now=LIFETIME - 1)
    assert nat.drops == {PASSAGE_TAKEN: 1}
    assert nat.out(inside(1), remote(1), LIFETIME - 1)
    assert nat.out(inside(1), REMOTE, LIFETIME - 1, GRE)
    # Who was refused has not kept the passage of the other.
    assert nat.out(inside(1), now=LIFETIME)
    assert nat.back(now=LIFETIME) == inside(1)


def test_a_full_table_opens_no_more_until_something_expires() -> None:
    nat = Table(limit=3)
    assert [nat.out(inside(0), remote(number)) for number in range(5)] == [True] * 3 + [False] * 2
    assert nat.drops == {TABLE_FULL: 2}
    assert nat.out(inside(0), remote(1), LIFETIME - 1)
    assert nat.out(inside(0), remote(4), LIFETIME)
    assert len(nat.table) == 2


def test_what_was_is_remembered_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HISTORY", 3)
    nat = Table()
    for number in range(5):
        nat.out(inside(0), remote(number), float(number))
    assert [passage.remote for passage in nat.table.all] == [remote(2), remote(3), remote(4)]
    assert [passage.since for passage in nat.table.all] == [2.0, 3.0, 4.0]
    assert nat.drops == {HISTORY_FORGOTTEN: 2}


def test_finding_opens_and_keeps_nothing() -> None:
    nat = Table()
    seen, own = flow(OUTSIDE, REMOTE), flow(inside(0), REMOTE)
    assert (nat.table.find(seen, 0.0), nat.table.find_inside(own, 0.0)) == (None, None)
    nat.out(inside(0))
    assert nat.table.find(seen, LIFETIME - 1) == Endpoint(inside(0), 0)
    assert nat.table.find_inside(own, LIFETIME - 1) == Endpoint(OUTSIDE, 0)
    assert nat.table.find(flow(inside(9), REMOTE), LIFETIME - 1) is None
    assert nat.table.find_inside(flow(inside(1), REMOTE), LIFETIME - 1) is None
    assert nat.table.find(seen, LIFETIME) is None
    assert nat.drops == {}


def test_forgetting_ends_all_at_once() -> None:
    nat = Table()
    nat.out(inside(0))
    nat.table.forget()
    assert (len(nat.table), nat.back()) == (0, None)
    assert nat.out(inside(1))
    assert [passage.inside for passage in nat.table.all] == [inside(0), inside(1)]
