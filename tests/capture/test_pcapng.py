from __future__ import annotations

import struct
from pathlib import Path

import pytest

from sensor.capture.batch import MAX_CAPTURED, Interface
from sensor.capture.files import CaptureFile
from sensor.capture.pcapng import MAX_INTERFACES
from sensor.capture.records import MAX_BLOCK

from .build import (
    FRAMES,
    block,
    damage,
    enhanced,
    interface,
    obsolete,
    option,
    pcapng,
    read,
    section,
    simple,
    write,
)

START = section() + interface()
PACKET = enhanced(b"x" * 61)


def times(folder: Path, content: bytes) -> list[int]:
    outcome = read(write(folder, content))
    assert outcome.error is None
    return [frame.time for frame in outcome.frames]


@pytest.mark.parametrize("order", ["<", ">"])
def test_frames_come_back_as_they_went_in(tmp_path: Path, order: str) -> None:
    outcome = read(write(tmp_path, pcapng(order=order)))
    assert outcome.error is None
    assert outcome.data == FRAMES
    seconds = [frame.time / 1e9 for frame in outcome.frames]
    assert seconds == [float(i) for i in range(1, len(FRAMES) + 1)]


def test_sections_may_differ_in_byte_order_and_interfaces(tmp_path: Path) -> None:
    little = section("<") + interface("<", 1) + interface("<", 101) + enhanced(b"a", number=1)
    big = section(">") + interface(">", 276) + enhanced(b"b", order=">")
    path = write(tmp_path, little + big + little)
    seen = []
    with CaptureFile(str(path)) as capture:
        for batch in capture.batches():
            linktypes = [each.linktype for each in capture.interfaces]
            seen.append((batch.frame(0), batch.first_frame, linktypes))
            assert batch.linktypes[0] == linktypes[batch.interfaces[0]]
    assert seen == [(b"a", 1, [1, 101]), (b"b", 2, [276]), (b"a", 3, [1, 101])]


def test_one_file_may_mix_link_types(tmp_path: Path) -> None:
    content = section() + interface(linktype=1) + enhanced(b"a") + interface(linktype=113)
    content += enhanced(b"b", number=1) + enhanced(b"c")
    frames = read(write(tmp_path, content)).frames
    assert [(f.linktype, f.interface) for f in frames] == [(1, 0), (113, 1), (1, 0)]


def test_an_interface_tells_name_link_type_and_snap_length(tmp_path: Path) -> None:
    options = option(2, b"wan0") + option(3, b"a comment") + option(0, b"")
    long_name = option(2, b"n" * 60_000)
    broken_name = option(2, b"\xff\xfe")
    content = section() + interface(linktype=101, snaplen=96, options=options)
    content += interface(options=long_name) + interface(options=broken_name)
    with CaptureFile(str(write(tmp_path, content))) as capture:
        assert list(capture.batches()) == []
        assert capture.interfaces == (
            Interface("wan0", 101, 96),
            Interface("n" * 256, 1, 0),
            Interface("\ufffd\ufffd", 1, 0),
        )


@pytest.mark.parametrize(
    ("resolution", "ticks", "time"),
    [
        (6, 1_500_000, 1_500_000_000),
        (9, 1_500_000_007, 1_500_000_007),
        (0, 3, 3_000_000_000),
        (3, 1500, 1_500_000_000),
        (12, 1_000_000_000_999, 1_000_000_000),
        (19, 10**19, 1_000_000_000),
        (0x80 | 20, 3 << 19, 1_500_000_000),
        (0x80 | 63, 1 << 63, 1_000_000_000),
    ],
)
def test_time_resolutions(tmp_path: Path, resolution: int, ticks: int, time: int) -> None:
    described = interface(options=option(9, bytes([resolution])))
    assert times(tmp_path, section() + described + enhanced(b"", ticks)) == [time]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("offset", "time"), [(10, 11), (-10, -9), (0, 1)])
def test_time_offsets(tmp_path: Path, order: str, offset: int, time: int) -> None:
    described = interface(order, options=option(14, struct.pack(order + "q", offset), order))
    packet = enhanced(b"", ticks=1_000_000, order=order)
    assert times(tmp_path, section(order) + described + packet) == [time * 1_000_000_000]


@pytest.mark.parametrize(
    ("resolution", "offset", "time"),
    [(0, 0, (1 << 63) - 1), (9, (1 << 63) - 1, (1 << 63) - 1), (19, -(1 << 63), -(1 << 63))],
)
def test_times_no_clock_shows_become_the_nearest(
    tmp_path: Path, resolution: int, offset: int, time: int
) -> None:
    options = option(9, bytes([resolution])) + option(14, struct.pack("<q", offset))
    content = section() + interface(options=options) + enhanced(b"", ticks=(1 << 64) - 1)
    assert times(tmp_path, content) == [time]


@pytest.mark.parametrize("resolution", [20, 127, 0x80 | 64, 0xFF])
def test_an_absurd_resolution_is_damage(tmp_path: Path, resolution: int) -> None:
    path = write(tmp_path, section() + interface(options=option(9, bytes([resolution]))))
    count, frame, offset, reason = damage(path)
    assert (count, frame, offset) == (0, 1, 28)
    assert "finer than any clock" in reason


@pytest.mark.parametrize(
    "options",
    [option(9, b""), option(9, b"\x06\x06"), option(14, bytes(4)), struct.pack("<HH", 2, 40)],
    ids=["no-resolution", "two-resolutions", "short-offset", "runs-past"],
)
def test_an_option_of_a_wrong_length_is_damage(tmp_path: Path, options: bytes) -> None:
    count, frame, offset, reason = damage(write(tmp_path, section() + interface(options=options)))
    assert (count, frame, offset) == (0, 1, 28)
    assert "wrong length" in reason


def test_what_follows_the_end_of_options_is_ignored(tmp_path: Path) -> None:
    options = option(0, b"") + option(9, b"\xff")
    content = section() + interface(options=options) + enhanced(b"", 1)
    assert times(tmp_path, content) == [1000]


def test_options_need_no_end(tmp_path: Path) -> None:
    content = section() + interface(options=option(9, b"\x09"))
    content += enhanced(b"abc", 5, options=option(1, b"comment"))
    outcome = read(write(tmp_path, content))
    assert outcome.error is None
    assert [(frame.time, frame.data) for frame in outcome.frames] == [(5, b"abc")]


def test_a_simple_packet_has_the_time_of_the_one_before(tmp_path: Path) -> None:
    content = START + simple(b"a") + enhanced(b"b", ticks=7) + simple(b"c")
    assert times(tmp_path, content) == [0, 7000, 7000]


@pytest.mark.parametrize(
    ("snaplen", "wire", "captured"), [(0, 10, 10), (4, 10, 4), (10, 10, 10), (100, 10, 10)]
)
def test_the_snap_length_tells_how_much_of_a_simple_packet_is_there(
    tmp_path: Path, snaplen: int, wire: int, captured: int
) -> None:
    content = section() + interface(snaplen=snaplen) + simple(b"0123456789"[:captured], wire)
    (frame,) = read(write(tmp_path, content)).frames
    assert (frame.data, frame.wire) == (b"0123456789"[:captured], wire)


@pytest.mark.parametrize("order", ["<", ">"])
def test_an_obsolete_packet_block_is_read(tmp_path: Path, order: str) -> None:
    content = section(order) + interface(order, 1) + interface(order, 101)
    content += obsolete(b"abc", ticks=1 << 33, number=1, drops=9, order=order)
    (frame,) = read(write(tmp_path, content)).frames
    assert (frame.data, frame.linktype, frame.time) == (b"abc", 101, (1 << 33) * 1000)


@pytest.mark.parametrize("kind", [0, 4, 5, 7, 10, 0xBAD, 0x80000001, 0xFFFFFFFF])
def test_other_blocks_are_skipped(tmp_path: Path, kind: int) -> None:
    other = block(kind, b"anything at all" * 7)
    outcome = read(write(tmp_path, section() + other + interface() + PACKET + other + PACKET))
    assert outcome.error is None
    assert outcome.data == [b"x" * 61] * 2


def test_the_largest_block_is_skipped(tmp_path: Path) -> None:
    content = START + block(0xBAD, bytes(MAX_BLOCK - 12)) + PACKET
    outcome = read(write(tmp_path, content), arena_size=64)
    assert outcome.error is None
    assert outcome.data == [b"x" * 61]


@pytest.mark.parametrize("length", [0, 4, 8, 13, 14, 15, MAX_BLOCK + 4, 0xFFFFFFFC, 0xFFFFFFFF])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_length_no_block_has_is_damage(tmp_path: Path, length: int, order: str) -> None:
    whole = pcapng(order=order)
    bad = struct.pack(order + "II", 0xBAD, length) + bytes(64)
    count, frame, offset, reason = damage(write(tmp_path, whole + bad))
    assert (count, frame, offset) == (len(FRAMES), len(FRAMES) + 1, len(whole))
    assert str(length) in reason


@pytest.mark.parametrize(("kind", "size"), [(1, 16), (2, 28), (3, 12), (6, 28)])
def test_a_block_too_short_for_its_type_is_damage(tmp_path: Path, kind: int, size: int) -> None:
    path = write(tmp_path, START + PACKET + block(kind, bytes(size - 12)))
    expected = f"block of type {kind:#x} cannot have length {size}"
    assert damage(path) == (1, 2, len(START + PACKET), expected)


def test_a_trailer_that_differs_is_damage(tmp_path: Path) -> None:
    bad = PACKET[:-4] + struct.pack("<I", len(PACKET) + 4)
    path = write(tmp_path, START + PACKET + bad + PACKET)
    expected = f"the block starts with length {len(PACKET)}, ends with {len(PACKET) + 4}"
    assert damage(path) == (1, 2, len(START + PACKET), expected)


@pytest.mark.parametrize(
    ("packet", "number"),
    [(enhanced(b"a", number=1), 1), (obsolete(b"a", number=0xFFFF), 65535)],
)
def test_a_packet_of_an_unknown_interface_is_damage(
    tmp_path: Path, packet: bytes, number: int
) -> None:
    path = write(tmp_path, START + PACKET + packet + PACKET)
    expected = f"the packet names interface {number}, which was not described"
    assert damage(path) == (1, 2, len(START + PACKET), expected)


@pytest.mark.parametrize("packet", [enhanced(b"a"), simple(b"a"), obsolete(b"a")])
def test_a_packet_before_any_interface_is_damage(tmp_path: Path, packet: bytes) -> None:
    expected = "the packet names interface 0, which was not described"
    assert damage(write(tmp_path, section() + packet)) == (0, 1, 28, expected)


def test_interfaces_of_an_earlier_section_do_not_count(tmp_path: Path) -> None:
    content = START + PACKET + section()
    count, frame, offset, _ = damage(write(tmp_path, content + PACKET))
    assert (count, frame, offset) == (1, 2, len(content))


@pytest.mark.parametrize("captured", [MAX_CAPTURED + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_captured_length_no_frame_has_is_damage(tmp_path: Path, captured: int) -> None:
    path = write(tmp_path, START + PACKET + enhanced(bytes(300_000), captured=captured))
    expected = f"captured length {captured} is over the limit of {MAX_CAPTURED}"
    assert damage(path) == (1, 2, len(START + PACKET), expected)


@pytest.mark.parametrize("packet", [enhanced(b"abcd", captured=5), simple(b"abcd", wire=5)])
def test_a_captured_length_past_its_block_is_damage(tmp_path: Path, packet: bytes) -> None:
    path = write(tmp_path, START + PACKET + packet)
    expected = "captured length 5 runs past the block's 4 bytes"
    assert damage(path) == (1, 2, len(START + PACKET), expected)


def test_the_largest_frame_is_read(tmp_path: Path) -> None:
    outcome = read(write(tmp_path, START + enhanced(b"x" * MAX_CAPTURED)), arena_size=64)
    assert outcome.error is None
    assert outcome.data == [b"x" * MAX_CAPTURED]


def test_more_captured_than_on_the_wire_is_kept(tmp_path: Path) -> None:
    (frame,) = read(write(tmp_path, START + enhanced(b"abc", wire=1))).frames
    assert (frame.data, frame.wire) == (b"abc", 3)


@pytest.mark.slow
def test_interfaces_are_limited(tmp_path: Path) -> None:
    content = section() + interface() * (MAX_INTERFACES + 1)
    expected = f"a section has more than {MAX_INTERFACES} interfaces"
    assert damage(write(tmp_path, content)) == (0, 1, 28 + 20 * MAX_INTERFACES, expected)


@pytest.mark.slow
def test_the_largest_number_of_interfaces_is_read(tmp_path: Path) -> None:
    last = MAX_INTERFACES - 1
    content = section() + interface() * MAX_INTERFACES + enhanced(b"a", number=last)
    (frame,) = read(write(tmp_path, content)).frames
    assert frame.interface == last


@pytest.mark.slow
def test_each_of_very_many_interfaces_has_its_own_link_type_and_clock(tmp_path: Path) -> None:
    count = 100_000
    kinds = [(1, 6, 1_000), (101, 9, 1), (113, 0x80 | 1, 500_000_000), (0, 0, 10**9)]
    described = [
        interface(linktype=linktype, options=option(9, bytes([resolution])))
        for linktype, resolution, _ in kinds
    ]
    numbers = [0, 1, 2, 3, 65_535, 65_536, count - 2, count - 1]
    packets = [enhanced(b"a", ticks=3, number=number) for number in numbers]
    content = section() + b"".join(described) * (count // len(kinds)) + b"".join(packets)
    frames = read(write(tmp_path, content)).frames
    expected = [(number, *kinds[number % len(kinds)]) for number in numbers]
    assert [(f.interface, f.linktype, f.time) for f in frames] == [
        (number, linktype, 3 * tick) for number, linktype, _, tick in expected
    ]


@pytest.mark.parametrize("magic", [0, 0x1A2B3C4E, 0xFFFFFFFF])
def test_an_unknown_byte_order_is_damage(tmp_path: Path, magic: int) -> None:
    count, frame, offset, reason = damage(write(tmp_path, section(magic=magic)))
    assert (count, frame, offset) == (0, 0, 0)
    assert "byte-order magic" in reason


def test_an_unknown_byte_order_of_a_later_section_is_damage(tmp_path: Path) -> None:
    path = write(tmp_path, START + PACKET + section(magic=0))
    assert damage(path)[:3] == (1, 2, len(START + PACKET))


@pytest.mark.parametrize("version", [(0, 1), (2, 0)])
def test_another_major_version_is_damage(tmp_path: Path, version: tuple[int, int]) -> None:
    expected = f"pcapng version {version[0]}.{version[1]} is not known"
    assert damage(write(tmp_path, section(version=version))) == (0, 0, 0, expected)


def test_a_section_too_short_for_its_header_is_damage(tmp_path: Path) -> None:
    short = struct.pack("<IIII", 0x0A0D0D0A, 16, 0x1A2B3C4D, 16)
    expected = "block of type 0xa0d0d0a cannot have length 16"
    assert damage(write(tmp_path, short)) == (0, 0, 0, expected)
