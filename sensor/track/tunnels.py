"""A tunnel as the tracker knows it, and the records that freeze it and its conversations."""

from __future__ import annotations

from collections import OrderedDict

from sensor.schema.records import (
    Embedded,
    Endpoint,
    FlowRecord,
    Inside,
    Scope,
    TunnelRecord,
)
from sensor.schema.rows import Observation
from sensor.schema.words import (
    PROTOCOL_41_KINDS,
    Anomaly,
    Confidence,
    Evidence,
    Kind,
    Transport,
    Vantage,
)
from sensor.track.conversation import Conversation
from sensor.track.identity import identity
from sensor.track.settings import TrackSettings
from sensor.track.slots import TunnelSlot
from sensor.track.teredo import Qualification
from sensor.track.vantage import is_local, outer_ip
from sensor.wire.addresses import SixRdDomain, embeddings, text

EMBEDDED_LIMIT = 64


class Tunnel:
    """One tunnel: the table's slot counts, this knows."""

    __slots__ = (
        "closed_reason",
        "embedded",
        "id",
        "mac",
        "parent",
        "qualification",
        "services",
        "slot",
        "state",
    )

    def __init__(self, slot: TunnelSlot) -> None:
        self.slot = slot
        self.id = identity(
            family(slot.kind).encode(),
            bytes([slot.transport]),
            *sorted((slot.client[0], b"" if slot.client[1] else slot.far[0])),
            slot.client[1].to_bytes(2),
            slot.first.to_bytes(16, signed=True),
        )
        self.state = "discovered"
        self.closed_reason: str | None = None
        self.mac: bytes | None = None
        self.parent: str | None = None
        self.qualification = Qualification()
        self.embedded: OrderedDict[Embedded, None] = OrderedDict()
        self.services: dict[bytes, None] = {}  # keys of the exposures that it carries

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
    def client(self) -> Endpoint:
        return _endpoint(self.slot, self.slot.client)

    @property
    def key(self) -> str:
        """The same from every vantage: the public endpoint where it is known."""
        name = family(self.slot.kind)
        if self.slot.transport == Transport.UDP:
            client = self.qualification.endpoint or self.client
            return f"{name}/{text(client.ip)}:{client.port}"
        ends = sorted((text(self.client.ip), text(_endpoint(self.slot, self.slot.far).ip)))
        return f"{name}/{ends[0]}/{ends[1]}"

    @property
    def scope(self) -> Scope:
        sides = self.slot.vantages - {Vantage.UNKNOWN}
        vantage = Vantage.BOTH if len(sides) > 1 else next(iter(sides), Vantage.UNKNOWN)
        return Scope(vantage, self.slot.answered, self.slot.midstream)

    def is_local(self, settings: TrackSettings) -> bool:
        """Whether the client is seen with its own address, not its NAT's."""
        return self.slot.inside_known and is_local(self.client.ip, self.slot.vlan, settings)

    def inside(self, settings: TrackSettings) -> Inside | None:
        """The inside host: seen itself, or named by its own trailers from behind the NAT."""
        slot = self.slot
        if not slot.inside_known:
            return None
        if self.is_local(settings):
            zone = settings.zone_of(self.client.ip, slot.vlan)
            name = zone.name if zone else None
            return Inside(self.client.ip, self.client.port, self.mac, name, slot.address)
        for alternate in self.qualification.alternates:
            # A client may list its mapping too (RFC 6081 section 4.3); that is not its host.
            if is_local(alternate.ip, slot.vlan, settings):
                return Inside(alternate.ip, alternate.port, None, None, slot.address)
        return Inside(None, 0, None, None, slot.address)

    def record(self, settings: TrackSettings) -> TunnelRecord:
        slot = self.slot
        teredo = None
        if slot.kind == Kind.TEREDO:
            teredo = self.qualification.record(
                settings.known_servers, len(slot.peers), slot.bubbles
            )
        return TunnelRecord(
            id=self.id,
            key=self.key,
            kind=Kind(slot.kind),
            kinds=slot.kinds,
            parent=self.parent,
            state=self.state,
            confidence=Confidence(slot.confidence),
            reasons=tuple(Evidence(slot.reasons).words),
            anomalies=tuple(Anomaly(slot.anomalies).words),
            first_seen=slot.first,
            last_seen=slot.last,
            packets=slot.packets,
            bytes=slot.bytes,
            transport=Transport(slot.transport),
            client=self.client,
            remote=_endpoint(slot, slot.far),
            inside=self.inside(settings),
            teredo=teredo,
            embedded=tuple(self.embedded),
            vlan=slot.vlan,
            scope=self.scope,
            closed_reason=self.closed_reason,
        )


def family(kind: int) -> str:
    """The kind's name in identities; protocol 41 is one family, its packets may differ in kind."""
    return "ip6-in-ip4" if Kind(kind) in PROTOCOL_41_KINDS else Kind(kind).text


def _endpoint(slot: TunnelSlot, end: tuple[bytes, int]) -> Endpoint:
    return Endpoint(outer_ip(end[0], 4 if slot.ipv4 else 6), end[1])


def flow_record(conversation: Conversation, tunnel: Tunnel) -> FlowRecord:
    outer = conversation.outer
    version = outer.outer_version
    return FlowRecord(
        tunnel_id=tunnel.id,
        tunnel_kind=Kind(tunnel.slot.kind),
        source=Endpoint(*conversation.originator),
        destination=Endpoint(*conversation.responder),
        transport=conversation.transport,
        icmp_type=conversation.icmp[0],
        icmp_code=conversation.icmp[1],
        inbound=conversation.from_outside,
        state=conversation.state,
        history=conversation.history,
        first_seen=conversation.first,
        last_seen=conversation.last,
        source_packets=conversation.sent.packets,
        source_bytes=conversation.sent.bytes,
        destination_packets=conversation.received.packets,
        destination_bytes=conversation.received.bytes,
        outer_transport=Transport(outer.outer_transport),
        outer_source=Endpoint(outer_ip(outer.outer_source, version), outer.outer_source_port),
        outer_destination=Endpoint(
            outer_ip(outer.outer_destination, version), outer.outer_destination_port
        ),
        scope=tunnel.scope,
    )
