"""The IPv6 packet that a tunnel's header is followed by."""

from __future__ import annotations

from sensor.lab.teredo.refusal import LENGTH, MALFORMED, Refused
from sensor.wire.ipv6 import HEADER_LENGTH


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
