"""What a person, or a scenario, tells the endpoints that only frame packets."""

from __future__ import annotations

from dataclasses import dataclass

from sensor.schema.records import Endpoint
from sensor.wire import sixbed4
from sensor.wire.addresses import SIXA44_RELAY
from sensor.wire.ports import SIXA44_PORT, SIXBED4_PORT

ANYCAST_RELAY = Endpoint(SIXA44_RELAY, SIXA44_PORT)
FALLBACK_ROUTER = Endpoint(sixbed4.SERVER, SIXBED4_PORT)


@dataclass(frozen=True, slots=True)
class L2tpClientSettings:
    """A softwire initiator (RFC 5571); ``address`` is the IPv6 address it was given.

    Every ``hello`` seconds it asks whether the tunnel still stands; ``retry`` seconds after it
    fell it begins anew.
    """

    local: Endpoint
    server: Endpoint
    address: bytes
    hello: float = 60.0
    retry: float = 60.0
    mtu: int = 1_280


@dataclass(frozen=True, slots=True)
class L2tpServerSettings:
    """A softwire concentrator; a client has the IPv6 address that its packets come from.

    ``tunnels`` limits how many there are at a time.
    """

    local: Endpoint
    tunnels: int = 256
    silence: float = 180.0  # seconds after which a client is gone
    mtu: int = 1_280


@dataclass(frozen=True, slots=True)
class SixA44ClientSettings:
    """A 6a44 client (RFC 6751); ``local.ip`` is its private address, which its own embeds."""

    local: Endpoint
    relay: Endpoint = ANYCAST_RELAY
    refresh: float = 30.0  # seconds between bubbles that keep the NAT's mapping
    mtu: int = 1_280


@dataclass(frozen=True, slots=True)
class SixA44RelaySettings:
    """A provider's relay; all its clients' addresses begin with the 6 octets of ``prefix``."""

    prefix: bytes
    local: Endpoint = ANYCAST_RELAY
    mtu: int = 1_280


@dataclass(frozen=True, slots=True)
class SixBed4PeerSettings:
    """A 6bed4 peer; ``number`` of 14 bits tells hosts behind one endpoint apart."""

    local: Endpoint
    router: Endpoint = FALLBACK_ROUTER
    number: int = 1
    keepalive: float = 30.0  # seconds
    mtu: int = 1_280


@dataclass(frozen=True, slots=True)
class SixBed4RouterSettings:
    """A 6bed4 router; all its peers' addresses begin with the 8 octets of ``prefix``."""

    prefix: bytes
    local: Endpoint = FALLBACK_ROUTER
    mtu: int = 1_280
