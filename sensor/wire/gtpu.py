"""GTP-U, the user plane of mobile networks (3GPP TS 29.281)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

G_PDU = 0xFF
HEADER_LENGTH = 8  # before what ``length`` counts
MAX_EXTENSIONS = 16
_VERSION_1 = 0x30  # version 1 with the protocol type that tells GTP from GTP'
_VERSION_MASK = 0xF0
_EXTENSION = 0x04
_SEQUENCE = 0x02
_N_PDU = 0x01
_EXTENSION_UNIT = 4
_MAX_LENGTH = 0xFFFF
_FORMAT = struct.Struct("!BBHI")
_OPTIONAL = struct.Struct("!HBB")


class Header(NamedTuple):
    """One header; ``length`` counts what is behind its first 8 octets, as the sender claims.

    ``sequence`` is None where the header says that it means nothing; ``extensions`` are the
    types of the extension headers in order.
    """

    type: int
    length: int
    teid: int
    sequence: int | None
    extensions: tuple[int, ...]


def parse(cursor: Cursor) -> Header:
    """Read a header (TS 29.281 section 5); the cursor then stands behind its extensions.

    A message of type G_PDU carries an IP packet there. DecodeError if it is cut, is not
    version 1 of GTP, or has more than MAX_EXTENSIONS extensions or an empty one.
    """
    start = cursor.position
    flags, kind, length, teid = _FORMAT.unpack(cursor.take(_FORMAT.size))
    if flags & _VERSION_MASK != _VERSION_1:
        raise DecodeError("GTP version", start)
    sequence = following = 0
    if flags & (_EXTENSION | _SEQUENCE | _N_PDU):
        sequence, _, following = _OPTIONAL.unpack(cursor.take(_OPTIONAL.size))
    return Header(
        type=kind,
        length=length,
        teid=teid,
        sequence=sequence if flags & _SEQUENCE else None,
        extensions=_parse_extensions(cursor, following) if flags & _EXTENSION else (),
    )


def _parse_extensions(cursor: Cursor, following: int) -> tuple[int, ...]:
    """Each says its length first and the type of the next one last (section 5.2.1)."""
    types: list[int] = []
    while following:
        if len(types) == MAX_EXTENSIONS:
            raise DecodeError("too many extension headers", cursor.position)
        types.append(following)
        units = cursor.peek_u8()
        if units == 0:
            raise DecodeError("extension header of length 0", cursor.position)
        following = cursor.take(units * _EXTENSION_UNIT)[-1]
    return tuple(types)


def build(
    teid: int,
    payload: bytes,
    *,
    kind: int = G_PDU,
    sequence: int | None = None,
    extensions: tuple[tuple[int, bytes], ...] = (),
) -> bytes:
    """A message; ``extensions`` are pairs of a type and the content between length and next type.

    ValueError for a content that does not fill 4-octet units together with these two octets, and
    for a message of more than 65535 octets behind its first 8.
    """
    flags = _VERSION_1 | _EXTENSION * bool(extensions) | _SEQUENCE * (sequence is not None)
    types = [each for each, _ in extensions] + [0]
    body = payload
    if flags & (_EXTENSION | _SEQUENCE):
        chain = zip(extensions, types[1:], strict=True)
        optional = _OPTIONAL.pack(sequence or 0, 0, types[0])
        body = optional + b"".join(_extension(each[1], next_) for each, next_ in chain) + payload
    if len(body) > _MAX_LENGTH:
        raise ValueError("a GTP-U message has at most 65535 octets behind its first 8")
    return _FORMAT.pack(flags, kind, len(body), teid) + body


def _extension(content: bytes, following: int) -> bytes:
    units, rest = divmod(len(content) + 2, _EXTENSION_UNIT)
    if rest or units > 0xFF:
        raise ValueError("an extension header fills 1 to 255 units of 4 octets")
    return bytes([units]) + content + bytes([following])
