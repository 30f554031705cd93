"""What 6a44 (RFC 6751) has besides its addresses, which are in sensor.wire.addresses."""

from __future__ import annotations

from dataclasses import dataclass

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

BUBBLE_LENGTH = 20
_PREFIX_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Bubble:
    """What keeps a mapping alive: a client's prefix (12 octets) and an identifier (8)."""

    prefix: bytes
    identifier: bytes

    def build(self) -> bytes:
        """The 20 octets of the payload."""
        return self.prefix + self.identifier


def parse(cursor: Cursor) -> Bubble:
    """Read a datagram's payload up to the window's end (RFC 6751 section 6.1).

    DecodeError unless it has BUBBLE_LENGTH octets.
    """
    if cursor.remaining != BUBBLE_LENGTH:
        raise DecodeError(f"bubble of {cursor.remaining} octets", cursor.position)
    return Bubble(cursor.take(_PREFIX_LENGTH), cursor.rest())
