"""Which IPv6 addresses were formed from an IPv4 address, as those who formed them tell."""

from __future__ import annotations

from typing import NamedTuple

from sensor.lab.network.routes import Prefix
from sensor.schema.words import Kind

_BITS = 128


class Note(NamedTuple):
    """All under ``prefix`` embed ``ip``, as ``scheme`` says."""

    prefix: Prefix
    scheme: Kind
    ip: bytes


class Formed:
    """Notes of all of them; a lie about who one is counts too, by its liar."""

    def __init__(self) -> None:
        self._notes: dict[Note, None] = {}

    def note(self, address: bytes, scheme: Kind, ip: bytes, bits: int = _BITS) -> None:
        """``address``, and all that share its first ``bits``, were formed from ``ip``."""
        self._notes[Note((address, bits), scheme, ip)] = None

    def of(self, address: bytes) -> list[tuple[Kind, bytes]]:
        """Every scheme that an address was formed by, and the IPv4 address in it."""
        return [(note.scheme, note.ip) for note in self._notes if _holds(note.prefix, address)]


def _holds(prefix: Prefix, address: bytes) -> bool:
    start, bits = prefix
    return (int.from_bytes(start) ^ int.from_bytes(address)) >> _BITS - bits == 0
