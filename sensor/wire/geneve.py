"""Geneve, anything with an EtherType in UDP (RFC 8926)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

_CONTROL = 0x80
_CRITICAL = 0x40
_OPTION_UNIT = 4
_MAX_OPTIONS_LENGTH = 63 * _OPTION_UNIT
_FORMAT = struct.Struct("!BBHI")


class Header(NamedTuple):
    """One header; ``protocol`` is an EtherType, ``vni`` of 24 bits, ``options`` all as sent."""

    control: bool
    critical: bool
    protocol: int
    vni: int
    options: bytes


def parse(cursor: Cursor) -> Header:
    """Read a header (RFC 8926 section 3.4); the cursor then stands at what it carries.

    DecodeError if it is cut or has a version other than 0. Reserved bits are ignored.
    """
    start = cursor.position
    first, flags, protocol, field = _FORMAT.unpack(cursor.take(_FORMAT.size))
    if first >> 6:
        raise DecodeError(f"Geneve version {first >> 6}", start)
    return Header(
        control=bool(flags & _CONTROL),
        critical=bool(flags & _CRITICAL),
        protocol=protocol,
        vni=field >> 8,
        options=cursor.take((first & 0x3F) * _OPTION_UNIT),
    )


def build(vni: int, protocol: int, payload: bytes, options: bytes = b"") -> bytes:
    """A data packet, none of its options said to be critical.

    ValueError unless the options are at most 252 octets, a multiple of 4.
    """
    units, rest = divmod(len(options), _OPTION_UNIT)
    if rest or len(options) > _MAX_OPTIONS_LENGTH:
        raise ValueError("Geneve options are at most 252 octets, a multiple of 4")
    return _FORMAT.pack(units, 0, protocol, vni << 8) + options + payload
