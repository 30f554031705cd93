"""PPP frames without their octet stuffing and check sequence (RFC 1661, RFC 1662)."""

from __future__ import annotations

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

IPV4 = 0x0021
IPV6 = 0x0057
MPLS = 0x0281
MPLS_MULTICAST = 0x0283

_ADDRESS = 0xFF
_CONTROL = 0x03


def parse(cursor: Cursor) -> int:
    """The protocol number; the cursor then stands at the information field.

    Passes address and control (ff 03) where they are, and takes a compressed protocol, told by
    an odd first octet (RFC 1661 section 6.5). DecodeError if cut, or for another control octet
    behind the address, since no protocol starts with ff.
    """
    start = cursor.position
    if cursor.peek_u8() == _ADDRESS:
        cursor.skip(1)
        if cursor.u8() != _CONTROL:
            raise DecodeError("PPP control field", start + 1)
    return cursor.u8() if cursor.peek_u8() & 1 else cursor.u16()


def build(
    protocol: int, payload: bytes, *, address_control: bool = False, compressed: bool = False
) -> bytes:
    """A frame; ValueError for a compressed protocol that is not odd and below 0xff."""
    if compressed and not (protocol & 1 and protocol < _ADDRESS):
        raise ValueError("only an odd protocol below 0xff can be compressed")
    prefix = bytes([_ADDRESS, _CONTROL]) if address_control else b""
    return prefix + protocol.to_bytes(1 if compressed else 2) + payload
