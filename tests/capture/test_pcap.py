from __future__ import annotations

import struct
from pathlib import Path

import pytest

from sensor.capture.batch import MAX_CAPTURED, Interface
from sensor.capture.files import CaptureFile

from .build import (
    FRAMES,
    KUZNETZOV,
    MICROSECONDS,
    NANOSECONDS,
    damage,
    pcap,
    pcap_header,
    pcap_record,
    read,
    write,
)

RECORD = pcap_record(b"x" * 60)


def one(folder: Path, record: bytes, header: bytes = pcap_header()) -> tuple[int, int, bytes]:
    """Time, wire length and bytes of the only frame of a capture."""
    outcome = read(write(folder, header + record))
    assert outcome.error is None
    (frame,) = outcome.frames
    return frame.time, frame.wire, frame.data


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [MICROSECONDS, NANOSECONDS, KUZNETZOV])
def test_every_byte_order_and_resolution_is_read(tmp_path: Path, order: str, magic: int) -> None:
    patch = b"\x02\0\0\0\x00\x08\x04\0" if magic == KUZNETZOV else b""
    record = pcap_record(b"frame", 7, 5, wire=90, order=order, patch=patch)
    fraction = 5 if magic == NANOSECONDS else 5000
    found = one(tmp_path, record, pcap_header(order, magic))
    assert found == (7_000_000_000 + fraction, 90, b"frame")


@pytest.mark.parametrize("version", [(2, 0), (2, 4), (2, 99)])
def test_minor_versions_do_not_matter(tmp_path: Path, version: tuple[int, int]) -> None:
    assert one(tmp_path, RECORD, pcap_header(version=version))[2] == b"x" * 60


@pytest.mark.parametrize("swapped", [False, True])
def test_old_versions_may_swap_the_two_lengths(tmp_path: Path, swapped: bool) -> None:
    lengths = (90, 5) if swapped else (5, 90)
    record = struct.pack("<IIII", 0, 0, *lengths) + b"frame"
    assert one(tmp_path, record, pcap_header(version=(2, 3))) == (0, 90, b"frame")


@pytest.mark.parametrize("version", [(1, 2), (3, 0), (543, 0)])
def test_other_major_versions_are_refused(tmp_path: Path, version: tuple[int, int]) -> None:
    path = write(tmp_path, pcap_header(version=version) + RECORD)
    expected = f"pcap version {version[0]}.{version[1]} is not known"
    assert damage(path) == (0, 0, 0, expected)


@pytest.mark.parametrize("snaplen", [0, 1, 60, 0xFFFFFFFF])
def test_any_snap_length_is_legal(tmp_path: Path, snaplen: int) -> None:
    path = write(tmp_path, pcap_header(snaplen=snaplen) + RECORD)
    with CaptureFile(str(path)) as capture:
        assert list(capture.interfaces) == []
        assert [batch.frame(0) for batch in capture.batches()] == [b"x" * 60]
        assert list(capture.interfaces) == [Interface("", 1, snaplen)]


@pytest.mark.parametrize("extra", [0, 0x04000000, 0xF4000000, 0x40000000, 0x03FF0000])
def test_the_upper_bits_are_no_link_type(tmp_path: Path, extra: int) -> None:
    path = write(tmp_path, pcap_header(linktype=276 | extra) + RECORD)
    assert [frame.linktype for frame in read(path).frames] == [276]


def test_a_header_alone_is_a_capture_without_frames(tmp_path: Path) -> None:
    outcome = read(write(tmp_path, pcap_header()))
    assert outcome.error is None
    assert outcome.frames == []


@pytest.mark.parametrize(
    ("record", "time"),
    [
        (pcap_record(b"", 0, 0), 0),
        (pcap_record(b"", 1, 1_000_000), 2_000_000_000),
        (pcap_record(b"", 1, 0xFFFFFFFF), 1_000_000_000 + 0xFFFFFFFF * 1000),
        (pcap_record(b"", 0xFFFFFFFF, 999_999), 4_294_967_295_999_999_000),
    ],
    ids=["zero", "a-second-of-microseconds", "all-ones", "year-2106"],
)
def test_strange_times_are_kept(tmp_path: Path, record: bytes, time: int) -> None:
    assert one(tmp_path, record)[0] == time


def test_nanoseconds_over_a_second_are_carried(tmp_path: Path) -> None:
    record = pcap_record(b"", 1, 1_000_000_001)
    assert one(tmp_path, record, pcap_header(magic=NANOSECONDS))[0] == 2_000_000_001


def test_time_may_run_backwards(tmp_path: Path) -> None:
    records = pcap_record(b"a", 9) + pcap_record(b"b", 3)
    times = [frame.time for frame in read(write(tmp_path, pcap_header() + records)).frames]
    assert times == [9_000_000_000, 3_000_000_000]


@pytest.mark.parametrize(
    ("record", "wire", "data"),
    [
        (pcap_record(b"abc", wire=1500), 1500, b"abc"),
        (pcap_record(b"abc", wire=1), 3, b"abc"),
        (pcap_record(b"abc", wire=0), 3, b"abc"),
        (pcap_record(b"", wire=60), 60, b""),
        (pcap_record(b"x" * MAX_CAPTURED), MAX_CAPTURED, b"x" * MAX_CAPTURED),
    ],
    ids=["snapped", "over-wire", "wire-zero", "nothing-captured", "largest"],
)
def test_strange_lengths_are_kept(tmp_path: Path, record: bytes, wire: int, data: bytes) -> None:
    assert one(tmp_path, record)[1:] == (wire, data)


@pytest.mark.parametrize("captured", [262_145, 300_000, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_length_no_frame_has_is_damage(tmp_path: Path, captured: int, order: str) -> None:
    whole = pcap(order=order)
    record = pcap_record(b"x" * 400_000, captured=captured, order=order)
    assert damage(write(tmp_path, whole + record)) == (
        len(FRAMES),
        len(FRAMES) + 1,
        len(whole),
        f"captured length {captured} is over the limit of 262144",
    )


def test_a_cut_record_tells_how_much_is_there(tmp_path: Path) -> None:
    path = write(tmp_path, pcap_header() + RECORD + RECORD[:-1])
    assert damage(path) == (1, 2, 24 + 76, "the file ends here: 75 of 76 bytes are left")


def test_a_cut_record_header_tells_how_much_is_there(tmp_path: Path) -> None:
    path = write(tmp_path, pcap_header() + RECORD + RECORD[:15])
    assert damage(path) == (1, 2, 24 + 76, "the file ends here: 15 of 16 bytes are left")


def test_positions_are_those_of_the_records(tmp_path: Path) -> None:
    content = pcap()
    for frame in read(write(tmp_path, content)).frames:
        length = struct.unpack_from("<I", content, frame.position + 8)[0]
        assert content[frame.position + 16 : frame.position + 16 + length] == frame.data
