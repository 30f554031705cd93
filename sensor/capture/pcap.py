"""Reads pcap files: a header of 24 bytes, then a record per frame (draft-ietf-opsawg-pcap)."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from sensor.capture.batch import MAX_CAPTURED, FrameBatch, Interface
from sensor.capture.window import Scan, Window
from sensor.errors import DecodeError

_FILE_HEADER = 24
_NANOSECONDS = 1_000_000_000


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
        self._order, self._variant = _MAGICS[magic]
        self._source = source
        self._frames = 0
        self._lengths = struct.Struct(self._order + "II")
        self._swapped = False
        self.interfaces: tuple[Interface, ...] = ()

    @property
    def next_frame(self) -> int:
        """Number of the frame to be read next; 0 while the file header is."""
        return self._frames + 1 if self.interfaces else 0

    def scan(self, window: Window) -> Scan:
        """Take every whole record of the window."""
        try:
            if not self.interfaces:
                return self._scan_header(window)
            return self._scan_records(window)
        except DecodeError as error:
            return Scan(None, 0, error.reason)

    def _scan_header(self, window: Window) -> Scan:
        if window.available < _FILE_HEADER:
            return Scan(None, _FILE_HEADER)
        fields = struct.unpack_from(self._order + "4xHHiIII", window.buffer, window.start)
        major, minor, _zone, _accuracy, snaplen, linktype = fields
        if major != 2:
            raise DecodeError(f"pcap version {major}.{minor} is not known")
        # Before version 2.3 the two lengths stood in the other order, and some writers of 2.3
        # kept it: the smaller one is what was captured.
        self._swapped = minor <= 3
        # The upper bits tell the length of a frame check sequence, not the link type.
        self.interfaces = (Interface("", linktype & 0xFFFF, snaplen),)
        window.start += _FILE_HEADER
        return Scan(None, 0)

    def _scan_records(self, window: Window) -> Scan:
        buffer, end, position = window.buffer, window.end, window.start
        header, swapped, lengths = self._variant.record_header, self._swapped, self._lengths
        needed, damage = header, None
        starts: list[int] = []
        captured: list[int] = []
        while end - position >= header:
            size, other = lengths.unpack_from(buffer, position + 8)
            if swapped and other < size:
                size = other
            if size > MAX_CAPTURED:
                damage = f"captured length {size} is over the limit of {MAX_CAPTURED}"
                break
            if end - position < header + size:
                needed = header + size
                break
            starts.append(position)
            captured.append(size)
            position += header + size
        batch = self._batch(window, starts, captured) if starts else None
        window.start = position
        return Scan(batch, needed, damage)

    def _batch(self, window: Window, starts: list[int], captured: list[int]) -> FrameBatch:
        count = len(starts)
        records = np.array(starts, dtype=np.int64)
        sizes = np.array(captured, dtype=np.int64)
        heads = window.arena[records[:, np.newaxis] + np.arange(16)].view(self._order + "u4")
        seconds, fractions, first, second = heads.astype(np.int64).T
        batch = FrameBatch(
            arena=window.arena,
            offsets=records + self._variant.record_header,
            captured=sizes,
            # Some writers claim more captured than there was on the wire.
            wire=np.maximum(first, second) if self._swapped else np.maximum(sizes, second),
            # A fraction of a second or more is carried by the addition.
            times=seconds * _NANOSECONDS + fractions * self._variant.fraction,
            linktypes=np.full(count, self.interfaces[0].linktype, dtype=np.int32),
            interfaces=np.zeros(count, dtype=np.int32),
            first_frame=self._frames + 1,
            source=self._source,
            positions=records - window.start + window.position,
        )
        self._frames += count
        return batch
