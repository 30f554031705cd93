from __future__ import annotations

import gzip
import lzma
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.capture.batch import FrameBatch
from sensor.capture.files import CaptureFile, expand, first_time
from sensor.errors import CaptureError

from .build import (
    FRAMES,
    KUZNETZOV,
    NANOSECONDS,
    damage,
    pcap,
    pcap_header,
    pcap_record,
    pcapng,
    read,
    write,
)

SOUND = {
    "pcap": pcap(),
    "pcap-big": pcap(order=">"),
    "pcap-nanoseconds": pcap(magic=NANOSECONDS),
    "pcap-patched": pcap(magic=KUZNETZOV),
    "pcapng": pcapng(),
    "pcapng-big": pcapng(order=">"),
}


@pytest.fixture(params=SOUND)
def sound(request: pytest.FixtureRequest) -> bytes:
    """A whole capture of FRAMES, of each kind."""
    return SOUND[request.param]


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("miredo/nat-inside.pcap", 22),
        ("miredo/nat-outside.pcap", 22),
        ("zeek/Teredo.pcap", 78),
        ("zeek/gtp8_teredo.pcap", 10),
        ("ndpi/teredo.pcap", 24),
        ("ndpi/6in4tunnel.pcap", 127),
        ("ndpi/telegram.pcap", 1566),
    ],
)
def test_public_captures_are_read_whole(captures: Path, name: str, count: int) -> None:
    outcome = read(captures / name)
    assert outcome.error is None
    assert len(outcome.frames) == count
    assert read(captures / name, arena_size=64) == outcome


@pytest.mark.parametrize("arena_size", [0, 64, 65, 100, 1024])
def test_where_a_batch_ends_changes_nothing(tmp_path: Path, sound: bytes, arena_size: int) -> None:
    path = write(tmp_path, sound)
    outcome = read(path)
    assert outcome.data == FRAMES
    assert read(path, arena_size) == outcome


def boundaries(path: Path, content: bytes) -> set[int]:
    """Where a capture may end: after its file header and after each record or block."""
    starts = {frame.position for frame in read(path).frames}
    # A section header stands alone before the interface.
    headers = {28} if content.startswith(b"\x0a") else {24}
    return starts | headers | {len(content)}


@pytest.mark.slow
def test_every_cut_keeps_what_came_before_and_is_told(tmp_path: Path, sound: bytes) -> None:
    path = write(tmp_path, sound)
    whole = read(path)
    ends = boundaries(path, sound)
    starts = [frame.position for frame in whole.frames]
    for cut in range(starts[3] + 17):
        outcome = read(write(tmp_path, sound[:cut], "cut.pcap"))
        count = sum(end <= cut for end in [*starts[1:], len(sound)])
        assert outcome.frames == whole.frames[:count]
        assert (outcome.error is None) == (cut in ends)
        if outcome.error is not None:
            offset = max((end for end in ends if end < cut), default=0)
            frame = count + 1 if offset else 0
            assert (outcome.error.frame, outcome.error.offset) == (frame, offset)


def test_whole_frames_come_before_the_error_whatever_the_arena(
    tmp_path: Path, sound: bytes
) -> None:
    path = write(tmp_path, sound[:-1])
    for arena_size in (64, 200, 1 << 20):
        outcome = read(path, arena_size)
        assert outcome.data == FRAMES[:-1]
        assert outcome.error is not None
        assert outcome.error.frame == len(FRAMES)


def test_a_batch_names_its_source(tmp_path: Path) -> None:
    with CaptureFile(str(write(tmp_path, pcap())), source=3) as capture:
        assert [batch.source for batch in capture.batches()] == [3]


def test_progress_is_known(tmp_path: Path) -> None:
    path = write(tmp_path, pcap())
    with CaptureFile(str(path)) as capture:
        assert (capture.size, capture.bytes_read, capture.path) == (len(pcap()), 0, str(path))
        assert len(list(capture.batches())) == 1
        assert capture.bytes_read == len(pcap())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\xd4", "starts with d4 (no known format)"),
        (b"\xd4\xc3\xb2", "starts with d4 c3 b2 (no known format)"),
        (b"rubbish", "starts with 72 75 62 62 (no known format)"),
        (b"PK\x03\x04....", "(zip; unpack it first)"),
        (b"BZh91AY", "(bzip2; unpack it first)"),
        (b"\xfd7zXZ\0", "the xz stream ends early"),
        (b"7z\xbc\xaf\x27\x1c", "(7-Zip; unpack it first)"),
        (b"\x04\x22\x4d\x18....", "(lz4; unpack it first)"),
        (b"snoop\0\0\0", "(snoop; convert it to pcap first)"),
        (b"GMBU\0\0", "(Network Monitor; convert it to pcap first)"),
        (b"\xa1\x2b\x3c\x4d" + bytes(20), "(Navtel's variant of pcap; convert it first)"),
        (b"\x4d\x3c\x2b\xa1" + bytes(20), "(Navtel's variant of pcap; convert it first)"),
        (b"\x1f\x8b", "the gzip stream ends early"),
    ],
)
def test_a_file_that_is_no_capture_says_what_was_found(
    tmp_path: Path, content: bytes, words: str
) -> None:
    count, frame, offset, reason = damage(write(tmp_path, content))
    assert (count, frame, offset) == (0, 0, 0)
    assert words in reason


def test_a_folder_is_no_capture(tmp_path: Path) -> None:
    assert damage(tmp_path) == (0, 0, 0, "cannot be read: Is a directory")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "none.pcap"
    assert damage(missing) == (0, 0, 0, "cannot be read: No such file or directory")


def test_a_null_byte_in_a_name_is_told() -> None:
    assert damage("a\0b")[:3] == (0, 0, 0)


def test_a_file_without_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, mode: str, **options: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    # Simulated: root may read everything.
    monkeypatch.setattr("sensor.capture.stream.open", refuse, raising=False)
    path = write(tmp_path, pcap())
    assert damage(path) == (0, 0, 0, "cannot be read: Permission denied")


def drain(batches: Iterator[FrameBatch]) -> tuple[int, CaptureError | None]:
    """How many more frames come, and what ends them."""
    count = 0
    try:
        for batch in batches:
            count += len(batch)
    except CaptureError as error:
        return count, error
    return count, None


def test_a_disk_that_fails_halfway_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(buffer: memoryview) -> int:
        raise OSError(5, "Input/output error")

    path = write(tmp_path, pcap())
    whole = read(path)
    with CaptureFile(str(path), arena_size=256) as capture:
        batches = capture.batches()
        count = len(next(batches))
        monkeypatch.setattr(capture._source, "readinto1", fail)
        more, error = drain(batches)
    assert (count, more) == (3, 0)
    assert error is not None
    assert error.reason == "cannot be read: Input/output error"
    assert (error.frame, error.offset) == (4, whole.frames[3].position)


@pytest.mark.parametrize(
    "name", ["two words.pcap", "new\nline", "'\"", "$(date)", "-n", "\udcff\udcfe.pcap"]
)
def test_any_file_name_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, pcap(), name)
    assert read(name).data == FRAMES
    assert expand([name]) == [name]


def test_a_file_that_grows_is_read_to_its_end(tmp_path: Path) -> None:
    path = write(tmp_path, pcap(FRAMES[:1]))
    counts: list[int] = []
    with CaptureFile(str(path)) as capture:
        for batch in capture.batches():
            if not counts:
                with path.open("ab") as file:
                    file.write(pcap_record(FRAMES[1]))
            counts.append(len(batch))
    assert counts == [1, 1]


def test_a_file_that_shrinks_while_read_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, pcap(FRAMES * 100))
    with CaptureFile(str(path), arena_size=1024) as capture:
        batches = capture.batches()
        next(batches)
        os.truncate(path, 5000)
        _, error = drain(batches)
    assert error is not None
    assert "the file ends here" in error.reason


def test_a_file_replaced_while_read_stays_what_it_was(tmp_path: Path) -> None:
    path = write(tmp_path, pcap(FRAMES * 100))
    with CaptureFile(str(path), arena_size=1024) as capture:
        batches = capture.batches()
        count = len(next(batches))
        write(tmp_path, b"rubbish", "other").replace(path)
        assert count + sum(len(batch) for batch in batches) == 100 * len(FRAMES)


def test_a_sparse_file_ends_in_damage_not_in_memory(tmp_path: Path) -> None:
    path = write(tmp_path, pcap_header() + pcap_record(b"x", captured=3 << 30))
    os.truncate(path, 4 << 30)
    assert damage(path)[:3] == (0, 1, 24)


def copied(batch: FrameBatch) -> list[tuple[bytes, int, int]]:
    return [
        (batch.frame(i), int(batch.times[i]), int(batch.positions[i])) for i in range(len(batch))
    ]


@pytest.mark.parametrize("content", [pcap(FRAMES * 50), pcapng(FRAMES * 50)], ids=["pcap", "ng"])
@pytest.mark.parametrize("slots", [2, 3])
@pytest.mark.parametrize("held", [1, 2])  # each, or each second
def test_held_batches_outlast_the_asking_for_later_ones(
    tmp_path: Path, content: bytes, slots: int, held: int
) -> None:
    alive: list[tuple[FrameBatch, object]] = []
    arenas: set[int] = set()
    with CaptureFile(str(write(tmp_path, content)), arena_size=1024, slots=slots) as capture:
        for number, batch in enumerate(capture.batches()):
            assert all(copied(each) == seen for each, seen in alive)
            arenas.add(batch.arena.ctypes.data)
            if number % held == 0:
                capture.hold()
                alive = [*alive, (batch, copied(batch))][-(slots - 1) :]
    assert number > 3 * slots
    assert len(arenas) <= slots


def test_a_record_that_makes_an_arena_grow_leaves_held_batches_alone(tmp_path: Path) -> None:
    frames = [b"small" * 4, b"large" * 100, b"last" * 4]
    path = write(tmp_path, pcap(frames))
    with CaptureFile(str(path), arena_size=64, slots=3) as capture:
        batches = []
        for batch in capture.batches():
            capture.hold()
            batches.append(batch)
    assert [batch.frame(i) for batch in batches for i in range(len(batch))] == frames


class TestFirstTime:
    @pytest.mark.parametrize("content", [pcap(), pcapng()], ids=["pcap", "pcapng"])
    def test_is_that_of_the_first_frame(self, tmp_path: Path, content: bytes) -> None:
        assert first_time(str(write(tmp_path, content))) == 1_000_000_000

    def test_is_known_even_if_the_capture_is_damaged_later(self, tmp_path: Path) -> None:
        assert first_time(str(write(tmp_path, pcap()[:-1]))) == 1_000_000_000

    @pytest.mark.parametrize("content", [b"", b"rubbish", pcap_header(), pcap()[:30]])
    def test_is_unknown_without_a_frame(self, tmp_path: Path, content: bytes) -> None:
        assert first_time(str(write(tmp_path, content))) is None

    def test_is_unknown_where_looking_would_take_frames_away(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        assert first_time(str(pipe)) is None
        assert first_time("-") is None

    @pytest.mark.parametrize("path", ["none.pcap", "a\0b"])
    def test_is_unknown_where_nothing_is_there(self, path: str) -> None:
        assert first_time(path) is None


class TestExpand:
    def test_keeps_files_and_standard_input_in_order(self, tmp_path: Path) -> None:
        path = str(write(tmp_path, b"rubbish"))
        assert expand([path, "-", path]) == [path, "-", path]

    def test_a_folder_gives_its_captures_sorted(self, tmp_path: Path) -> None:
        (tmp_path / "b" / "deep").mkdir(parents=True)
        names = {
            "z.pcap": pcap(),
            "a.pcapng": pcapng(),
            "b/deep/c.gz": b"\x1f\x8b\x08\x00",
            "b/d.zst": b"\x28\xb5\x2f\xfd",
            "b/big.pcap": pcap(order=">"),
        }
        names |= {
            "b/deep/packed": gzip.compress(pcap()),
            "b/deep/packed.xz": lzma.compress(pcapng()),
            # Named like captures: what is wrong with them is to be told, not passed over.
            "empty.pcap": b"",
            "lost.PCAPNG": bytes(100),
            "ring.pcap12": bytes(3),
            "log.cap.gz": gzip.compress(b"text"),
        }
        others = {"notes.txt": b"text", "empty": b"", "b/short": b"\xd4\xc3"}
        others |= {"log.gz": gzip.compress(b"text"), "pcap": b"text", "a.pcap.txt": b"text"}
        for name, content in (names | others).items():
            write(tmp_path, content, name)
        os.mkfifo(tmp_path / "pipe")
        assert expand([str(tmp_path)]) == sorted(str(tmp_path / name) for name in names)

    def test_loops_of_links_end_and_links_count_once(self, tmp_path: Path) -> None:
        inner = tmp_path / "folder"
        inner.mkdir()
        write(inner, pcap(), "one.pcap")
        (inner / "loop").symlink_to(tmp_path)
        (inner / "self").symlink_to(inner / "self")
        (tmp_path / "latest.pcap").symlink_to(inner / "one.pcap")
        (tmp_path / "broken.pcap").symlink_to(tmp_path / "none")
        found = expand([str(tmp_path)])
        assert [Path(path).resolve() for path in found] == [(inner / "one.pcap").resolve()]

    def test_a_linked_folder_is_followed(self, tmp_path: Path) -> None:
        outside, folder = tmp_path / "outside", tmp_path / "folder"
        outside.mkdir()
        folder.mkdir()
        write(outside, pcap(), "one.pcap")
        (folder / "link").symlink_to(outside)
        assert expand([str(folder)]) == [str(folder / "link" / "one.pcap")]

    @pytest.mark.parametrize("path", ["none.pcap", "a\0b"])
    def test_a_path_that_is_not_there_is_told(self, path: str) -> None:
        with pytest.raises(CaptureError) as caught:
            expand(["-", path])
        assert (caught.value.path, caught.value.frame, caught.value.offset) == (path, 0, 0)

    def test_a_file_that_cannot_be_opened_is_named_all_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: str, mode: str, **options: object) -> None:
            raise PermissionError(13, "Permission denied", path)

        path = write(tmp_path, b"anything", "unnamed")
        monkeypatch.setattr("sensor.capture.stream.open", refuse, raising=False)
        assert expand([str(tmp_path)]) == [str(path)]

    def test_a_folder_that_cannot_be_listed_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: str) -> None:
            raise PermissionError(13, "Permission denied", path)

        monkeypatch.setattr(os, "scandir", refuse)
        with pytest.raises(CaptureError, match="Permission denied") as caught:
            expand([str(tmp_path)])
        assert caught.value.path == str(tmp_path)
