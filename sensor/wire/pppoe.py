"""The session stage of PPP over Ethernet (RFC 2516)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

ETHERTYPE_SESSION = 0x8864
_VERSION_TYPE = 0x11
_SESSION_DATA = 0
_FORMAT = struct.Struct("!BBHH")


class Header(NamedTuple):
    """One header; ``length`` counts the octets of PPP behind it, as the sender claims."""

    session: int
    length: int


def parse(cursor: Cursor) -> Header:
    """Read 6 octets (RFC 2516 section 4); the cursor then stands at the PPP protocol.

    DecodeError if they are cut, are not version 1 and type 1, or have a code, which session data
    has not. The caller judges ``length``: a short Ethernet frame is padded behind it.
    """
    start = cursor.position
    version_type, code, session, length = _FORMAT.unpack(cursor.take(_FORMAT.size))
    if version_type != _VERSION_TYPE:
        raise DecodeError("PPPoE version", start)
    if code != _SESSION_DATA:
        raise DecodeError(f"PPPoE code {code}", start + 1)
    return Header(session, length)


def build(session: int, payload: bytes) -> bytes:
    """Header and PPP frame; ValueError for a frame of more than 65535 octets."""
    if len(payload) > 0xFFFF:
        raise ValueError("a PPPoE payload has at most 65535 octets")
    return _FORMAT.pack(_VERSION_TYPE, _SESSION_DATA, session, len(payload)) + payload
