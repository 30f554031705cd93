"""Reads pcap files: a header of 24 bytes, then a record per frame (draft-ietf-opsawg-pcap)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from sensor.capture.batch import MAX_CAPTURED, FrameBatch, Interface
from sensor.capture.records import PcapLayout, walk_pcap
from sensor.capture.window import Scan, Window
from sensor.errors import DecodeError

_FILE_HEADER = 24


class _Variant(NamedTuple):
    record_header: int  # bytes
    fraction: int  # nanoseconds in a unit of the time's second field


_VARIANTS = {
    0xA1B2C3D4: _Variant(16, 1000),
    0xA1B23C4D: _Variant(16, 1),
    # Kuznetzov's patch: 8 more bytes (interface index, protocol, packet type) in each record.
    0xA1B2CD34: _Variant(24, 1000),
}
_MAGICS = {
    struct.pack(order + "I", magic): (order, variant)
    for order in "<>"
    for magic, variant in _VARIANTS.items()
}
MAGICS = frozenset(_MAGICS)


class PcapReader:
    """Turns the windows of one pcap file into batches, in order."""

    def __init__(self, magic: bytes, source: int) -> None:
        self._order, variant = _MAGICS[magic]
        self._layout = PcapLayout(*variant, big=self._order == ">", swapped=False)
        self._source = source
        self._frames = 0
        self.interfaces: tuple[Interface, ...] = ()

    @property
    def next_frame(self) -> int:
        """Number of the frame to be read next; 0 while the file header is."""
        return self._frames + 1 if self.interfaces else 0

    def scan(self, window: Window) -> Scan:
        """Take every whole record of the window."""
        batch = None
        try:
            if not self.interfaces:
                return Scan(None, self._take_header(window))
            batch = self._take_records(window)
            return Scan(batch, self._next_size(window))
        except DecodeError as error:
            return Scan(batch, 0, error.reason)

    def _take_header(self, window: Window) -> int:
        """Move the window's start past the file header; how many bytes it needs first."""
        if window.available < _FILE_HEADER:
            return _FILE_HEADER
        fields = struct.unpack_from(self._order + "4xHHiIII", window.buffer, window.start)
        major, minor, _zone, _accuracy, snaplen, linktype = fields
        if major != 2:
            raise DecodeError(f"pcap version {major}.{minor} is not known")
        # Before version 2.3 the two lengths stood in the other order, and some writers of 2.3
        # kept it: the smaller one is what was captured.
        self._layout = self._layout._replace(swapped=minor <= 3)
        # The upper bits tell the length of a frame check sequence, not the link type.
        self.interfaces = (Interface("", linktype & 0xFFFF, snaplen),)
        window.start += _FILE_HEADER
        return 0

    def _take_records(self, window: Window) -> FrameBatch | None:
        """Move the window's start past every whole record, as far as there are rows for them."""
        columns = window.columns
        count, window.start = walk_pcap(
            window.arena, window.start, window.end, window.base, self._layout, columns
        )
        if not count:
            return None
        columns.linktypes[:count] = self.interfaces[0].linktype
        batch = columns.batch(count, window.arena, self._frames + 1, self._source)
        self._frames += count
        return batch

    def _next_size(self, window: Window) -> int:
        """How many bytes the next record needs, or its header where that is cut."""
        header = self._layout.header
        if window.available < header:
            return header
        size, wire = struct.unpack_from(self._order + "II", window.buffer, window.start + 8)
        if self._layout.swapped:
            size = min(size, wire)
        if size > MAX_CAPTURED:
            raise DecodeError(f"captured length {size} is over the limit of {MAX_CAPTURED}")
        return int(header + size)
