"""The compiled walks, alone and against a plain reader of whole captures."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sensor.capture.batch import MAX_CAPTURED
from sensor.capture.files import CaptureFile
from sensor.capture.records import (
    DESCRIBED,
    MAX_BLOCK,
    MAX_ROWS,
    PcapLayout,
    empty_columns,
    walk_pcap,
    walk_pcapng,
)

from .build import (
    FRAMES,
    KUZNETZOV,
    MICROSECONDS,
    NANOSECONDS,
    block,
    damaged,
    enhanced,
    interface,
    obsolete,
    option,
    pcap,
    pcap_header,
    pcap_record,
    pcapng,
    read,
    section,
    simple,
    write,
)
from .plain import agrees

LAYOUT = PcapLayout(header=16, fraction=1000, big=False, swapped=False)
PACKET = enhanced(b"x" * 61, ticks=5)


def arena(content: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(bytearray(content), dtype=np.uint8)


def walked(content: bytes, interfaces: int = 1, order: str = "<") -> tuple[int, int]:
    """How many packets, and where the walk over pcapng blocks stopped."""
    described = np.zeros(interfaces, dtype=DESCRIBED)
    described["multiply"], described["divide"], described["limit"] = 1000, 1, 1 << 53
    columns = empty_columns()
    count, stop, _ = walk_pcapng(
        arena(content), 0, len(content), 0, order == ">", described, columns, 0, 0
    )
    return count, stop


@pytest.mark.parametrize("order", ["<", ">"])
def test_all_packet_blocks_of_an_interface_are_taken(order: str) -> None:
    content = (
        enhanced(b"abc", 7, order=order, options=option(1, b"comment", order))
        + simple(b"defg", order=order)
        + obsolete(b"h" * 9, drops=3, order=order)
        + enhanced(b"", order=order)
    )
    assert walked(content, order=order) == (4, len(content))


STOPS = {
    "another-block": block(5, bytes(12)),
    "section": section(),
    "interface": interface(),
    "cut": PACKET[:-1],
    "cut-early": PACKET[:11],
    "trailer": PACKET[:-4] + struct.pack("<I", len(PACKET) + 4),
    "odd-length": struct.pack("<7I", 6, 34, 0, 0, 0, 0, 0) + b"xx" + struct.pack("<I", 34),
    "short": block(6, bytes(16)),
    "short-simple": block(3, b""),
    "unknown-interface": enhanced(b"a", number=1),
    "unknown-interface-all-ones": enhanced(b"a", number=0xFFFFFFFF),
    "unknown-interface-obsolete": obsolete(b"a", number=1),
    "runs-past": enhanced(b"abcd", captured=5),
    "runs-past-simple": simple(b"abcd", wire=5),
    "too-much-captured": enhanced(bytes(MAX_CAPTURED + 1)),
    "too-large": enhanced(b"a", options=bytes(MAX_BLOCK)),
    "late": enhanced(b"a", ticks=1 << 53),
    "latest": enhanced(b"a", ticks=(1 << 64) - 1),
}


@pytest.mark.parametrize("stop", STOPS)
def test_the_walk_stops_at_all_else(stop: str) -> None:
    found = walked(PACKET + PACKET + STOPS[stop] + PACKET)
    assert found == (2, 2 * len(PACKET))


@pytest.mark.parametrize("packet", [PACKET, simple(b"a"), obsolete(b"a")])
def test_the_walk_stops_where_no_interface_is_described(packet: bytes) -> None:
    assert walked(packet, interfaces=0) == (0, 0)


def test_the_walk_stops_where_a_record_is_cut() -> None:
    record = pcap_record(b"x" * 60)
    for cut in range(len(record)):
        content = arena(record + record[:cut])
        count, stop = walk_pcap(content, 0, len(content), 0, LAYOUT, empty_columns())
        assert (count, stop) == (1, len(record))


def test_full_columns_end_a_walk() -> None:
    columns = empty_columns(3)
    record, packet = pcap_record(b"x"), enhanced(b"x")
    records, packets = arena(record * 5), arena(packet * 5)
    described = np.zeros(1, dtype=DESCRIBED)
    described["multiply"] = described["divide"] = described["limit"] = 1
    assert walk_pcap(records, 0, records.size, 0, LAYOUT, columns) == (3, 3 * len(record))
    found = walk_pcapng(packets, 0, packets.size, 0, False, described, columns, 1, 0)
    assert found == (3, 2 * len(packet), 0)


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_more_frames_than_rows_make_more_batches(
    tmp_path: Path, make: Callable[[list[bytes]], bytes]
) -> None:
    content = make([b""] * (2 * MAX_ROWS + 1))
    with CaptureFile(str(write(tmp_path, content)), arena_size=2 * len(content)) as capture:
        batches = [(batch.first_frame, len(batch)) for batch in capture.batches()]
    assert batches == [(1, MAX_ROWS), (MAX_ROWS + 1, MAX_ROWS), (2 * MAX_ROWS + 1, 1)]


def test_columns_are_filled_again(tmp_path: Path) -> None:
    with CaptureFile(str(write(tmp_path, pcap())), arena_size=64) as capture:
        first, second, *_ = (batch.times for batch in capture.batches())
    assert np.shares_memory(first, second)


def test_public_captures_agree_with_the_plain_reader(captures: Path) -> None:
    paths = [path for path in sorted(captures.rglob("*.pcap*")) if path.is_file()]
    frames = [len(agrees(path, path.read_bytes(), 64, 1000, 1 << 20).frames) for path in paths]
    assert len(frames) > 15
    assert sum(frames) > 1800


# Random captures


def random_pcap(dice: random.Random) -> bytes:
    order = dice.choice("<>")
    magic = dice.choice((MICROSECONDS, NANOSECONDS, KUZNETZOV))
    minor = dice.choice((2, 3, 4))
    content = pcap_header(order, magic, (2, minor), linktype=dice.randrange(1 << 32))
    for _ in range(dice.randrange(12)):
        data = dice.randbytes(random_size(dice))
        captured, wire = len(data), dice.choice((0, len(data), dice.randrange(1 << 32)))
        if minor < 4:  # the smaller one is what was captured, whichever comes first
            captured, wire = dice.sample((captured, max(captured, wire)), 2)
        seconds, fraction = (random_ticks(dice) & 0xFFFFFFFF for _ in range(2))
        patch = dice.randbytes(8) if magic == KUZNETZOV else b""
        content += pcap_record(data, seconds, fraction, captured, wire, order, patch)
    return content


def random_pcapng(dice: random.Random) -> bytes:
    return b"".join(random_section(dice) for _ in range(dice.randint(1, 3)))


def random_section(dice: random.Random) -> bytes:
    order = dice.choice("<>")
    faces = dice.randint(1, 3)
    content = section(order)
    for _ in range(faces):
        content += random_interface(dice, order)
    for _ in range(dice.randrange(12)):
        data, ticks = dice.randbytes(random_size(dice)), random_ticks(dice)
        number = dice.randrange(faces)
        match dice.randrange(8):
            case 0:
                content += block(dice.choice((4, 5, 0xBAD)), data, order)
            case 1:
                content += simple(data, order=order)
            case 2:
                content += obsolete(data, ticks, number, dice.randrange(1 << 16), order)
            case 3:
                content += random_interface(dice, order)
                faces += 1
            case _:
                wire = dice.choice((0, len(data), dice.randrange(1 << 32)))
                comment = dice.choice((b"", option(1, data, order)))
                content += enhanced(data, ticks, number, None, wire, order, comment)
    return content


def random_interface(dice: random.Random, order: str) -> bytes:
    resolution = dice.choice((6, 9, dice.randrange(20), 128 + dice.randrange(64)))
    offset = dice.choice(
        (0, 1, -1, dice.randrange(-(1 << 34), 1 << 34), random_ticks(dice) - (1 << 63))
    )
    options = option(9, bytes([resolution]), order)
    options += option(14, struct.pack(order + "q", offset), order)
    # A snap length of 0 is none; a Simple Packet Block is cut at any other.
    return interface(order, dice.randrange(1 << 16), dice.choice((0, 1, 65535)), options)


def random_size(dice: random.Random) -> int:
    return dice.choice((0, 1, dice.randrange(80), dice.randrange(80), 300))


def random_ticks(dice: random.Random) -> int:
    """64 bits, as often few as many."""
    return dice.getrandbits(dice.randint(1, 64))


MAKERS = {"pcap": random_pcap, "pcapng": random_pcapng}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKERS)
def test_random_captures_agree_with_the_plain_reader(tmp_path: Path, seed: int, kind: str) -> None:
    dice = random.Random(f"{seed} records {kind}")
    frames = 0
    for _ in range(300):
        content = MAKERS[kind](dice)
        path = write(tmp_path, content)
        outcome = agrees(path, content, 64, dice.randint(64, 700), 1 << 16)
        assert outcome.error is None
        frames += len(outcome.frames)
    assert frames > 1000


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKERS)
def test_mutated_captures_agree_with_the_plain_reader(tmp_path: Path, seed: int, kind: str) -> None:
    dice = random.Random(f"{seed} mutated records {kind}")
    frames = errors = 0
    for _ in range(600):
        content = damaged(MAKERS[kind](dice), dice)
        path = write(tmp_path, content)
        outcome = agrees(path, content, 64, dice.randint(64, 700), 1 << 16)
        frames += len(outcome.frames)
        errors += outcome.error is not None
    assert frames > 1000
    assert errors > 200


def test_every_start_of_a_random_capture_agrees_with_the_plain_reader(
    tmp_path: Path, seed: int
) -> None:
    dice = random.Random(f"{seed} cut records")
    for make in MAKERS.values():
        content = make(dice)
        for cut in range(len(content)):
            agrees(write(tmp_path, content[:cut]), content[:cut], 64)


@pytest.mark.parametrize("resolution", [0, 3, 6, 9, 12, 19, 148, 179, 180, 191])
def test_times_about_the_end_of_the_clock(tmp_path: Path, resolution: int) -> None:
    """The last ticks that 64 bits can tell in nanoseconds, and the first that they cannot."""
    base = 2 ** (resolution & 127) if resolution & 128 else 10**resolution
    end = (1 << 63) // 10**9  # seconds
    content = b""
    for offset in (0, 1, end // 2, end, end + 1, -end, -end - 1, -(1 << 63)):
        last = ((1 << 63) - offset * 10**9) * base // 10**9
        options = option(9, bytes([resolution])) + option(14, struct.pack("<q", offset))
        content += section() + interface(options=options)
        for step in range(-3, 4):
            content += enhanced(b"", min(max(last + step, 0), (1 << 64) - 1))
    outcome = agrees(write(tmp_path, content), content, 64, 1 << 16)
    assert len(outcome.frames) == 8 * 7


def test_uncompiled_the_walks_give_the_same(tmp_path: Path, project_root: Path, seed: int) -> None:
    names = []
    for order in "<>":
        for magic in (MICROSECONDS, NANOSECONDS, KUZNETZOV):
            names.append(write(tmp_path, pcap(FRAMES, order, magic), f"{ord(order)}{magic}.pcap"))
        names.append(write(tmp_path, pcapng(FRAMES, order), f"{ord(order)}.pcapng"))
    dice = random.Random(f"{seed} uncompiled")
    for i in range(20):
        names.append(write(tmp_path, random_pcapng(dice), f"random{i}.pcapng"))
        names.append(write(tmp_path, random_pcap(dice), f"random{i}.pcap"))
    code = (
        "import sys\n"
        "from tests.capture.build import read\n"
        "for path in sys.argv[1:]: print(read(path, 256))\n"
    )
    command = [sys.executable, "-W", "error", "-c", code, *map(str, names)]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        command, cwd=project_root, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [str(read(path, 256)) for path in names]
