"""What one fragment of an IP packet says, and the packet that all of them make.

RFC 791 section 3.2 for IPv4, RFC 8200 section 4.5 for IPv6.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.wire import checksum, ipv4, ipv6
from sensor.wire.cursor import Cursor

UNIT = 8  # octets; every fragment but the last one holds a multiple

_NEXT_HEADER_AT = 6  # in an IPv6 header
_EXTENSION = struct.Struct("!BBH4s")  # the first octets of one; of a fragment header, all of it
_OFFSET, _MORE = 0xFFF8, 1
# How their length is counted: units of how many octets, and how many units it leaves out.
_LENGTHS = dict.fromkeys(
    (ipv6.HOP_BY_HOP, ipv6.ROUTING, ipv6.DESTINATION, ipv6.MOBILITY, ipv6.HIP, ipv6.SHIM6), (8, 1)
) | {ipv6.FRAGMENT: (0, 0), ipv6.AUTHENTICATION: (4, 2)}


class Fragment(NamedTuple):
    """One fragment; ``offset`` in bytes.

    ``key`` is what all fragments of one packet share. ``header`` is all that stands before the
    payload in the whole packet: of IPv4 the header, of IPv6 also the extension headers before the
    fragment header, which itself is left out. Lengths in it are still those of the fragment.
    ``cut`` says that less was captured than the packet announces.
    """

    key: bytes
    offset: int
    more: bool
    header: bytes
    payload: bytes
    cut: bool


def read_fragment(data: bytes, at: int) -> Fragment:
    """The fragment whose IP header starts at ``at``.

    Raises DecodeError for what is neither IPv4 nor IPv6, for a cut header, and for IPv6 whose
    extension headers lead to no fragment header but atomic ones (RFC 6946).
    """
    cursor = Cursor(data, at)
    return _read_ipv4(cursor) if cursor.peek_u8() >> 4 == 4 else _read_ipv6(cursor)


def _read_ipv4(cursor: Cursor) -> Fragment:
    data, at = cursor.data, cursor.position
    header = ipv4.parse(cursor)
    # A total length of zero is left by segmentation offload: take what is there.
    end = at + header.total_length if header.total_length else len(data)
    numbers = struct.pack("!BHB", 4, header.identification, header.protocol)
    return Fragment(
        key=numbers + header.source + header.destination,
        offset=header.fragment_offset,
        more=header.more_fragments,
        header=data[at : cursor.position],
        payload=data[cursor.position : end],
        cut=end > len(data),
    )


def _read_ipv6(cursor: Cursor) -> Fragment:
    data, at = cursor.data, cursor.position
    packet = ipv6.parse(cursor)
    end = cursor.position + packet.payload_length
    cursor.end = min(end, len(data))
    named = _pass_extensions(cursor, at + _NEXT_HEADER_AT)
    header = bytearray(data[at : cursor.position])
    next_header, _, field, identification = _EXTENSION.unpack(cursor.take(_EXTENSION.size))
    header[named - at] = next_header
    return Fragment(
        key=b"\6" + identification + packet.source + packet.destination,
        offset=field & _OFFSET,
        more=bool(field & _MORE),
        header=bytes(header),
        payload=cursor.rest(),
        cut=end > len(data),
    )


def _pass_extensions(cursor: Cursor, named: int) -> int:
    """Move to the first fragment header that is not atomic; the offset of the octet that names it.

    ``named`` is the offset of the octet that names the header at the cursor.
    """
    while (kind := cursor.data[named]) in _LENGTHS:
        start = cursor.position
        _, count, field, _ = _EXTENSION.unpack(cursor.take(_EXTENSION.size))
        if kind == ipv6.FRAGMENT and field & (_OFFSET | _MORE):
            cursor.position = start
            return named
        unit, more = _LENGTHS[kind]
        cursor.skip(max(0, (count + more) * unit - _EXTENSION.size))
        named = start
    raise DecodeError("no fragment header", cursor.position)


def longest_payload(header: bytes) -> int:
    """How many octets may stand behind ``header`` of a ``Fragment`` in a whole packet."""
    if header[0] >> 4 == 4:
        return ipv4.MAX_TOTAL_LENGTH - len(header)
    return ipv6.MAX_PAYLOAD_LENGTH + ipv6.HEADER_LENGTH - len(header)


def whole_packet(header: bytes, payload: bytes) -> bytes:
    """The packet of which ``header`` is that of the first fragment, its lengths set right.

    ``payload`` may have ``longest_payload`` octets.
    """
    fields, length = bytearray(header), len(header) + len(payload)
    if header[0] >> 4 == 4:
        fields[2:4], fields[6:8], fields[10:12] = length.to_bytes(2), bytes(2), bytes(2)
        fields[10:12] = checksum.internet_checksum(bytes(fields)).to_bytes(2)
    else:
        fields[4:6] = (length - ipv6.HEADER_LENGTH).to_bytes(2)
    return bytes(fields) + payload
