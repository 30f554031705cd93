"""What the decoder may be told."""

from __future__ import annotations

from dataclasses import dataclass

from sensor.schema.rows import STACK_LIMIT, TUNNEL_LIMIT
from sensor.wire.addresses import SixRdDomain


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """``layers`` and ``tunnels`` bound the work on one frame; rows hold no more than the limits."""

    sixrd: tuple[SixRdDomain, ...] = ()
    known_servers: frozenset[bytes] = frozenset()
    layers: int = STACK_LIMIT
    tunnels: int = TUNNEL_LIMIT
