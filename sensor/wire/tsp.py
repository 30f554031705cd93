"""The tunnel setup protocol (RFC 5572): text over TCP, and over UDP behind a header."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

HEADER_LENGTH = 8

_SIGNALLING = 0xF
_SEQUENCE_BITS = 28
_SEQUENCE_MASK = (1 << _SEQUENCE_BITS) - 1
_FORMAT = struct.Struct("!II")

_BEGINNINGS = (b"VERSION=", b"CAPABILITY ", b"AUTHENTICATE ", b"<tunnel")
_LENGTH = b"content-length:"
_STATUS_DIGITS = 3
_REFERRING = b"1"
_STATUS_CLASSES = b"235"
_STATUS_ENDS = b" \r\n"


@dataclass(frozen=True, slots=True)
class Header:
    """What tells a signalling datagram from a tunnelled packet, and orders it (section 4.4)."""

    sequence: int
    timestamp: int


def parse(cursor: Cursor) -> Header:
    """Read the 8 octets before the text of a datagram (RFC 5572 section 4.4).

    DecodeError if they are cut or do not begin with the four set bits of signalling.
    """
    start = cursor.position
    first, timestamp = _FORMAT.unpack(cursor.take(HEADER_LENGTH))
    if first >> _SEQUENCE_BITS != _SIGNALLING:
        raise DecodeError("no TSP signalling", start)
    return Header(first & _SEQUENCE_MASK, timestamp)


def is_setup(text: bytes) -> bool:
    """Whether ``text`` begins as a command or an announcement does (RFC 5572 section 4.7)."""
    return text.startswith(_BEGINNINGS) or text[: len(_LENGTH)].lower() == _LENGTH


def is_reply(text: bytes) -> bool:
    """Whether ``text`` begins with a status code and what may end one (RFC 5572 section 5).

    A reply that refers to other brokers has 1000 more in its code.
    """
    text = text.removeprefix(_REFERRING)
    code, end = text[:_STATUS_DIGITS], text[_STATUS_DIGITS : _STATUS_DIGITS + 1]
    if not end or end not in _STATUS_ENDS:
        return False
    return code.isdigit() and code[0] in _STATUS_CLASSES


def build(sequence: int, timestamp: int, text: bytes) -> bytes:
    """A signalling datagram; of ``sequence`` the low 28 bits are sent."""
    first = _SIGNALLING << _SEQUENCE_BITS | sequence & _SEQUENCE_MASK
    return _FORMAT.pack(first, timestamp) + text
