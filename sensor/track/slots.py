"""Per-tunnel state of the scalar table."""

from __future__ import annotations

import sys

from sensor.schema.rows import Observation
from sensor.schema.words import Anomaly, Kind, TeredoPacket, Vantage
from sensor.track.layout import TunnelState
from sensor.track.sketch import signed, words
from sensor.track.statistics import Statistics
from sensor.wire.addresses import parse_teredo

Ends = tuple[bytes, int]

NO_PARENT = -1
_NOTHING = bytes(16)


class TunnelSlot:
    """One tunnel, or a candidate that nobody answered yet; its serial is its place too."""

    __slots__ = (
        "address",
        "anomalies",
        "asked",
        "attempts",
        "bytes",
        "client",
        "confidence",
        "far",
        "first",
        "inbound",
        "inside_known",
        "joined",
        "key",
        "kind",
        "kind_sure",
        "kinds",
        "last",
        "last_outbound",
        "local",
        "midstream",
        "minute",
        "notices",
        "open",
        "outbound",
        "outer_key",
        "packets",
        "parent",
        "peers",
        "promoted",
        "reasons",
        "refused",
        "serial",
        "services",
        "statistics",
        "transport",
        "vantages",
        "version",
        "views",
        "vlan",
    )

    def __init__(
        self, serial: int, row: Observation, client: Ends, far: Ends, parent: int = NO_PARENT
    ) -> None:
        self.serial = serial
        self.parent = parent  # serial of the tunnel around it
        self.client = client
        self.far = far
        self.local = False  # the client's address is one of the inside network itself
        self.inside_known = False
        self.version = row.outer_version
        self.key = b""
        self.first = self.last = row.time
        self.last_outbound: int | None = None
        self.kind = row.kind
        self.kind_sure = False
        self.kinds = 0
        self.transport = row.outer_transport
        self.outer_key = row.outer_key
        self.confidence = 0
        self.reasons = 0
        self.anomalies = 0
        self.packets = self.bytes = self.inbound = self.outbound = 0
        self.statistics = Statistics()
        self.peers: set[Ends] = set()
        self.open: dict[int, None] = {}  # its conversations
        self.services: dict[int, None] = {}  # the exposures that it carries
        self.attempts = 0  # of these, the ones that nobody answered or refused yet
        self.promoted = False
        self.refused = False  # no room in the budget when it might have been promoted
        self.asked: Observation | None = None  # last solicitation before the promotion
        self.joined: int | None = None  # the slot that absorbed this one
        self.views: dict[int, None] = {}  # the slots that this one absorbed
        self.midstream = row.teredo_packet != TeredoPacket.ROUTER_SOLICITATION
        self.address: bytes | None = None
        self.minute = self.notices = 0  # events of this minute that count against its budget
        self.vantages = 0  # mask of 1 << Vantage
        self.vlan = row.vlan

    @property
    def proved(self) -> bool:
        """Whether its own address embeds the very IPv4 that it sends from."""
        own = parse_teredo(self.address) if self.address is not None else None
        return own is not None and own.ip.ljust(16, b"\0") == self.client[0]

    @property
    def answered(self) -> bool:
        return bool(self.inbound and self.outbound)

    def see_from(self, *vantages: Vantage) -> None:
        for vantage in vantages:
            self.vantages |= 1 << vantage

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
        self.statistics.count(row)
        if outbound:
            self.last_outbound = row.time
        self._name(row)

    def _name(self, row: Observation) -> None:
        """The first packet that agrees with its outer ends names the kind, if it has a name."""
        bare = self.kind == Kind.IP6_IN_UDP and row.kind != Kind.IP6_IN_UDP
        agrees = not row.anomalies & Anomaly.EMBEDDED_MISMATCH
        if bare or (agrees and not self.kind_sure):
            self.kind, self.kind_sure = row.kind, agrees

    def frozen(self) -> TunnelState:
        """The slot as its readers see it."""
        asked, counted = self.asked, self.statistics
        nibbles = words(counted.packed_nibbles, 4)
        return TunnelState(
            client=self.client[0],
            far=self.far[0],
            address=self.address or _NOTHING,
            asked_server=asked.outer_destination if asked else _NOTHING,
            asked_source=asked.inner_source if asked else _NOTHING,
            serial=self.serial,
            parent=self.parent,
            first=self.first,
            last=self.last,
            last_outbound=self.last_outbound or 0,
            packets=self.packets,
            bytes=self.bytes,
            inbound=self.inbound,
            outbound=self.outbound,
            asked_nonce=int.from_bytes(asked.nonce, sys.byteorder, signed=True) if asked else 0,
            bubbles=counted.bubbles,
            bubble_octets=counted.bubble_octets,
            bubble_sketch=signed(counted.bubble_sketch),
            trailers=counted.trailers,
            tail_octets=counted.tail_octets,
            nonces=counted.nonces,
            nonce_sketch=signed(counted.nonce_sketch),
            nonce_nibbles_0=nibbles[0],
            nonce_nibbles_1=nibbles[1],
            nonce_nibbles_2=nibbles[2],
            nonce_nibbles_3=nibbles[3],
            label_sketch=signed(counted.label_sketch),
            minute=self.minute,
            kinds=self.kinds,
            reasons=self.reasons,
            anomalies=self.anomalies,
            peers=len(self.peers),
            attempts=self.attempts,
            notices=self.notices,
            joined=-1 if self.joined is None else self.joined,
            outer_key=self.outer_key,
            client_port=self.client[1],
            far_port=self.far[1],
            vlan=self.vlan,
            kind=self.kind,
            kind_sure=int(self.kind_sure),
            transport=self.transport,
            version=self.version,
            confidence=self.confidence,
            vantages=self.vantages,
            inside_known=int(self.inside_known),
            local=int(self.local),
            promoted=int(self.promoted),
            refused=int(self.refused),
            midstream=int(self.midstream),
            has_address=int(self.address is not None),
            has_outbound=int(self.last_outbound is not None),
            asked=int(asked is not None),
            asked_auth=int(bool(asked and asked.has_auth)),
        )
