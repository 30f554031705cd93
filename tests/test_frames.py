"""Captures frame by frame, as `sensor decode` reads them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.decode.settings import DecodeSettings
from sensor.errors import CaptureError
from sensor.frames import ReadFrame, final_reason, read_frames
from sensor.schema.rows import Observation
from sensor.schema.words import Confidence, Kind, Reason
from sensor.track import conversations
from sensor.track.settings import TrackLimits, TrackSettings
from tests.captures import demo

FRAMES = demo.frames()


def test_final_reason_follows_the_table(demo_row: Observation) -> None:
    weak = demo_row._replace(confidence=Confidence.WEAK, reasons=0)
    assert final_reason(Reason.STUN, []) is Reason.STUN
    assert final_reason(Reason.TUNNELLED, [demo_row]) is Reason.TUNNELLED
    assert final_reason(Reason.TUNNELLED, [demo_row._replace(copy_of=3)]) is Reason.COPY
    assert final_reason(Reason.WEAK, [weak]) is Reason.WEAK


@pytest.fixture
def demo_row() -> Observation:
    frames = read_frames([str(demo.PATH)], DecodeSettings(), TrackSettings(), [])
    return next(frame.rows[0] for frame in frames if frame.rows)


def test_read_frames_gives_every_frame_with_its_verdict() -> None:
    damages: list[CaptureError] = []
    frames = list(read_frames([str(demo.PATH)], DecodeSettings(), TrackSettings(), damages))
    assert [(frame.number, frame.time, frame.data) for frame in frames] == [
        (i, time, frame) for i, (time, frame) in enumerate(FRAMES, start=1)
    ]
    assert sum(frame.reason is Reason.TUNNELLED for frame in frames) == 36
    assert {Kind(frame.rows[0].kind) for frame in frames if frame.rows} == {
        Kind.TEREDO,
        Kind.SIXINFOUR,
    }
    assert not damages


def test_read_frames_notes_damage_and_goes_on_with_the_next_capture(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(demo.PATH.read_bytes()[:3000])
    damages: list[CaptureError] = []
    frames: Iterator[ReadFrame] = read_frames(
        [str(cut), str(demo.PATH)], DecodeSettings(), TrackSettings(), damages
    )
    assert [frame.number for frame in frames] == [*range(1, 27), *range(1, 50)]
    assert [(damage.path, damage.frame) for damage in damages] == [(str(cut), 27)]


def test_conversations_that_nobody_takes_do_not_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "CLOSED_KEPT", 16)
    limits = TrackLimits(conversations=1)
    frames = list(read_frames([str(demo.PATH)], DecodeSettings(), TrackSettings(limits=limits), []))
    assert len(frames) == len(FRAMES)


def test_it_works_with_the_scalar_twins_alone(project_root: Path) -> None:
    compiled = ("sensor.decode.kernel", "sensor.track.table")
    script = f"import sys, sensor.frames; print(*(name in sys.modules for name in {compiled!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project_root, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False False\n"
