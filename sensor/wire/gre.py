"""GRE headers (RFC 2784, 2890 and 1701), PPTP's version 1 (RFC 2637), also in UDP (RFC 8086)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.wire import checksum
from sensor.wire.cursor import Cursor

PROTOCOL = 47

IPV4 = 0x0800
IPV6 = 0x86DD
TRANSPARENT_ETHERNET = 0x6558
PPP = 0x880B
MPLS = 0x8847
MPLS_MULTICAST = 0x8848

MAX_ROUTES = 16
_CHECKSUM = 0x8000
_ROUTING = 0x4000
_KEY = 0x2000
_SEQUENCE = 0x1000
_ACKNOWLEDGEMENT = 0x0080
_VERSION = 0x0007
_PPTP = 1
_ROUTE = struct.Struct("!HBB")


class Header(NamedTuple):
    """One header; what the packet lacks is None.

    In PPTP's version 1 ``key`` is the call and ``payload_length`` counts the octets behind the
    header, as the sender claims; version 0 has neither that nor ``acknowledgement``.
    """

    version: int
    protocol: int
    checksum: int | None
    key: int | None
    sequence: int | None
    acknowledgement: int | None
    payload_length: int | None


def parse(cursor: Cursor) -> Header:
    """Read a header, source routes included; the cursor then stands at what it carries.

    DecodeError if it is cut, has a version over 1, more than MAX_ROUTES routes, or if a version 1
    has a checksum, a routing or no key. Reserved bits are ignored; the caller judges
    ``protocol``, in version 1 too.
    """
    start = cursor.position
    flags, protocol = cursor.u16(), cursor.u16()
    version = flags & _VERSION
    if version == 0:
        return _parse_standard(cursor, flags, protocol)
    if version == _PPTP:
        return _parse_pptp(cursor, flags, protocol)
    raise DecodeError(f"GRE version {version}", start)


def _parse_standard(cursor: Cursor, flags: int, protocol: int) -> Header:
    """Checksum and offset are there if either is meant to be (RFC 1701)."""
    summed = None
    if flags & (_CHECKSUM | _ROUTING):
        field = cursor.u16()
        cursor.skip(2)
        summed = field if flags & _CHECKSUM else None
    key = cursor.u32() if flags & _KEY else None
    sequence = cursor.u32() if flags & _SEQUENCE else None
    if flags & _ROUTING:
        _skip_routes(cursor)
    return Header(0, protocol, summed, key, sequence, None, None)


def _skip_routes(cursor: Cursor) -> None:
    """Pass the source routes and the empty one of family 0 that ends them (RFC 1701)."""
    for _ in range(MAX_ROUTES + 1):
        family, _offset, length = _ROUTE.unpack(cursor.take(_ROUTE.size))
        if family == 0 and length == 0:
            return
        cursor.skip(length)
    raise DecodeError("too many source routes", cursor.position)


def _parse_pptp(cursor: Cursor, flags: int, protocol: int) -> Header:
    if flags & (_CHECKSUM | _ROUTING | _KEY) != _KEY:
        raise DecodeError("PPTP flags", cursor.position - 4)
    payload_length, call = cursor.u16(), cursor.u16()
    sequence = cursor.u32() if flags & _SEQUENCE else None
    acknowledgement = cursor.u32() if flags & _ACKNOWLEDGEMENT else None
    return Header(_PPTP, protocol, None, call, sequence, acknowledgement, payload_length)


def checksum_ok(packet: bytes) -> bool:
    """Whether a whole packet, header and payload, sums correctly; it must have a checksum."""
    return checksum.verify(packet)


def build(
    protocol: int,
    payload: bytes,
    *,
    key: int | None = None,
    sequence: int | None = None,
    checksum: bool = False,
    routes: tuple[bytes, ...] | None = None,
) -> bytes:
    """A version 0 packet; ``routes`` are the routing information of IPv4 entries (RFC 1702).

    ValueError for a route of more than 255 octets.
    """
    flags = _CHECKSUM * checksum
    flags |= _ROUTING * (routes is not None) | _KEY * (key is not None)
    flags |= _SEQUENCE * (sequence is not None)
    fields = _optional(key) + _optional(sequence)
    if routes is not None:
        fields += b"".join(_build_route(each) for each in routes) + bytes(_ROUTE.size)
    header = struct.pack("!HH", flags, protocol)
    if not flags & (_CHECKSUM | _ROUTING):
        return header + fields + payload
    behind = bytes(2) + fields + payload
    return header + (_sum(header, behind) if checksum else bytes(2)) + behind


def build_pptp(
    call: int, payload: bytes, *, sequence: int | None = None, acknowledgement: int | None = None
) -> bytes:
    """A version 1 packet that carries PPP; ValueError for more than 65535 octets of it."""
    if len(payload) > 0xFFFF:
        raise ValueError("a PPTP payload has at most 65535 octets")
    flags = _KEY | _PPTP
    flags |= _SEQUENCE * (sequence is not None) | _ACKNOWLEDGEMENT * (acknowledgement is not None)
    header = struct.pack("!HHHH", flags, PPP, len(payload), call)
    return header + _optional(sequence) + _optional(acknowledgement) + payload


def _optional(field: int | None) -> bytes:
    return b"" if field is None else field.to_bytes(4)


def _build_route(information: bytes) -> bytes:
    if len(information) > 0xFF:
        raise ValueError("a source route has at most 255 octets")
    return _ROUTE.pack(IPV4, 0, len(information)) + information


def _sum(before: bytes, behind: bytes) -> bytes:
    return checksum.internet_checksum(before, bytes(2), behind).to_bytes(2)
