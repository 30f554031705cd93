"""What a person, or a scenario, tells a broker and its clients."""

from __future__ import annotations

from dataclasses import dataclass

from sensor.lab.sixinfour.settings import Network
from sensor.schema.records import Endpoint


@dataclass(frozen=True, slots=True)
class AyiyaClientSettings:
    """An AYIYA client; the identities are the IPv6 addresses of both ends of its tunnel.

    ``epoch`` are the seconds from 1970 to the time 0 of the machine's clock.
    """

    local: Endpoint
    broker: Endpoint
    identity: bytes
    broker_identity: bytes
    secret: bytes
    epoch: float
    heartbeat: float = 60.0  # seconds
    mtu: int = 1_280


@dataclass(frozen=True, slots=True)
class AyiyaAccount:
    """One client of a broker; ``networks`` are routed to it beside its own address."""

    identity: bytes
    broker_identity: bytes
    secret: bytes
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class AyiyaBrokerSettings:
    """A broker; ``own`` is the IPv6 address that its errors come from."""

    local: Endpoint
    own: bytes
    accounts: tuple[AyiyaAccount, ...]
    epoch: float
    mtu: int = 1_280


@dataclass(frozen=True, slots=True)
class TspRequest:
    """What a client asks a broker for (RFC 5572 section 4.7).

    ``ip`` is its own IPv4 address as it knows it; without a ``name`` it stays anonymous;
    ``keepalive`` in seconds, which only v6udpv4 has.
    """

    tunnel: str
    ip: bytes
    name: str = ""
    password: str = ""
    keepalive: int = 30


@dataclass(frozen=True, slots=True)
class TspClientSettings:
    """A client that wants IPv6 in UDP; ``retry`` seconds after a failure it tries again."""

    local: Endpoint
    broker: Endpoint
    name: str = ""
    password: str = ""
    keepalive: int = 30
    retry: float = 60.0
    mtu: int = 1_280


@dataclass(frozen=True, slots=True)
class TspAccount:
    """A user with a password and an IPv6 address that is always the same."""

    name: str
    password: str
    address: bytes


@dataclass(frozen=True, slots=True)
class TspBrokerSettings:
    """A broker that is its own tunnel server; ``own`` is its IPv6 address in all tunnels.

    Anonymous clients get addresses under ``prefix``, 8 octets, at most ``pool`` at a time; a
    ``pool`` of 0 refuses them. ``sessions`` limits how many clients are spoken with at once.
    """

    local: Endpoint
    own: bytes
    prefix: bytes
    accounts: tuple[TspAccount, ...] = ()
    pool: int = 256
    sessions: int = 256
    lifetime: int = 86_400  # seconds that a tunnel is promised for
    mtu: int = 1_280
