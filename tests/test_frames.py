"""Captures frame by frame, as `sensor decode` reads them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sensor.frames
from sensor.capture.selection import EVERYTHING, Selection
from sensor.capture.writer import PcapWriter
from sensor.decode.settings import DecodeSettings
from sensor.errors import CaptureError
from sensor.frames import ReadFrame, final_reason, read_frames
from sensor.schema.rows import Observation
from sensor.schema.words import Anomaly, Confidence, Kind, Reason
from sensor.track import conversations
from sensor.track.settings import TrackLimits, TrackSettings
from sensor.wire import ipv4, sixinfour
from tests import build
from tests.captures import demo
from tests.fragments import ipv4_fragments, spans

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


# fragments

TUNNELLED = build.exchange()
WHOLE = sixinfour.encapsulate(build.V4A, build.V4B, build.tcp6(payload=bytes(100)))


def pieces(identification: int = 1) -> list[bytes]:
    parts = ipv4_fragments(WHOLE, spans(len(WHOLE) - 20, 104), identification)
    return [build.ethernet(part) for part in parts]


def read(folder: Path, frames: list[bytes], selection: Selection = EVERYTHING) -> list[ReadFrame]:
    path = folder / "fragments.pcap"
    with path.open("wb") as stream:
        writer = PcapWriter(stream)
        for time, frame in enumerate(frames):
            writer.write(frame, time)
    return list(read_frames([str(path)], DecodeSettings(), TrackSettings(), [], selection))


def test_the_frame_that_completes_a_packet_has_its_octets(tmp_path: Path) -> None:
    first, last = pieces()
    frames = read(tmp_path, [first, TUNNELLED[0], last])
    assert [frame.number for frame in frames] == [1, 2, 3]
    assert [frame.reason for frame in frames][::2] == [Reason.FRAGMENT, Reason.TUNNELLED]
    made = frames[2]
    assert made.whole is not None
    assert made.whole.frames == (1, 3)
    assert made.data[made.rows[0].inner_offset :] == WHOLE[20:]
    assert made.captured_length == len(last)
    assert ipv4.header_checksum_ok(made.data[made.whole.at :])
    assert frames[0].whole is None
    assert frames[0].data == first


def test_frames_stay_in_file_order_behind_one_that_is_given_up(tmp_path: Path) -> None:
    frames = read(tmp_path, [TUNNELLED[0], pieces()[0], TUNNELLED[1], pieces(2)[0]])
    assert [frame.number for frame in frames] == [1, 2, 3, 4]
    assert [len(frame.rows) for frame in frames] == [1, 1, 1, 1]
    assert not any(frame.late for frame in frames)


def test_what_was_held_back_comes_before_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    with path.open("wb") as stream:
        writer = PcapWriter(stream)
        for frame in (*pieces()[:1], *TUNNELLED[:2]):
            writer.write(frame, 0)
    path.write_bytes(path.read_bytes()[:-1])
    damages: list[CaptureError] = []
    found = read_frames([str(path)], DecodeSettings(), TrackSettings(), damages)
    assert [(frame.number, len(frame.rows), len(damages)) for frame in found] == [
        (1, 1, 0),
        (2, 1, 0),
    ]
    assert [damage.frame for damage in damages] == [3]


@pytest.mark.parametrize("limit", ["FRAMES_HELD", "OCTETS_HELD"])
def test_no_more_is_held_back_than_there_is_room_for(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = 2 if limit == "FRAMES_HELD" else len(pieces()[0]) + 2 * len(FRAMES[0][1])
    monkeypatch.setattr(sensor.frames, limit, bound)
    found = read(tmp_path, [pieces()[0], *[FRAMES[0][1]] * 4])
    assert [frame.number for frame in found] == [1, 2, 3, 4, 5, 1]
    assert [frame.late for frame in found] == [False] * 5 + [True]
    assert (found[0].reason, found[0].rows) == (Reason.FRAGMENT, [])
    assert (found[5].reason, len(found[5].rows)) == (Reason.TUNNELLED, 1)


def test_what_waits_when_enough_frames_were_taken_is_given_up(tmp_path: Path) -> None:
    """As `sensor replay` does: frames behind the last one that counts change nothing."""
    first, last = pieces()
    found = read(tmp_path, [first, TUNNELLED[0], last], Selection(count=2))
    assert [frame.number for frame in found] == [1, 2]
    assert Anomaly(found[0].rows[0].anomalies) & Anomaly.FRAGMENT_INCOMPLETE


def test_a_late_frame_is_not_counted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensor.frames, "FRAMES_HELD", 2)
    found = read(tmp_path, [pieces()[0], *[FRAMES[0][1]] * 4], Selection(count=4))
    assert [(frame.number, frame.late) for frame in found] == [
        (1, False),
        (2, False),
        (3, False),
        (4, False),
        (1, True),
    ]


def test_what_is_held_back_when_asked_to_stop_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "fragments.pcap"
    with path.open("wb") as stream:
        writer = PcapWriter(stream)
        for frame in (pieces()[0], *TUNNELLED[:4]):
            writer.write(frame, 0)
    answers = iter([False, False])
    found = read_frames(
        [str(path), str(path)],
        DecodeSettings(),
        TrackSettings(),
        [],
        stopped=lambda: next(answers, True),
    )
    assert [(frame.number, len(frame.rows)) for frame in found] == [(1, 1), (2, 1), (3, 1)]


def test_it_works_with_the_scalar_twins_alone(project_root: Path) -> None:
    compiled = ("sensor.decode.kernel", "sensor.track.table")
    script = f"import sys, sensor.frames; print(*(name in sys.modules for name in {compiled!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project_root, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False False\n"
