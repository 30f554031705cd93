"""Carriers inside UDP that their port tells, and IP in UDP, which tells itself."""

from __future__ import annotations

from sensor.decode.carriers import IN_GRE
from sensor.decode.inner import IPV4_INSIDE, IPV6_INSIDE, UDP
from sensor.decode.native import inner_packet
from sensor.decode.span import Span
from sensor.decode.verdict import datagram_anomalies, of_kind, proves_itself, shape, shape_anomalies
from sensor.decode.walk import Next, Step, Walk
from sensor.errors import DecodeError
from sensor.schema.words import Anomaly, Confidence, Evidence, Kind, Layer, Reason, Transport
from sensor.wire import geneve, gre, gtpu, gue, ipv4, ipv6, l2tp, vxlan
from sensor.wire.cursor import Cursor
from sensor.wire.ports import (
    GENEVE_PORT,
    GRE_PORT,
    GTPU_PORT,
    GUE_PORT,
    L2TP_PORT,
    VXLAN_LINUX_PORT,
    VXLAN_PORT,
)
from sensor.wire.sixinfour import PROTOCOL

_VXLAN_PORTS = frozenset((VXLAN_PORT, VXLAN_LINUX_PORT))
_IN_GUE = frozenset((IPV4_INSIDE, PROTOCOL, gre.PROTOCOL))
_IN_IP = frozenset((IPV4_INSIDE, UDP, PROTOCOL, gre.PROTOCOL, ipv6.AUTHENTICATION))


def carrier(walk: Walk, span: Span) -> Next | Reason | None:
    """What the ports name, if the header is such a one; None otherwise.

    VXLAN, Geneve and GRE in UDP send to their port from any; the others use it at either end.
    """
    source, destination = walk.outer.source_port, walk.outer.destination_port
    if destination in _VXLAN_PORTS:
        return _vxlan(walk, span)
    if destination == GENEVE_PORT:
        return _geneve(walk, span)
    if destination == GRE_PORT:
        return _gre(walk, span)
    if GTPU_PORT in (source, destination):
        return _gtpu(walk, span)
    if L2TP_PORT in (source, destination):
        return _l2tp(walk, span)
    if GUE_PORT in (source, destination):
        return _gue(walk, span)
    return None


def _vxlan(walk: Walk, span: Span) -> Next | Reason | None:
    """RFC 7348 section 5."""
    cursor = span.cursor(walk.data)
    try:
        header = vxlan.parse(cursor)
    except DecodeError:
        return None
    walk.trace.layer("vxlan", span.start, header)
    return walk.pushed(Layer.VXLAN, Next(Step.ETHERNET, span.after(cursor.position)))


def _geneve(walk: Walk, span: Span) -> Next | Reason | None:
    """RFC 8926 section 3.4."""
    cursor = span.cursor(walk.data)
    try:
        header = geneve.parse(cursor)
    except DecodeError:
        return None
    walk.trace.layer("geneve", span.start, header)
    below = Next(Step.NETWORK, span.after(cursor.position), header.protocol)
    return walk.pushed(Layer.GENEVE, below)


def _gre(walk: Walk, span: Span) -> Next | None:
    """GRE in UDP (RFC 8086)."""
    return Next(Step.GRE, span) if _is_gre(walk, span) else None


def _is_gre(walk: Walk, span: Span) -> bool:
    """A datagram to that port, or behind four octets of GUE, may be anything."""
    try:
        header = gre.parse(span.cursor(walk.data))
    except DecodeError:
        return False
    return header.version == 0 and header.protocol in IN_GRE


def _gtpu(walk: Walk, span: Span) -> Next | Reason | None:
    """Packets of mobile subscribers (3GPP TS 29.281 section 5)."""
    cursor = span.cursor(walk.data)
    try:
        header = gtpu.parse(cursor)
    except DecodeError as error:
        if error.reason == "too many extension headers" and walk.data[span.start + 1] == gtpu.G_PDU:
            return walk.stop_nesting()
        return None
    if header.type != gtpu.G_PDU:
        return None
    walk.trace.layer("gtpu", span.start, header)
    _compare(walk, span, gtpu.HEADER_LENGTH + header.length)
    walk.vague = True
    return walk.pushed(Layer.GTPU, Next(Step.IP, span.after(cursor.position)))


def _l2tp(walk: Walk, span: Span) -> Next | Reason | None:
    """A softwire's packets are PPP frames in data messages (RFC 2661, RFC 5571)."""
    cursor = span.cursor(walk.data)
    try:
        header = l2tp.parse(cursor)
    except DecodeError:
        return None
    if header.control:
        return Reason.L2TP
    walk.trace.layer("l2tp", span.start, header)
    if header.length is not None:
        _compare(walk, span, header.length)
    walk.bridge, walk.vague = Kind.L2TP6, True
    return walk.pushed(Layer.L2TP, Next(Step.PPP, span.after(cursor.position)))


def _compare(walk: Walk, span: Span, length: int) -> None:
    """A length that receivers pass over: what the datagram holds counts, but a lie is noted."""
    if length != span.length and not span.widened:
        walk.oddities |= Anomaly.LENGTH_MISMATCH


def _gue(walk: Walk, span: Span) -> Next | Reason | None:
    """Generic UDP encapsulation, variant 0 (draft-ietf-intarea-gue section 3)."""
    cursor = span.cursor(walk.data)
    try:
        header = gue.parse(cursor)
    except DecodeError:
        return None
    if header.control or header.protocol not in _IN_GUE:
        return None
    return _in_gue(walk, span, span.after(cursor.position), header.protocol)


def _in_gue(walk: Walk, span: Span, carried: Span, protocol: int) -> Next | Reason | None:
    if protocol == IPV4_INSIDE and not ip_header(walk, carried):
        return None
    if protocol == gre.PROTOCOL and not _is_gre(walk, carried):
        return None
    walk.trace.layer("gue", span.start)
    if protocol == IPV6_INSIDE:
        return _ipv6_in_gue(walk, carried)
    walk.oddities |= datagram_anomalies(walk.outer)
    step = Step.IPV4 if protocol == IPV4_INSIDE else Step.GRE
    return walk.pushed(Layer.GUE, Next(step, carried))


def _ipv6_in_gue(walk: Walk, carried: Span) -> Next | Reason | None:
    """The header is too plain to prove anything off its port: then the packet must itself."""
    found = inner_packet(walk, carried)
    if isinstance(found, DecodeError):
        return None
    inner, carried = found
    rest = carried.length
    on_port = GUE_PORT in (walk.outer.source_port, walk.outer.destination_port)
    expected = on_port and walk.trust is not Confidence.WEAK
    believed = (expected and inner.plausible and inner.length <= rest) or proves_itself(inner, rest)
    verdict = of_kind(
        Kind.IP6_IN_UDP,
        Confidence.STRONG if believed else Confidence.WEAK,
        shape(inner, rest) | (Evidence.SCHEME_PORT if on_port else Evidence(0)),
        shape_anomalies(inner, rest) | datagram_anomalies(walk.outer),
    )
    walk.push(Layer.GUE)
    return walk.tunnel(verdict, Transport.UDP, carried)


def ip_in_udp(walk: Walk, span: Span) -> Next | Reason | None:
    """An IPv4 packet, bare (FOU) or behind GUE's shortest header, on whatever port."""
    head = span.octets(walk.data)[: gue.HEADER_LENGTH]
    if head[:1] and head[0] >> 4 == 4:
        if not ip_header(walk, span):
            return None
        walk.oddities |= datagram_anomalies(walk.outer)
        return walk.pushed(Layer.FOU, Next(Step.IPV4, span))
    if len(head) < gue.HEADER_LENGTH or head[1] not in _IN_GUE or any((head[0], *head[2:])):
        return None
    return _in_gue(walk, span, span.after(span.start + gue.HEADER_LENGTH), head[1])


def ip_header(walk: Walk, span: Span) -> bool:
    """Whether an IPv4 packet that may hold a tunnel starts the span.

    Its header's checksum, a length that fits and a protocol prove it. Receivers take what the
    length says, so octets behind it are noted and hide nothing.
    """
    octets = span.octets(walk.data)
    try:
        header = ipv4.parse(Cursor(octets))
    except DecodeError:
        return False
    fits = header.total_length <= span.length and ipv4.header_checksum_ok(octets)
    found = walk.trace.check("is an IPv4 packet in UDP", fits and header.protocol in _IN_IP)
    if found and header.total_length != span.length and not span.widened:
        walk.oddities |= Anomaly.LENGTH_MISMATCH
    return found
