"""A datagram that reached a client, taken apart strictly (RFC 4380 5.1.1, RFC 6081 section 4)."""

from __future__ import annotations

from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.lab.teredo.refusal import Refused
from sensor.lab.teredo.trailers import Told, read_trailers
from sensor.schema.records import Endpoint
from sensor.wire import checksum, icmpv6, ipv6, teredo
from sensor.wire.cursor import Cursor

MALFORMED = "malformed"
INDICATORS = "indicators"
LENGTH = "length"
BUBBLE_WITH_PAYLOAD = "bubble-with-payload"
CHECKSUM = "checksum"


class Arrival(NamedTuple):
    """A well-formed payload with its outer ``source`` and the own ``end`` it came to."""

    source: Endpoint
    end: Endpoint
    authentication: teredo.Authentication | None
    origin: Endpoint | None
    origin_octets: bytes  # as sent, for the digest of secure qualification
    header: ipv6.IPv6Header
    packet: bytes  # the IPv6 packet alone
    told: Told

    @property
    def bubble(self) -> bool:
        return self.header.next_header == ipv6.NO_NEXT_HEADER

    def message(self) -> icmpv6.Message | None:
        """Its ICMPv6 message if it holds one; Refused if the checksum of that is wrong."""
        header = self.header
        if header.next_header != icmpv6.PROTOCOL:
            return None
        octets = self.packet[ipv6.HEADER_LENGTH :]
        pseudo = checksum.pseudo_ipv6(
            header.source, header.destination, icmpv6.PROTOCOL, len(octets)
        )
        if len(octets) < 4 or not checksum.verify(pseudo, octets):
            raise Refused(CHECKSUM)
        return icmpv6.parse(Cursor(octets))


def read_arrival(payload: bytes, source: Endpoint, end: Endpoint) -> Arrival:
    """Take a payload apart; Refused with the reason if that fails."""
    try:
        parsed = teredo.parse(payload)
    except DecodeError:
        raise Refused(MALFORMED) from None
    if not parsed.order_ok:
        raise Refused(INDICATORS)
    start = parsed.ipv6_offset
    packet = payload[start : start + ipv6.HEADER_LENGTH + parsed.header.payload_length]
    if len(packet) < ipv6.HEADER_LENGTH + parsed.header.payload_length:
        raise Refused(LENGTH)
    if parsed.header.next_header == ipv6.NO_NEXT_HEADER and parsed.header.payload_length:
        raise Refused(BUBBLE_WITH_PAYLOAD)
    origin = parsed.origins[0] if parsed.origins else None
    return Arrival(
        source=source,
        end=end,
        authentication=parsed.authentications[0] if parsed.authentications else None,
        origin=Endpoint(origin.ip, origin.port) if origin else None,
        origin_octets=payload[origin.offset : start] if origin else b"",
        header=parsed.header,
        packet=packet,
        told=read_trailers(parsed.trailers),
    )
