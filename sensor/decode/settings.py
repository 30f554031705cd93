"""What the decoder may be told."""

from __future__ import annotations

from typing import NamedTuple

from sensor.schema.rows import STACK_LIMIT, TUNNEL_LIMIT
from sensor.wire.addresses import SixRdDomain


class DecodeSettings(NamedTuple):
    """``layers`` and ``tunnels`` bound the work on one frame; rows hold no more than the limits."""

    sixrd: tuple[SixRdDomain, ...] = ()
    known_servers: frozenset[bytes] = frozenset()
    layers: int = STACK_LIMIT
    tunnels: int = TUNNEL_LIMIT
