"""What a person, or a scenario, tells an endpoint of a GRE tunnel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GreSettings:
    """A tunnel between ``local`` and ``remote``, IPv4 addresses of 4 octets (RFC 2784, 7676).

    ``key`` of 32 bits and ``sequence`` numbers are RFC 2890's; packets without them are refused
    then. ``mtu`` counts octets of inner packets; ``own`` is the IPv6 address that says so to who
    sends larger ones, None: nobody says it.
    """

    local: bytes
    remote: bytes
    key: int | None = None
    sequence: bool = False
    checksum: bool = False
    mtu: int = 1_280
    ttl: int = 64
    own: bytes | None = None
