"""An IPv6 packet as a router sees it, in as few steps as possible: each packet passes here."""

from __future__ import annotations

from sensor.lab.inner.refusal import LENGTH, MALFORMED, Refused
from sensor.wire.ipv6 import HEADER_LENGTH, NO_NEXT_HEADER

LOCAL_HOP_LIMIT = 255  # of what no router handed on (RFC 4861 section 6.1)
MTU = 1_280  # octets of an IPv6 packet on a Teredo link (RFC 4380 section 5.1.2)

_NEXT_HEADER = 6  # where it is in the header
_HOP_LIMIT = 7
_OCTETS = tuple(bytes([value]) for value in range(256))


def is_whole(packet: bytes) -> bool:
    """Whether the octets are one IPv6 packet and nothing else."""
    if len(packet) < HEADER_LENGTH or packet[0] >> 4 != 6:
        return False
    return (packet[4] << 8 | packet[5]) + HEADER_LENGTH == len(packet)


def inner_packet(octets: bytes) -> bytes:
    """The IPv6 packet that ``octets`` begin with, without what its own length leaves over.

    Refused if they begin with no IPv6 header, or end before the packet does.
    """
    if len(octets) < HEADER_LENGTH or octets[0] >> 4 != 6:
        raise Refused(MALFORMED)
    end = HEADER_LENGTH + int.from_bytes(octets[4:6])
    if end > len(octets):
        raise Refused(LENGTH)
    return octets[:end]


def is_data(payload: bytes) -> bool:
    """Whether a datagram is an IPv6 packet alone, and no bubble."""
    return is_whole(payload) and payload[_NEXT_HEADER] != NO_NEXT_HEADER


def at_its_end(packet: bytes) -> bool:
    """Whether no router may hand it on (RFC 8200 section 3)."""
    return packet[_HOP_LIMIT] <= 1


def passed_on(packet: bytes) -> bytes:
    """With one hop less; the packet must not be at its end."""
    left = _OCTETS[packet[_HOP_LIMIT] - 1]
    return packet[:_HOP_LIMIT] + left + packet[_HOP_LIMIT + 1 :]
