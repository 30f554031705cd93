"""Generic UDP Encapsulation, variant 0 (draft-ietf-intarea-gue)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

HEADER_LENGTH = 4
_CONTROL = 0x20
_FIELDS_UNIT = 4
_MAX_FIELDS_LENGTH = 31 * _FIELDS_UNIT
_FORMAT = struct.Struct("!BBH")


class Header(NamedTuple):
    """One header; ``protocol`` is an IP protocol, of a control message its type.

    ``fields`` are the extension fields that ``flags`` name and the private data behind them.
    """

    control: bool
    protocol: int
    flags: int
    fields: bytes


def parse(cursor: Cursor) -> Header:
    """Read a header; the cursor then stands at what it carries.

    DecodeError if it is cut or has another variant: in variant 1 an IP packet stands in the
    place of the header.
    """
    start = cursor.position
    first, protocol, flags = _FORMAT.unpack(cursor.take(_FORMAT.size))
    if first >> 6:
        raise DecodeError(f"GUE variant {first >> 6}", start)
    fields = cursor.take((first & 0x1F) * _FIELDS_UNIT)
    return Header(bool(first & _CONTROL), protocol, flags, fields)


def build(protocol: int, payload: bytes, *, flags: int = 0, fields: bytes = b"") -> bytes:
    """A data message; ValueError unless the fields are at most 124 octets, a multiple of 4."""
    units, rest = divmod(len(fields), _FIELDS_UNIT)
    if rest or len(fields) > _MAX_FIELDS_LENGTH:
        raise ValueError("GUE fields are at most 124 octets, a multiple of 4")
    return _FORMAT.pack(units, protocol, flags) + fields + payload
