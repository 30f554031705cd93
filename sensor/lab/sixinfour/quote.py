"""ICMPv4 errors about tunnel packets, from any router on the way or any forger (RFC 4213 3.4)."""

from __future__ import annotations

from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.lab.inner.refusal import BAD_CHECKSUM, MALFORMED, Refused
from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour.refusal import NO_ERROR, NOT_SENT, QUOTES_TOO_LITTLE
from sensor.wire import checksum, icmpv4, ipv4, ipv6, sixinfour
from sensor.wire.cursor import Cursor

FRAGMENTATION_NEEDED = 4  # a code of unreachable (RFC 1191 section 4)

_MEANINGFUL = frozenset((icmpv4.UNREACHABLE, icmpv4.TIME_EXCEEDED))
_WORD = 4  # octets in the unit of a quote's length (RFC 4884 section 4)


class Quote(NamedTuple):
    """What an error says, and of which packet.

    ``mtu`` is that of the link it did not fit, in octets of IPv4, or None if that was not the
    reason; ``destination`` is the outer one, ``inner`` the IPv6 packet from its start, maybe cut.
    """

    mtu: int | None
    destination: bytes
    inner: bytes


def read(packet: OuterPacket) -> Quote:
    """The error in an ICMP packet; Refused unless it quotes an IPv6 header that was sent so."""
    if not checksum.verify(packet.payload):
        raise Refused(BAD_CHECKSUM)
    try:
        cursor = Cursor(packet.payload)
        message = icmpv4.parse(cursor)
        if message.type not in _MEANINGFUL:
            raise Refused(NO_ERROR)
        return _read(message, _quoted(message, cursor), packet.destination)
    except DecodeError:
        raise Refused(MALFORMED) from None


def _quoted(message: icmpv4.Message, cursor: Cursor) -> Cursor:
    """The packet alone: RFC 4884 lets padding and extensions follow it, and tells its length."""
    length = message.rest[1] * _WORD
    return cursor.sub(length) if 0 < length <= cursor.remaining else cursor


def _read(message: icmpv4.Message, cursor: Cursor, told: bytes) -> Quote:
    header = ipv4.parse(cursor)
    # Errors go to who sent, about a whole packet or the first fragment that a router made of it.
    ours = header.source == told and header.protocol == sixinfour.PROTOCOL
    if not ours or header.fragment_offset:
        raise Refused(NOT_SENT)
    length = max(header.total_length - header.header_length, 0)
    inner = cursor.take(min(length, cursor.remaining))
    if len(inner) < ipv6.HEADER_LENGTH or inner[0] >> 4 != 6:
        raise Refused(QUOTES_TOO_LITTLE)
    too_big = (message.type, message.code) == (icmpv4.UNREACHABLE, FRAGMENTATION_NEEDED)
    mtu = int.from_bytes(message.rest[2:]) if too_big else None
    return Quote(mtu, header.destination, inner)
