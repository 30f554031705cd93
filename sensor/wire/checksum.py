"""The Internet checksum (RFC 1071) and the pseudo headers it covers."""

from __future__ import annotations

import struct


def _ones_complement_sum(parts: tuple[bytes, ...]) -> int:
    """Sum of the 16-bit words of the joined ``parts``, 0 to 0xffff.

    Only the end of the last part is padded, so an odd part inside shifts what follows it, as it
    would on the wire. 2**16 is 1 modulo 0xffff, hence one big remainder is the end-around sum;
    a sum that is a multiple of 0xffff is written 0xffff unless every byte is zero.
    """
    data = b"".join(parts)
    total = int.from_bytes(data) << (len(data) % 2 * 8)
    return total % 0xFFFF or (0xFFFF if total else 0)


def internet_checksum(*parts: bytes) -> int:
    """The value to write in a checksum field that is zero in ``parts`` (RFC 1071)."""
    return _ones_complement_sum(parts) ^ 0xFFFF


def verify(*parts: bytes) -> bool:
    """True if ``parts``, stored checksum included, sum to 0xffff (RFC 1071)."""
    return _ones_complement_sum(parts) == 0xFFFF


def pseudo_ipv4(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    """The 12 bytes of RFC 768; ``length`` is that of the transport header and data, in bytes."""
    return source + destination + struct.pack("!BBH", 0, protocol, length)


def pseudo_ipv6(source: bytes, destination: bytes, next_header: int, length: int) -> bytes:
    """The 40 bytes of RFC 8200 section 8.1; ``length`` is that of the upper layer, in bytes."""
    return source + destination + struct.pack("!II", length, next_header)


def pseudo(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    """The pseudo header for addresses of 4 or of 16 bytes."""
    build = pseudo_ipv4 if len(source) == 4 else pseudo_ipv6
    return build(source, destination, protocol, length)
