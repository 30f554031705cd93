"""A datagram that reached an endpoint, taken apart strictly (RFC 4380 section 5.1.1)."""

from __future__ import annotations

from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.lab.inner.refusal import (
    BAD_CHECKSUM,
    BUBBLE_WITH_PAYLOAD,
    INDICATOR,
    LENGTH,
    MALFORMED,
    Refused,
)
from sensor.lab.teredo.trailers import Told, read_trailers
from sensor.schema.records import Endpoint
from sensor.wire import checksum, icmpv6, ipv6, teredo
from sensor.wire.cursor import Cursor


class Arrival(NamedTuple):
    """A well-formed payload with its outer ``source`` and the own ``end`` it came to."""

    source: Endpoint
    end: Endpoint
    authentication: teredo.Authentication | None
    origin: Endpoint | None
    origin_octets: bytes  # as sent, for the digest of secure qualification
    header: ipv6.IPv6Header
    packet: bytes  # the IPv6 packet alone
    trailers: tuple[teredo.Trailer, ...]
    tail: bytes  # the octets of the trailers

    @property
    def told(self) -> Told:
        """What its trailers say."""
        return read_trailers(self.trailers)

    @property
    def bubble(self) -> bool:
        """RFC 4380 section 2.8."""
        return self.header.next_header == ipv6.NO_NEXT_HEADER

    def message(self) -> icmpv6.Message | None:
        """Its ICMPv6 message, if it holds one; Refused for one that is cut."""
        if self.header.next_header != icmpv6.PROTOCOL:
            return None
        try:
            return icmpv6.parse(Cursor(self.packet, ipv6.HEADER_LENGTH))
        except DecodeError:
            raise Refused(MALFORMED) from None

    def checked_message(self) -> icmpv6.Message | None:
        """Its ICMPv6 message, if it holds one; Refused for one that is cut or damaged."""
        message = self.message()
        if message is not None:
            self.verify_checksum()
        return message

    def verify_checksum(self) -> None:
        """Refused if the checksum of its ICMPv6 message is wrong."""
        octets = self.packet[ipv6.HEADER_LENGTH :]
        header = self.header
        pseudo = checksum.pseudo_ipv6(
            header.source, header.destination, icmpv6.PROTOCOL, len(octets)
        )
        if not checksum.verify(pseudo, octets):
            raise Refused(BAD_CHECKSUM)


def read_arrival(payload: bytes, source: Endpoint, end: Endpoint) -> Arrival:
    """Take a payload apart; Refused with the reason if it is not well-formed.

    What follows the IPv6 packet and is no trailer is cut off (RFC 6081 section 5.1.2).
    """
    try:
        parsed = teredo.parse(payload)
    except DecodeError:
        raise Refused(MALFORMED) from None
    start = parsed.ipv6_offset
    stop = start + ipv6.HEADER_LENGTH + parsed.header.payload_length
    if not parsed.order_ok:
        raise Refused(INDICATOR)
    if stop > len(payload):
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
        packet=payload[start:stop],
        trailers=parsed.trailers,
        tail=payload[stop : len(payload) - parsed.unparsed],
    )


def read_without_origin(payload: bytes, source: Endpoint, end: Endpoint) -> Arrival:
    """For servers and relays: servers alone send origin indications, and to clients alone."""
    arrival = read_arrival(payload, source, end)
    if arrival.origin is not None:
        raise Refused(INDICATOR)
    return arrival
