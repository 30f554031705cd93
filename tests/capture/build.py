"""Builds captures byte by byte, sound or damaged, and reads them back for comparison."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sensor.capture.files import CaptureFile
from sensor.errors import CaptureError

MICROSECONDS = 0xA1B2C3D4
NANOSECONDS = 0xA1B23C4D
KUZNETZOV = 0xA1B2CD34
BYTE_ORDER = 0x1A2B3C4D

# Lengths of every remainder modulo 4, and none at all.
FRAMES = [bytes([i]) * size for i, size in enumerate([60, 61, 0, 62, 63, 1, 128], start=1)]

# Numbers at which length checks turn over.
EDGES = [0, 1, 3, 4, 0x7F, 0x80, 0xFF, 0xFFFF, 0x40000, 0x40001, 0x7FFFFFFF, 0xFFFFFFFF]


@dataclass(frozen=True)
class Frame:
    number: int
    time: int
    wire: int
    linktype: int
    interface: int
    position: int
    data: bytes


@dataclass
class Outcome:
    frames: list[Frame] = field(default_factory=list)
    error: CaptureError | None = None

    @property
    def data(self) -> list[bytes]:
        return [frame.data for frame in self.frames]


def read(path: Path | str, arena_size: int = 1 << 20) -> Outcome:
    """Everything a capture gives, copied out of each batch while that is valid."""
    outcome = Outcome()
    try:
        with CaptureFile(str(path), arena_size=arena_size) as capture:
            for batch in capture.batches():
                outcome.frames += [
                    Frame(
                        batch.first_frame + i,
                        int(batch.times[i]),
                        int(batch.wire[i]),
                        int(batch.linktypes[i]),
                        int(batch.interfaces[i]),
                        int(batch.positions[i]),
                        batch.frame(i),
                    )
                    for i in range(len(batch))
                ]
    except CaptureError as error:
        outcome.error = error
    return outcome


def damage(path: Path | str) -> tuple[int, int, int, str]:
    """Whole frames before the damage; then frame, offset and reason of the error."""
    outcome = read(path)
    assert outcome.error is not None
    error = outcome.error
    assert [frame.number for frame in outcome.frames] == list(range(1, len(outcome.frames) + 1))
    return len(outcome.frames), error.frame, error.offset, error.reason


def pcap_header(
    order: str = "<",
    magic: int = MICROSECONDS,
    version: tuple[int, int] = (2, 4),
    snaplen: int = 65535,
    linktype: int = 1,
) -> bytes:
    return struct.pack(order + "IHHIIII", magic, *version, 0, 0, snaplen, linktype)


def pcap_record(
    data: bytes,
    seconds: int = 1,
    fraction: int = 0,
    captured: int | None = None,
    wire: int | None = None,
    order: str = "<",
    patch: bytes = b"",
) -> bytes:
    captured = len(data) if captured is None else captured
    wire = captured if wire is None else wire
    return struct.pack(order + "IIII", seconds, fraction, captured, wire) + patch + data


def pcap(frames: Sequence[bytes] = FRAMES, order: str = "<", magic: int = MICROSECONDS) -> bytes:
    patch = bytes(8) if magic == KUZNETZOV else b""
    records = [
        pcap_record(data, seconds=i, order=order, patch=patch)
        for i, data in enumerate(frames, start=1)
    ]
    return pcap_header(order, magic) + b"".join(records)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str = "<", version: tuple[int, int] = (1, 0), magic: int = BYTE_ORDER) -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", magic, *version, -1), order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(order: str = "<", linktype: int = 1, snaplen: int = 0, options: bytes = b"") -> bytes:
    return block(1, struct.pack(order + "HHI", linktype, 0, snaplen) + options, order)


def enhanced(
    data: bytes,
    ticks: int = 0,
    number: int = 0,
    captured: int | None = None,
    wire: int | None = None,
    order: str = "<",
    options: bytes = b"",
) -> bytes:
    captured = len(data) if captured is None else captured
    wire = captured if wire is None else wire
    high, low = divmod(ticks, 1 << 32)
    head = struct.pack(order + "5I", number, high, low, captured, wire)
    return block(6, head + data + bytes(-len(data) % 4) + options, order)


def simple(data: bytes, wire: int | None = None, order: str = "<") -> bytes:
    return block(3, struct.pack(order + "I", len(data) if wire is None else wire) + data, order)


def obsolete(
    data: bytes, ticks: int = 0, number: int = 0, drops: int = 0, order: str = "<"
) -> bytes:
    high, low = divmod(ticks, 1 << 32)
    head = struct.pack(order + "HHIIII", number, drops, high, low, len(data), len(data))
    return block(2, head + data, order)


def pcapng(frames: Sequence[bytes] = FRAMES, order: str = "<") -> bytes:
    packets = [
        enhanced(data, ticks=i * 1_000_000, order=order) for i, data in enumerate(frames, start=1)
    ]
    return section(order) + interface(order) + b"".join(packets)


def write(folder: Path, content: bytes, name: str = "made.pcap") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def damaged(content: bytes, dice: random.Random) -> bytes:
    """One to four places changed, taken out or filled in."""
    changed = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(changed))
        match dice.randrange(4):
            case 0:
                changed[place] = dice.randrange(256)
            case 1:
                order = dice.choice(("little", "big"))
                value = dice.choice(EDGES)
                changed[place & ~3 : (place & ~3) + 4] = value.to_bytes(4, order)  # type: ignore[arg-type]
            case 2:
                del changed[place : place + dice.randint(1, 8)]
            case _:
                changed[place:place] = dice.randbytes(dice.randint(1, 8))
        if not changed:
            break
    return bytes(changed)
