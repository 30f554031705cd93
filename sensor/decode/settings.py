"""What the decoder may be told."""

from __future__ import annotations

from typing import NamedTuple

from sensor.decode.names import NameHashes
from sensor.schema.rows import STACK_LIMIT, TUNNEL_LIMIT
from sensor.wire.addresses import SixRdDomain


class FragmentLimits(NamedTuple):
    """How many fragments are kept to be put together, and for how long (packet time)."""

    # At a million packets a second, a hundredth of them in fragments: those of half a second.
    datagrams: int = 4_096
    # Their octets, as they take memory: each of these datagrams with three full frames.
    octets: int = 16 << 20
    # The largest packet in fragments of 64 octets; links that need smaller ones are gone.
    fragments: int = 1_024
    # As Linux waits for IPv4; RFC 8200 gives IPv6 a minute, but a sensor must not wait for long.
    idle_ns: int = 30_000_000_000


class DecodeSettings(NamedTuple):
    """``layers`` and ``tunnels`` bound the work on one frame; rows hold no more than the limits."""

    sixrd: tuple[SixRdDomain, ...] = ()
    known_servers: frozenset[bytes] = frozenset()
    layers: int = STACK_LIMIT
    tunnels: int = TUNNEL_LIMIT
    names: NameHashes = NameHashes()
    fragments: FragmentLimits = FragmentLimits()
