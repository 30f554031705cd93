"""AYIYA headers: anything in anything, as SixXS carried IPv6 in UDP (draft-massar-v6ops-ayiya)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

NOOP = 0
FORWARD = 1
ECHO = 2
ECHO_FORWARD = 3
ECHO_REPLY = 4
MOTD = 5
QUERY = 6
QUERY_REPLY = 7

NO_HASH = 0
MD5 = 1
SHA1 = 2
UMAC = 3

MAX_IDENTITY = 256
_MIN_SOUND_IDENTITY = 16
_MAX_IDENTITY_TYPE = 2
_MAX_AUTHENTICATION = 2
_SIGNATURE_LENGTHS = {NO_HASH: 0, MD5: 16, SHA1: 20}
_NEXT_HEADERS = frozenset((4, 41, 59))  # IPv4, IPv6, nothing
_SIGNATURE_UNIT = 4
_FORMAT = struct.Struct("!BBBBI")


@dataclass(frozen=True, slots=True)
class Header:
    """One header; ``epoch`` in seconds since 1970, the identity of 2^n octets, n at most 8."""

    identity_type: int
    identity: bytes
    hash_method: int
    signature: bytes
    authentication: int
    opcode: int
    next_header: int
    epoch: int

    @property
    def sound(self) -> bool:
        """Whether every field has a value the protocol defines, which few other octets have."""
        return (
            self.identity_type <= _MAX_IDENTITY_TYPE
            and len(self.identity) >= _MIN_SOUND_IDENTITY
            and self._sound_signature
            and self.authentication <= _MAX_AUTHENTICATION
            and self.opcode <= QUERY_REPLY
            and self.next_header in _NEXT_HEADERS
        )

    @property
    def _sound_signature(self) -> bool:
        """UMAC has tags of several lengths, the other methods one each."""
        return self.hash_method == UMAC or (
            _SIGNATURE_LENGTHS.get(self.hash_method) == len(self.signature)
        )

    def build(self) -> bytes:
        """The header's octets; ValueError if identity or signature have no length it can say."""
        exponent = len(self.identity).bit_length() - 1
        units, rest = divmod(len(self.signature), _SIGNATURE_UNIT)
        if len(self.identity) != 1 << max(exponent, 0) or exponent > 8 or rest or units > 15:
            raise ValueError("an identity has 1 to 256 octets, a power of two; a signature 0 to 60")
        fixed = _FORMAT.pack(
            exponent << 4 | self.identity_type,
            units << 4 | self.hash_method,
            self.authentication << 4 | self.opcode,
            self.next_header,
            self.epoch,
        )
        return fixed + self.identity + self.signature


def parse(cursor: Cursor) -> Header:
    """Read a header; the cursor then stands at what it carries.

    DecodeError if it is cut or its identity is longer than MAX_IDENTITY.
    """
    start = cursor.position
    first, second, third, next_header, epoch = _FORMAT.unpack(cursor.take(_FORMAT.size))
    length = 1 << (first >> 4)
    if length > MAX_IDENTITY:
        raise DecodeError(f"identity of {length} octets", start)
    identity = cursor.take(length)
    signature = cursor.take((second >> 4) * _SIGNATURE_UNIT)
    return Header(
        identity_type=first & 15,
        identity=identity,
        hash_method=second & 15,
        signature=signature,
        authentication=third >> 4,
        opcode=third & 15,
        next_header=next_header,
        epoch=epoch,
    )
