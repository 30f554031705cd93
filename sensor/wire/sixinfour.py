"""IPv6 carried directly in IPv4, protocol 41 (RFC 4213 section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from sensor.wire import ipv4, ipv6
from sensor.wire.cursor import Cursor

PROTOCOL = 41


@dataclass(frozen=True, slots=True)
class Packet:
    """The inner header, and how many bytes the outer packet declares beyond the inner one."""

    header: ipv6.IPv6Header
    trailing: int


def parse(payload: bytes, length: int) -> Packet:
    """Decode an IPv4 payload; ``length`` is what the IPv4 header declares for it, in bytes.

    DecodeError without a whole IPv6 header. An inner packet longer than ``length`` is accepted,
    with ``trailing`` 0: the caller compares lengths.
    """
    header = ipv6.parse(Cursor(payload, 0, min(length, len(payload))))
    trailing = length - ipv6.HEADER_LENGTH - header.payload_length
    return Packet(header, max(0, trailing))


def encapsulate(
    source4: bytes, destination4: bytes, packet: bytes, *, ttl: int = 64, identification: int = 0
) -> bytes:
    """An IPv4 packet, DF clear, around an IPv6 packet."""
    return ipv4.build(
        source4, destination4, PROTOCOL, packet, ttl=ttl, identification=identification
    )
