"""Captures cut at every byte: what came before the damage stays, and the damage is told once."""

from __future__ import annotations

import struct
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from sensor.decode.settings import DecodeSettings
from sensor.errors import CaptureError
from sensor.pipeline import Replay, Source
from sensor.schema.records import Change, SensorRecord
from sensor.track.settings import TrackSettings

from .. import build
from ..capture.build import enhanced, interface, pcap, section

pytestmark = pytest.mark.slow


RECORDS = 3
FILE_HEADER = 24
RECORD_HEADER = 16


def replayed(path: Path) -> tuple[list[Change], list[CaptureError]]:
    """Every change, without what the clock of this machine says."""
    replay = Replay([Source(str(path))], DecodeSettings(), TrackSettings())
    changes = []
    for change in replay.changes():
        if isinstance(change.record, SensorRecord):
            change = change._replace(record=change.record._replace(seconds=0.0))
        changes.append(change)
    return changes, replay.damages


def frames_read(changes: list[Change]) -> int:
    record = changes[-1].record
    assert isinstance(record, SensorRecord)
    counted = record.tunnelled + record.copies + record.other + record.unreadable
    assert record.read == counted
    return record.read


def check_cuts(path: Path, content: bytes, headers: int, ends: list[int]) -> None:
    """Cut ``content`` everywhere; ``ends`` says where its ``headers``, then its records, end."""
    for i, (start, end) in enumerate(pairwise([0, *ends])):
        whole = max(i - headers, 0)
        path.write_bytes(content[: start or end])
        before, damages = replayed(path)
        assert damages == []
        assert frames_read(before) == whole
        for cut in range(start, end):
            path.write_bytes(content[:cut])
            changes, damages = replayed(path)
            assert changes == before, cut
            if cut == start > 0:
                assert damages == []
            else:
                check_damage(damages, path, cut, start, whole + 1 if i else 0)


def check_damage(damages: list[CaptureError], path: Path, cut: int, start: int, frame: int) -> None:
    """One damage, with file, frame, byte offset and reason."""
    assert len(damages) == 1, cut
    damage = damages[0]
    assert damage.reason
    assert (damage.path, damage.frame, damage.offset) == (str(path), frame, start), cut
    assert str(damage) == f"{path}: frame {frame}, byte offset {start}: {damage.reason}"


def pcap_ends(content: bytes) -> list[int]:
    """Where the file header and the first records end."""
    ends = [FILE_HEADER]
    while len(ends) <= RECORDS and ends[-1] < len(content):
        (size,) = struct.unpack_from("<I", content, ends[-1] + 8)
        ends.append(ends[-1] + RECORD_HEADER + size)
    return ends


def test_a_generated_pcap(tmp_path: Path) -> None:
    content = pcap(build.exchange())
    check_cuts(tmp_path / "cut.pcap", content, 1, pcap_ends(content))


def test_a_generated_pcapng(tmp_path: Path) -> None:
    blocks = [section(), interface()]
    blocks += [enhanced(data, ticks=i * 1_000_000) for i, data in enumerate(build.exchange()[:3])]
    ends = list(accumulate(map(len, blocks)))
    check_cuts(tmp_path / "cut.pcapng", b"".join(blocks), 2, ends)


def test_every_capture(captures: Path, tmp_path: Path) -> None:
    paths = sorted(captures.rglob("*.pcap"))
    assert paths
    for path in paths:
        content = path.read_bytes()
        check_cuts(tmp_path / path.name, content, 1, pcap_ends(content))
