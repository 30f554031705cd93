"""Whatever rows come, nothing is raised and nothing grows beyond its limit."""

from __future__ import annotations

import random

import pytest

from sensor.schema.rows import Observation, pack
from sensor.schema.words import ExposureState as State
from sensor.track import connectivity, conversations, exposures, hosts, marks, peers, scalar, views
from sensor.track.scalar import Table
from sensor.track.settings import TrackLimits, TrackSettings
from sensor.track.tracker import Tracker
from sensor.track.tunnels import EMBEDDED_LIMIT
from tests.track import chance

LIMITS = TrackLimits(
    tunnels=20, conversations=50, flows=15, exposures=12, peers=4, promotions_per_minute=5
)
POOLS = {
    "COPIES_KEPT": (marks, 64),
    "VIEWS_KEPT": (views, 64),
    "PEERS_KEPT": (peers, 30),
    "NOTICES_PER_MINUTE": (scalar, 3),
    "TESTS_KEPT": (connectivity, 4),
    "CLOSED_KEPT": (conversations, 20),
    "REMOTES_KEPT": (exposures, 2),
    "REMOTES_POOL": (exposures, 8),
    "HOSTS_KEPT": (hosts, 10),
}


def most(name: str) -> int:
    return POOLS[name][1]


@pytest.fixture(autouse=True)
def small_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, (module, size) in POOLS.items():
        monkeypatch.setattr(module, name, size)


def check(tracker: Tracker, kept: Table) -> None:
    """Every map is within its limit, and all of them agree with one another."""
    talks, met = kept._conversations, kept._exposures
    assert len(kept.slots) <= LIMITS.tunnels
    assert len(talks) <= LIMITS.conversations
    assert len(talks) + len(talks._pile) <= LIMITS.conversations + most("CLOSED_KEPT")
    assert len(kept._marks._flows) <= LIMITS.flows
    assert len(kept._marks._copies) <= most("COPIES_KEPT")
    assert len(kept._views) <= most("VIEWS_KEPT")
    assert len(kept._tests) <= most("TESTS_KEPT")
    assert len(kept._hosts) <= most("HOSTS_KEPT")
    assert len(met) <= LIMITS.exposures
    assert len(tracker._ordinals) < 1000
    slots = kept.slots.values()
    assert all(len(slot.peers) <= LIMITS.peers for slot in slots)
    assert sum(len(slot.peers) for slot in slots) == len(kept._peers) <= most("PEERS_KEPT")
    assert set(kept._clients.values()) == set(kept.slots)
    assert set(kept._unanswered) <= set(kept.slots)
    assert set(talks._serials.values()) == set(talks._open)
    assert {serial for slot in slots for serial in slot.open} == set(talks._open)
    check_exposures(kept)
    promoted = {n for n, slot in kept.slots.items() if slot.promoted and slot.joined is None}
    assert set(tracker.tunnels) == promoted
    assert set(tracker.exposures) == set(met._kept)
    assert {kept.tunnel(place).serial for place in tracker.tunnels} == set(tracker._serials)
    for tunnel in tracker.tunnels.values():
        assert len(tunnel.embedded) <= EMBEDDED_LIMIT


def check_exposures(kept: Table) -> None:
    met = kept._exposures
    met.release()
    alive = met._kept
    assert {exposure.serial for exposure in met._keys.values()} == set(alive)
    assert set(met._attempts) == {n for n, one in alive.items() if one.state < State.ANSWERED}
    assert sum(len(exposure.remotes) for exposure in alive.values()) == met._remotes
    assert met._remotes <= most("REMOTES_POOL")
    for slot in kept.slots.values():
        carried = [alive[serial] for serial in slot.services]
        assert all(exposure.slot is slot for exposure in carried)
        assert slot.attempts == sum(exposure.state < State.REFUSED for exposure in carried)
    assert sum(len(slot.services) for slot in kept.slots.values()) == len(alive)


def run(rows: list[Observation], seed: int, step: int) -> Table:
    source = random.Random(seed)
    settings = TrackSettings(limits=LIMITS)
    table = Table(settings)
    tracker = Tracker(settings, table, ("a", "b"))
    for start in range(0, len(rows), step):
        part = pack(rows[start : start + step])
        part["depth"][0] = 0
        tracker.update(part, lambda _: source.randbytes(200))
        tracker.take_changes()
        check(tracker, table)
    tracker.finish()
    return table


@pytest.mark.slow
@pytest.mark.parametrize("wild", [0.0, 0.1, 1.0])
def test_random_rows_are_only_data(wild: float, seed: int) -> None:
    table = run(list(chance.rows(seed, 4000, wild)), seed, 50)
    assert table.limits_hit["tunnels"] > 0
    assert all(count > 0 for count in table.limits_hit.values())


@pytest.mark.slow
def test_a_hundred_thousand_random_rows(seed: int) -> None:
    table = run(list(chance.rows(seed, 100_000, 0.3)), seed, 1000)
    assert set(table.limits_hit) == {
        "tunnels", "conversations", "flows", "exposures", "peers", "promotions", "sightings",
        "notices", "tests", "remotes", "hosts",
    }  # fmt: skip
