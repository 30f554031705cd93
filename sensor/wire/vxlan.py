"""VXLAN, Ethernet in UDP (RFC 7348)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

_VALID_VNI = 0x08
_FORMAT = struct.Struct("!B3xI")


class Header(NamedTuple):
    """One header; ``vni`` is the network identifier of 24 bits."""

    flags: int
    vni: int


def parse(cursor: Cursor) -> Header:
    """Read 8 octets (RFC 7348 section 5); the cursor then stands at an Ethernet frame.

    DecodeError if they are cut or say that their network identifier is not valid. What is
    reserved is ignored.
    """
    start = cursor.position
    flags, field = _FORMAT.unpack(cursor.take(_FORMAT.size))
    if not flags & _VALID_VNI:
        raise DecodeError("VXLAN without an identifier", start)
    return Header(flags, field >> 8)


def build(vni: int, frame: bytes) -> bytes:
    """Header and frame."""
    return _FORMAT.pack(_VALID_VNI, vni << 8) + frame
