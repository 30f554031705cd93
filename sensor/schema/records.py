"""What track knows, frozen at one moment, as the outputs read it.

Addresses are raw octets (4 or 16), times nanoseconds since 1970 UTC. ``None`` means unknown and is
never written; an empty tuple means none were seen.
"""

# No annotations as texts: typing would compile each of them at every start.

from typing import NamedTuple

from sensor.schema.words import (
    Confidence,
    ConnectionState,
    ExposureState,
    Kind,
    NatType,
    Transport,
    Vantage,
)


class Endpoint(NamedTuple):
    """An address with its port; port 0 where the carrier has none."""

    ip: bytes
    port: int


class Scope(NamedTuple):
    """What could be observed: absence means little without it."""

    vantage: Vantage
    both_directions: bool
    midstream: bool
    loss_percent: float = 0.0


class Inside(NamedTuple):
    """The inside end of a tunnel; ``ip`` is None where the NAT hides it."""

    ip: bytes | None
    port: int
    mac: bytes | None
    zone: str | None
    address: bytes | None  # its IPv6 address in the tunnel


class MappingChange(NamedTuple):
    """The NAT gave the client another public endpoint."""

    time: int
    before: Endpoint
    after: Endpoint


class Teredo(NamedTuple):
    """What a Teredo client's own traffic gave away."""

    server: bytes | None
    server_known: bool
    secondary_server: bytes | None
    mapped: Endpoint | None
    mapped_from: tuple[str, ...]  # origin, address, option: every source that agrees
    flags: int | None
    nat_type: NatType
    nat_reasons: tuple[str, ...]
    qualified_at: int | None
    qualified_reasons: tuple[str, ...]
    relays: tuple[Endpoint, ...]
    peers: int
    bubbles: int
    mapping_changes: tuple[MappingChange, ...]
    alternate_addresses: tuple[Endpoint, ...]

    @property
    def cone(self) -> bool:
        return bool(self.flags and self.flags & 0x8000)

    @property
    def qualified(self) -> bool | None:
        """None behind a symmetric NAT until the client uses its address.

        RFC 4380 takes it off-line there, RFC 6081 does not.
        """
        if self.qualified_at is None and self.nat_type is NatType.SYMMETRIC:
            return None
        return self.qualified_at is not None


class Embedded(NamedTuple):
    """An IPv4 address found in an inner address of a 6in4-family tunnel."""

    address: bytes
    scheme: Kind
    ip: bytes


class TunnelRecord(NamedTuple):
    """One tunnel."""

    id: str
    key: str
    kind: Kind
    kinds: int
    parent: str | None
    state: str  # discovered, qualified, closed
    confidence: Confidence
    reasons: tuple[str, ...]
    anomalies: tuple[str, ...]
    first_seen: int
    last_seen: int
    packets: int
    bytes: int
    transport: Transport
    client: Endpoint  # the end that belongs to the inside, or was first taken for the client
    remote: Endpoint  # the other end met last
    inside: Inside | None
    teredo: Teredo | None
    embedded: tuple[Embedded, ...]
    vlan: int | None
    scope: Scope
    closed_reason: str | None = None
    outer_key: int | None = None  # of GRE


class Proof(NamedTuple):
    """One frame that shows something, in words."""

    capture: str
    frame: int
    time: int
    what: str


class ExposureRecord(NamedTuple):
    """One service of an inside host that a tunnel made reachable."""

    id: str
    tunnel_id: str
    tunnel_kind: Kind
    address: bytes
    transport: int  # next-header number
    port: int
    service: str | None
    state: ExposureState
    last_state: ExposureState
    first_seen: int
    last_seen: int
    state_since: int  # when the strongest state was reached
    remote: Endpoint  # who reached it then
    remotes_count: int
    remotes: tuple[bytes, ...]
    host_basis: str  # endpoint, behind-endpoint, unknown
    closed_reason: str | None
    evidence: tuple[Proof, ...]
    inside: Inside | None
    client: Endpoint
    mapped: Endpoint | None
    hole_refreshed: int | None  # when the inside end last sent through the hole in the NAT
    policy: str | None  # allowed, denied: what the configured IPv4 policy says; None: none is set
    scope: Scope

    @property
    def carrier(self) -> Transport:
        """What carries the tunnel: only the one over UDP needs a hole in the NAT."""
        if self.tunnel_kind is Kind.GRE6:
            return Transport.GRE
        return Transport.UDP if self.client.port else Transport.IPV6


class FlowRecord(NamedTuple):
    """One inner conversation, originator first."""

    tunnel_id: str
    tunnel_kind: Kind
    source: Endpoint
    destination: Endpoint
    transport: int
    icmp_type: int
    icmp_code: int
    inbound: bool | None  # from outside to inside; None where no inside end is known
    state: ConnectionState
    history: str
    first_seen: int
    last_seen: int
    source_packets: int
    source_bytes: int
    destination_packets: int
    destination_bytes: int
    outer_transport: Transport
    outer_source: Endpoint
    outer_destination: Endpoint
    scope: Scope


class SensorRecord(NamedTuple):
    """The ledger: read = tunnelled + copies + other + unreadable."""

    read: int
    tunnelled: int
    copies: int
    other: int
    unreadable: int
    kinds: dict[str, int]
    reasons: dict[str, int]
    dropped_state: int
    dropped_documents: int
    first_time: int | None
    last_time: int | None
    seconds: float  # processing time
    scope: Scope
    unpromoted: int = 0  # tunnel candidates that no answer and no budget made a tunnel

    @property
    def frames_per_second(self) -> float:
        return self.read / self.seconds if self.seconds > 0 else 0.0


class Change(NamedTuple):
    """A record with what happened to it; becomes one document.

    ``digest`` is the inner digest of the frame that caused it and ``ordinal`` tells apart the
    changes that one frame causes to one subject: with the time they make the identity that a
    second replay repeats.
    """

    action: str
    time: int
    digest: int
    ordinal: int
    record: TunnelRecord | ExposureRecord | FlowRecord | SensorRecord
