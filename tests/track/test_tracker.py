"""The same packets give the same changes, wherever a batch ends and whatever the hash seed is."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor import pipeline
from sensor.capture.files import CaptureFile
from sensor.decode.settings import DecodeSettings
from sensor.pipeline import Replay, Source
from sensor.schema.records import Change, ExposureRecord, SensorRecord, TunnelRecord
from sensor.schema.rows import Observation, pack
from sensor.track.scalar import Table
from sensor.track.settings import TrackLimits, TrackSettings
from sensor.track.tracker import Tracker
from tests.track import chance

NAMES = [
    ("miredo/nat-inside.pcap",),
    ("miredo/nat-outside.pcap",),
    ("miredo/nat-inside.pcap", "miredo/nat-outside.pcap"),
    ("zeek/Teredo.pcap", "ndpi/teredo.pcap", "ndpi/6in4tunnel.pcap"),
]
SMALL = TrackSettings(
    limits=TrackLimits(
        tunnels=12,
        conversations=20,
        flows=10,
        exposures=8,
        peers=4,
        promotions_per_minute=3,
    )
)


def replay(captures: Path, names: tuple[str, ...]) -> list[Change]:
    run = Replay(
        [Source(str(captures / name)) for name in names], DecodeSettings(), TrackSettings()
    )
    return [timeless(change) for change in run.changes()]


def timeless(change: Change) -> Change:
    """Without the time that processing took."""
    if isinstance(change.record, SensorRecord):
        return change._replace(record=change.record._replace(seconds=0.0))
    return change


@pytest.mark.parametrize("names", NAMES)
def test_the_size_of_a_batch_changes_nothing(
    captures: Path, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = replay(captures, names)
    assert len(whole) > 5
    for arena in (64, 1024, 4096):
        monkeypatch.setattr(pipeline, "CaptureFile", partial(CaptureFile, arena_size=arena))
        assert replay(captures, names) == whole


@pytest.mark.parametrize("names", NAMES)
def test_a_second_replay_repeats_every_change(captures: Path, names: tuple[str, ...]) -> None:
    assert replay(captures, names) == replay(captures, names)


def track(
    frames: list[list[Observation]], sizes: Iterator[int], tables: TrackSettings
) -> list[Change]:
    """All changes, with so many frames handed over at a time."""
    tracker = Tracker(tables, Table(tables), ("a", "b"))
    changes: list[Change] = []
    index = 0
    while index < len(frames):
        size = next(sizes)
        rows = pack(row for frame in frames[index : index + size] for row in frame)
        tracker.update(rows, octets)
        changes += tracker.take_changes()
        index += size
    tracker.finish()
    return changes + tracker.take_changes()


def octets(row: Observation) -> bytes:
    return hashlib.sha256(b"%d" % row.frame).digest() * 8


def always(size: int) -> Iterator[int]:
    while True:
        yield size


@pytest.mark.slow
@pytest.mark.parametrize("tables", [TrackSettings(), SMALL], ids=["default", "small"])
@pytest.mark.parametrize("number", range(3))
def test_rows_one_by_one_in_sevens_or_all_at_once(
    number: int, tables: TrackSettings, seed: int
) -> None:
    frames = chance.frames(seed + number, 1500)
    whole = track(frames, always(len(frames)), tables)
    assert len(whole) > 100
    assert track(frames, always(1), tables) == whole
    assert track(frames, always(7), tables) == whole


@pytest.mark.slow
@settings(max_examples=30)
@given(st.integers(0, 1 << 30), st.lists(st.integers(1, 40), min_size=1))
def test_however_they_are_handed_over(number: int, sizes: list[int]) -> None:
    frames = chance.frames(number, 150)

    def repeated() -> Iterator[int]:
        while True:
            yield from sizes

    assert track(frames, repeated(), SMALL) == track(frames, always(len(frames)), SMALL)


def test_no_two_changes_share_an_identity(seed: int) -> None:
    """Action, subject, time, digest and ordinal: what a document's id is made of."""
    frames = chance.frames(seed, 1500)
    changes = track(frames, always(100), TrackSettings())
    moments = [
        (change.action, change.record.id, change.time, change.digest, change.ordinal)
        for change in changes
        if isinstance(change.record, TunnelRecord | ExposureRecord)
    ]
    assert len(moments) > 100
    assert len(set(moments)) == len(moments)


_SCRIPT = """
import hashlib, sys
from pathlib import Path
from tests.track import chance, test_tracker
from sensor.track.settings import TrackSettings
changes = test_tracker.replay(Path(sys.argv[1]), tuple(sys.argv[2:]))
changes += test_tracker.track(chance.frames(5, 800), test_tracker.always(50), TrackSettings())
print(hashlib.sha256(repr(changes).encode()).hexdigest())
"""


@pytest.mark.slow
def test_the_hash_seed_changes_nothing(captures: Path, project_root: Path) -> None:
    command = [sys.executable, "-c", _SCRIPT, str(captures), *NAMES[2]]
    printed = {
        subprocess.run(
            command,
            cwd=project_root,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(project_root)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(printed) == 1
    assert len(printed.pop().strip()) == 64


def test_without_the_story_the_last_words_are_the_same(seed: int) -> None:
    frames = chance.frames(seed, 800)
    rows = pack(row for frame in frames for row in frame)

    def changes(story: bool) -> tuple[list[Change], list[Change]]:
        tracker = Tracker(SMALL, Table(SMALL), ("a", "b"), story=story)
        tracker.update(rows.copy(), octets)
        running = tracker.take_changes()
        tracker.finish()
        assert tracker.table.take_closed() == []
        return running, tracker.take_changes()

    running, last = changes(True)
    told = {"inner-flow", "tunnel-discovered", "tunnel-qualified", "tunnel-updated"}
    assert told <= {change.action for change in running + last}
    assert changes(False) == (
        [change for change in running if change.action not in told],
        [change for change in last if change.action != "inner-flow"],
    )
