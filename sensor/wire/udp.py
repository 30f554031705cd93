"""UDP (RFC 768) over IPv4 and IPv6."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sensor.wire import checksum
from sensor.wire.cursor import Cursor

PROTOCOL = 17
HEADER_LENGTH = 8
MAX_LENGTH = 65535
_FORMAT = struct.Struct("!HHHH")


@dataclass(frozen=True, slots=True)
class UDPHeader:
    """Header fields; ``length`` in bytes, header included, as the sender claims it."""

    source_port: int
    destination_port: int
    length: int
    checksum: int


def parse(cursor: Cursor) -> UDPHeader:
    """Read 8 bytes; DecodeError if they are cut. The caller judges ``length``."""
    return UDPHeader(*_FORMAT.unpack(cursor.take(HEADER_LENGTH)))


def build(
    source_ip: bytes,
    destination_ip: bytes,
    sport: int,
    dport: int,
    payload: bytes,
    *,
    checksum: bool = True,
) -> bytes:
    """A datagram for addresses of 4 or 16 bytes; ValueError if longer than 65535 bytes."""
    length = HEADER_LENGTH + len(payload)
    if length > MAX_LENGTH:
        raise ValueError("a UDP datagram has at most 65535 bytes")
    header = _FORMAT.pack(sport, dport, length, 0)
    value = _checksum(source_ip, destination_ip, header + payload) if checksum else 0
    return header[:6] + value.to_bytes(2) + payload


def _checksum(source_ip: bytes, destination_ip: bytes, datagram: bytes) -> int:
    """Never 0, which on the wire says that there is no checksum."""
    pseudo = checksum.pseudo(source_ip, destination_ip, PROTOCOL, len(datagram))
    return checksum.internet_checksum(pseudo, datagram) or 0xFFFF


def verify(source_ip: bytes, destination_ip: bytes, datagram: bytes) -> bool | None:
    """True if the checksum is right; None if the sender gave none, which only IPv4 allows.

    Bytes beyond the declared length are left out; False also if that length exceeds ``datagram``,
    so that one cut by the snap length must not be asked about. DecodeError under 8 bytes.
    """
    header = parse(Cursor(datagram))
    if header.checksum == 0:
        return None if len(source_ip) == 4 else False
    if not HEADER_LENGTH <= header.length <= len(datagram):
        return False
    pseudo = checksum.pseudo(source_ip, destination_ip, PROTOCOL, header.length)
    return checksum.verify(pseudo, datagram[: header.length])
