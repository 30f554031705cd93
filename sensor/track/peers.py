"""Whom a tunnel has met: outer ends, and inner addresses that an IPv4 address was put into."""

from __future__ import annotations

from collections import Counter

from sensor.schema.rows import Observation
from sensor.schema.words import Kind, Transport
from sensor.track.limits import PEERS_KEPT
from sensor.track.slots import Ends, TunnelSlot
from sensor.wire.addresses import ipv4_compatible, isatap, sixover4, sixtofour

INNER = -1  # the port of an inner address, which no outer end has
_SCHEMES = (sixtofour, isatap, ipv4_compatible, sixover4)
_PROVIDER = 1 << Kind.SIXRD
EMBEDDING = _PROVIDER | sum(
    1 << kind for kind in (Kind.SIXTOFOUR, Kind.ISATAP, Kind.IPV4_COMPATIBLE, Kind.SIXOVERFOUR)
)


class Peers:
    """Each is remembered by its tunnel's slot; ``limit`` is for one tunnel."""

    def __init__(self, limit: int, limits_hit: Counter[str]) -> None:
        self._limit = limit
        self._limits_hit = limits_hit
        self._all = 0

    def __len__(self) -> int:
        """Of all tunnels."""
        return self._all

    def meet(self, slot: TunnelSlot, peer: Ends) -> bool:
        """Whether this one is new, and there was room to remember it."""
        if peer in slot.peers:
            return False
        if len(slot.peers) >= self._limit or self._all >= PEERS_KEPT:
            self._limits_hit["peers"] += 1
            return False
        slot.peers.add(peer)
        self._all += 1
        return True

    def forget(self, slot: TunnelSlot) -> None:
        """The tunnel has ended."""
        self._all -= len(slot.peers)


def embedding_ends(row: Observation) -> list[Ends]:
    """The inner addresses of a packet of protocol 41 that embed an IPv4 address.

    Of 6rd only its operator's decoder tells; either end may be one then.
    """
    if row.outer_transport != Transport.IPV6 or not row.kinds & EMBEDDING:
        return []
    ends = (row.inner_source, row.inner_destination)
    return [
        (end, INNER)
        for end in ends
        if row.kinds & _PROVIDER or any(scheme(end) is not None for scheme in _SCHEMES)
    ]
