"""Compressed captures, pipes and standard input."""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import os
import random
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sensor.capture import stream
from sensor.capture.files import ARENA, CaptureFile
from sensor.capture.stream import Source, is_packed
from sensor.errors import CaptureError

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


@pytest.mark.parametrize("nibble", [0x0, 0xF])
def test_zstd_may_skip_frames_anywhere(tmp_path: Path, nibble: int) -> None:
    """As parallel and seekable writers leave them (RFC 8878, section 3.1.2)."""
    zstandard = pytest.importorskip("zstandard")
    pack, whole = zstandard.ZstdCompressor().compress, pcap(MANY)
    skipped = bytes([0x50 | nibble]) + b"\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"index"
    path = write(tmp_path, skipped + pack(whole[:7000]) + skipped + pack(whole[7000:]) + skipped)
    outcome = read(path)
    assert outcome.error is None
    assert outcome.data == MANY
    assert is_packed(str(path))


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


# xz


def test_xz_is_unpacked_on_the_way(tmp_path: Path) -> None:
    whole = pcap(MANY)
    packed = lzma.compress(whole[:7000]) + bytes(8) + lzma.compress(whole[7000:]) + bytes(4)
    outcome = read(write(tmp_path, packed))
    assert outcome.error is None
    assert outcome.data == MANY


def test_every_cut_of_an_xz_stream_is_told(tmp_path: Path) -> None:
    packed = lzma.compress(pcap())
    outcome = Outcome()
    for cut in range(4, len(packed)):
        outcome = read(write(tmp_path, packed[:cut]))
        assert outcome.error is not None
        assert outcome.data == FRAMES[: len(outcome.frames)]
    assert outcome.data == FRAMES
    assert outcome.error is not None
    assert outcome.error.reason == "the xz stream ends early"


def test_xz_that_asks_for_too_much_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_MEMORY", 1 << 16)
    count, frame, offset, reason = damage(write(tmp_path, lzma.compress(pcap())))
    assert (count, frame, offset) == (0, 0, 0)
    assert reason == "the xz stream is damaged: Memory usage limit exceeded"


def test_xz_without_its_library_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lzma", None)
    assert "built with liblzma" in damage(write(tmp_path, lzma.compress(pcap())))[3]


# Bytes that nothing shortens, so that the checksum stands many pieces behind the start.
LONG = [random.Random(i).randbytes(700) for i in range(200)]


def packed_wrongly(name: str) -> bytes:
    """Whole but for the checksum."""
    if name == "xz":
        packed = bytearray(lzma.compress(pcap(LONG)))
        packed[-29] ^= 1
    else:
        zstandard = pytest.importorskip("zstandard")
        packed = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(pcap(LONG)))
        packed[-1] ^= 1
    return bytes(packed)


@pytest.mark.parametrize("name", ["xz", "zstd"])
def test_a_wrong_checksum_far_on_is_told_after_all_frames(tmp_path: Path, name: str) -> None:
    content = packed_wrongly(name)
    assert len(content) > 100_000
    count, frame, offset, reason = damage(write(tmp_path, content))
    assert (count, frame, offset) == (len(LONG), len(LONG) + 1, len(pcap(LONG)))
    assert f"the {name} stream is damaged" in reason


def test_a_damaged_later_member_gives_all_before_the_damage(tmp_path: Path) -> None:
    whole = pcap(LONG + LONG)
    half = len(pcap(LONG))
    second = bytearray(lzma.compress(whole[half:]))
    second[-29] ^= 1
    path = write(tmp_path, lzma.compress(whole[:half]) + bytes(second))
    assert damage(path)[:3] == (2 * len(LONG), 2 * len(LONG) + 1, len(whole))


@pytest.mark.parametrize("name", ["xz", "zstd"])
def test_a_damaged_pipe_loses_no_more_than_a_piece(tmp_path: Path, name: str) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(packed_wrongly(name),))
    writer.start()
    outcome = read(path)
    writer.join()
    assert outcome.error is not None
    assert f"the {name} stream is damaged" in outcome.error.reason
    assert outcome.data == LONG[: len(outcome.data)]
    assert len(outcome.data) < len(LONG)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_packed_files_are_known_by_their_start(tmp_path: Path, pack: Any) -> None:
    assert is_packed(str(write(tmp_path, pack(pcap()))))
    assert not is_packed(str(write(tmp_path, pcap())))
    assert not is_packed(str(tmp_path / "none"))


def test_whether_it_is_packed_takes_nothing_out_of_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    # Opened for both, so that nothing here waits for anybody.
    with open(os.open(path, os.O_RDWR | os.O_NONBLOCK), "r+b", buffering=0) as pipe:
        pipe.write(gzip.compress(pcap()))
        assert not is_packed(str(path))
        assert pipe.read(2) == stream.GZIP_MAGIC


# files that grow


@dataclass
class Pauses:
    """Takes the place of the clock: where reading would wait, the next step is done instead."""

    steps: list[Callable[[], object]]
    taken: int = 0

    def sleep(self, seconds: float) -> None:
        if self.taken < len(self.steps):
            self.steps[self.taken]()
        self.taken += 1

    def over(self) -> bool:
        return self.taken > len(self.steps)


@dataclass
class Followed:
    """A capture that grows: the frames of each batch, then why it ended."""

    batches: list[list[bytes]]
    replaced: bool
    error: CaptureError | None


@pytest.fixture
def follow(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Followed]:
    def run(path: Path, *steps: Callable[[], object]) -> Followed:
        pauses = Pauses(list(steps))
        monkeypatch.setattr(stream, "time", pauses)
        found = Followed([], False, None)
        with CaptureFile(str(path), follow=True, stopped=pauses.over) as capture:
            try:
                for batch in capture.batches():
                    found.batches.append([batch.frame(i) for i in range(len(batch))])
            except CaptureError as error:
                found.error = error
            found.replaced = capture.replaced
        return found

    return run


def append(path: Path, content: bytes) -> Callable[[], object]:
    def step() -> None:
        with path.open("ab") as file:
            file.write(content)

    return step


def test_a_growing_file_gives_each_frame_as_soon_as_it_is_whole(
    tmp_path: Path, follow: Callable[..., Followed]
) -> None:
    path = write(tmp_path, b"")
    record = pcap_record(FRAMES[1])
    found = follow(
        path,
        append(path, pcap_header()[:3]),
        append(path, pcap_header()[3:]),
        append(path, pcap_record(FRAMES[0]) + record[:20]),
        append(path, record[20:]),
    )
    assert found == Followed([[FRAMES[0]], [FRAMES[1]]], False, None)


def test_a_growing_pcapng_takes_new_interfaces_and_sections(
    tmp_path: Path, follow: Callable[..., Followed]
) -> None:
    path = write(tmp_path, pcapng(FRAMES[:1]))
    found = follow(path, append(path, pcapng(FRAMES[1:2], ">")), append(path, pcapng(FRAMES[2:3])))
    assert found == Followed([[frame] for frame in FRAMES[:3]], False, None)


def test_a_record_that_is_cut_when_the_end_comes_is_told(
    tmp_path: Path, follow: Callable[..., Followed]
) -> None:
    path = write(tmp_path, pcap(FRAMES[:1])[:-1])
    found = follow(path)
    assert found.error is not None
    assert (found.error.frame, found.error.offset) == (1, 24)


def test_a_file_that_was_moved_away_is_finished_first(
    tmp_path: Path, follow: Callable[..., Followed]
) -> None:
    path, moved = write(tmp_path, pcap(FRAMES[:1])), tmp_path / "moved.pcap"
    found = follow(
        path,
        lambda: path.rename(moved),
        append(moved, pcap_record(FRAMES[1])),
        lambda: write(tmp_path, b""),  # nothing in it: the old one may still be written to
        append(moved, pcap_record(FRAMES[3])),
        lambda: [write(tmp_path, pcap()), append(moved, pcap_record(FRAMES[4]))()],
        lambda: pytest.fail("waits for a file that was replaced"),
    )
    assert found == Followed([[FRAMES[i]] for i in (0, 1, 3, 4)], True, None)


def test_a_file_begun_anew_is_one_that_was_replaced(
    tmp_path: Path, follow: Callable[..., Followed]
) -> None:
    path = write(tmp_path, pcap(FRAMES))
    found = follow(path, lambda: write(tmp_path, pcap(FRAMES[:1])))
    assert found == Followed([FRAMES], True, None)


def test_the_next_file_may_be_away_again_when_it_is_opened(
    tmp_path: Path, follow: Callable[..., Followed]
) -> None:
    path = tmp_path / "capture"
    found = follow(path, lambda: None, lambda: path.write_bytes(pcap(FRAMES[:1])))
    assert found == Followed([FRAMES[:1]], False, None)


def test_the_wait_for_the_next_file_ends_when_asked_to(tmp_path: Path) -> None:
    asked = iter([False])
    with pytest.raises(CaptureError, match="No such file"):
        CaptureFile(str(tmp_path / "none"), follow=True, stopped=lambda: next(asked, True))


def test_packed_files_may_grow_too(tmp_path: Path, follow: Callable[..., Followed]) -> None:
    path = write(tmp_path, gzip.compress(pcap(FRAMES[:1])))
    found = follow(path, append(path, gzip.compress(pcap_record(FRAMES[1]))))
    assert found == Followed([[FRAMES[0]], [FRAMES[1]]], False, None)


@pytest.mark.slow
@pytest.mark.parametrize("content", [None, b"", pcap()[:40]])
def test_the_wait_for_a_writer_ends_when_asked_to(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    asked = iter([False, False, False])
    with CaptureFile(str(path), stopped=lambda: next(asked, True)) as capture:
        writer = None if content is None else open(path, "wb", buffering=0)  # noqa: SIM115
        if writer is not None:
            writer.write(content or b"")
        count, error = 0, None
        try:
            count = sum(len(batch) for batch in capture.batches())
        except CaptureError as caught:
            error = caught
        if writer is not None:
            writer.close()
    assert count == 0
    assert error is not None
