"""NetBIOS name service messages (RFC 1001, RFC 1002)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from sensor.errors import DecodeError
from sensor.wire import dns
from sensor.wire.cursor import Cursor

MAX_ADDRESSES = 25

_TYPE_NB = 0x0020
_CLASS_IN = 1
_NAME_LENGTH = 16
_ENCODED_LENGTH = 2 * _NAME_LENGTH
_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_ENTRY_LENGTH = 6
_RESULT = 0x000F
_QUERY = 0
# Registration, the two numbers in use for refresh, registration of a host with many addresses.
_ANNOUNCING = frozenset((_QUERY, 5, 8, 9, 15))


@dataclass(frozen=True, slots=True)
class Message:
    """The name a message is about and the IPv4 addresses it tells for it.

    ``name`` is in lower case without its padding; ``suffix``, its 16th octet, says what service
    it names.
    """

    id: int
    response: bool
    name: str
    suffix: int
    addresses: tuple[bytes, ...]


def parse(data: bytes) -> Message:
    """Read a question, a response or a registration (RFC 1002 section 4.2).

    Addresses are those of positive responses and of registrations, at most MAX_ADDRESSES.
    DecodeError for a cut message, one about no name, or a name that is not encoded.
    """
    cursor = Cursor(data)
    identifier, flags, asked, *told = _HEADER.unpack(cursor.take(_HEADER.size))
    if asked + sum(told) == 0 or asked > 1:
        raise DecodeError("message about no name, or several", cursor.position)
    names: list[tuple[str, int]] = []
    addresses: tuple[bytes, ...] = ()
    if asked:
        names.append(_name(cursor))
        cursor.skip(4)
    if any(told):
        names.append(_name(cursor))
        addresses = _addresses(cursor)
    if flags & _RESULT or flags >> 11 & 15 not in _ANNOUNCING:
        addresses = ()
    return Message(identifier, bool(flags & dns.FLAG_RESPONSE), *names[0], addresses)


def _name(cursor: Cursor) -> tuple[str, int]:
    """Undo the first-level encoding: each letter holds four bits (RFC 1001 section 14.1)."""
    start = cursor.position
    labels = dns.labels(cursor)
    encoded = labels[0] if labels else b""
    nibbles = [letter - ord("A") for letter in encoded]
    if len(encoded) != _ENCODED_LENGTH or not all(0 <= nibble < 16 for nibble in nibbles):
        raise DecodeError("name that is not encoded", start)
    octets = bytes(map(lambda high, low: high << 4 | low, nibbles[::2], nibbles[1::2]))
    # Windows asks for short names of the DNS here too: dots are characters like others.
    return dns.text(octets[:-1].rstrip(b" ").split(b".")), octets[-1]


def _addresses(cursor: Cursor) -> tuple[bytes, ...]:
    """The IPv4 addresses in a record behind its name (RFC 1002 section 4.2.13)."""
    kind, cls, _, length = _RECORD.unpack(cursor.take(_RECORD.size))
    entries = cursor.sub(length)
    if (kind, cls) != (_TYPE_NB, _CLASS_IN):
        return ()
    count = min(length // _ENTRY_LENGTH, MAX_ADDRESSES)
    return tuple(entries.take(_ENTRY_LENGTH)[2:] for _ in range(count))


def build_query(id: int, name: str, suffix: int = 0) -> bytes:
    """A broadcast name query."""
    question = _build_name(name, suffix) + struct.pack("!HH", _TYPE_NB, _CLASS_IN)
    return _HEADER.pack(id, 0x0110, 1, 0, 0, 0) + question


def build_response(id: int, name: str, addresses: Sequence[bytes], suffix: int = 0) -> bytes:
    """A positive name query response with IPv4 addresses of 4 octets."""
    data = b"".join(bytes(2) + address for address in addresses)
    record = _RECORD.pack(_TYPE_NB, _CLASS_IN, 300, len(data)) + data
    return _HEADER.pack(id, 0x8500, 0, 1, 0, 0) + _build_name(name, suffix) + record


def _build_name(name: str, suffix: int) -> bytes:
    octets = name.upper().encode().ljust(_NAME_LENGTH - 1) + bytes([suffix])
    if len(octets) != _NAME_LENGTH:
        raise ValueError(f"a NetBIOS name has at most {_NAME_LENGTH - 1} octets")
    letters = bytes(ord("A") + nibble for octet in octets for nibble in divmod(octet, 16))
    return bytes([_ENCODED_LENGTH]) + letters + b"\0"
