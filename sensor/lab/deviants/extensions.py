"""Extension headers between the inner IPv6 header and what it carries (RFC 8200 section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.lab.deviants.disguise import Disguise, Passing
from sensor.schema.words import TeredoPacket
from sensor.wire import ipv6
from sensor.wire.cursor import Cursor

# What every path carries (RFC 8200 section 5): who adds headers stays below it.
MTU = 1_280  # octets

_CONTROL = frozenset(
    {TeredoPacket.BUBBLE, TeredoPacket.ROUTER_SOLICITATION, TeredoPacket.ROUTER_ADVERTISEMENT}
)


class Extension(NamedTuple):
    """One header, ``body`` from behind its length octet; of a fragment header the number."""

    kind: int
    body: bytes


ROUTER_ALERT = Extension(ipv6.HOP_BY_HOP, bytes.fromhex("050200000100"))  # RFC 2711, then padding
PADDING = Extension(ipv6.DESTINATION, bytes.fromhex("010400000000"))
# No segments left, so that the receiver goes on behind them (RFC 5095 section 3, RFC 8754 4.3.1);
# Linux takes the second kind only on an interface with segment routing.
SOURCE_ROUTE = Extension(ipv6.ROUTING, bytes(6) + bytes.fromhex("20010db8006500000000000000000001"))
SEGMENT_ROUTE = Extension(
    ipv6.ROUTING,
    bytes.fromhex("040000000000") + bytes.fromhex("20010db8006600000000000000000001"),
)
ATOMIC_FRAGMENT = Extension(ipv6.FRAGMENT, bytes.fromhex("2a00cafe"))  # RFC 6946


class Plain(Disguise):
    """Walks over extension headers, as the IPv6 stack of every host does, and adds none."""

    def arriving(self, passing: Passing) -> Passing:
        return passing._replace(payload=without_extensions(passing.payload))


class Chain(Plain):
    """Adds extension headers to data, where there is room; they may change while it is worn."""

    def __init__(self, *extensions: Extension) -> None:
        self.extensions = extensions

    def leaving(self, passing: Passing) -> Passing:
        if passing.packet in _CONTROL:
            return passing
        packet = with_extensions(passing.payload, self.extensions)
        return passing._replace(payload=packet) if len(packet) <= MTU else passing


def with_extensions(packet: bytes, extensions: Sequence[Extension]) -> bytes:
    """A whole IPv6 packet with headers in front of what it carries, in that order."""
    next_header, rest = packet[6], packet[ipv6.HEADER_LENGTH :]
    for kind, body in reversed(extensions):
        if kind == ipv6.FRAGMENT:
            rest = ipv6.build_fragment(next_header, int.from_bytes(body), 0, more=False) + rest
        else:
            rest = ipv6.build_extension(kind, next_header, body) + rest
        next_header = kind
    return _rebuilt(packet, next_header, rest)


def without_extensions(packet: bytes) -> bytes:
    """An IPv6 packet without those in front of a transport; anything else as it is."""
    try:
        cursor = Cursor(packet)
        header = ipv6.parse(cursor)
    except DecodeError:
        return packet
    chain = ipv6.walk_extensions(header.next_header, cursor)
    whole = chain.fragment is None or chain.fragment.atomic
    if not chain.headers or not chain.complete or chain.limit_hit or not whole:
        return packet
    return _rebuilt(packet, chain.transport, packet[chain.position :])


def _rebuilt(packet: bytes, next_header: int, rest: bytes) -> bytes:
    length = len(rest).to_bytes(2)
    header = packet[:4] + length + bytes([next_header]) + packet[7 : ipv6.HEADER_LENGTH]
    return header + rest
