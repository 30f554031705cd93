"""The TCP header (RFC 9293)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.wire import checksum
from sensor.wire.cursor import Cursor

PROTOCOL = 6
MIN_HEADER_LENGTH = 20
MAX_HEADER_LENGTH = 60

FIN = 0x01
SYN = 0x02
RST = 0x04
PSH = 0x08
ACK = 0x10
URG = 0x20
ECE = 0x40
CWR = 0x80

_LETTERS = "FSRPAUEC"  # lowest bit first
_FORMAT = struct.Struct("!HHIIBBHHH")


class TCPHeader(NamedTuple):
    """Header fields; ``data_offset`` in bytes, ``flags`` the 8 bits from FIN to CWR."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgement: int
    data_offset: int
    flags: int
    window: int
    checksum: int
    urgent: int


def flags_text(flags: int) -> str:
    """One letter per set flag, lowest bit first: ``SA`` for SYN and ACK."""
    return "".join(letter for bit, letter in enumerate(_LETTERS) if flags >> bit & 1)


def parse(cursor: Cursor) -> TCPHeader:
    """Read the fixed 20 bytes and pass the options.

    Raises DecodeError if the fixed part is cut or the data offset is under 20. Options may be
    cut (a short snap length often does that to a SYN): the cursor then stands at the end.
    """
    start = cursor.position
    (
        source_port, destination_port, sequence, acknowledgement,
        offset, flags, window, stored, urgent,
    ) = _FORMAT.unpack(cursor.take(MIN_HEADER_LENGTH))  # fmt: skip
    data_offset = (offset >> 4) * 4
    if data_offset < MIN_HEADER_LENGTH:
        raise DecodeError("TCP data offset under 20", start + 12)
    cursor.skip(min(data_offset - MIN_HEADER_LENGTH, cursor.remaining))
    return TCPHeader(
        source_port=source_port,
        destination_port=destination_port,
        sequence=sequence,
        acknowledgement=acknowledgement,
        data_offset=data_offset,
        flags=flags,
        window=window,
        checksum=stored,
        urgent=urgent,
    )


def build(
    source_ip: bytes,
    destination_ip: bytes,
    sport: int,
    dport: int,
    *,
    sequence: int,
    acknowledgement: int,
    flags: int,
    window: int = 65535,
    payload: bytes = b"",
    options: bytes = b"",
) -> bytes:
    """A segment with a correct checksum, for addresses of 4 or 16 bytes.

    Raises ValueError for options that are not a multiple of 4 bytes up to 40.
    """
    header_length = MIN_HEADER_LENGTH + len(options)
    if header_length % 4 or header_length > MAX_HEADER_LENGTH:
        raise ValueError("TCP options are at most 40 bytes, a multiple of 4")
    header = _FORMAT.pack(
        sport, dport, sequence, acknowledgement,
        header_length << 2, flags, window, 0, 0,
    )  # fmt: skip
    segment = header + options + payload
    pseudo = checksum.pseudo(source_ip, destination_ip, PROTOCOL, len(segment))
    summed = checksum.internet_checksum(pseudo, segment).to_bytes(2)
    return segment[:16] + summed + segment[18:]
