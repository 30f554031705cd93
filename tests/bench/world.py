"""Who is at either end of a conversation: hosts, tunnels, servers, relays.

Nothing here is ever sent. Public addresses are ordinary global ones: those of documentation would
give every tunnel an anomaly that real ones do not have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.wire.addresses import (
    FLAG_RANDOM1,
    FLAG_RANDOM2,
    LINK_LOCAL_PREFIX,
    TEREDO_PREFIX,
    packed,
)
from sensor.wire.ports import TEREDO_PORT

from .draws import Draws, Numbers, Octets, Purpose
from .scripts import Carrier

Flags = NDArray[np.bool_]

_HOSTS = 4_000
_REMOTES = 2_000
_RELAYS = 64
_SERVERS = 4
_BROKERS = 8
_NATS = 16
_FIRST_EPHEMERAL, _EPHEMERAL = 49_152, 16_384
# Steps without a common factor with the number of ports: successive tunnels get far ports.
_FIRST_PORT, _PORTS, _MAPPED_STEP, _CLIENT_STEP = 1_024, 64_000, 40_503, 23_311
# One tunnel in this many has services that are reached from outside.
_EXPOSED = 100
# First octets of forged endpoints, none of a block with private or reserved parts.
_FORGED_FIRST = np.array([*range(11, 100), *range(128, 168)])
_FORGED_STEP = 0x9E3779  # odd, so that 2**24 endpoints differ in the other octets


@dataclass(frozen=True)
class Tunnels:
    """How many there are of each kind; they are numbered in this order."""

    teredo: int
    sixinfour: int
    sixtofour: int

    @property
    def protocol_41(self) -> int:
        return self.sixinfour + self.sixtofour

    def is_sixtofour(self, tunnels: Numbers) -> Flags:
        return tunnels >= self.teredo + self.sixinfour


@dataclass(frozen=True)
class Ends:
    """Both ends of n packets: addresses (n, 4) or (n, 16), ports (n,)."""

    source: Octets
    destination: Octets
    source_port: Numbers
    destination_port: Numbers

    def turned(self, outbound: Flags) -> Ends:
        """The other way round for packets that are not ``outbound``."""
        column = outbound[:, None]
        return Ends(
            np.where(column, self.source, self.destination),
            np.where(column, self.destination, self.source),
            np.where(outbound, self.source_port, self.destination_port),
            np.where(outbound, self.destination_port, self.source_port),
        )


def big_endian(values: Numbers | NDArray[np.uint64], octets: int) -> Octets:
    """(n, octets): each number, most significant octet first."""
    return values.astype(f">u{octets}").view(np.uint8).reshape(-1, octets)


def repeated(value: bytes, times: int) -> Octets:
    """(times, len(value)): the same octets for each packet, not to be written to."""
    return np.broadcast_to(np.frombuffer(value, np.uint8), (times, len(value)))


def _ipv4(base: str, offsets: Numbers) -> Octets:
    return big_endian(offsets + int.from_bytes(packed(base)), 4)


def _ipv6(base: str, subnets: Numbers, hosts: Numbers) -> Octets:
    """Hosts of subnets, 64 bits each; ``base`` names the network of the first."""
    network = int.from_bytes(packed(base)[:8])
    return np.hstack([big_endian(subnets + network, 8), big_endian(hosts, 8)])


class World:
    """The ends of conversations, inside end first."""

    def __init__(self, draws: Draws, tunnels: Tunnels) -> None:
        self._draws = draws
        self._tunnels = tunnels

    def ordinary(self, version: int, conversations: Numbers) -> tuple[Octets, Octets]:
        """Inside host and server of a conversation that no tunnel carries."""
        hosts = self._draws.below(_HOSTS, Purpose.HOST, conversations)
        remotes = self._remotes(conversations)
        if version == 4:
            near, far = _ipv4("10.1.0.10", hosts), _ipv4("23.32.0.0", remotes * 4_099)
        else:
            near, far = _ipv6("2a02:908:1::", hosts % 64, hosts + 16), _remote(remotes)
        return near, far

    def tunnel_of(self, carrier: Carrier, conversations: Numbers, from_outside: Flags) -> Numbers:
        """The tunnel each conversation runs through.

        The first conversations of a capture set up a Teredo tunnel each.
        """
        if carrier is Carrier.FORGED:
            return conversations
        drawn = self._draws.below(1 << 40, Purpose.TUNNEL, conversations)
        teredo = self._tunnels.teredo
        if carrier is Carrier.PROTOCOL_41:
            return teredo + drawn % self._tunnels.protocol_41
        within = np.where(from_outside, max(1, teredo // _EXPOSED), teredo)
        return np.where(conversations < teredo, conversations, drawn % within)

    def outer(self, carrier: Carrier, conversations: Numbers, tunnels: Numbers) -> Ends:
        """The tunnel's client and whom it talks to: relay, server, broker or 6to4 relay."""
        if carrier is Carrier.PROTOCOL_41:
            return self._outer_41(tunnels)
        if carrier is Carrier.FORGED:
            near, near_port = self.mapped(carrier, tunnels)
        else:
            near = _ipv4("10.64.0.10", tunnels)
            near_port = _FIRST_PORT + tunnels * _CLIENT_STEP % _PORTS
        if carrier is Carrier.SERVER:
            far, far_port = self.server(tunnels), np.full(len(tunnels), TEREDO_PORT)
        else:
            far, far_port = self.relay(conversations)
        return Ends(near, far, near_port, far_port)

    def inner(
        self, carrier: Carrier, conversations: Numbers, tunnels: Numbers
    ) -> tuple[Octets, Octets]:
        """The client's IPv6 address and the remote's."""
        if carrier is Carrier.PROTOCOL_41:
            near = self._inner_41(tunnels)
        else:
            near = self._teredo_address(carrier, tunnels)
        return near, _remote(self._remotes(conversations))

    def ephemeral(self, conversations: Numbers) -> Numbers:
        """The port of the end that opens the conversation."""
        return _FIRST_EPHEMERAL + self._draws.below(_EPHEMERAL, Purpose.PORT, conversations)

    def server(self, tunnels: Numbers) -> Octets:
        return _ipv4("45.32.16.1", tunnels % _SERVERS)

    def relay(self, conversations: Numbers) -> tuple[Octets, Numbers]:
        """The relay nearest to the conversation's remote."""
        relays = self._remotes(conversations) % _RELAYS
        return _ipv4("51.15.0.1", relays * 257), 3_545 + relays * 911

    def mapped(self, carrier: Carrier, tunnels: Numbers) -> tuple[Octets, Numbers]:
        """The client's public endpoint: another one for each tunnel."""
        if carrier is Carrier.FORGED:
            first = _FORGED_FIRST[tunnels % len(_FORGED_FIRST)]
            ips = big_endian((first << 24) + (tunnels * _FORGED_STEP & 0xFFFFFF), 4)
            return ips, self._draws.below(_PORTS, Purpose.PORT, tunnels) + _FIRST_PORT
        ports = _FIRST_PORT + tunnels // _NATS * _MAPPED_STEP % _PORTS
        return _ipv4("37.48.96.1", tunnels % _NATS), ports

    def _teredo_address(self, carrier: Carrier, tunnels: Numbers) -> Octets:
        prefix = repeated(TEREDO_PREFIX, len(tunnels))
        return np.hstack([prefix, self.server(tunnels), self._identifier(carrier, tunnels)])

    def link_local(self, carrier: Carrier, tunnels: Numbers) -> Octets:
        """The address a client asks its server from."""
        prefix = repeated(LINK_LOCAL_PREFIX, len(tunnels))
        return np.hstack([prefix, self._identifier(carrier, tunnels)])

    def _identifier(self, carrier: Carrier, tunnels: Numbers) -> Octets:
        """Flags with random bits, mapped port and address inverted (RFC 4380 4, RFC 5991 3.1)."""
        flags = self._draws.below(1 << 16, Purpose.HOST, tunnels) & (FLAG_RANDOM1 | FLAG_RANDOM2)
        ip, port = self.mapped(carrier, tunnels)
        return np.hstack([big_endian(flags, 2), ~big_endian(port, 2), ~ip])

    def _outer_41(self, tunnels: Numbers) -> Ends:
        """6in4 to a broker from behind the NAT; 6to4 needs a public host."""
        sixtofour = self._tunnels.is_sixtofour(tunnels)[:, None]
        near = np.where(sixtofour, _sixtofour_host(tunnels), _ipv4("10.96.0.10", tunnels))
        anycast = repeated(packed("192.88.99.1"), len(tunnels))
        broker = _ipv4("216.66.80.1", tunnels % _BROKERS)
        none = np.zeros(len(tunnels), np.int64)
        return Ends(near, np.where(sixtofour, anycast, broker), none, none)

    def _inner_41(self, tunnels: Numbers) -> Octets:
        configured = _ipv6("2001:470:1f0a::", tunnels, np.full(len(tunnels), 2))
        prefix, rest = (
            repeated(packed("2002::")[:2], len(tunnels)),
            repeated(bytes(9) + b"\1", len(tunnels)),
        )
        sixtofour = np.hstack([prefix, _sixtofour_host(tunnels), rest])
        return np.where(self._tunnels.is_sixtofour(tunnels)[:, None], sixtofour, configured)

    def _remotes(self, conversations: Numbers) -> Numbers:
        return self._draws.below(_REMOTES, Purpose.REMOTE, conversations)


def _remote(remotes: Numbers) -> Octets:
    return _ipv6("2a00:1450:4001::", remotes % 256, remotes + 0x200E)


def _sixtofour_host(tunnels: Numbers) -> Octets:
    return _ipv4("62.210.0.10", tunnels)
