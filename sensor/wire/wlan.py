"""IEEE 802.11 data frames, down to the LLC header, and the radiotap header before frames.

Numbers are little-endian in both.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

MAX_PRESENT = 8
FCS_LENGTH = 4

FLAG_FCS = 0x10
FLAG_PADDED = 0x20

_PRESENT_TSFT = 1 << 0
_PRESENT_FLAGS = 1 << 1
_PRESENT_MORE = 1 << 31
_TSFT_LENGTH = 8

_VERSION = 0x0003
_TYPE = 0x000C
_TYPE_DATA = 0x0008
_NO_DATA = 0x0040
_QOS = 0x0080
_TO_DS = 0x0100
_FROM_DS = 0x0200
_MORE_FRAGMENTS = 0x0400
_PROTECTED = 0x4000
_ORDER = 0x8000
_FRAGMENT_NUMBER = 0x000F
_QOS_AMSDU = 0x0080
_HT_CONTROL_LENGTH = 4
_ALIGNMENT = 4

_RADIOTAP = struct.Struct("<BBH")
_FIXED = struct.Struct("<HH6s6s6sH")


@dataclass(frozen=True, slots=True)
class Radiotap:
    """The header's whole length in octets and its Flags field, 0 where it has none."""

    length: int
    flags: int

    @property
    def trailer(self) -> int:
        """Octets of check sequence at the end of the frame."""
        return FCS_LENGTH if self.flags & FLAG_FCS else 0

    @property
    def padded(self) -> bool:
        """Whether the header of the frame is padded to a multiple of 4 octets."""
        return bool(self.flags & FLAG_PADDED)


@dataclass(frozen=True, slots=True)
class Wlan:
    """Who sent a data frame and for whom, whatever stations passed it on."""

    source: bytes
    destination: bytes


def parse_radiotap(cursor: Cursor) -> Radiotap:
    """Pass a radiotap header; of its fields only Flags is read.

    DecodeError for another version than 0, a length that does not hold what the header says is
    in it, or more than MAX_PRESENT words of presence bits.
    """
    start = cursor.position
    version, _, length = _RADIOTAP.unpack(cursor.take(_RADIOTAP.size))
    if version:
        raise DecodeError(f"unknown radiotap version {version}", start)
    if length < _RADIOTAP.size:
        raise DecodeError(f"radiotap header of {length} octets", start)
    header = cursor.sub(length - _RADIOTAP.size)
    return Radiotap(length, _flags(header, start))


def _flags(header: Cursor, start: int) -> int:
    """Fields are aligned to their size, counted from where the radiotap header starts."""
    present = _present(header)
    if not present & _PRESENT_FLAGS:
        return 0
    if present & _PRESENT_TSFT:
        header.skip((start - header.position) % _TSFT_LENGTH + _TSFT_LENGTH)
    return header.u8()


def _present(header: Cursor) -> int:
    """Pass all presence words and return the first, where the wanted bits are."""
    first = word = _u32(header)
    for _ in range(MAX_PRESENT - 1):
        if not word & _PRESENT_MORE:
            return first
        word = _u32(header)
    if word & _PRESENT_MORE:
        raise DecodeError("too many presence words", header.position)
    return first


def _u32(cursor: Cursor) -> int:
    return int.from_bytes(cursor.take(4), "little")


def parse(cursor: Cursor, padded: bool = False) -> Wlan:
    """Pass the header of a data frame; the cursor then stands at the LLC header.

    ``padded`` says that octets fill the header up to a multiple of 4. Of an aggregate (A-MSDU)
    the first subframe counts. DecodeError for all that has no readable body: other frame types,
    data frames without data, encrypted ones and fragments. Mesh control is not handled.
    """
    start = cursor.position
    control, _, *addresses, sequence = _FIXED.unpack(cursor.take(_FIXED.size))
    _refuse(control, sequence, start)
    if control & _TO_DS and control & _FROM_DS:
        addresses.append(cursor.take(6))
    aggregate = bool(control & _QOS) and _pass_qos(cursor, control)
    if padded:
        cursor.skip((start - cursor.position) % _ALIGNMENT)
    return _subframe(cursor) if aggregate else _ends(control, addresses)


def _refuse(control: int, sequence: int, start: int) -> None:
    """DecodeError unless this is a whole data frame with a body in clear."""
    if control & _VERSION:
        raise DecodeError(f"unknown 802.11 version {control & _VERSION}", start)
    if control & _TYPE != _TYPE_DATA:
        raise DecodeError("no data frame", start)
    if control & _NO_DATA:
        raise DecodeError("no data in the frame", start)
    if control & _MORE_FRAGMENTS or sequence & _FRAGMENT_NUMBER:
        raise DecodeError("fragment", start)
    if control & _PROTECTED:
        raise DecodeError("encrypted", start)


def _pass_qos(cursor: Cursor, control: int) -> bool:
    """Pass QoS control and HT control; whether the body is an aggregate."""
    qos = int.from_bytes(cursor.take(2), "little")
    if control & _ORDER:
        cursor.skip(_HT_CONTROL_LENGTH)
    return bool(qos & _QOS_AMSDU)


def _subframe(cursor: Cursor) -> Wlan:
    """The header of an aggregate's subframe; its length is left to what it carries."""
    destination, source = cursor.take(6), cursor.take(6)
    cursor.skip(2)
    return Wlan(source, destination)


def _ends(control: int, addresses: list[bytes]) -> Wlan:
    """Which address is whose depends on the directions (IEEE 802.11 section 9.3.2.1)."""
    destination = addresses[2 if control & _TO_DS else 0]
    if not control & _FROM_DS:
        return Wlan(addresses[1], destination)
    return Wlan(addresses[3 if control & _TO_DS else 2], destination)


def build_radiotap(flags: int) -> bytes:
    """A header with the fields TSFT (all zero) and Flags, 17 octets."""
    length = 8 + _TSFT_LENGTH + 1
    present = _PRESENT_TSFT | _PRESENT_FLAGS
    return _RADIOTAP.pack(0, 0, length) + present.to_bytes(4, "little") + bytes(8) + bytes([flags])


def build(
    payload: bytes, source: bytes, destination: bytes, *, qos: bool = False, padded: bool = False
) -> bytes:
    """A data frame from one station to another; ``payload`` starts with the LLC header."""
    control = _TYPE_DATA | (_QOS if qos else 0)
    header = _FIXED.pack(control, 0, destination, source, bytes(6), 0) + bytes(2 if qos else 0)
    return header + bytes(-len(header) % _ALIGNMENT if padded else 0) + payload
