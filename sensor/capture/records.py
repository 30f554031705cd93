"""Compiled walks over the frames of a window, until something else than a plain frame comes.

What a walk stopped at, the reader of the format looks at: damage, a block without a frame, or
the end of the window.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensor.capture.batch import MAX_CAPTURED, FrameBatch
from sensor.jit import entry, inlined, prefetch, word_at

MAX_ROWS = 1 << 16  # of a batch; 4 MiB holds fewer frames of Ethernet's smallest size

OBSOLETE_PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 2, 3, 6
BLOCK_FRAME = 12  # type, length, and the length again at the end
PACKET_HEADER = 28  # of both packet blocks with a time, up to the frame
SIMPLE_HEADER = 12
MAX_BLOCK = 16 << 20  # bytes; libpcap's first limit

_NANOSECONDS = 1_000_000_000
_AHEAD = 1024  # bytes
_LINES = 4  # of the cache, as many as most frames have
_LINE_WORDS = 8


class Columns(NamedTuple):
    """Columns as of a FrameBatch, filled again for each one."""

    offsets: NDArray[np.int64]
    captured: NDArray[np.int64]
    wire: NDArray[np.int64]
    times: NDArray[np.int64]
    linktypes: NDArray[np.int32]
    interfaces: NDArray[np.int32]
    positions: NDArray[np.int64]

    def batch(
        self, count: int, arena: NDArray[np.uint8], first_frame: int, source: int
    ) -> FrameBatch:
        """The first ``count`` rows, as views."""
        columns = {name: column[:count] for name, column in self._asdict().items()}
        return FrameBatch(arena, first_frame=first_frame, source=source, **columns)


def empty_columns(rows: int = MAX_ROWS) -> Columns:
    """Columns of any content, all of link type 0 and interface 0."""
    return Columns(
        offsets=np.empty(rows, dtype=np.int64),
        captured=np.empty(rows, dtype=np.int64),
        wire=np.empty(rows, dtype=np.int64),
        times=np.empty(rows, dtype=np.int64),
        linktypes=np.zeros(rows, dtype=np.int32),
        interfaces=np.zeros(rows, dtype=np.int32),
        positions=np.empty(rows, dtype=np.int64),
    )


class PcapLayout(NamedTuple):
    """How the records of one pcap file are laid out."""

    header: int  # bytes
    fraction: int  # nanoseconds in a unit of the time's second field
    big: bool  # byte order
    swapped: bool  # the two lengths may stand in the other order: the smaller one was captured


# An interface of a pcapng section. Ticks of its clock are ``ticks * multiply // divide + offset``
# nanoseconds, and below ``limit`` nothing of that overflows 64 bits.
DESCRIBED = np.dtype(
    [
        ("linktype", np.int32),
        ("snaplen", np.int64),
        ("multiply", np.uint64),
        ("divide", np.uint64),
        ("limit", np.uint64),
        ("offset", np.int64),
    ]
)


@inlined
def _swapped(value: Any) -> Any:
    return value >> 24 | value >> 8 & 0xFF00 | (value & 0xFF00) << 8 | (value & 0xFF) << 24


@inlined
def _pair(arena: NDArray[np.uint8], at: int, big: bool) -> tuple[Any, Any]:
    """Two numbers of 32 bits, one behind the other."""
    word = word_at(arena, at)
    first = np.int64(word & np.uint64(0xFFFFFFFF))
    second = np.int64(word >> np.uint64(32))
    if big:
        first, second = _swapped(first), _swapped(second)
    return first, second


@inlined
def _ask_ahead(arena: NDArray[np.uint8], at: int) -> None:
    """Fetch what comes soon: no load can start before the last record told where it stands."""
    for line in range(_LINES):
        prefetch(arena, at + _AHEAD, line * _LINE_WORDS)


@inlined
def _time(ticks: np.uint64, interface: np.void) -> int:
    # Whole and rest apart: ticks * multiply may overflow.
    multiply, divide = interface["multiply"], interface["divide"]
    time = ticks // divide * multiply + ticks % divide * multiply // divide
    return np.int64(time) + interface["offset"]  # type: ignore[no-any-return]


def _pcap_example() -> tuple[Any, ...]:
    layout = PcapLayout(0, 0, False, False)
    return np.empty(0, dtype=np.uint8), 0, 0, 0, layout, empty_columns(0)


@entry(_pcap_example)
def walk_pcap(
    arena: NDArray[np.uint8],
    start: int,
    end: int,
    base: int,
    layout: PcapLayout,
    rows: Columns,
) -> tuple[int, int]:
    """Fill ``rows`` from the records at ``start`` up to ``end``: how many, and where it stopped.

    ``base`` is the offset of the arena's first byte in the file. Stops where no whole record is
    left, at one over MAX_CAPTURED, and where the rows are full. Leaves ``linktypes`` and
    ``interfaces`` alone. Raises nothing as long as ``end`` lies within the arena.
    """
    header, fraction_unit, big, swapped = layout
    count = 0
    while count < len(rows.offsets) and end - start >= header:
        _ask_ahead(arena, start)
        seconds, fraction = _pair(arena, start, big)
        size, wire = _pair(arena, start + 8, big)
        if swapped and wire < size:
            size, wire = wire, size
        if size > MAX_CAPTURED or size > end - start - header:
            break
        rows.offsets[count] = start + header
        rows.captured[count] = size
        # Some writers claim more captured than there was on the wire.
        rows.wire[count] = max(size, wire)
        # A fraction of a second or more is carried by the addition.
        rows.times[count] = seconds * _NANOSECONDS + fraction * fraction_unit
        rows.positions[count] = base + start
        count += 1
        start += header + size
    return count, start


def _pcapng_example() -> tuple[Any, ...]:
    described = np.empty(0, dtype=DESCRIBED)
    return np.empty(0, dtype=np.uint8), 0, 0, 0, False, described, empty_columns(0), 0, 0


@entry(_pcapng_example)
def walk_pcapng(
    arena: NDArray[np.uint8],
    start: int,
    end: int,
    base: int,
    big: bool,
    described: NDArray[np.void],
    rows: Columns,
    count: int,
    last_time: int,
) -> tuple[int, int, int]:
    """Fill ``rows`` from ``count`` on with the packet blocks at ``start`` up to ``end``.

    Returns the new count, where it stopped, and the time of the last packet, which a Simple Packet
    Block repeats. ``described`` (DESCRIBED) has a row for each interface of the section; ``base``
    is the offset of the arena's first byte in the file. Stops where no whole block is left, where
    the rows are full, at any other block, at a damaged one, and at a time that is not below the
    clock's limit. Raises nothing as long as ``end`` lies within the arena.
    """
    while count < len(rows.offsets) and end - start >= BLOCK_FRAME:
        _ask_ahead(arena, start)
        kind, length = _pair(arena, start, big)
        if length % 4 or length > MAX_BLOCK or length > end - start:
            break
        header = SIMPLE_HEADER if kind == SIMPLE_PACKET else PACKET_HEADER
        room = length - header - 4
        if room < 0 or _pair(arena, start + length - 8, big)[1] != length:
            break
        captured, wire = _pair(arena, start + header - 8, big)
        if kind == SIMPLE_PACKET:
            if len(described) == 0:
                break
            number, captured, time = 0, wire, last_time
            if described[0]["snaplen"]:
                captured = min(wire, described[0]["snaplen"])
        elif kind in (ENHANCED_PACKET, OBSOLETE_PACKET):
            number, high = _pair(arena, start + 8, big)
            low, _ = _pair(arena, start + 16, big)
            if kind == OBSOLETE_PACKET:  # only the first 16 bits name the interface
                number = number >> 16 if big else number & 0xFFFF
            if number >= len(described):
                break
            ticks = np.uint64(high) << np.uint64(32) | np.uint64(low)
            if ticks >= described[number]["limit"]:
                break
            time = _time(ticks, described[number])
        else:
            break
        if captured > room or captured > MAX_CAPTURED:
            break
        rows.offsets[count] = start + header
        rows.captured[count] = captured
        rows.wire[count] = max(captured, wire)
        rows.times[count] = time
        rows.linktypes[count] = described[number]["linktype"]
        rows.interfaces[count] = number
        rows.positions[count] = base + start
        count += 1
        start += length
        last_time = time
    return count, start, last_time
