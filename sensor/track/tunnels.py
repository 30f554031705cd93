"""A tunnel as the tracker knows it, and the record that freezes it."""

from __future__ import annotations

import functools

from sensor.schema.records import (
    Embedded,
    Endpoint,
    Inside,
    Scope,
    TunnelRecord,
)
from sensor.schema.rows import Observation
from sensor.schema.words import (
    PORTED,
    PROTOCOL_41_KINDS,
    Anomaly,
    Confidence,
    Evidence,
    Kind,
    NatType,
    Transport,
    Vantage,
)
from sensor.track.identity import identity
from sensor.track.layout import TunnelState
from sensor.track.settings import TrackSettings
from sensor.track.slots import NO_PARENT
from sensor.track.teredo import Qualification
from sensor.track.vantage import is_local, lies_inside, outer_ip, vlan_of
from sensor.wire.addresses import SixRdDomain, embeddings, text

EMBEDDED_LIMIT = 64


class Tunnel:
    """One tunnel: the table counts, this knows."""

    __slots__ = (
        "around",
        "closed_reason",
        "embedded",
        "id",
        "mac",
        "phase",
        "place",
        "qualification",
        "state",
    )

    def __init__(self, place: int, state: TunnelState, around: Tunnel | None = None) -> None:
        self.place = place  # in the table
        self.state = state  # when the table was last asked
        self.around = around  # the tunnel that carries this one
        self.id: str = identity(
            family(state.kind).encode(),
            bytes([state.transport]),
            *sorted((state.client, b"" if state.client_port else state.far)),
            _number(state),
            state.first.to_bytes(16, signed=True),
            *([] if around is None else [around.id.encode()]),
        )
        self.phase = "discovered"
        self.closed_reason: str | None = None
        self.mac: bytes | None = None
        self.qualification = Qualification()
        self.embedded: dict[Embedded, None] = {}

    def note_embedded(self, row: Observation, sixrd: tuple[SixRdDomain, ...]) -> None:
        """IPv4 addresses that the inner addresses of a protocol-41 tunnel embed."""
        if row.outer_transport != Transport.IPV6:
            return
        ends = (
            (row.inner_source, row.outer_source[:4]),
            (row.inner_destination, row.outer_destination[:4]),
        )
        for address, end in ends:
            for kind, ip in embeddings(address, end, sixrd):
                if len(self.embedded) < EMBEDDED_LIMIT:
                    self.embedded[Embedded(address, kind, ip)] = None

    @property
    def outermost(self) -> Tunnel:
        """The tunnel that carries all those around this one, or itself."""
        return self if self.around is None else self.around.outermost

    @property
    def client(self) -> Endpoint:
        return Endpoint(outer_ip(self.state.client, self.state.version), self.state.client_port)

    @property
    def remote(self) -> Endpoint:
        """The other end met last."""
        return Endpoint(outer_ip(self.state.far, self.state.version), self.state.far_port)

    @property
    def address(self) -> bytes | None:
        """The client's own Teredo address."""
        return self.state.address if self.state.has_address else None

    def hole(self, settings: TrackSettings) -> Endpoint | None:
        """The public endpoint of its NAT that leads to it, where that is known.

        Outside of the NAT that is its own end. A symmetric NAT has another one for every remote.
        """
        mapped = self.qualification.endpoint
        if mapped is None or not self.state.inside_known:
            return mapped
        if not self.is_local(settings):
            return self.client
        return None if self.qualification.nat_type is NatType.SYMMETRIC else mapped

    @property
    def hole_refreshed(self) -> int | None:
        """When its client last kept the hole in the NAT open; without ports there is none."""
        holed = self.state.transport == Transport.UDP and self.state.has_outbound
        return self.state.last_outbound if holed else None

    @property
    def key(self) -> str:
        """The same from every vantage: the public endpoint where it is known."""
        name = family(self.state.kind)
        if self.state.transport in PORTED:
            ip, port = self.qualification.endpoint or self.client
            return f"{name}/{text(ip)}:{port}"
        ends = sorted((text(self.client.ip), text(self.remote.ip)))
        number = [] if self.outer_key is None else [str(self.outer_key)]
        return "/".join([name, *ends, *number])

    @property
    def outer_key(self) -> int | None:
        """The key of GRE, where it has one other than 0."""
        return (self.state.outer_key or None) if self.state.transport == Transport.GRE else None

    @property
    def scope(self) -> Scope:
        vantage = _vantage(self.state.vantages)
        return Scope(vantage, self.state.answered, bool(self.state.midstream))

    def is_local(self, settings: TrackSettings) -> bool:
        """Whether the client is seen with its own address, not its NAT's."""
        known = bool(self.state.inside_known)
        return known and is_local(self.client.ip, vlan_of(self.state), settings)

    def inside(self, settings: TrackSettings) -> Inside | None:
        """The inside host: seen itself, or named by its own trailers from behind the NAT."""
        if not self.state.inside_known:
            return None
        # What a nested tunnel calls its ends is anybody's word; the host is who carries it.
        if self.state.parent != NO_PARENT and self.around is None:
            return None
        carrier = None if self.around is None else self.outermost.inside(settings)
        if carrier is not None:
            return carrier._replace(address=self.address)
        vlan, client = vlan_of(self.state), self.client
        zone = settings.zone_of(client.ip, vlan)
        if lies_inside(zone, client.ip):
            name = zone.name if zone else None
            return Inside(client.ip, client.port, self.mac, name, self.address)
        for alternate in self.qualification.alternates:
            # A client may list its mapping too (RFC 6081 section 4.3); that is not its host.
            if is_local(alternate.ip, vlan, settings):
                return Inside(alternate.ip, alternate.port, None, None, self.address)
        return Inside(None, 0, None, None, self.address)

    def record(self, settings: TrackSettings) -> TunnelRecord:
        state = self.state
        teredo = None
        if state.kind == Kind.TEREDO:
            teredo = self.qualification.record(settings.known_servers, state.peers, state.bubbles)
        return TunnelRecord(
            id=self.id,
            key=self.key,
            kind=Kind(state.kind),
            kinds=state.kinds,
            parent=None if self.around is None else self.around.id,
            state=self.phase,
            confidence=Confidence(state.confidence),
            reasons=tuple(Evidence(state.reasons).words),
            anomalies=tuple(Anomaly(state.anomalies).words),
            first_seen=state.first,
            last_seen=state.last,
            packets=state.packets,
            bytes=state.bytes,
            transport=Transport(state.transport),
            outer_key=self.outer_key,
            client=self.client,
            remote=self.remote,
            inside=self.inside(settings),
            teredo=teredo,
            embedded=tuple(self.embedded),
            vlan=vlan_of(state),
            scope=self.scope,
            closed_reason=self.closed_reason,
        )


_FAMILIES: dict[int, str] = {
    kind: "ip6-in-ip4" if kind in PROTOCOL_41_KINDS else kind.text for kind in Kind
}


def family(kind: int) -> str:
    """The kind's name in identities; protocol 41 is one family, its packets may differ in kind."""
    return _FAMILIES[kind]


def _number(state: TunnelState) -> bytes:
    """What keeps tunnels between the same addresses apart."""
    if state.transport == Transport.GRE:
        return state.outer_key.to_bytes(4)
    return state.client_port.to_bytes(2)


@functools.cache
def _vantage(mask: int) -> Vantage:
    """All sides that a tunnel was seen from as one."""
    sides = [side for side in Vantage if side and mask & 1 << side]
    return Vantage.BOTH if len(sides) > 1 else next(iter(sides), Vantage.UNKNOWN)
