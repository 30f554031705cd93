"""Per-tunnel state of the table."""

from __future__ import annotations

from collections import OrderedDict

from sensor.schema.rows import Observation
from sensor.schema.words import Anomaly, Kind, TeredoPacket, Vantage
from sensor.track.vantage import vlan_of

Ends = tuple[bytes, int]


class TunnelSlot:
    """One tunnel, or a candidate that nobody answered yet."""

    __slots__ = (
        "address",
        "anomalies",
        "asked",
        "bubbles",
        "bytes",
        "client",
        "confidence",
        "far",
        "first",
        "inbound",
        "inside_known",
        "ipv4",
        "joined",
        "key",
        "kind",
        "kind_sure",
        "kinds",
        "last",
        "last_outbound",
        "midstream",
        "open",
        "outbound",
        "packets",
        "parent",
        "peers",
        "promoted",
        "reasons",
        "refused",
        "slot",
        "tests",
        "transport",
        "vantages",
        "views",
        "vlan",
    )

    def __init__(self, slot: int, row: Observation, client: Ends, far: Ends, known: bool) -> None:
        self.slot = slot
        self.client = client
        self.far = far
        self.inside_known = known
        self.ipv4 = row.outer_version == 4
        self.key = b""
        self.first = self.last = row.time
        self.last_outbound: int | None = None
        self.kind = row.kind
        self.kind_sure = False
        self.kinds = 0
        self.transport = row.outer_transport
        self.confidence = 0
        self.reasons = 0
        self.anomalies = 0
        self.packets = self.bytes = self.inbound = self.outbound = self.bubbles = 0
        self.peers: OrderedDict[Ends, None] = OrderedDict()
        self.open: dict[int, None] = {}  # its conversations
        self.promoted = False
        self.refused = False  # no room in the budget when it might have been promoted
        self.asked: Observation | None = None  # last solicitation before the promotion
        self.joined: int | None = None  # the slot that absorbed this one
        self.views: dict[int, None] = {}  # the slots that this one absorbed
        self.parent: int | None = None
        self.midstream = row.teredo_packet != TeredoPacket.ROUTER_SOLICITATION
        self.address: bytes | None = None
        # Connectivity tests without a reply: address asked, identifier, sequence number.
        self.tests: OrderedDict[tuple[bytes, int, int], None] = OrderedDict()
        self.vantages: set[Vantage] = set()
        self.vlan = vlan_of(row)

    @property
    def answered(self) -> bool:
        return bool(self.inbound and self.outbound)

    def count(self, row: Observation, outbound: bool) -> None:
        """One packet of this tunnel."""
        self.packets += 1
        self.bytes += row.wire_length
        self.last = max(self.last, row.time)
        self.kinds |= row.kinds
        self.reasons |= row.reasons
        self.confidence = max(self.confidence, row.confidence)
        self.inbound += not outbound
        self.outbound += outbound
        self.bubbles += row.teredo_packet == TeredoPacket.BUBBLE
        if outbound:
            self.last_outbound = row.time
        self._name(row)

    def _name(self, row: Observation) -> None:
        """The first packet that agrees with its outer ends names the kind."""
        bare = self.kind == Kind.IP6_IN_UDP and row.kind == Kind.TEREDO
        agrees = not row.anomalies & Anomaly.EMBEDDED_MISMATCH
        if bare or (agrees and not self.kind_sure):
            self.kind, self.kind_sure = row.kind, agrees
