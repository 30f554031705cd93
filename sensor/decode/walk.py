"""One pass over one frame: what it has met so far, and the rows it has written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, auto
from typing import Any, NamedTuple

from sensor.decode.inner import Inner, digest, summarize
from sensor.decode.settings import DecodeSettings
from sensor.decode.span import Span
from sensor.decode.trace import Trace
from sensor.decode.verdict import Carrier, Outer, Verdict
from sensor.schema.rows import STACK_LIMIT, Observation
from sensor.schema.words import Anomaly, Confidence, Kind, Layer, Reason, Transport
from sensor.wire.ipv6 import IPv6Header

# A tunnel inside a tunnel happens, one more does not.
USUAL_TUNNELS = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured frame and where it came from.

    ``whole_at`` is the offset of an IP packet that was put together from fragments: it reaches to
    the end of ``data``, whatever the carriers around it announce.
    """

    data: bytes
    link_type: int
    wire_length: int
    number: int = 1
    time: int = 0
    source: int = 0
    whole_at: int | None = None


class Step(IntEnum):
    """What stands next in a frame."""

    NETWORK = auto()  # what ``code``, an EtherType, says
    ETHERNET = auto()  # an Ethernet frame inside another packet
    PPP = auto()
    IP = auto()  # IPv4 or IPv6, as the version tells
    IPV4 = auto()
    IPV6 = auto()
    PAYLOAD = auto()  # of IPv4 or IPv6: ``code`` is the protocol
    UDP = auto()
    GRE = auto()
    PROTOCOL_41 = auto()
    INSIDE = auto()  # what the IPv6 packet ``walk.inner`` carries


class Next(NamedTuple):
    """Where to go on."""

    step: Step
    span: Span
    code: int = 0


class Walk:
    """The state of one pass.

    - ``outer``: the ends of the carrier met last; ``inner``: the IPv6 packet looked into last.
    - ``bridge``: IPv6 that stands next is in a tunnel of this kind, whose header has been passed.
    - ``ceiling``: how sure a header may be of what it carries; one found in a datagram is less so.
    - ``vague``: a carrier was passed that only a port and a few bits tell.
    - ``announced``: the IP header met last says how long its packet is.
    - ``over_udp``: a UDP header stands between the IP header met last and here.
    - ``oddities``: of the carriers since the last row; they become those of the next one.
    - ``quoting``: the frame is an ICMP error, whose reason this is, and the walk goes through what
      it quotes.
    - ``fragment``: offset of the outermost IP header whose packet is a fragment.
    """

    def __init__(self, frame: Frame, settings: DecodeSettings, trace: Trace) -> None:
        self.frame = frame
        self.data = frame.data
        self.settings = settings
        self.trace = trace
        self.stack: list[Layer] = []
        self.vlan = 0
        self.rows: list[Observation] = []
        self.outer = NOWHERE
        self.inner: Inner | None = None
        self.bridge: Kind | None = None
        self.over_udp = False
        self.ceiling = Confidence.CERTAIN
        self.vague = False
        self.announced = True
        self.oddities = Anomaly(0)
        self.quoting: Reason | None = None
        self.fragment: int | None = None
        self.unfollowed = False  # layers or tunnels beyond the limit, or too many headers
        self.too_deep = False  # of these, the first two

    def push(self, layer: Layer) -> bool:
        """Note one more layer; False at the limit, which is reported, not passed."""
        if len(self.stack) >= self.settings.layers:
            self.stop_nesting()
            return False
        self.stack.append(layer)
        return True

    def pushed(self, layer: Layer, found: Next) -> Next | Reason:
        """Where to go on behind one more layer."""
        return found if self.push(layer) else Reason.TOO_MANY_LAYERS

    def stop_nesting(self) -> Reason:
        self.unfollowed = self.too_deep = True
        return Reason.TOO_MANY_LAYERS

    def enter(self, outer: Outer) -> None:
        """Begin with what an IP packet carries."""
        self.outer = outer
        self.bridge = None
        self.over_udp = False

    def name_ports(self, source: int, destination: int) -> None:
        self.outer = replace(self.outer, source_port=source, destination_port=destination)
        self.over_udp = True

    def note_fragment(self, offset: int) -> None:
        """An IP packet that is a fragment; the outermost one is to be put together first."""
        if self.fragment is None and self.quoting is None:
            self.fragment = offset

    @property
    def trust(self) -> Confidence:
        """How sure the carrier is of what it holds: its own headers are, a candidate is not."""
        around = self.rows[-1].confidence if self.rows else Confidence.CERTAIN
        return min(Confidence(around), self.ceiling)

    def holding(self, payload: Span) -> Carrier:
        """The carrier of a payload, for whoever judges what it holds."""
        unsound = Confidence.WEAK if self.vague else Confidence.STRONG
        return Carrier(payload.length, self.trust, unsound)

    def summary(self, payload: Span, offset: int, header: IPv6Header) -> Inner:
        """Look into the IPv6 packet whose header starts at ``offset``, within a payload.

        An ICMP error may leave out what it likes of its quote: that is not the capture's doing.
        """
        snapped = self.quoting is None and payload.missing == Anomaly.TRUNCATED
        return summarize(self.data, offset, header, payload.end, snapped=snapped)

    # rows

    def tunnel(
        self, verdict: Verdict, transport: Transport, payload: Span, **fields: Any
    ) -> Next | Reason:
        """Write the row of a tunnel around ``inner``, then go on inside it while there is room."""
        inner = self.inner
        assert inner is not None, "the packet was looked into before it was judged"
        if len(self.rows) >= self.settings.tunnels:
            return self.stop_nesting()
        self.trace.layer("inner ipv6", inner.offset, inner)
        fields.setdefault("tail_length", max(0, payload.length - inner.length))
        row = self._row(verdict, transport, payload)._replace(**_inner_fields(inner, self.data))
        self.rows.append(row._replace(**fields))
        if not self.push(Layer.IPV6):
            return Reason.TUNNELLED
        return Next(Step.INSIDE, payload.after(inner.offset).announce(inner.length))

    def control(self, verdict: Verdict, transport: Transport, payload: Span) -> Reason:
        """Write the row of a packet that belongs to a tunnel and carries nothing through it."""
        if len(self.rows) >= self.settings.tunnels:
            return self.stop_nesting()
        row = self._row(verdict, transport, payload)
        octets = self.data[payload.start : payload.end]
        self.rows.append(row._replace(inner_digest=digest(octets)))
        return Reason.TUNNELLED

    def _row(self, verdict: Verdict, transport: Transport, payload: Span) -> Observation:
        outer = self.outer
        oddities, self.oddities = self.oddities, Anomaly(0)
        if len(self.rows) >= USUAL_TUNNELS:
            oddities |= Anomaly.DEEP_NESTING
        return self._blank()._replace(
            kind=verdict.kind,
            kinds=verdict.kinds,
            confidence=verdict.confidence,
            reasons=int(verdict.evidence),
            anomalies=int(verdict.anomalies | payload.missing | oddities),
            teredo_packet=verdict.teredo,
            outer_transport=transport,
            outer_source_port=outer.source_port,
            outer_destination_port=outer.destination_port,
            outer_id=outer.identification,
            outer_key=outer.key,
            payload_offset=payload.start,
        )

    def _blank(self) -> Observation:
        """A row that says no more than which frame and between whom."""
        return _BLANK._replace(
            frame=self.frame.number,
            time=self.frame.time,
            source=self.frame.source,
            wire_length=self.frame.wire_length,
            captured_length=len(self.data),
            vlan=self.vlan,
            depth=len(self.rows),
            quoted=int(self.quoting is not None),
            outer_version=self.outer.version,
            outer_source=self.outer.source.ljust(16, b"\0"),
            outer_destination=self.outer.destination.ljust(16, b"\0"),
        )

    def finish(self) -> list[Observation]:
        """The rows, each with the whole frame's stack.

        Layers that were not followed are told in the last row; without any, in one of no kind.
        """
        self._believe()
        if self.unfollowed and not self.rows:
            self.rows.append(self._blank()._replace(confidence=Confidence.STRONG))
        if self.unfollowed:
            self._note(Anomaly.TOO_MANY_LAYERS)
        stack = bytes(self.stack).ljust(STACK_LIMIT, b"\0")
        return [row._replace(stack=stack, stack_length=len(self.stack)) for row in self.rows]

    def _believe(self) -> None:
        """Raise weak rows around what is believed, and drop weak quotes.

        A layer that is believed for itself proves the weak ones around it, which hold nothing else
        that could: IPv6 in IPv6 in UDP has no checksum but the innermost. Nothing nests as deep as
        the limit by chance. And nobody will ever learn the flow of a quoted packet.
        """
        rows = self.rows
        if self.too_deep and rows:
            rows[-1] = _raised(rows[-1])
        believed = [i for i, row in enumerate(rows) if row.confidence > Confidence.WEAK]
        for i in range(max(believed, default=0)):
            rows[i] = _raised(rows[i])
        while rows and rows[-1].quoted and rows[-1].confidence == Confidence.WEAK:
            rows.pop()

    def _note(self, anomaly: Anomaly) -> None:
        last = self.rows[-1]
        self.rows[-1] = last._replace(anomalies=last.anomalies | anomaly)

    def outcome(self, reason: Reason) -> Reason:
        """What became of the frame, after ``finish``; ``reason`` is how the walk ended."""
        if any(row.kind != Kind.NONE and not row.quoted for row in self.rows):
            weak = all(row.confidence == Confidence.WEAK for row in self.rows)
            return Reason.WEAK if weak else Reason.TUNNELLED
        if self.rows:
            none = self.rows[0].kind == Kind.NONE
            return Reason.TOO_MANY_LAYERS if none else Reason.QUOTED
        return reason if self.quoting is None else self.quoting


def _raised(row: Observation) -> Observation:
    return row._replace(confidence=max(row.confidence, Confidence.STRONG))


NOWHERE = Outer(0, b"", b"")

_BLANK = Observation._make(
    [0] * (len(Observation._fields) - 7)
    + [bytes(8), bytes(4), bytes(16), bytes(16), bytes(16), bytes(16), bytes(STACK_LIMIT)]
)


def _inner_fields(inner: Inner, data: bytes) -> dict[str, Any]:
    header, fragment = inner.header, inner.chain.fragment
    return {
        "inner_digest": digest(data[inner.offset : inner.end]),
        "inner_offset": inner.offset,
        "inner_length": inner.length,
        "inner_source": header.source,
        "inner_destination": header.destination,
        "hop_limit": header.hop_limit,
        "flow_label": header.flow_label,
        "inner_transport": inner.chain.transport,
        "has_transport": int(inner.has_transport),
        "inner_source_port": inner.source_port,
        "inner_destination_port": inner.destination_port,
        "tcp_sequence": inner.sequence,
        "tcp_acknowledgement": inner.acknowledgement,
        "tcp_flags": inner.tcp_flags,
        "icmp_type": inner.icmp_type,
        "icmp_code": inner.icmp_code,
        "icmp_sequence": inner.icmp_sequence,
        "payload_length": inner.payload_length,
        "has_fragment": int(fragment is not None),
        "fragment_id": fragment.identification if fragment else 0,
        "fragment_offset": fragment.offset if fragment else 0,
        "fragment_more": int(fragment.more) if fragment else 0,
    }
