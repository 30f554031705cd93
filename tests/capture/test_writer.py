from __future__ import annotations

import io
from pathlib import Path

import pytest

from sensor.capture.writer import PcapWriter
from sensor.errors import OutputError

from .build import FRAMES, Frame, read, write


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    stream = io.BytesIO()
    writer = PcapWriter(stream, linktype=101)
    for i, data in enumerate(FRAMES):
        writer.write(data, i * 1_000_000_007, wire=200)
    outcome = read(write(tmp_path, stream.getvalue()))
    assert outcome.error is None
    assert [(f.time, f.wire, f.linktype, f.data) for f in outcome.frames] == [
        (i * 1_000_000_007, 200, 101, data) for i, data in enumerate(FRAMES)
    ]


def test_microseconds_drop_the_rest(tmp_path: Path) -> None:
    stream = io.BytesIO()
    PcapWriter(stream, nanoseconds=False).write(b"abc", 1_000_001_999)
    (frame,) = read(write(tmp_path, stream.getvalue())).frames
    assert frame == Frame(1, 1_000_001_000, 3, 1, 0, 24, b"abc")


def test_a_frame_is_cut_at_the_snap_length(tmp_path: Path) -> None:
    stream = io.BytesIO()
    PcapWriter(stream, snaplen=2).write(b"abc", 0)
    (frame,) = read(write(tmp_path, stream.getvalue())).frames
    assert (frame.data, frame.wire) == (b"ab", 3)


def test_the_wire_is_never_shorter_than_the_frame(tmp_path: Path) -> None:
    stream = io.BytesIO()
    PcapWriter(stream).write(b"abc", 0, wire=1)
    assert read(write(tmp_path, stream.getvalue())).frames[0].wire == 3


@pytest.mark.parametrize("time", [-1, (1 << 32) * 1_000_000_000])
def test_a_time_the_format_cannot_hold_is_refused(time: int) -> None:
    stream = io.BytesIO()
    writer = PcapWriter(stream)
    with pytest.raises(OutputError, match="outside what a pcap file can hold"):
        writer.write(b"abc", time)
    assert len(stream.getvalue()) == 24
