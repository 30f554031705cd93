"""What the tracker may be told: the inside network, its IPv4 policy, and how much it remembers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sensor.wire.addresses import SixRdDomain, text

_MILLISECOND = 1_000_000
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Network:
    """An IPv4 or IPv6 network: ``prefix`` of 4 or 16 bytes, zero after ``length`` bits.

    Values that cannot form a network raise ValueError.
    """

    prefix: bytes
    length: int
    _shift: int = field(init=False, repr=False, compare=False)
    _value: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        width = len(self.prefix) * 8
        if width not in (32, 128) or not 0 <= self.length <= width:
            raise ValueError("a network has 4 or 16 bytes and a length of at most 32 or 128 bits")
        value = int.from_bytes(self.prefix)
        if value & ((1 << width - self.length) - 1):
            raise ValueError("the network has bits set after its length")
        # The frozen class is filled in once; holds() runs for every tunnelled frame.
        object.__setattr__(self, "_shift", width - self.length)
        object.__setattr__(self, "_value", value >> width - self.length)

    def __str__(self) -> str:
        return f"{text(self.prefix)}/{self.length}"

    def holds(self, address: bytes) -> bool:
        """Whether an address of 4 or 16 bytes lies in this network of the same family."""
        if len(address) != len(self.prefix):
            return False
        return int.from_bytes(address) >> self._shift == self._value


def network(written: str) -> Network:
    """The network written ADDRESS/LENGTH, or ADDRESS alone; ValueError if it is none."""
    parsed = ipaddress.ip_network(written)
    return Network(parsed.network_address.packed, parsed.prefixlen)


def any_holds(networks: Iterable[Network], address: bytes) -> bool:
    """Whether one of the networks holds the address."""
    return any(member.holds(address) for member in networks)


class Zone(NamedTuple):
    """A named part of the network; ``vlans``, where given, restrict it to frames tagged so."""

    name: str
    networks: tuple[Network, ...]
    vlans: frozenset[int] = frozenset()
    inside: bool = True

    def applies_on(self, vlan: int | None) -> bool:
        return not self.vlans or vlan in self.vlans


# RFC 1918, the space that carriers share (RFC 6598), and unique local addresses (RFC 4193).
DEFAULT_ZONES = (
    Zone(
        "inside",
        tuple(
            map(
                network,
                ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
            )
        ),
    ),
)


class Service(NamedTuple):
    """A service that IPv4 policy allows from outside: on ``networks``, or anywhere if empty."""

    transport: int  # IP protocol number
    port: int
    networks: tuple[Network, ...] = ()


class TrackLimits(NamedTuple):
    """How much the tracker remembers, and for how long (packet time)."""

    # Every host of a /16 with one tunnel.
    tunnels: int = 65_536
    # Two open conversations for each of these tunnels.
    conversations: int = 131_072
    # Each tunnel with its server, every second one with a relay or peer.
    flows: int = 98_304
    # One reached service for every second tunnel; real networks stay far below.
    exposures: int = 32_768
    # Outer peers of one tunnel. A client meets tens; beyond a thousand only the count matters.
    peers: int = 1_024
    # Unanswered candidates that become tunnels each minute: a flood of forged ones costs rows only.
    promotions_per_minute: int = 1_000
    # Look-ups of the names of servers and routers: some for every host that has tunnels set up.
    names: int = 4_096
    # A switch mirrors a frame twice within microseconds; reordering in a ring takes milliseconds.
    copy_window_ns: int = 50 * _MILLISECOND
    # A NAT forwards within milliseconds, but the clocks of two capturing hosts differ by more.
    join_window_ns: int = 2 * _SECOND
    # NAT holes close after 30 to 120 s and clients refresh every 30 s (RFC 4380 section 5.2):
    # after 300 s of silence no hole is left.
    teredo_idle_ns: int = 300 * _SECOND
    # Tunnels on protocol 41 need no keep-alive, so silence says little about their end.
    tunnel_idle_ns: int = 3_600 * _SECOND
    # TCP keep-alives are rarer, but by then the conversation has been reported as it stands.
    tcp_idle_ns: int = 300 * _SECOND
    # Late segments and retransmitted FINs of a closed connection.
    closed_idle_ns: int = 30 * _SECOND
    # UDP and ICMP, which say nothing of their end: the usual time-out of NATs and flow tables.
    datagram_idle_ns: int = 60 * _SECOND


class TrackSettings(NamedTuple):
    """``services`` is what IPv4 policy allows; None where no policy is configured."""

    zones: tuple[Zone, ...] = DEFAULT_ZONES
    nat_pools: tuple[Network, ...] = ()
    services: tuple[Service, ...] | None = None
    limits: TrackLimits = TrackLimits()
    known_servers: frozenset[bytes] = frozenset()
    sixrd: tuple[SixRdDomain, ...] = ()

    def zone_of(self, ip: bytes, vlan: int | None) -> Zone | None:
        """The zone with the longest prefix that holds ``ip``, preferring one named for its VLAN."""
        best, best_rank = None, (-1, False)
        for zone in self.zones:
            if not zone.applies_on(vlan):
                continue
            for member in zone.networks:
                rank = (member.length, bool(zone.vlans))
                if rank > best_rank and member.holds(ip):
                    best, best_rank = zone, rank
        return best

    def is_inside(self, ip: bytes, vlan: int | None) -> bool:
        """Whether ``ip`` lies in a zone of the inside; public addresses of NATs do not."""
        zone = self.zone_of(ip, vlan)
        return zone is not None and zone.inside

    def in_nat_pool(self, ip: bytes) -> bool:
        """Whether ``ip`` is a public address of one of our NATs."""
        return any_holds(self.nat_pools, ip)

    def allows(self, ip: bytes | None, transport: int, port: int) -> bool | None:
        """Whether IPv4 policy lets the Internet reach a service on inside host ``ip``.

        None where that cannot be told: no policy is configured, or the host is unknown and the
        policy depends on it.
        """
        if self.services is None:
            return None
        rules = [rule for rule in self.services if (rule.transport, rule.port) == (transport, port)]
        if any(not rule.networks for rule in rules):
            return True
        if ip is None:
            return None if rules else False
        return any(any_holds(rule.networks, ip) for rule in rules)
