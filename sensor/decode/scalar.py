"""The scalar decoder: one frame in, its tunnel layers out.

This is the specification. The compiled kernel must give the same rows, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sensor.capture.batch import FrameBatch
from sensor.decode import protocol41, teredo
from sensor.decode.decoded import Decoded
from sensor.decode.inner import (
    ICMPV6,
    IPV4_INSIDE,
    IPV6_INSIDE,
    TCP,
    UDP,
    Inner,
    digest,
    summarize,
)
from sensor.decode.settings import DecodeSettings
from sensor.decode.trace import SILENCE, Trace
from sensor.decode.verdict import Outer, Verdict
from sensor.errors import DecodeError
from sensor.schema.rows import STACK_LIMIT, Observation, pack
from sensor.schema.words import Anomaly, Confidence, Kind, Layer, Reason, Transport
from sensor.wire import ipv4, ipv6, link, udp
from sensor.wire import teredo as teredo_wire
from sensor.wire.cursor import Cursor
from sensor.wire.link import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from sensor.wire.sixinfour import PROTOCOL

_ICMP = 1
_TRANSPORT_LAYERS = {TCP: Layer.TCP, ICMPV6: Layer.ICMPV6}


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured frame and where it came from."""

    data: bytes
    link_type: int
    wire_length: int
    number: int = 1
    time: int = 0
    source: int = 0


def decode_batch(batch: FrameBatch, settings: DecodeSettings) -> Decoded:
    """Decode every frame of a batch, in order.

    Returns rows of dtype ``OBSERVATION`` (a frame has none, one, or one per nested tunnel, depth
    ascending) and ``uint8[len(batch)]`` of ``Reason``. Never raises for what a frame holds.
    """
    observations: list[Observation] = []
    reasons = np.zeros(len(batch), dtype=np.uint8)
    for i in range(len(batch)):
        frame = Frame(
            data=batch.frame(i),
            link_type=int(batch.linktypes[i]),
            wire_length=int(batch.wire[i]),
            number=batch.first_frame + i,
            time=int(batch.times[i]),
            source=batch.source,
        )
        reason, found = decode_frame(frame, settings)
        reasons[i] = reason
        observations.extend(found)
    return Decoded(pack(observations), reasons)


def decode_frame(
    frame: Frame, settings: DecodeSettings, trace: Trace = SILENCE
) -> tuple[Reason, list[Observation]]:
    """Decode one frame: its ``Reason`` and its tunnel layers, outermost first.

    With rows of weak confidence only, the reason is ``WEAK``: whoever knows the flow decides.
    Hostile bytes are data: this never raises.
    """
    walk = _Walk(frame, settings, trace)
    reason = walk.link()
    rows = walk.finish()
    if not rows:
        return reason, []
    weak = all(row.confidence == Confidence.WEAK for row in rows)
    return (Reason.WEAK if weak else Reason.TUNNELLED), rows


@dataclass(frozen=True, slots=True)
class _Span:
    """Octets of a payload: ``end`` may be read, up to ``declared`` was announced.

    ``cut`` says why less can be read than was announced, if it is less.
    """

    start: int
    end: int
    declared: int
    cut: Anomaly

    def announce(self, length: int) -> _Span:
        """The payload of a header that itself announces ``length`` octets from ``start`` on."""
        declared = self.start + length
        cut = self.cut
        if declared > self.declared and not self.fragment:
            cut |= Anomaly.LENGTH_MISMATCH
        return _Span(self.start, min(self.end, declared), declared, cut)

    def after(self, position: int) -> _Span:
        return _Span(position, self.end, self.declared, self.cut)

    def first_fragment(self) -> _Span:
        """The same octets, with more of them to come in other frames."""
        cut = self.cut | Anomaly.FRAGMENT_INCOMPLETE
        return _Span(self.start, self.end, self.declared, cut)

    @property
    def length(self) -> int:
        return self.declared - self.start

    @property
    def fragment(self) -> bool:
        return bool(self.cut & Anomaly.FRAGMENT_INCOMPLETE)

    @property
    def missing(self) -> Anomaly:
        """Why something is missing; nothing if all that was announced can be read."""
        return self.cut if self.declared > self.end else self.cut & Anomaly.FRAGMENT_INCOMPLETE


class _Walk:
    """One pass over one frame, from the link layer inwards."""

    def __init__(self, frame: Frame, settings: DecodeSettings, trace: Trace) -> None:
        self.frame = frame
        self.data = frame.data
        self.settings = settings
        self.trace = trace
        self.stack: list[Layer] = []
        self.vlan = 0
        self.rows: list[Observation] = []
        self.limit_hit = False

    def finish(self) -> list[Observation]:
        """The rows, each with the whole frame's stack.

        A layer that is believed for itself proves the weak ones around it, which hold nothing
        else that could: IPv6 in IPv6 in UDP has no checksum but the innermost.
        """
        stack = bytes(self.stack).ljust(STACK_LIMIT, b"\0")
        rows = [row._replace(stack=stack, stack_length=len(self.stack)) for row in self.rows]
        believed = [i for i, row in enumerate(rows) if row.confidence > Confidence.WEAK]
        for i in range(max(believed, default=0)):
            rows[i] = rows[i]._replace(confidence=max(rows[i].confidence, Confidence.STRONG))
        if rows and self.limit_hit:
            last = rows[-1]
            rows[-1] = last._replace(anomalies=last.anomalies | Anomaly.TOO_MANY_LAYERS)
        return rows

    def link(self) -> Reason:
        cursor = Cursor(self.data)
        try:
            header = link.parse(self.frame.link_type, cursor)
        except DecodeError as error:
            self.trace.check(f"link-layer header can be read ({error.reason})", False)
            return _no_link(error)
        for name in header.layers:
            if not self._push(Layer[name.upper()]):
                return Reason.TOO_MANY_LAYERS
        if header.vlans:
            self.vlan = header.vlans[-1] + 1
        self.trace.layer("link", 0, header)
        cut = Anomaly.TRUNCATED if self.frame.wire_length > len(self.data) else Anomaly(0)
        declared = max(self.frame.wire_length, len(self.data))
        return self._network(header.protocol, _Span(cursor.position, len(self.data), declared, cut))

    def _network(self, ethertype: int, span: _Span) -> Reason:
        if ethertype == ETHERTYPE_IPV4:
            return self._ipv4(span)
        if ethertype == ETHERTYPE_IPV6:
            return self._ipv6(span)
        self.trace.check("carries IPv4 or IPv6", False)
        return Reason.NOT_IP

    def _push(self, layer: Layer) -> bool:
        """Note one more layer; False at the limit, which is reported, not passed."""
        if len(self.stack) >= self.settings.layers:
            self.limit_hit = True
            return False
        self.stack.append(layer)
        return True

    # outer layers

    def _ipv4(self, span: _Span) -> Reason:
        cursor = Cursor(self.data, span.start, span.end)
        try:
            header = ipv4.parse(cursor)
        except DecodeError as error:
            self.trace.check("IPv4 header is whole", False)
            return Reason.TRUNCATED_NETWORK if error.reason == "truncated" else Reason.BAD_IPV4
        if not self._push(Layer.IPV4):
            return Reason.TOO_MANY_LAYERS
        self.trace.layer("ipv4", span.start, header)
        if header.fragment_offset:
            self.trace.check("is not a later fragment", False)
            return Reason.FRAGMENT
        # A total length of zero is left by segmentation offload: take what is there.
        payload = span.announce(header.total_length or span.length).after(cursor.position)
        if header.more_fragments:
            payload = payload.first_fragment()
        outer = Outer(4, header.source, header.destination, identification=header.identification)
        return self._ipv4_payload(header.protocol, payload, outer)

    def _ipv4_payload(self, protocol: int, payload: _Span, outer: Outer) -> Reason:
        if protocol == PROTOCOL:
            return self._protocol41(payload, outer)
        if protocol == UDP:
            return self._udp(payload, outer)
        if protocol == IPV4_INSIDE:
            return self._ipv4(payload)
        if protocol == TCP:
            self._push(Layer.TCP)
            return Reason.TCP
        if protocol == _ICMP:
            self._push(Layer.ICMP)
            return Reason.ICMP
        self.trace.check("IPv4 protocol carries a tunnel", False)
        return Reason.IPV4_PROTOCOL

    def _ipv6(self, span: _Span) -> Reason:
        """Native IPv6: only a carrier."""
        cursor = Cursor(self.data, span.start, span.end)
        try:
            header = ipv6.parse(cursor)
        except DecodeError as error:
            self.trace.check("IPv6 header is whole", False)
            return Reason.TRUNCATED_NETWORK if error.reason == "truncated" else Reason.BAD_IPV6
        if not self._push(Layer.IPV6):
            return Reason.TOO_MANY_LAYERS
        self.trace.layer("ipv6", span.start, header)
        payload = span.announce(ipv6.HEADER_LENGTH + header.payload_length)
        inner = summarize(self.data, span.start, header, payload.end)
        return self._ipv6_payload(inner, payload)

    def _ipv6_payload(self, inner: Inner, span: _Span) -> Reason:
        """What an IPv6 packet carries, be it the outermost or one inside a tunnel."""
        chain = inner.chain
        if chain.limit_hit:
            self.limit_hit = True
            return Reason.TOO_MANY_LAYERS
        if not chain.complete or (chain.fragment is not None and chain.fragment.offset):
            return Reason.IPV6_NATIVE
        payload = span.after(chain.position)
        if chain.fragment is not None and chain.fragment.more:
            payload = payload.first_fragment()
        if chain.transport == UDP:
            return self._udp(payload, Outer(6, inner.header.source, inner.header.destination))
        if chain.transport == IPV4_INSIDE:
            return self._ipv4(payload)
        if chain.transport == IPV6_INSIDE:
            return self._ipv6_inside(payload)
        if inner.has_transport and chain.transport in _TRANSPORT_LAYERS:
            self._push(_TRANSPORT_LAYERS[chain.transport])
        return Reason.IPV6_NATIVE

    def _ipv6_inside(self, payload: _Span) -> Reason:
        """IPv6 in IPv6: no tunnel through IPv4, but inside one it is where the service is."""
        if not self.rows:
            return self._ipv6(payload)
        try:
            inner, payload = self._inner_packet(payload)
        except DecodeError:
            self.trace.check("protocol 41 holds an IPv6 header", False)
            return Reason.BAD_IPV6
        verdict = protocol41.judge_nested(inner, self._carrier(payload))
        around = self.rows[-1]
        outer = Outer(6, around.inner_source, around.inner_destination)
        return self._tunnel(verdict, inner, outer, Transport.IPV6, payload, None)

    def _inner_packet(self, payload: _Span) -> tuple[Inner, _Span]:
        """The IPv6 packet that starts a payload; of a fragment, the payload grows to hold it."""
        header = ipv6.parse(Cursor(self.data, payload.start, payload.end))
        inner = summarize(self.data, payload.start, header, payload.end)
        if payload.fragment:
            payload = payload.announce(max(inner.length, payload.length))
        return inner, payload

    def _carrier(self, payload: _Span) -> protocol41.Carrier:
        confidence = self.rows[-1].confidence if self.rows else Confidence.CERTAIN
        return protocol41.Carrier(payload.length, Confidence(confidence))

    # tunnels

    def _protocol41(self, payload: _Span, outer: Outer) -> Reason:
        try:
            inner, payload = self._inner_packet(payload)
        except DecodeError as error:
            self.trace.check("protocol 41 holds an IPv6 header", False)
            cut = error.reason == "truncated" and payload.missing
            return Reason.TRUNCATED_PAYLOAD if cut else Reason.NOT_IPV6_INSIDE
        carrier = self._carrier(payload)
        verdict = protocol41.judge(inner, outer, carrier, self.settings, self.trace)
        return self._tunnel(verdict, inner, outer, Transport.IPV6, payload, None)

    def _udp(self, span: _Span, outer: Outer) -> Reason:
        cursor = Cursor(self.data, span.start, span.end)
        try:
            header = udp.parse(cursor)
        except DecodeError:
            self.trace.check("UDP header is whole", False)
            return Reason.TRUNCATED_PAYLOAD if span.missing else Reason.BAD_UDP
        if not self._push(Layer.UDP):
            return Reason.TOO_MANY_LAYERS
        self.trace.layer("udp", span.start, header)
        if 0 < header.length < udp.HEADER_LENGTH:
            self.trace.check("UDP length holds its header", False)
            return Reason.BAD_UDP
        # A length of zero is a jumbogram's (RFC 2675 section 4): take what is there.
        payload = span.announce(header.length or span.length).after(cursor.position)
        ends = replace(
            outer, source_port=header.source_port, destination_port=header.destination_port
        )
        return self._datagram(payload, ends)

    def _datagram(self, payload: _Span, outer: Outer) -> Reason:
        """IPv6 in a UDP payload, on whatever port."""
        length = payload.length
        data = self.data[payload.start : payload.end]
        stun = data[4:8] == teredo.STUN_COOKIE
        if length < ipv6.HEADER_LENGTH:
            self.trace.check("datagram is long enough for IPv6", False)
            return Reason.STUN if stun else Reason.UDP_SHORT
        try:
            packet = teredo_wire.parse(data, length)
        except DecodeError as error:
            self.trace.check("payload is [authentication] [origin] IPv6", False)
            return Reason.STUN if stun else _not_teredo(error, payload)
        offset = payload.start + packet.ipv6_offset
        inner = summarize(self.data, offset, packet.header, payload.end)
        candidate = teredo.Candidate(
            packet=packet,
            inner=inner,
            outer=outer,
            rest=length - packet.ipv6_offset,
            whole=not payload.missing,
            prefixes=teredo.advertised_prefixes(inner, self.data, payload.end),
        )
        self.trace.layer("teredo", payload.start, packet)
        verdict = teredo.judge(candidate, self.settings, self.trace)
        if stun and (isinstance(verdict, Reason) or verdict.confidence is Confidence.WEAK):
            return Reason.STUN
        if isinstance(verdict, Reason):
            return verdict
        if verdict.kind is Kind.TEREDO:
            self._push(Layer.TEREDO)
        return self._tunnel(verdict, inner, outer, Transport.UDP, payload, packet)

    def _tunnel(
        self,
        verdict: Verdict,
        inner: Inner,
        outer: Outer,
        transport: Transport,
        payload: _Span,
        packet: teredo_wire.Packet | None,
    ) -> Reason:
        """Write the row of one tunnel layer, then go on inside it while there is room."""
        if len(self.rows) >= self.settings.tunnels:
            self.limit_hit = True
            return Reason.TOO_MANY_LAYERS
        self.trace.layer("inner ipv6", inner.offset, inner)
        anomalies = verdict.anomalies | payload.missing
        row = self._row(verdict, inner, outer, transport)
        if packet is not None:
            row = row._replace(**_teredo_fields(packet, payload.start, inner))
        elif inner.length < payload.length:
            row = row._replace(tail_length=payload.length - inner.length)
        self.rows.append(row._replace(anomalies=anomalies))
        if self._push(Layer.IPV6):
            self._ipv6_payload(inner, payload.after(inner.offset).announce(inner.length))
        return Reason.TUNNELLED

    def _row(
        self, verdict: Verdict, inner: Inner, outer: Outer, transport: Transport
    ) -> Observation:
        header, fragment = inner.header, inner.chain.fragment
        return _BLANK._replace(
            frame=self.frame.number,
            time=self.frame.time,
            source=self.frame.source,
            wire_length=self.frame.wire_length,
            captured_length=len(self.data),
            vlan=self.vlan,
            depth=len(self.rows),
            kind=verdict.kind,
            kinds=verdict.kinds,
            confidence=verdict.confidence,
            reasons=int(verdict.evidence),
            teredo_packet=verdict.teredo,
            outer_version=outer.version,
            outer_transport=transport,
            outer_source=outer.source.ljust(16, b"\0"),
            outer_destination=outer.destination.ljust(16, b"\0"),
            outer_source_port=outer.source_port,
            outer_destination_port=outer.destination_port,
            outer_id=outer.identification,
            inner_digest=digest(self.data[inner.offset : inner.end]),
            inner_offset=inner.offset,
            inner_length=inner.length,
            inner_source=header.source,
            inner_destination=header.destination,
            hop_limit=header.hop_limit,
            flow_label=header.flow_label,
            inner_transport=inner.chain.transport,
            has_transport=int(inner.has_transport),
            inner_source_port=inner.source_port,
            inner_destination_port=inner.destination_port,
            tcp_sequence=inner.sequence,
            tcp_acknowledgement=inner.acknowledgement,
            tcp_flags=inner.tcp_flags,
            icmp_type=inner.icmp_type,
            icmp_code=inner.icmp_code,
            icmp_sequence=inner.icmp_sequence,
            payload_length=inner.payload_length,
            has_fragment=int(fragment is not None),
            fragment_id=fragment.identification if fragment else 0,
            fragment_offset=fragment.offset if fragment else 0,
            fragment_more=int(fragment.more) if fragment else 0,
        )


_BLANK = Observation._make(
    [0] * (len(Observation._fields) - 7)
    + [bytes(8), bytes(4), bytes(16), bytes(16), bytes(16), bytes(16), bytes(STACK_LIMIT)]
)


def _teredo_fields(packet: teredo_wire.Packet, start: int, inner: Inner) -> dict[str, Any]:
    """The Teredo parts of a row; ``start`` is where the UDP payload begins in the frame."""
    fields: dict[str, Any] = {"tail_length": packet.unparsed}
    if packet.authentications:
        first = packet.authentications[0]
        fields |= {
            "has_auth": 1,
            "auth_offset": start + first.offset,
            "auth_id_length": len(first.identifier),
            "auth_value_length": len(first.value),
            "auth_confirmation": first.confirmation,
            "nonce": first.nonce,
        }
    if packet.origins:
        # The last one stands next to the packet: it is what a client that skips doubles acts on.
        last = packet.origins[-1]
        fields |= {"has_origin": 1, "origin_ip": last.ip, "origin_port": last.port}
    if packet.trailers:
        fields |= {
            "trailers_offset": inner.offset + inner.length,
            "trailer_count": len(packet.trailers),
        }
    return fields


def _no_link(error: DecodeError) -> Reason:
    if error.reason == "truncated":
        return Reason.TRUNCATED_LINK
    if error.reason == "too many VLAN tags":
        return Reason.TOO_MANY_LAYERS
    return Reason.UNKNOWN_LINK_TYPE if "link type" in error.reason else Reason.NOT_IP


def _not_teredo(error: DecodeError, payload: _Span) -> Reason:
    """Why a long enough payload did not parse."""
    if error.reason == "truncated" and payload.missing:
        return Reason.TRUNCATED_PAYLOAD
    return Reason.UDP
