"""What a person, or a scenario, tells a Teredo endpoint."""

from __future__ import annotations

from dataclasses import dataclass

from sensor.lab.teredo.style import OWN, Style
from sensor.schema.records import Endpoint
from sensor.wire.addresses import TEREDO_PREFIX
from sensor.wire.ports import TEREDO_PORT


def following(ip: bytes) -> bytes:
    """The IPv4 address after ``ip``: where a server's second address is by custom."""
    return (int.from_bytes(ip) + 1 & 0xFFFFFFFF).to_bytes(4)


@dataclass(frozen=True, slots=True)
class PeerLimits:
    """How much a client or relay keeps for others, who cost a forger nothing."""

    peers: int = 1_024  # as Miredo without its larger table
    queued_packets: int = 8  # for one peer that is not reached yet
    queued_octets: int = 1 << 20  # for all of them


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """A Teredo client; ``local`` is its service end as it is numbered on its own network.

    ``network_bits`` is the length of that network's prefix, which local discovery needs. With
    ``secret`` qualification is secured (RFC 4380 section 5.2.2). The four last are RFC 6081's.
    """

    server: bytes
    local: Endpoint
    secondary: bytes | None = None  # None: the address after ``server``
    network_bits: int = 24
    style: Style = OWN
    identifier: bytes = b""
    secret: bytes = b""
    refresh: float = 30.0  # seconds
    retry: float = 100.0  # seconds from the last unanswered solicitation to the next trial
    local_discovery: bool = False
    interval_port: int | None = None  # the second port that finds the refresh interval out
    limits: PeerLimits = PeerLimits()
    symmetric: bool = True
    port_preserving: bool = True
    hairpin: bool = True

    @property
    def second(self) -> bytes:
        return self.secondary or following(self.server)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """A Teredo server on two IPv4 addresses.

    ``secrets`` are those of secure qualification, by client identifier; if there are any, nobody
    is answered without.
    """

    primary: bytes
    secondary: bytes
    port: int = TEREDO_PORT
    prefix: bytes = TEREDO_PREFIX
    mtu: int | None = 1280  # in its advertisements; Microsoft's servers leave it out
    secrets: tuple[tuple[bytes, bytes], ...] = ()
    origin_always: bool = False  # Miredo: in bubbles to its clients even where the source tells


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """A relay at ``local``; ``source`` is the IPv6 address that its bubbles come from.

    ``served`` are the IPv6 prefixes (address, bits) to which it delivers: those of a site, of all
    the Internet, or of one host, which makes it host-specific. ``direct_bubbles``: it is behind a
    NAT itself.
    """

    local: Endpoint
    source: bytes
    served: tuple[tuple[bytes, int], ...]
    prefix: bytes = TEREDO_PREFIX
    direct_bubbles: bool = False
    limits: PeerLimits = PeerLimits()
