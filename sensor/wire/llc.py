"""LLC with SNAP (IEEE 802.2, RFC 1042): how an EtherType is said where a length stands."""

from __future__ import annotations

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

# Both access points aa, control 03, then RFC 1042's organisation or that of bridge tunnels
# (IEEE 802.1H), behind either of which an EtherType follows.
SNAP = bytes.fromhex("aaaa03000000")
BRIDGE_TUNNEL = bytes.fromhex("aaaa030000f8")
PREFIXES = (SNAP, BRIDGE_TUNNEL)


def parse(cursor: Cursor) -> int:
    """Pass the 8 octets and return the EtherType in them; DecodeError if they are anything else."""
    start = cursor.position
    if cursor.take(len(SNAP)) not in PREFIXES:
        raise DecodeError("no SNAP header", start)
    return cursor.u16()


def build(ethertype: int) -> bytes:
    """The 8 octets as RFC 1042 has them."""
    return SNAP + ethertype.to_bytes(2)
