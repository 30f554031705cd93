"""A datagram that a Teredo server or relay takes for well-formed (RFC 4380 section 5.1.1)."""

from __future__ import annotations

from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.lab.teredo.refusal import (
    BAD_CHECKSUM,
    BUBBLE_WITH_PAYLOAD,
    INDICATOR,
    MALFORMED,
    Refused,
)
from sensor.wire import checksum, icmpv6, teredo
from sensor.wire.ipv6 import HEADER_LENGTH, NO_NEXT_HEADER, IPv6Header
from sensor.wire.teredo import Authentication, Trailer


class Received(NamedTuple):
    """Its parts: ``packet`` is the IPv6 packet, ``tail`` the octets of its ``trailers``."""

    authentication: Authentication | None
    header: IPv6Header
    packet: bytes
    trailers: tuple[Trailer, ...]
    tail: bytes

    @property
    def bubble(self) -> bool:
        """RFC 4380 section 2.8."""
        return self.header.next_header == NO_NEXT_HEADER


def read(payload: bytes) -> Received:
    """Take a datagram's payload apart; Refused if it is not well-formed.

    An origin indication is refused as well: servers alone send it, to clients alone. What follows
    the IPv6 packet and is no trailer is cut off (RFC 6081 section 5.1.2).
    """
    try:
        parsed = teredo.parse(payload)
    except DecodeError:
        raise Refused(MALFORMED) from None
    start = parsed.ipv6_offset
    end = start + HEADER_LENGTH + parsed.header.payload_length
    if not parsed.order_ok or end > len(payload):
        raise Refused(MALFORMED)
    if parsed.origins:
        raise Refused(INDICATOR)
    if parsed.header.next_header == NO_NEXT_HEADER and parsed.header.payload_length:
        raise Refused(BUBBLE_WITH_PAYLOAD)
    authentication = parsed.authentications[0] if parsed.authentications else None
    tail = payload[end : len(payload) - parsed.unparsed]
    return Received(authentication, parsed.header, payload[start:end], parsed.trailers, tail)


def verify_checksum(received: Received) -> None:
    """Refused if the packet's ICMPv6 checksum is wrong."""
    header = received.header
    pseudo = checksum.pseudo_ipv6(
        header.source, header.destination, icmpv6.PROTOCOL, header.payload_length
    )
    if not checksum.verify(pseudo, received.packet[HEADER_LENGTH:]):
        raise Refused(BAD_CHECKSUM)
