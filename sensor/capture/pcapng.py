"""Reads pcapng files: typed blocks in sections (draft-ietf-opsawg-pcapng)."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sensor.capture.batch import MAX_CAPTURED, FrameBatch, Interface
from sensor.capture.records import (
    BLOCK_FRAME,
    DESCRIBED,
    ENHANCED_PACKET,
    MAX_BLOCK,
    MAX_ROWS,
    OBSOLETE_PACKET,
    PACKET_HEADER,
    SIMPLE_HEADER,
    SIMPLE_PACKET,
    walk_pcapng,
)
from sensor.capture.window import Scan, Window
from sensor.errors import DecodeError

MAGIC = b"\x0a\x0d\x0d\x0a"
MAX_INTERFACES = 131_072  # of one section
MAX_NAME = 256  # bytes kept of an interface's name

_SECTION = 0x0A0D0D0A  # reads the same in both byte orders
_INTERFACE = 1
_PACKETS = (ENHANCED_PACKET, OBSOLETE_PACKET, SIMPLE_PACKET)
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_SECTION_PROBE = 12  # bytes up to the end of the byte-order magic
_SMALLEST = {  # total length of a block with nothing variable in it
    _SECTION: 28,
    _INTERFACE: 20,
    OBSOLETE_PACKET: 32,
    SIMPLE_PACKET: 16,
    ENHANCED_PACKET: 32,
}

_OPTION_END, _OPTION_NAME, _OPTION_RESOLUTION, _OPTION_OFFSET = 0, 2, 9, 14
_OPTION_SIZES = {_OPTION_RESOLUTION: 1, _OPTION_OFFSET: 8}

_NANOSECONDS = 1_000_000_000
_EARLIEST, _LATEST = -(1 << 63), (1 << 63) - 1


class _Clock:
    """How the times of one interface count (if_tsresol and if_tsoffset)."""

    __slots__ = ("_offset", "_ticks")

    def __init__(self, ticks: int, offset: int) -> None:
        self._ticks = ticks  # in a second
        self._offset = offset * _NANOSECONDS

    def time(self, high: int, low: int) -> int:
        """Nanoseconds since 1970; what 64 bits cannot hold becomes the nearest that they can."""
        time = ((high << 32) | low) * _NANOSECONDS // self._ticks + self._offset
        return time if _EARLIEST <= time <= _LATEST else (_LATEST if time > 0 else _EARLIEST)

    def scale(self) -> tuple[int, int, int, int]:
        """Multiplier, divisor, limit and offset of DESCRIBED; limit 0 where 64 bits do not do."""
        common = math.gcd(_NANOSECONDS, self._ticks)
        multiply, divide = _NANOSECONDS // common, self._ticks // common
        room = _LATEST - max(self._offset, 0)  # for the time before the offset is added
        if room < 0 or self._offset < _EARLIEST or multiply * divide >= 1 << 64:
            return 1, 1, 0, 0
        # The first number of ticks that is too much, rounded up.
        limit = -(-(room + 1) * divide // multiply)
        return multiply, divide, min(limit, (1 << 64) - 1), self._offset


class _Section:
    """Byte order and interfaces of one section; a file may have several."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.word = struct.Struct(order + "I")
        self.head = struct.Struct(order + "II")
        self._packet = struct.Struct(order + "5I")
        self.interfaces: list[Interface] = []
        self.clocks: list[_Clock] = []
        self._described = np.empty(MAX_INTERFACES, dtype=DESCRIBED)

    @property
    def described(self) -> NDArray[np.void]:
        """The interfaces as the compiled walk wants them."""
        return self._described[: len(self.interfaces)]

    def is_packet(self, window: Window) -> bool:
        """Whether a packet block of any kind comes next."""
        if window.available < BLOCK_FRAME:
            return False
        kind, _ = self.head.unpack_from(window.buffer, window.start)
        return kind in _PACKETS

    def check_version(self, buffer: bytearray, start: int) -> None:
        """Refuse a Section Header Block (section 4.1) of a version that may mean otherwise."""
        major, minor = struct.unpack_from(self.order + "HH", buffer, start + _SECTION_PROBE)
        if major != 1:
            raise DecodeError(f"pcapng version {major}.{minor} is not known")

    def packet(self, buffer: bytearray, start: int, kind: int) -> tuple[int, int, int, int]:
        """Interface, time, captured and wire length of an Enhanced or obsolete Packet Block.

        Sections 4.3 and appendix A.
        """
        number, high, low, captured, wire = self._packet.unpack_from(buffer, start + 8)
        if kind == OBSOLETE_PACKET:
            # Here a count of dropped packets shares the word: only 16 bits name the interface.
            (number,) = struct.unpack_from(self.order + "H", buffer, start + 8)
        self._check_described(number)
        return number, self.clocks[number].time(high, low), captured, wire

    def simple_packet(self, buffer: bytearray, start: int) -> tuple[int, int]:
        """Captured and wire length of a Simple Packet Block (section 4.4).

        Only the snap length of interface 0 tells how much was captured.
        """
        self._check_described(0)
        (wire,) = self.word.unpack_from(buffer, start + 8)
        snaplen = self.interfaces[0].snaplen
        return (min(wire, snaplen) if snaplen else wire), wire

    def _check_described(self, number: int) -> None:
        if number >= len(self.interfaces):
            raise DecodeError(f"the packet names interface {number}, which was not described")

    def describe(self, body: bytes) -> None:
        """Take in the body of an Interface Description Block (section 4.2)."""
        if len(self.interfaces) >= MAX_INTERFACES:
            raise DecodeError(f"a section has more than {MAX_INTERFACES} interfaces")
        linktype, snaplen = struct.unpack_from(self.order + "H2xI", body)
        options = dict(self._options(body[8:]))
        name = options.get(_OPTION_NAME, b"")[:MAX_NAME].decode("utf-8", "replace")
        ticks = _ticks(options.get(_OPTION_RESOLUTION, b"\x06")[0])
        (offset,) = struct.unpack(self.order + "q", options.get(_OPTION_OFFSET, bytes(8)))
        clock = _Clock(ticks, offset)
        self._described[len(self.interfaces)] = (linktype, snaplen, *clock.scale())
        self.interfaces.append(Interface(name, linktype, snaplen))
        self.clocks.append(clock)

    def _options(self, body: bytes) -> Iterator[tuple[int, bytes]]:
        """Code and value of each option; the end may be marked or not (section 3.5)."""
        position = 0
        while position + 4 <= len(body):
            code, size = struct.unpack_from(self.order + "HH", body, position)
            if code == _OPTION_END:
                return
            value = body[position + 4 : position + 4 + size]
            if len(value) < size or _OPTION_SIZES.get(code, size) != size:
                raise DecodeError(f"option {code} of the interface has a wrong length, {size}")
            yield code, value
            position += 4 + (size + 3) // 4 * 4


def _ticks(resolution: int) -> int:
    """Units of time in a second, from if_tsresol; libpcap has the same limits."""
    exponent = resolution & 0x7F
    if resolution & 0x80:
        base, limit = 2, 63
    else:
        base, limit = 10, 19
    if exponent > limit:
        raise DecodeError(f"time resolution of {base}^-{exponent} s is finer than any clock")
    return int(base**exponent)


class PcapngReader:
    """Turns the windows of one pcapng file into batches, in order.

    A batch never holds frames of two sections, so the ``interfaces`` are those of the batch
    handed out last. A Simple Packet Block has no time: it gets that of the packet before it,
    or 0 where there is none.
    """

    def __init__(self, source: int) -> None:
        self._source = source
        self._frames = 0
        self._section: _Section | None = None
        self._last_time = 0
        self._rows = 0  # filled of the columns

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        return tuple(self._section.interfaces) if self._section else ()

    @property
    def next_frame(self) -> int:
        """Number of the frame to be read next; 0 while the first section header is."""
        return self._frames + 1 if self._section else 0

    def scan(self, window: Window) -> Scan:
        """Take every whole block of the window, up to the next section."""
        self._rows, needed, damage = 0, 0, None
        try:
            needed = self._walk(window)
        except DecodeError as error:
            damage = error.reason
        return Scan(self._batch(window), needed, damage)

    def _walk(self, window: Window) -> int:
        """Move the window's start past each whole block; how much the next one needs."""
        buffer = window.buffer
        while True:
            self._take_packets(window)
            start, section = window.start, self._section
            if window.available < BLOCK_FRAME or self._rows == MAX_ROWS:
                return BLOCK_FRAME
            if section is None or buffer.startswith(MAGIC, start):
                if self._rows:
                    return 0
                section = _Section(_byte_order(buffer, start))
            kind, length = section.head.unpack_from(buffer, start)
            _check_length(kind, length)
            if window.available < length:
                return int(length)
            (trailer,) = section.word.unpack_from(buffer, start + length - 4)
            if trailer != length:
                raise DecodeError(f"the block starts with length {length}, ends with {trailer}")
            self._block(section, window, kind, length)
            window.start = start + length

    def _take_packets(self, window: Window) -> None:
        """Take the run of ordinary packets at the window's start; there may be none."""
        # Calling compiled code takes as long as reading many other blocks: only for a packet.
        if self._section is not None and self._section.is_packet(window):
            self._rows, window.start, self._last_time = walk_pcapng(
                window.arena,
                window.start,
                window.end,
                window.base,
                self._section.order == ">",
                self._section.described,
                window.columns,
                self._rows,
                self._last_time,
            )

    def _block(self, section: _Section, window: Window, kind: int, length: int) -> None:
        """Take one block of any type, or say what is wrong with it."""
        buffer, start = window.buffer, window.start
        if kind in (ENHANCED_PACKET, OBSOLETE_PACKET):
            number, time, captured, wire = section.packet(buffer, start, kind)
            header = PACKET_HEADER
        elif kind == SIMPLE_PACKET:
            number, time = 0, self._last_time
            captured, wire = section.simple_packet(buffer, start)
            header = SIMPLE_HEADER
        else:
            self._other_block(section, buffer, start, kind, length)
            return
        _check_captured(captured, length - 4 - header)
        row, rows = self._rows, window.columns
        rows.offsets[row] = start + header
        rows.captured[row] = captured
        rows.wire[row] = max(wire, captured)
        rows.times[row] = self._last_time = time
        rows.linktypes[row] = section.interfaces[number].linktype
        rows.interfaces[row] = number
        rows.positions[row] = window.position
        self._rows += 1

    def _other_block(
        self, section: _Section, buffer: bytearray, start: int, kind: int, length: int
    ) -> None:
        if kind == _INTERFACE:
            section.describe(bytes(buffer[start + 8 : start + length - 4]))
        elif kind == _SECTION:
            section.check_version(buffer, start)
            self._section = section

    def _batch(self, window: Window) -> FrameBatch | None:
        if not self._rows:
            return None
        first_frame = self._frames + 1
        self._frames += self._rows
        return window.columns.batch(self._rows, window.arena, first_frame, self._source)


def _byte_order(buffer: bytearray, start: int) -> str:
    magic = bytes(buffer[start + 8 : start + _SECTION_PROBE])
    if magic not in _ORDERS:
        raise DecodeError(f"the section's byte-order magic is {magic.hex(' ')}")
    return _ORDERS[magic]


def _check_length(kind: int, length: int) -> None:
    if length % 4 or length < _SMALLEST.get(kind, BLOCK_FRAME):
        raise DecodeError(f"block of type {kind:#x} cannot have length {length}")
    if length > MAX_BLOCK:
        raise DecodeError(f"block length {length} is over the limit of {MAX_BLOCK}")


def _check_captured(captured: int, room: int) -> None:
    if captured > MAX_CAPTURED:
        raise DecodeError(f"captured length {captured} is over the limit of {MAX_CAPTURED}")
    if captured > room:
        raise DecodeError(f"captured length {captured} runs past the block's {room} bytes")
