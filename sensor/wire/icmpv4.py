"""ICMP for IPv4 (RFC 792)."""

from __future__ import annotations

from typing import NamedTuple

from sensor.wire import checksum
from sensor.wire.cursor import Cursor

PROTOCOL = 1

ECHO_REPLY = 0
UNREACHABLE = 3
SOURCE_QUENCH = 4
REDIRECT = 5
ECHO_REQUEST = 8
TIME_EXCEEDED = 11
PARAMETER_PROBLEM = 12
# These quote the packet they are about, all of it or its start (RFC 1812 section 4.3.2.3).
ERRORS = frozenset((UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM))

HEADER_LENGTH = 8
_REST_LENGTH = 4


class Message(NamedTuple):
    """The first 8 octets of a message but for the checksum; what ``rest`` holds is the type's."""

    type: int
    code: int
    rest: bytes


def parse(cursor: Cursor) -> Message:
    """Read 8 octets; the cursor then stands at the data, of an error at the quoted packet.

    DecodeError if they are cut.
    """
    header = cursor.take(HEADER_LENGTH)
    return Message(header[0], header[1], header[4:])


def build(kind: int, code: int, rest: bytes, body: bytes) -> bytes:
    """A message with a correct checksum; ValueError unless ``rest`` has 4 octets."""
    if len(rest) != _REST_LENGTH:
        raise ValueError("the rest of an ICMP header has 4 octets")
    header = bytes([kind, code])
    summed = checksum.internet_checksum(header, bytes(2), rest, body)
    return header + summed.to_bytes(2) + rest + body


def build_error(
    kind: int,
    code: int,
    packet: bytes,
    *,
    rest: bytes = bytes(_REST_LENGTH),
    quote: int | None = None,
) -> bytes:
    """An error about ``packet`` that quotes its first ``quote`` octets, all of it for None."""
    return build(kind, code, rest, packet[:quote])
