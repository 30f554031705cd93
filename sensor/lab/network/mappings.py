"""The table of a NAT: which outside endpoint stands for which inside one, and who may answer."""

from __future__ import annotations

from collections import Counter, deque
from random import Random

from sensor.lab.network.behaviour import Dependence, NatBehaviour, PortChoice
from sensor.lab.network.rewrite import Flow
from sensor.schema.records import Endpoint
from sensor.wire import icmpv4, tcp, udp

# Idle mappings in seconds: RFC 5382 section 5 and RFC 5508 section 3.2 allow no less.
TCP_LIFETIME = 7_440.0
ICMP_LIFETIME = 60.0
# Remote endpoints that one mapping lets in; a scan from inside fills that.
PERMITS = 256
# Mappings that have been, for who asks afterwards.
HISTORY = 65_536

FIRST_PORT = 1_024  # lower ones belong to the NAT box itself
_PORTS = 65_536 - FIRST_PORT

TABLE_FULL = "table-full"
NO_PORT = "no-port"
NO_MAPPING = "no-mapping"
FILTERED = "filtered"
PERMIT_EVICTED = "permit-evicted"
HISTORY_FORGOTTEN = "history-forgotten"


class Mapping:
    """One outside port given to an inside endpoint; times in seconds.

    ``remote`` is for whom it holds: None for everybody, port 0 for all ports of an address.
    ``ended`` is when it was lost, None while it is held.
    """

    __slots__ = (
        "created", "ended", "inside", "outside", "permits", "protocol", "refreshed", "remote",
    )  # fmt: skip

    def __init__(
        self,
        protocol: int,
        inside: Endpoint,
        outside: Endpoint,
        remote: Endpoint | None,
        now: float,
    ) -> None:
        self.protocol = protocol
        self.inside = inside
        self.outside = outside
        self.remote = remote
        self.created = self.refreshed = now
        self.ended: float | None = None
        self.permits: dict[Endpoint | None, float] = {}  # who may answer, by when it was sent to


class Mappings:
    """At most as many as the behaviour allows; what that costs is counted in ``drops``."""

    def __init__(
        self, outside_ip: bytes, behaviour: NatBehaviour, rng: Random, drops: Counter[str]
    ) -> None:
        self._ip = outside_ip
        self._behaviour = behaviour
        self._rng = rng
        self._drops = drops
        self._lifetimes = {
            udp.PROTOCOL: behaviour.lifetime,
            tcp.PROTOCOL: TCP_LIFETIME,
            icmpv4.PROTOCOL: ICMP_LIFETIME,
        }
        self._inside: dict[tuple[int, Endpoint, Endpoint | None], Mapping] = {}
        self._outside: dict[tuple[int, int], Mapping] = {}
        self._last_port = rng.randrange(FIRST_PORT, FIRST_PORT + _PORTS)
        self._history: deque[Mapping] = deque()

    def __len__(self) -> int:
        return len(self._outside)

    def all(self, now: float) -> tuple[Mapping, ...]:
        """Those that are and those that were, oldest first."""
        self._sweep(now)
        return tuple(self._history)

    def outbound(self, flow: Flow, now: float) -> Mapping | None:
        """The mapping for a packet from inside, made if need be; None if there is no room."""
        remote = seen_by(self._behaviour.mapping, flow.destination)
        mapping = self._living(self._inside.get((flow.protocol, flow.source, remote)), now)
        if mapping is None:
            mapping = self._make(flow, remote, now)
        if mapping is not None:
            mapping.refreshed = now
            self._permit(mapping, seen_by(self._behaviour.filtering, flow.destination), now)
        return mapping

    def inbound(self, flow: Flow, now: float) -> Mapping | None:
        """The mapping that lets a packet from outside in, or None."""
        mapping = self.find(flow.protocol, flow.destination, now)
        if mapping is None:
            self._drops[NO_MAPPING] += 1
            return None
        remote = seen_by(self._behaviour.filtering, flow.source)
        if remote is not None and not self._permitted(mapping, remote, now):
            self._drops[FILTERED] += 1
            return None
        if self._behaviour.inbound_refreshes:
            mapping.refreshed = now
            self._permit(mapping, remote, now)
        return mapping

    def find(self, protocol: int, outside: Endpoint, now: float) -> Mapping | None:
        """Whose outside endpoint this is, whoever asks."""
        return self._living(self._outside.get((protocol, outside.port)), now)

    def find_inside(self, flow: Flow, now: float) -> Mapping | None:
        """The mapping of packets from inside to a remote end, without making one."""
        remote = seen_by(self._behaviour.mapping, flow.destination)
        return self._living(self._inside.get((flow.protocol, flow.source, remote)), now)

    def forget(self, now: float) -> None:
        """Lose all of them, as a box that was switched off and on."""
        for mapping in list(self._outside.values()):
            self._end(mapping, now)

    def _make(self, flow: Flow, remote: Endpoint | None, now: float) -> Mapping | None:
        if len(self) >= self._behaviour.limit:
            self._sweep(now)
        if len(self) >= self._behaviour.limit:
            self._drops[TABLE_FULL] += 1
            return None
        port = self._free_port(flow, now)
        if port is None:
            self._drops[NO_PORT] += 1
            return None
        mapping = Mapping(flow.protocol, flow.source, Endpoint(self._ip, port), remote, now)
        self._inside[flow.protocol, flow.source, remote] = mapping
        self._outside[flow.protocol, port] = mapping
        self._remember(mapping)
        return mapping

    def _remember(self, mapping: Mapping) -> None:
        if len(self._history) == HISTORY:
            self._drops[HISTORY_FORGOTTEN] += 1
            self._history.popleft()
        self._history.append(mapping)

    def _free_port(self, flow: Flow, now: float) -> int | None:
        wanted = flow.source.port
        if self._behaviour.ports is PortChoice.PRESERVING and self._free(flow, wanted, now):
            return wanted
        if self._behaviour.ports is PortChoice.SEQUENTIAL:
            first = self._last_port + 1 - FIRST_PORT
        else:
            first = self._rng.randrange(_PORTS)
        for step in range(_PORTS):
            port = FIRST_PORT + (first + step) % _PORTS
            if self._free(flow, port, now):
                self._last_port = port
                return port
        return None

    def _free(self, flow: Flow, port: int, now: float) -> bool:
        return self.find(flow.protocol, Endpoint(self._ip, port), now) is None

    def _permit(self, mapping: Mapping, remote: Endpoint | None, now: float) -> None:
        mapping.permits.pop(remote, None)
        if len(mapping.permits) >= PERMITS:
            mapping.permits.pop(next(iter(mapping.permits)))
            self._drops[PERMIT_EVICTED] += 1
        mapping.permits[remote] = now

    def _permitted(self, mapping: Mapping, remote: Endpoint, now: float) -> bool:
        sent = mapping.permits.get(remote)
        return sent is not None and now - sent < self._lifetimes[mapping.protocol]

    def _living(self, mapping: Mapping | None, now: float) -> Mapping | None:
        if mapping is None:
            return None
        expiry = mapping.refreshed + self._lifetimes[mapping.protocol]
        if now < expiry:
            return mapping
        self._end(mapping, expiry)
        return None

    def _sweep(self, now: float) -> None:
        for mapping in list(self._outside.values()):
            self._living(mapping, now)

    def _end(self, mapping: Mapping, when: float) -> None:
        mapping.ended = when
        del self._inside[mapping.protocol, mapping.inside, mapping.remote]
        del self._outside[mapping.protocol, mapping.outside.port]


def seen_by(dependence: Dependence, remote: Endpoint) -> Endpoint | None:
    """As much of a remote endpoint as matters: None for nothing, port 0 for the address alone."""
    if dependence is Dependence.ENDPOINT_INDEPENDENT:
        return None
    if dependence is Dependence.ADDRESS_DEPENDENT:
        return Endpoint(remote.ip, 0)
    return remote
