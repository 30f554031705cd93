"""The IPv4 header (RFC 791)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sensor.errors import DecodeError
from sensor.wire import checksum
from sensor.wire.cursor import Cursor

MIN_HEADER_LENGTH = 20
MAX_HEADER_LENGTH = 60
MAX_TOTAL_LENGTH = 65535
MAX_FRAGMENT_OFFSET = 0x1FFF * 8
_DONT_FRAGMENT = 0x4000
_MORE_FRAGMENTS = 0x2000
_FORMAT = struct.Struct("!BBHHHBBH4s4s")


@dataclass(frozen=True, slots=True)
class IPv4Header:
    """Header fields; lengths and ``fragment_offset`` in bytes, addresses 4 bytes each.

    ``total_length`` 0 means that segmentation offload left it unset: what was captured counts.
    """

    source: bytes
    destination: bytes
    protocol: int
    ttl: int
    identification: int
    dont_fragment: bool
    more_fragments: bool
    fragment_offset: int
    tos: int
    header_length: int
    total_length: int


def parse(cursor: Cursor) -> IPv4Header:
    """Read a header and leave the cursor after its options.

    Raises DecodeError for another version, a header length under 20 bytes, a total length shorter
    than the header (0 excepted), or a header that is cut. The payload need not be there.
    """
    start = cursor.position
    version, words = cursor.peek_u8() >> 4, cursor.peek_u8() & 0x0F
    if version != 4:
        raise DecodeError(f"IP version {version}, not 4", start)
    header_length = words * 4
    if header_length < MIN_HEADER_LENGTH:
        raise DecodeError("IPv4 header length under 20", start)
    fields = _FORMAT.unpack(cursor.take(_FORMAT.size))
    _, tos, total_length, identification, fragment, ttl, protocol, _, source, destination = fields
    if 0 < total_length < header_length:
        raise DecodeError("IPv4 total length shorter than the header", start + 2)
    cursor.skip(header_length - MIN_HEADER_LENGTH)
    return IPv4Header(
        source=source,
        destination=destination,
        protocol=protocol,
        ttl=ttl,
        identification=identification,
        dont_fragment=bool(fragment & _DONT_FRAGMENT),
        more_fragments=bool(fragment & _MORE_FRAGMENTS),
        fragment_offset=(fragment & 0x1FFF) * 8,
        tos=tos,
        header_length=header_length,
        total_length=total_length,
    )


def header_checksum_ok(raw: bytes) -> bool:
    """True if the header that ``raw`` starts with is whole and sums correctly."""
    length = (raw[0] & 0x0F) * 4 if raw else 0
    return MIN_HEADER_LENGTH <= length <= len(raw) and checksum.verify(raw[:length])


def build(
    source: bytes,
    destination: bytes,
    protocol: int,
    payload: bytes,
    *,
    ttl: int = 64,
    identification: int = 0,
    dont_fragment: bool = False,
    tos: int = 0,
    more_fragments: bool = False,
    fragment_offset: int = 0,
    options: bytes = b"",
) -> bytes:
    """A packet with a correct header checksum; ``fragment_offset`` in bytes.

    Raises ValueError for options or an offset that the header cannot express, and for more than
    65535 bytes in all.
    """
    header_length = MIN_HEADER_LENGTH + len(options)
    total_length = header_length + len(payload)
    if header_length % 4 or header_length > MAX_HEADER_LENGTH:
        raise ValueError("IPv4 options are at most 40 bytes, a multiple of 4")
    if fragment_offset % 8 or not 0 <= fragment_offset <= MAX_FRAGMENT_OFFSET:
        raise ValueError("an IPv4 fragment offset is at most 65528, a multiple of 8")
    if total_length > MAX_TOTAL_LENGTH:
        raise ValueError("an IPv4 packet has at most 65535 bytes")
    fragment = fragment_offset // 8
    fragment |= _DONT_FRAGMENT * dont_fragment | _MORE_FRAGMENTS * more_fragments
    header = _FORMAT.pack(
        0x40 | header_length // 4, tos, total_length, identification, fragment,
        ttl, protocol, 0, source, destination,
    ) + options  # fmt: skip
    summed = checksum.internet_checksum(header).to_bytes(2)
    return header[:10] + summed + header[12:] + payload
