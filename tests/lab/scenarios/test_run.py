"""What a scenario writes."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest

from sensor.capture.files import CaptureFile
from sensor.errors import OutputError
from sensor.lab.scenarios.account import EPOCH
from sensor.lab.scenarios.run import run, tell
from tests.lab.scenarios.stories import BY_NAME

SCENARIO = BY_NAME["udp-service"]
WRITTEN = ("inside.pcap", "outside.pcap", "truth.json")


def written(folder: Path) -> list[bytes]:
    return [(folder / SCENARIO.name / name).read_bytes() for name in WRITTEN]


def test_the_same_seed_gives_the_same_octets_and_another_one_others(tmp_path: Path) -> None:
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    run(SCENARIO, first)
    run(SCENARIO, again)
    run(replace(SCENARIO, seed=SCENARIO.seed + 1_000), other)
    assert written(first) == written(again)
    assert all(ours != theirs for ours, theirs in zip(written(first), written(other), strict=True))


def test_captures_hold_the_frames_of_the_taps(tmp_path: Path) -> None:
    world, _ = tell(SCENARIO)
    run(SCENARIO, tmp_path)
    for side, tap in world.watched.taps.items():
        with CaptureFile(str(tmp_path / SCENARIO.name / f"{side}.pcap"), 0) as capture:
            batches = [
                (int(batch.times[i]), bytes(batch.frame(i)))
                for batch in capture.batches()
                for i in range(len(batch))
            ]
        assert batches == [
            (EPOCH + round(frame.time * 1_000_000_000), frame.octets) for frame in tap.frames
        ]


def test_the_truth_is_written_as_it_is_returned(tmp_path: Path) -> None:
    truth = run(SCENARIO, tmp_path)
    text = (tmp_path / SCENARIO.name / "truth.json").read_text(encoding="utf-8")
    assert text == truth.to_json()
    assert json.loads(text)["scenario"]["name"] == SCENARIO.name


def test_where_nothing_can_be_written_the_scenario_is_named(tmp_path: Path) -> None:
    (tmp_path / SCENARIO.name).write_text("in the way")
    fix = f"^scenario {SCENARIO.name} cannot be written to .*: File exists; choose another folder"
    with pytest.raises(OutputError, match=fix):
        run(SCENARIO, tmp_path)


def test_what_cannot_be_written_whole_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(SCENARIO, tmp_path)
    before = written(tmp_path)
    write = Path.write_bytes

    def full(path: Path, octets: bytes) -> int:
        if "truth" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, octets)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device"):
        run(replace(SCENARIO, seed=SCENARIO.seed + 1_000), tmp_path)
    assert written(tmp_path) == before
    assert {path.name for path in (tmp_path / SCENARIO.name).iterdir()} == set(WRITTEN)
