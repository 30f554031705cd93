"""Reads whole captures in memory one record at a time: what the compiled walks must agree with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from .build import Frame, Outcome, read

LIMIT = 262_144
Order = Literal["little", "big"]


class Stop(Exception):
    """Where a capture cannot be read on, and a part of the text that tells why."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(offset, reason)
        self.offset = offset
        self.reason = reason


@dataclass(frozen=True)
class Face:
    """One interface: times are ``Fraction(ticks, resolution) + offset`` seconds."""

    linktype: int
    snaplen: int
    resolution: int
    offset: int


class Bytes:
    """Numbers of one byte order in a capture."""

    def __init__(self, content: bytes, order: Order) -> None:
        self.content = content
        self.order = order

    def number(self, at: int, size: int = 4) -> int:
        return int.from_bytes(self.content[at : at + size], self.order)

    def require(self, at: int, size: int) -> None:
        left = len(self.content) - at
        if left < size:
            raise Stop(at, f"the file ends here: {left} of {size} bytes are left")


PCAP = {
    b"\xa1\xb2\xc3\xd4": (16, 1000),
    b"\xa1\xb2\x3c\x4d": (16, 1),
    b"\xa1\xb2\xcd\x34": (24, 1000),
}


def frames(content: bytes) -> Iterator[Frame]:
    """Those of a pcap or pcapng that starts soundly; raises Stop at damage."""
    if content[:4] == b"\x0a\x0d\x0d\x0a":
        yield from _pcapng(content)
    elif content[:4] in PCAP:
        yield from _pcap(Bytes(content, "big"), *PCAP[content[:4]])
    elif content[:4][::-1] in PCAP:
        yield from _pcap(Bytes(content, "little"), *PCAP[content[:4][::-1]])
    else:
        raise Stop(0, "not a capture" if content else "the file is empty")


def _pcap(file: Bytes, header: int, unit: int) -> Iterator[Frame]:
    file.require(0, 24)
    if file.number(4, 2) != 2:
        raise Stop(0, "is not known")
    linktype = file.number(20) % 65536
    at, count = 24, 0
    while at < len(file.content):
        file.require(at, header)
        captured, wire = file.number(at + 8), file.number(at + 12)
        if file.number(6, 2) < 4:
            captured, wire = sorted((captured, wire))
        if captured > LIMIT:
            raise Stop(at, f"captured length {captured} is over the limit")
        file.require(at, header + captured)
        time = file.number(at) * 10**9 + file.number(at + 4) * unit
        data = file.content[at + header : at + header + captured]
        count += 1
        yield Frame(count, time, max(captured, wire), linktype, 0, at, data)
        at += header + captured


def _pcapng(content: bytes) -> Iterator[Frame]:
    file = Bytes(content, "little")
    faces: list[Face] = []
    at = count = last = 0
    while at < len(content):
        file.require(at, 12)
        new = content[at : at + 4] == b"\x0a\x0d\x0d\x0a"
        if new:
            if file.number(at + 8) not in (0x1A2B3C4D, 0x4D3C2B1A):
                raise Stop(at, "byte-order magic")
            big = content[at + 8 : at + 12] == b"\x1a\x2b\x3c\x4d"
            file = Bytes(content, "big" if big else "little")
        kind, length = file.number(at), file.number(at + 4)
        smallest = {0x0A0D0D0A: 28, 1: 20, 2: 32, 3: 16, 6: 32}.get(kind, 12)
        if length % 4 or length < smallest:
            raise Stop(at, f"cannot have length {length}")
        if length > 1 << 24:
            raise Stop(at, f"block length {length} is over the limit")
        file.require(at, length)
        if file.number(at + length - 4) != length:
            raise Stop(at, f"starts with length {length}, ends with")
        if new:
            if file.number(at + 12, 2) != 1:
                raise Stop(at, "is not known")
            faces = []
        elif kind == 1:
            faces.append(_face(file, at, content[at + 16 : at + length - 4]))
        elif kind in (2, 3, 6):
            number = 0 if kind == 3 else file.number(at + 8, 2 if kind == 2 else 4)
            if number >= len(faces):
                raise Stop(at, f"interface {number}, which was not described")
            face = faces[number]
            if kind == 3:
                wire = file.number(at + 8)
                captured = min(wire, face.snaplen or wire)
            else:
                captured, wire = file.number(at + 20), file.number(at + 24)
                last = _time(face, file.number(at + 12) * 2**32 + file.number(at + 16))
            start = at + (12 if kind == 3 else 28)
            if captured > LIMIT:
                raise Stop(at, f"captured length {captured} is over the limit")
            if start + captured > at + length - 4:
                raise Stop(at, f"captured length {captured} runs past")
            count += 1
            data = content[start : start + captured]
            yield Frame(count, last, max(wire, captured), face.linktype, number, at, data)
        at += length


def _face(file: Bytes, at: int, options: bytes) -> Face:
    resolution, offset = 10**6, 0
    rest = Bytes(options, file.order)
    place = 0
    while place + 4 <= len(options) and (code := rest.number(place, 2)):
        size = rest.number(place + 2, 2)
        value = options[place + 4 : place + 4 + size]
        if len(value) < size or size != {9: 1, 14: 8}.get(code, size):
            raise Stop(at, "wrong length")
        if code == 9:
            resolution = 2 ** (value[0] & 127) if value[0] & 128 else 10 ** value[0]
        if code == 14:
            offset = int.from_bytes(value, file.order, signed=True)
        place += 4 + size + -size % 4
    if resolution > 10**19:
        raise Stop(at, "finer than any clock")
    return Face(file.number(at + 8, 2), file.number(at + 12), resolution, offset)


def _time(face: Face, ticks: int) -> int:
    exact = (Fraction(ticks, face.resolution) + face.offset) * 10**9
    return max(-(2**63), min(exact.__floor__(), 2**63 - 1))


def agrees(path: Path, content: bytes, *arena_sizes: int) -> Outcome:
    """Read a capture with arenas of each size, and compare all that comes with the plain reader."""
    expected, stop = _all(content)
    for size in arena_sizes:
        outcome = read(path, size)
        assert outcome.frames == expected
        assert (outcome.error is None) == (stop is None)
        if outcome.error is not None and stop is not None:
            assert outcome.error.offset == stop.offset
            assert stop.reason in outcome.error.reason
    return outcome


def _all(content: bytes) -> tuple[list[Frame], Stop | None]:
    found = []
    try:
        for frame in frames(content):
            found.append(frame)
    except Stop as stop:
        return found, stop
    return found, None
