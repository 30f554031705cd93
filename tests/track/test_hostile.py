"""Whatever rows come, nothing is raised and nothing grows beyond its limit."""

from __future__ import annotations

import random

import pytest

from sensor.schema.rows import Observation
from sensor.track import recent, table
from sensor.track.settings import TrackLimits, TrackSettings
from sensor.track.tracker import Tracker
from sensor.track.tunnels import EMBEDDED_LIMIT
from tests.track import chance

LIMITS = TrackLimits(
    tunnels=20, conversations=50, flows=15, exposures=12, peers=4, promotions_per_minute=5
)
RECENT = 64


def check(tracker: Tracker) -> None:
    """Every map is within its limit, and all of them agree with one another."""
    kept = tracker.table
    assert len(kept.slots) <= LIMITS.tunnels
    assert len(kept.conversations) <= LIMITS.conversations
    assert len(kept._marks._flows) <= LIMITS.flows
    assert len(kept._marks._copies) <= RECENT
    assert len(kept._views) <= RECENT
    assert len(tracker.exposures) <= LIMITS.exposures
    assert len(tracker._ordinals) < 1000
    assert all(len(slot.peers) <= LIMITS.peers for slot in kept.slots.values())
    assert all(len(slot.tests) <= table.TESTS_KEPT for slot in kept.slots.values())
    assert set(kept._clients.values()) == set(kept.slots)
    assert set(kept._unanswered) <= set(kept.slots)
    assert set(kept._conversation_keys.values()) == set(kept.conversations)
    assert {n for slot in kept.slots.values() for n in slot.open} == set(kept.conversations)
    promoted = {n for n, slot in kept.slots.items() if slot.promoted and slot.joined is None}
    assert set(tracker.tunnels) == promoted
    assert {exposure.tunnel for exposure in tracker.exposures.values()} <= set(tracker.tunnels)
    assert set(tracker._attempts) <= set(tracker.exposures)
    for tunnel in tracker.tunnels.values():
        assert len(tunnel.embedded) <= EMBEDDED_LIMIT


def run(rows: list[Observation], seed: int, step: int) -> Tracker:
    source = random.Random(seed)
    tracker = Tracker(TrackSettings(limits=LIMITS), ("a", "b"))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        part[0] = part[0]._replace(depth=0)
        tracker.update(part, lambda _: source.randbytes(200))
        tracker.take_changes()
        check(tracker)
    tracker.finish()
    return tracker


@pytest.mark.parametrize("wild", [0.0, 0.1, 1.0])
def test_random_rows_are_only_data(wild: float, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "RECENT_LIMIT", RECENT)
    tracker = run(list(chance.rows(seed, 4000, wild)), seed, 50)
    assert tracker.table.limits_hit["tunnels"] > 0
    assert all(count > 0 for count in tracker.table.limits_hit.values())


@pytest.mark.slow
def test_a_hundred_thousand_random_rows(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "RECENT_LIMIT", RECENT)
    tracker = run(list(chance.rows(seed, 100_000, 0.3)), seed, 1000)
    hit = set(tracker.table.limits_hit)
    assert {"tunnels", "conversations", "flows", "exposures", "peers", "promotions"} <= hit
