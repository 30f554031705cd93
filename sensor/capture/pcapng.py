"""Reads pcapng files: typed blocks in sections (draft-ietf-opsawg-pcapng)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from sensor.capture.batch import MAX_CAPTURED, FrameBatch, Interface
from sensor.capture.window import Scan, Window
from sensor.errors import DecodeError

MAGIC = b"\x0a\x0d\x0d\x0a"
MAX_BLOCK = 16 << 20  # bytes; libpcap's first limit
MAX_INTERFACES = 65_536  # of one section
MAX_NAME = 256  # bytes kept of an interface's name

_SECTION = 0x0A0D0D0A  # reads the same in both byte orders
_INTERFACE, _OBSOLETE_PACKET, _SIMPLE_PACKET, _ENHANCED_PACKET = 1, 2, 3, 6
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_SECTION_PROBE = 12  # bytes up to the end of the byte-order magic
_SMALLEST = {  # total length of a block with nothing variable in it
    _SECTION: 28,
    _INTERFACE: 20,
    _OBSOLETE_PACKET: 32,
    _SIMPLE_PACKET: 16,
    _ENHANCED_PACKET: 32,
}
_BLOCK_FRAME = 12  # type, length, and the length again at the end
_PACKET_HEADER = 28  # of both packet blocks with a time, up to the frame
_SIMPLE_HEADER = 12

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


class _Section:
    """Byte order and interfaces of one section; a file may have several."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.word = struct.Struct(order + "I")
        self.head = struct.Struct(order + "II")
        self._packet = struct.Struct(order + "5I")
        self.interfaces: list[Interface] = []
        self.clocks: list[_Clock] = []

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
        if kind == _OBSOLETE_PACKET:
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
        self.interfaces.append(Interface(name, linktype, snaplen))
        self.clocks.append(_Clock(ticks, offset))

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


class _Rows:
    """Packets found so far in a window, column by column."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.offsets: list[int] = []
        self.captured: list[int] = []
        self.wire: list[int] = []
        self.times: list[int] = []
        self.interfaces: list[int] = []


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

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        return tuple(self._section.interfaces) if self._section else ()

    @property
    def next_frame(self) -> int:
        """Number of the frame to be read next; 0 while the first section header is."""
        return self._frames + 1 if self._section else 0

    def scan(self, window: Window) -> Scan:
        """Take every whole block of the window, up to the next section."""
        rows = _Rows()
        needed, damage = 0, None
        try:
            needed = self._walk(window, rows)
        except DecodeError as error:
            damage = error.reason
        batch = self._batch(window, rows) if rows.starts else None
        return Scan(batch, needed, damage)

    def _walk(self, window: Window, rows: _Rows) -> int:
        """Move the window's start past each whole block; how much the next one needs."""
        buffer, end = window.buffer, window.end
        while end - window.start >= _BLOCK_FRAME:
            start, section = window.start, self._section
            if section is None or buffer.startswith(MAGIC, start):
                if rows.starts:
                    return 0
                section = _Section(_byte_order(buffer, start))
            kind, length = section.head.unpack_from(buffer, start)
            _check_length(kind, length)
            if end - start < length:
                return int(length)
            (trailer,) = section.word.unpack_from(buffer, start + length - 4)
            if trailer != length:
                raise DecodeError(f"the block starts with length {length}, ends with {trailer}")
            self._block(section, buffer, start, kind, length, rows)
            window.start = start + length
        return _BLOCK_FRAME

    def _block(
        self, section: _Section, buffer: bytearray, start: int, kind: int, length: int, rows: _Rows
    ) -> None:
        if kind in (_ENHANCED_PACKET, _OBSOLETE_PACKET):
            number, time, captured, wire = section.packet(buffer, start, kind)
            header = _PACKET_HEADER
        elif kind == _SIMPLE_PACKET:
            number, time = 0, self._last_time
            captured, wire = section.simple_packet(buffer, start)
            header = _SIMPLE_HEADER
        else:
            self._other_block(section, buffer, start, kind, length)
            return
        _check_captured(captured, length - 4 - header)
        self._last_time = time
        rows.starts.append(start)
        rows.offsets.append(start + header)
        rows.captured.append(captured)
        rows.wire.append(max(wire, captured))
        rows.times.append(time)
        rows.interfaces.append(number)

    def _other_block(
        self, section: _Section, buffer: bytearray, start: int, kind: int, length: int
    ) -> None:
        if kind == _INTERFACE:
            section.describe(bytes(buffer[start + 8 : start + length - 4]))
        elif kind == _SECTION:
            section.check_version(buffer, start)
            self._section = section

    def _batch(self, window: Window, rows: _Rows) -> FrameBatch:
        interfaces = np.array(rows.interfaces, dtype=np.int32)
        linktypes = np.array([each.linktype for each in self.interfaces], dtype=np.int32)
        starts = np.array(rows.starts, dtype=np.int64)
        batch = FrameBatch(
            arena=window.arena,
            offsets=np.array(rows.offsets, dtype=np.int64),
            captured=np.array(rows.captured, dtype=np.int64),
            wire=np.array(rows.wire, dtype=np.int64),
            times=np.array(rows.times, dtype=np.int64),
            linktypes=linktypes[interfaces],
            interfaces=interfaces,
            first_frame=self._frames + 1,
            source=self._source,
            positions=starts + (window.position - window.start),
        )
        self._frames += len(batch)
        return batch


def _byte_order(buffer: bytearray, start: int) -> str:
    magic = bytes(buffer[start + 8 : start + _SECTION_PROBE])
    if magic not in _ORDERS:
        raise DecodeError(f"the section's byte-order magic is {magic.hex(' ')}")
    return _ORDERS[magic]


def _check_length(kind: int, length: int) -> None:
    if length % 4 or length < _SMALLEST.get(kind, _BLOCK_FRAME):
        raise DecodeError(f"block of type {kind:#x} cannot have length {length}")
    if length > MAX_BLOCK:
        raise DecodeError(f"block length {length} is over the limit of {MAX_BLOCK}")


def _check_captured(captured: int, room: int) -> None:
    if captured > MAX_CAPTURED:
        raise DecodeError(f"captured length {captured} is over the limit of {MAX_CAPTURED}")
    if captured > room:
        raise DecodeError(f"captured length {captured} runs past the block's {room} bytes")
