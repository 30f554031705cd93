"""Neighbour Discovery inside a tunnel, checked strictly (RFC 4861 sections 6.1 and 7.1)."""

from __future__ import annotations

from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.lab.inner.packets import LOCAL_HOP_LIMIT
from sensor.lab.inner.refusal import BAD_CHECKSUM, HOP_LIMIT, MALFORMED, Refused
from sensor.wire import checksum, icmpv6, ipv6
from sensor.wire.addresses import UNSPECIFIED, is_multicast6
from sensor.wire.cursor import Cursor
from sensor.wire.icmpv6 import Message, Option, RouterAdvertisement

OPTION_TARGET_LINK_LAYER = 2
# Flags of a neighbour advertisement (RFC 4861 section 4.4).
ROUTER = 0x80
SOLICITED = 0x40
OVERRIDE = 0x20

_KINDS = range(icmpv6.ROUTER_SOLICITATION, icmpv6.REDIRECT + 1)
_WORD = 4  # octets in front of a neighbour message's target
_TARGET_END = _WORD + 16
_SOLICITED_NODE = bytes.fromhex("ff02") + bytes(9) + bytes.fromhex("01ff")


class Neighbour(NamedTuple):
    """A neighbour solicitation or advertisement; ``flags`` are an advertisement's first octet."""

    flags: int
    target: bytes
    options: tuple[Option, ...]


class Found(NamedTuple):
    """A message of Neighbour Discovery that no router handed on."""

    source: bytes
    destination: bytes
    message: Message

    def router_solicitation(self) -> tuple[Option, ...]:
        """Its options; Refused where RFC 4861 section 6.1.1 says so."""
        try:
            options = icmpv6.parse_router_solicitation(self.message.body).options
        except DecodeError:
            raise Refused(MALFORMED) from None
        told = link_layer(options, icmpv6.OPTION_SOURCE_LINK_LAYER)
        if self.source == UNSPECIFIED and told is not None:
            raise Refused(MALFORMED)
        return options

    def router_advertisement(self) -> RouterAdvertisement:
        """What it says; Refused if its octets are no options."""
        try:
            return icmpv6.parse_router_advertisement(self.message.body)
        except DecodeError:
            raise Refused(MALFORMED) from None

    def neighbour(self) -> Neighbour:
        """A neighbour message; Refused where RFC 4861 section 7.1 says so."""
        body = self.message.body
        target = body[_WORD:_TARGET_END]
        try:
            # Without its target it is laid out as a router solicitation.
            rest = body[:_WORD] + body[_TARGET_END:]
            options = icmpv6.parse_router_solicitation(rest).options
        except DecodeError:
            raise Refused(MALFORMED) from None
        if len(target) < 16 or is_multicast6(target):
            raise Refused(MALFORMED)
        if self.source == UNSPECIFIED and not self._detects_duplicates(options):
            raise Refused(MALFORMED)
        return Neighbour(body[0], target, options)

    def _detects_duplicates(self, options: tuple[Option, ...]) -> bool:
        told = link_layer(options, icmpv6.OPTION_SOURCE_LINK_LAYER)
        return told is None and self.destination.startswith(_SOLICITED_NODE)


def read(packet: bytes) -> Found | None:
    """The message of a whole IPv6 packet, None if it holds anything else; Refused if it is bad."""
    header = ipv6.parse(Cursor(packet))
    octets = packet[ipv6.HEADER_LENGTH :]
    if header.next_header != icmpv6.PROTOCOL or not octets or octets[0] not in _KINDS:
        return None
    if header.hop_limit != LOCAL_HOP_LIMIT:
        raise Refused(HOP_LIMIT)
    pseudo = checksum.pseudo_ipv6(header.source, header.destination, icmpv6.PROTOCOL, len(octets))
    if not checksum.verify(pseudo, octets):
        raise Refused(BAD_CHECKSUM)
    try:
        message = icmpv6.parse(Cursor(octets))
    except DecodeError:
        raise Refused(MALFORMED) from None
    if message.code:
        raise Refused(MALFORMED)
    return Found(header.source, header.destination, message)


def link_layer(options: tuple[Option, ...], kind: int) -> bytes | None:
    """The data of the first link-layer address option of a kind, None without one."""
    return next((option.data for option in options if option.type == kind), None)


def solicited_node(address: bytes) -> bytes:
    """The group where a neighbour listens for its own address (RFC 4291 section 2.7.1)."""
    return _SOLICITED_NODE + address[13:]


def build_neighbour(source: bytes, destination: bytes, kind: int, neighbour: Neighbour) -> bytes:
    """The IPv6 packet of a neighbour solicitation or advertisement."""
    body = bytes([neighbour.flags, 0, 0, 0]) + neighbour.target
    body += b"".join(option.build() for option in neighbour.options)
    return packet_of(source, destination, icmpv6.build(source, destination, kind, 0, body))


def build_router_solicitation(
    source: bytes, destination: bytes, options: tuple[Option, ...] = ()
) -> bytes:
    """The IPv6 packet of a router solicitation."""
    message = icmpv6.build_router_solicitation(source, destination, options)
    return packet_of(source, destination, message)


def build_router_advertisement(
    source: bytes, destination: bytes, advertisement: RouterAdvertisement
) -> bytes:
    """The IPv6 packet of a router advertisement."""
    message = icmpv6.build_router_advertisement(source, destination, advertisement)
    return packet_of(source, destination, message)


def packet_of(source: bytes, destination: bytes, message: bytes) -> bytes:
    """A message in the packet that proves it to come from the link (RFC 4861 section 3.1)."""
    return ipv6.build(source, destination, icmpv6.PROTOCOL, message, hop_limit=LOCAL_HOP_LIMIT)
