"""The IPv6 header and its extension headers (RFC 8200)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

HEADER_LENGTH = 40
MAX_PAYLOAD_LENGTH = 65535

HOP_BY_HOP = 0
ROUTING = 43
FRAGMENT = 44
ESP = 50
AUTHENTICATION = 51
NO_NEXT_HEADER = 59
DESTINATION = 60
MOBILITY = 135
HIP = 139
SHIM6 = 140

MAX_EXTENSION_HEADERS = 64
_WALKED = frozenset(
    (HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION, MOBILITY, HIP, SHIM6)
)
_FORMAT = struct.Struct("!IHBB16s16s")


class IPv6Header(NamedTuple):
    """Header fields; ``payload_length`` in bytes, addresses 16 bytes each."""

    traffic_class: int
    flow_label: int
    payload_length: int
    next_header: int
    hop_limit: int
    source: bytes
    destination: bytes


class Fragment(NamedTuple):
    """A fragment header (RFC 8200 section 4.5); ``offset`` in bytes.

    ``reserved`` holds its ten reserved bits, which senders leave zero.
    """

    identification: int
    offset: int
    more: bool
    reserved: int = 0

    @property
    def atomic(self) -> bool:
        """Whether it is all of its packet (RFC 6946)."""
        return not self.offset and not self.more


class Chain(NamedTuple):
    """Where a walk over extension headers ended.

    ``transport`` is the protocol found at the absolute offset ``position``; ``headers`` are the
    kinds passed, in order; ``fragment`` is the first fragment header passed that is not atomic,
    else the last. ``complete`` is False if the bytes ran out: ``transport`` is then the extension
    header that could not be read. ``limit_hit`` is True if the walk gave up at
    MAX_EXTENSION_HEADERS.
    """

    transport: int
    position: int
    headers: tuple[int, ...]
    fragment: Fragment | None
    routing_types: tuple[int, ...]
    complete: bool
    limit_hit: bool


def parse(cursor: Cursor) -> IPv6Header:
    """Read the 40 bytes of a header; DecodeError if they are cut or of another version.

    The payload need not be there.
    """
    start = cursor.position
    version = cursor.peek_u8() >> 4
    if version != 6:
        raise DecodeError(f"IP version {version}, not 6", start)
    word, payload_length, next_header, hop_limit, source, destination = _FORMAT.unpack(
        cursor.take(HEADER_LENGTH)
    )
    return IPv6Header(
        traffic_class=word >> 20 & 0xFF,
        flow_label=word & 0xFFFFF,
        payload_length=payload_length,
        next_header=next_header,
        hop_limit=hop_limit,
        source=source,
        destination=destination,
    )


def build(
    source: bytes,
    destination: bytes,
    next_header: int,
    payload: bytes,
    *,
    hop_limit: int = 64,
    traffic_class: int = 0,
    flow_label: int = 0,
) -> bytes:
    """A packet around ``payload``; ValueError if that has more than 65535 bytes."""
    if len(payload) > MAX_PAYLOAD_LENGTH:
        raise ValueError("an IPv6 payload has at most 65535 bytes")
    word = 6 << 28 | traffic_class << 20 | flow_label
    return _FORMAT.pack(word, len(payload), next_header, hop_limit, source, destination) + payload


def walk_extensions(next_header: int, cursor: Cursor) -> Chain:
    """Pass extension headers until a transport protocol, the end of the bytes or the limit.

    Never raises; leaves the cursor at the chain's ``position``. Stops behind the fragment header
    of a fragment that is not the first, for what follows is no header. A Mobility header is passed
    only if something follows it; alone it is the transport (RFC 6275 section 6.1.1).
    """
    headers: list[int] = []
    routing_types: list[int] = []
    fragment: Fragment | None = None
    complete, limit_hit = True, False
    while next_header in _WALKED:
        start = cursor.position
        if len(headers) == MAX_EXTENSION_HEADERS:
            limit_hit = True
            break
        try:
            following, body = _read_extension(next_header, cursor)
        except DecodeError:
            cursor.position, complete = start, False
            break
        if next_header == MOBILITY and following == NO_NEXT_HEADER:
            cursor.position = start
            break
        headers.append(next_header)
        if next_header == ROUTING:
            routing_types.append(body[0])
        elif next_header == FRAGMENT:
            found = _parse_fragment(cursor.data[start + 1], body)
            fragment = found if fragment is None or fragment.atomic else fragment
        next_header = following
        if fragment is not None and fragment.offset:
            break
    return Chain(
        transport=next_header,
        position=cursor.position,
        headers=tuple(headers),
        fragment=fragment,
        routing_types=tuple(routing_types),
        complete=complete,
        limit_hit=limit_hit,
    )


def _read_extension(kind: int, cursor: Cursor) -> tuple[int, bytes]:
    """The next-header value and everything behind the length byte."""
    next_header, units = cursor.u8(), cursor.u8()
    if kind == FRAGMENT:
        length = 8
    elif kind == AUTHENTICATION:  # the one header that counts words of 4 bytes (RFC 4302)
        length = (units + 2) * 4
    else:
        length = (units + 1) * 8
    return next_header, cursor.take(length - 2)


def _parse_fragment(reserved: int, body: bytes) -> Fragment:
    field, identification = struct.unpack("!HI", body)
    return Fragment(identification, field & 0xFFF8, bool(field & 1), reserved << 2 | field >> 1 & 3)


def build_extension(kind: int, next_header: int, body: bytes) -> bytes:
    """An extension header around ``body``, which zero bytes (Pad1 options) fill up to 8 bytes.

    ``body`` starts behind the length byte. Raises ValueError if it is too long for the length
    field, and for the fragment header, which ``build_fragment`` makes.
    """
    total = -(-(2 + len(body)) // 8) * 8
    units = total // 4 - 2 if kind == AUTHENTICATION else total // 8 - 1
    if kind == FRAGMENT or units > 0xFF:
        raise ValueError(f"no extension header {kind} holds {len(body)} bytes")
    return bytes([next_header, units]) + body.ljust(total - 2, b"\0")


def build_fragment(next_header: int, identification: int, offset: int, more: bool) -> bytes:
    """A fragment header; ``offset`` in bytes, a multiple of 8 up to 65528, else ValueError."""
    if offset & ~0xFFF8:
        raise ValueError("an IPv6 fragment offset is at most 65528, a multiple of 8")
    return struct.pack("!BBHI", next_header, 0, offset | more, identification)
