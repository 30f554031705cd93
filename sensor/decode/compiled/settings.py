"""What the decoder may be told, as compiled code reads it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from sensor.decode.compiled.octets import Array
from sensor.decode.compiled.ports import table
from sensor.decode.compiled.state import DOMAIN

if TYPE_CHECKING:
    from sensor.decode.settings import DecodeSettings


def arrays(settings: DecodeSettings) -> tuple[Array, ...]:
    """6rd domains, their relays, known servers of both families, hashes of names, and ports."""
    relays = [relay for domain in settings.sixrd for relay in domain.relays]
    return (
        _domains(settings),
        _addresses(relays),
        _addresses(server for server in settings.known_servers if len(server) == 4),
        _addresses(server for server in settings.known_servers if len(server) == 16),
        *(np.array(hashes, dtype=np.uint64) for hashes in settings.names[:3]),
        np.array(settings.names[3:], dtype=np.uint64),
        table(),
    )


def _addresses(found: Iterable[bytes]) -> Array:
    """Addresses of one length as pairs of words, sorted for a binary search."""
    octets = b"".join(sorted(address.ljust(16, b"\0") for address in found))
    return np.frombuffer(octets, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def _domains(settings: DecodeSettings) -> Array:
    found = np.zeros(len(settings.sixrd), dtype=DOMAIN)
    for row, domain in zip(found, settings.sixrd, strict=True):
        bits = 32 - domain.ipv4_mask
        mask = (1 << 128) - (1 << 128 - domain.prefix_length)
        row["prefix_0"], row["prefix_1"] = _addresses([domain.prefix])[0]
        row["mask_0"], row["mask_1"] = _addresses([mask.to_bytes(16)])[0]
        row["shift"] = 128 - domain.prefix_length - bits
        row["embedded"] = (1 << bits) - 1
    return found
