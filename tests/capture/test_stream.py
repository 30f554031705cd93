"""Compressed captures, pipes and standard input."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest

from sensor.capture.files import ARENA, CaptureFile
from sensor.capture.stream import Source

from .build import FRAMES, Outcome, damage, pcap, pcap_header, pcap_record, pcapng, read, write

MANY = [bytes([i % 251]) * (40 + i % 60) for i in range(3000)]


def test_looking_at_the_magic_takes_nothing_away(tmp_path: Path) -> None:
    source = Source(str(write(tmp_path, b"abcdefgh")))
    assert source.magic() == b"abcd"
    assert [source.read(3) for _ in range(5)] == [b"abc", b"d", b"efg", b"h", b""]
    source.close()


def test_gzip_is_unpacked_on_the_way(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(pcap(MANY)))
    outcome = read(path)
    assert outcome.error is None
    assert outcome.data == MANY


def test_progress_counts_packed_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(pcap(MANY)))
    with CaptureFile(str(path)) as capture:
        assert (capture.size, capture.bytes_read) == (path.stat().st_size, 0)
        assert sum(len(batch) for batch in capture.batches()) == len(MANY)
        assert capture.bytes_read == path.stat().st_size


@pytest.mark.parametrize("padding", [b"", bytes(20), bytes(9000)])
def test_members_and_zero_padding_are_read_on(tmp_path: Path, padding: bytes) -> None:
    whole = pcap(MANY)
    packed = gzip.compress(whole[:5000]) + padding + gzip.compress(whole[5000:]) + padding
    assert read(write(tmp_path, packed)) == read(write(tmp_path, whole))


def test_every_cut_of_a_gzip_stream_is_told(tmp_path: Path) -> None:
    packed = gzip.compress(pcap(), mtime=0)
    counts = []
    outcome = Outcome()
    for cut in range(2, len(packed)):
        outcome = read(write(tmp_path, packed[:cut]))
        assert outcome.error is not None
        assert outcome.data == FRAMES[: len(outcome.frames)]
        counts.append(len(outcome.frames))
    assert counts == sorted(counts)
    assert counts[-1] == len(FRAMES)  # only the checksum was cut
    assert outcome.error is not None
    assert outcome.error.reason == "the gzip stream ends early"


def test_what_was_packed_before_damage_is_delivered(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(pcap(MANY), mtime=0))
    packed[len(packed) // 2] ^= 0x55
    expected = pcap(MANY)
    outcome = read(write(tmp_path, bytes(packed)))
    assert outcome.error is not None
    # What a byte-wise unpacker gets out before it stops, to the last byte.
    unpacker, plain = zlib.decompressobj(wbits=31), b""
    with contextlib.suppress(zlib.error):
        for i in range(len(packed)):
            plain += unpacker.decompress(packed[i : i + 1])
    assert not unpacker.eof
    assert len(plain) > 1000
    assert outcome.frames == read(write(tmp_path, plain)).frames
    assert outcome.data[:200] == read(write(tmp_path, expected)).data[:200]


def test_a_wrong_checksum_is_told_after_all_frames(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(pcap(), mtime=0))
    packed[-8] ^= 1
    count, frame, offset, reason = damage(write(tmp_path, bytes(packed)))
    assert (count, frame, offset) == (len(FRAMES), len(FRAMES) + 1, len(pcap()))
    assert "gzip stream is damaged" in reason


def test_rubbish_after_a_gzip_stream_is_told(tmp_path: Path) -> None:
    count, _, _, reason = damage(write(tmp_path, gzip.compress(pcap()) + b"rubbish"))
    assert count == len(FRAMES)
    assert "gzip stream is damaged" in reason


def test_a_stream_packed_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(gzip.compress(pcap())))
    count, frame, offset, reason = damage(path)
    assert (count, frame, offset) == (0, 0, 0)
    assert "1f 8b" in reason
    assert "unpack it first" in reason


def test_a_small_file_that_unpacks_to_a_huge_one_needs_little_memory(tmp_path: Path) -> None:
    count = 8192
    packed = gzip.compress(pcap_header() + pcap_record(bytes(4080)) * count)
    assert len(packed) < 200_000
    with CaptureFile(str(write(tmp_path, packed))) as capture:
        sizes = [(len(batch), batch.arena.size) for batch in capture.batches()]
    assert sum(rows for rows, _ in sizes) == count
    assert {size for _, size in sizes} == {ARENA}


def test_zstd_is_unpacked_on_the_way(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    pack = zstandard.ZstdCompressor(write_checksum=True).compress
    whole = pcap(MANY)
    outcome = read(write(tmp_path, pack(whole[:7000]) + pack(whole[7000:])))
    assert outcome.error is None
    assert outcome.data == MANY


def test_every_cut_of_a_zstd_stream_is_told(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(pcap())
    outcome = Outcome()
    for cut in range(4, len(packed)):
        outcome = read(write(tmp_path, packed[:cut]))
        assert outcome.error is not None
        assert outcome.data == FRAMES[: len(outcome.frames)]
    assert outcome.data == FRAMES
    assert outcome.error is not None
    assert outcome.error.reason == "the zstd stream ends early"


def test_damaged_zstd_is_told(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    packed = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(pcap(MANY)))
    packed[-1] ^= 1
    outcome = read(write(tmp_path, bytes(packed)))
    assert outcome.error is not None
    assert "the zstd stream is damaged" in outcome.error.reason


def test_zstd_without_its_package_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    count, frame, offset, reason = damage(write(tmp_path, b"\x28\xb5\x2f\xfd rest"))
    assert (count, frame, offset) == (0, 0, 0)
    assert "needs the Python package zstandard" in reason


class Stdin:
    def __init__(self, buffer: Any) -> None:
        self.buffer = buffer


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("content", [pcap(), pcapng()], ids=["pcap", "pcapng"])
def test_standard_input_is_read_and_left_open(
    monkeypatch: pytest.MonkeyPatch, pack: Any, content: bytes
) -> None:
    buffer = io.BytesIO(pack(content))
    monkeypatch.setattr(sys, "stdin", Stdin(buffer))
    with CaptureFile("-") as capture:
        assert capture.size is None
        frames = [batch.frame(i) for batch in capture.batches() for i in range(len(batch))]
        assert capture.bytes_read == len(buffer.getvalue())
    assert frames == FRAMES
    assert not buffer.closed


def test_standard_input_cut_short_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(io.BytesIO(pcap()[:-1])))
    count, frame, _, _ = damage("-")
    assert (count, frame) == (len(FRAMES) - 1, len(FRAMES))


def test_closed_standard_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert damage("-") == (0, 0, 0, "standard input is closed")


def test_standard_input_that_does_not_wait_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with open(reader, "rb") as buffer, open(writer, "wb") as feed:
        feed.write(pcap()[:-1])
        feed.flush()
        monkeypatch.setattr(sys, "stdin", Stdin(buffer))
        count, frame, _, reason = damage("-")
    assert (count, frame) == (len(FRAMES) - 1, len(FRAMES))
    assert "non-blocking" in reason


def test_a_real_pipe_gives_the_frames(project_root: Path) -> None:
    code = (
        "from sensor.capture.files import CaptureFile\n"
        "for batch in CaptureFile('-').batches():\n"
        "    for i in range(len(batch)): print(batch.first_frame + i, batch.frame(i).hex())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=pcap(MANY),
        cwd=project_root,
        capture_output=True,
        check=True,
    )
    expected = [f"{i} {data.hex()}" for i, data in enumerate(MANY, start=1)]
    assert done.stdout.decode().splitlines() == expected


def test_a_named_pipe_is_read_as_it_fills(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    first_seen = threading.Event()
    waited: list[bool] = []

    def feed() -> None:
        with open(path, "wb", buffering=0) as pipe:
            pipe.write(pcap(FRAMES[:1]))
            waited.append(first_seen.wait(timeout=60))
            pipe.write(pcap_record(FRAMES[1]))

    writer = threading.Thread(target=feed)
    writer.start()
    numbers = []
    with CaptureFile(str(path)) as capture:
        assert capture.size is None
        for batch in capture.batches():
            numbers.append((batch.first_frame, len(batch)))
            first_seen.set()
    writer.join()
    assert waited == [True]  # the first frame came before the second was written
    assert numbers == [(1, 1), (2, 1)]
