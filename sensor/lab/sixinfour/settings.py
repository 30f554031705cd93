"""What a person, or a scenario, tells an endpoint of a protocol-41 tunnel."""

from __future__ import annotations

from dataclasses import dataclass

from sensor.wire.addresses import SIXTOFOUR_ANYCAST, SixRdDomain

Network = tuple[bytes, int]  # an IPv6 address and how many of its leading bits count


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """The outer header (RFC 4213 section 3).

    ``mtu`` counts octets of inner packets. ``copy_class`` gives the outer packet the inner one's
    traffic class.
    """

    mtu: int = 1_280
    ttl: int = 64
    copy_class: bool = False


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """A configured tunnel between ``local`` and ``remote``, IPv4 addresses of 4 octets.

    ``own`` is the IPv6 address that its errors come from; None: its link-local one, from which
    none reaches a host behind a router.
    """

    local: bytes
    remote: bytes
    link: LinkSettings = LinkSettings()
    own: bytes | None = None


@dataclass(frozen=True, slots=True)
class SixToFourSettings:
    """A 6to4 router (RFC 3056); ``relay`` is where native destinations are sent, None: nowhere."""

    local: bytes
    relay: bytes | None = SIXTOFOUR_ANYCAST
    link: LinkSettings = LinkSettings()


@dataclass(frozen=True, slots=True)
class SixToFourRelaySettings:
    """A 6to4 relay; with ``anycast`` it is at 192.88.99.1 too, and answers from there (RFC 7526).

    ``served`` are the native networks that it leads to.
    """

    local: bytes
    served: tuple[Network, ...]
    anycast: bool = False
    link: LinkSettings = LinkSettings()


@dataclass(frozen=True, slots=True)
class SixRdSettings:
    """A customer's edge, or a provider's border relay, of one domain (RFC 5969)."""

    local: bytes
    domain: SixRdDomain
    link: LinkSettings = LinkSettings(copy_class=True)


@dataclass(frozen=True, slots=True)
class IsatapHostSettings:
    """A host of a site; ``routers`` is its potential router list (RFC 5214 section 8.3.2).

    ``refresh`` is the least time between two solicitations of one router, in seconds.
    """

    local: bytes
    routers: tuple[bytes, ...]
    refresh: float = 3_600.0
    link: LinkSettings = LinkSettings()


@dataclass(frozen=True, slots=True)
class IsatapRouterSettings:
    """An advertising router; ``prefix`` are the 8 octets of its site, times are seconds."""

    local: bytes
    prefix: bytes
    lifetime: int = 1_800
    preferred: int = 604_800
    valid: int = 2_592_000
    link: LinkSettings = LinkSettings()


@dataclass(frozen=True, slots=True)
class SixOverFourSettings:
    """A host on the virtual Ethernet of 6over4 (RFC 2529); ``prefix`` of 8 octets: a router."""

    local: bytes
    prefix: bytes | None = None
    link: LinkSettings = LinkSettings(mtu=1_480, ttl=8)
