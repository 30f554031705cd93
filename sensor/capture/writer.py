"""Writes pcap files."""

from __future__ import annotations

import struct
from typing import BinaryIO

from sensor.errors import OutputError

_NANOSECONDS = 1_000_000_000
_LAST_SECOND = 0xFFFFFFFF


class PcapWriter:
    """Writes the file header at once, then one record a frame (draft-ietf-opsawg-pcap)."""

    def __init__(
        self,
        stream: BinaryIO,
        linktype: int = 1,
        nanoseconds: bool = True,
        snaplen: int = 262_144,
    ) -> None:
        self._stream = stream
        self._snaplen = snaplen
        self._fraction = 1 if nanoseconds else 1000
        magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
        stream.write(struct.pack("<IHHIIII", magic, 2, 4, 0, 0, snaplen, linktype))

    def write(self, frame: bytes, time_ns: int, wire: int | None = None) -> None:
        """Append a frame, cut at the snap length; ``wire`` is its length on the wire.

        ``time_ns`` counts nanoseconds since 1970 UTC; raises OutputError where the format
        cannot hold it (before 1970 or after 2106).
        """
        seconds, rest = divmod(time_ns, _NANOSECONDS)
        if not 0 <= seconds <= _LAST_SECOND:
            raise OutputError(f"time {time_ns} ns lies outside what a pcap file can hold")
        kept = frame[: self._snaplen]
        wire = max(len(frame), wire or 0)
        self._stream.write(
            struct.pack("<IIII", seconds, rest // self._fraction, len(kept), wire) + kept
        )
