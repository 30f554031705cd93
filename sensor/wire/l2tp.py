"""L2TP version 2 headers (RFC 2661)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

_CONTROL = 0x8000
_LENGTH = 0x4000
_SEQUENCE = 0x0800
_OFFSET = 0x0200
_VERSION_MASK = 0x000F
_VERSION = 2
_CONTROL_FLAGS = _CONTROL | _LENGTH | _SEQUENCE
_MAX_LENGTH = 0xFFFF

MAX_ATTRIBUTES = 64
_MANDATORY = 0x8000
_HIDDEN = 0x4000
_ATTRIBUTE_LENGTH = 0x03FF
_ATTRIBUTE = struct.Struct("!HHH")


class Header(NamedTuple):
    """One header; what the message lacks is None.

    ``control`` tells a control message from a data message, ``length`` counts the octets of the
    whole message, this header included, as the sender claims.
    """

    control: bool
    length: int | None
    tunnel: int
    session: int
    ns: int | None
    nr: int | None


class Attribute(NamedTuple):
    """A value pair of the IETF's (RFC 2661 section 4.1); ``value`` of at most 1017 octets."""

    type: int
    value: bytes

    def build(self) -> bytes:
        """Its octets, marked as mandatory; ValueError for a value that is too long."""
        length = _ATTRIBUTE.size + len(self.value)
        if length > _ATTRIBUTE_LENGTH:
            raise ValueError("an L2TP attribute has at most 1017 octets")
        return _ATTRIBUTE.pack(_MANDATORY | length, 0, self.type) + self.value


def parse(cursor: Cursor) -> Header:
    """Read a header (RFC 2661 section 3.1), offset padding included.

    The cursor then stands at the PPP frame or at the first attribute. DecodeError if it is cut,
    has another version, or is a control message without length or sequence numbers. Priority and
    reserved bits are ignored.
    """
    start = cursor.position
    flags = cursor.u16()
    if flags & _VERSION_MASK != _VERSION:
        raise DecodeError(f"L2TP version {flags & _VERSION_MASK}", start)
    if flags & _CONTROL and flags & _CONTROL_FLAGS != _CONTROL_FLAGS:
        raise DecodeError("L2TP control flags", start)
    length = cursor.u16() if flags & _LENGTH else None
    tunnel, session = cursor.u16(), cursor.u16()
    ns = cursor.u16() if flags & _SEQUENCE else None
    nr = cursor.u16() if flags & _SEQUENCE else None
    if flags & _OFFSET:
        cursor.skip(cursor.u16())
    return Header(bool(flags & _CONTROL), length, tunnel, session, ns, nr)


def parse_attributes(cursor: Cursor) -> tuple[Attribute, ...]:
    """The attributes of a control message up to the window's end (RFC 2661 section 4.1).

    Passes over hidden ones and those of vendors. DecodeError if one is cut or shorter than its
    header, or for more than MAX_ATTRIBUTES.
    """
    found: list[Attribute] = []
    for _ in range(MAX_ATTRIBUTES):
        if not cursor.remaining:
            return tuple(found)
        start = cursor.position
        flags, vendor, kind = _ATTRIBUTE.unpack(cursor.take(_ATTRIBUTE.size))
        length = flags & _ATTRIBUTE_LENGTH
        if length < _ATTRIBUTE.size:
            raise DecodeError("L2TP attribute shorter than its header", start)
        value = cursor.take(length - _ATTRIBUTE.size)
        if not (flags & _HIDDEN or vendor):
            found.append(Attribute(kind, value))
    if cursor.remaining:
        raise DecodeError("too many L2TP attributes", cursor.position)
    return tuple(found)


def build_data(
    tunnel: int,
    session: int,
    payload: bytes,
    *,
    length: bool = False,
    sequence: tuple[int, int] | None = None,
    offset: int | None = None,
) -> bytes:
    """A data message; ``sequence`` is Ns and Nr, ``offset`` the octets of padding.

    ValueError for a ``length`` over 65535.
    """
    flags = _VERSION | _LENGTH * length
    flags |= _SEQUENCE * (sequence is not None) | _OFFSET * (offset is not None)
    behind = struct.pack("!HH", tunnel, session)
    if sequence is not None:
        behind += struct.pack("!HH", *sequence)
    if offset is not None:
        behind += offset.to_bytes(2) + bytes(offset)
    return _with_flags(flags, behind + payload)


def build_control(tunnel: int, session: int, ns: int, nr: int, payload: bytes) -> bytes:
    """A control message, without ``payload`` an acknowledgement; ValueError over 65535 octets."""
    behind = struct.pack("!HHHH", tunnel, session, ns, nr)
    return _with_flags(_VERSION | _CONTROL_FLAGS, behind + payload)


def _with_flags(flags: int, behind: bytes) -> bytes:
    """The message, with its length where ``flags`` say that there is one."""
    if not flags & _LENGTH:
        return flags.to_bytes(2) + behind
    length = 4 + len(behind)
    if length > _MAX_LENGTH:
        raise ValueError("an L2TP message with a length has at most 65535 octets")
    return struct.pack("!HH", flags, length) + behind
