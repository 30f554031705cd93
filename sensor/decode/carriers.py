"""Carriers between the link layer and the packet: MPLS, PPPoE, PPP, Ethernet in a tunnel, GRE."""

from __future__ import annotations

from dataclasses import replace

from sensor.decode.native import inner_packet
from sensor.decode.span import Span
from sensor.decode.verdict import datagram_anomalies, of_kind, shape, shape_anomalies, weigh_carried
from sensor.decode.walk import Next, Step, Walk
from sensor.errors import DecodeError
from sensor.schema.words import Anomaly, Confidence, Evidence, Kind, Layer, Reason, Transport
from sensor.wire import gre, ipv4, ipv6, link, mpls, pppoe
from sensor.wire.link import ETHERTYPE_IPV4, ETHERTYPE_IPV6

# In front of an Ethernet frame in MPLS, or not; it begins with 16 bits of zero (RFC 4448).
_CONTROL_WORD = 4
_ETHERTYPE_AT = 12
_NETWORKS = link.TAG_TYPES | {
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    mpls.ETHERTYPE,
    mpls.ETHERTYPE_MULTICAST,
    pppoe.ETHERTYPE_SESSION,
}


def network(walk: Walk, at: Next) -> Next | Reason:
    """What an EtherType names."""
    ethertype, span = at.code, at.span
    if ethertype == ETHERTYPE_IPV4:
        return Next(Step.IPV4, span)
    if ethertype == ETHERTYPE_IPV6:
        return _tunnelled(walk, span, walk.bridge) if walk.bridge else Next(Step.IPV6, span)
    if ethertype in (mpls.ETHERTYPE, mpls.ETHERTYPE_MULTICAST):
        return _mpls(walk, span)
    if ethertype == pppoe.ETHERTYPE_SESSION:
        return _pppoe(walk, span)
    if ethertype == gre.TRANSPARENT_ETHERNET:
        return Next(Step.ETHERNET, span)
    walk.trace.check("carries IPv4 or IPv6", False)
    return Reason.NOT_IP


def ethernet(walk: Walk, at: Next) -> Next | Reason:
    """An Ethernet frame inside another packet; its VLANs are not those of the captured frame."""
    span = at.span
    cursor = span.cursor(walk.data)
    try:
        header = link.parse(link.LINKTYPE_ETHERNET, cursor)
    except DecodeError as error:
        if error.reason == "too many VLAN tags":
            return walk.stop_nesting()
        return span.unread(error, Reason.NOT_IP)
    for name in header.layers:
        if not walk.push(Layer[name.upper()]):
            return Reason.TOO_MANY_LAYERS
    walk.trace.layer("link", span.start, header)
    return Next(Step.NETWORK, span.after(cursor.position), header.protocol)


def _mpls(walk: Walk, span: Span) -> Next | Reason:
    """A label stack (RFC 3032 section 2.1); what is below it does not say."""
    cursor = span.cursor(walk.data)
    try:
        labels = mpls.parse(cursor)
    except DecodeError as error:
        if error.reason == "too many labels":
            return walk.stop_nesting()
        return span.unread(error, Reason.NOT_IP)
    for i, label in enumerate(labels):
        walk.trace.layer("mpls", span.start + i * mpls.LABEL_LENGTH, label)
    return walk.pushed(Layer.MPLS, _below_labels(walk, span.after(cursor.position)))


def _below_labels(walk: Walk, span: Span) -> Next:
    """IP, as the first nibble says, or a pseudowire's Ethernet, perhaps behind a control word.

    Addresses of Ethernet begin like any of the three (RFC 8469 section 3): then what the others
    would have to be decides.
    """
    octets = span.octets(walk.data)
    version = octets[0] >> 4 if octets else 0
    bare = _names_network(octets, _ETHERTYPE_AT)
    if version == 4 and (not bare or ipv4.header_checksum_ok(octets)):
        return Next(Step.NETWORK, span, ETHERTYPE_IPV4)
    if version == 6 and (not bare or _fills_as_ipv6(octets, span)):
        return Next(Step.NETWORK, span, ETHERTYPE_IPV6)
    behind = not bare or _names_network(octets, _CONTROL_WORD + _ETHERTYPE_AT)
    word = octets[:2] == bytes(2) and behind
    return Next(Step.ETHERNET, span.after(span.start + _CONTROL_WORD) if word else span)


def _names_network(octets: bytes, at: int) -> bool:
    """Whether an EtherType stands there that may lead to a packet."""
    return int.from_bytes(octets[at : at + 2]) in _NETWORKS


def _fills_as_ipv6(octets: bytes, span: Span) -> bool:
    return ipv6.HEADER_LENGTH + int.from_bytes(octets[4:6]) == span.length


def _pppoe(walk: Walk, span: Span) -> Next | Reason:
    """RFC 2516 section 4."""
    cursor = span.cursor(walk.data)
    try:
        header = pppoe.parse(cursor)
    except DecodeError as error:
        return span.unread(error, Reason.NOT_IP)
    walk.trace.layer("pppoe", span.start, header)
    length = cursor.position - span.start + header.length
    return walk.pushed(Layer.PPPOE, Next(Step.PPP, span.announce(length).after(cursor.position)))


def ppp_frame(walk: Walk, at: Next) -> Next | Reason:
    """A PPP frame (RFC 1661 section 2)."""
    span = at.span
    cursor = span.cursor(walk.data)
    try:
        ethertype = link.ppp_ethertype(cursor)
    except DecodeError as error:
        return span.unread(error, Reason.NOT_IP)
    walk.trace.layer("ppp", span.start)
    return walk.pushed(Layer.PPP, Next(Step.NETWORK, span.after(cursor.position), ethertype))


def gre_packet(walk: Walk, at: Next) -> Next | Reason:
    """GRE, in IP or in UDP (RFC 2784, RFC 2890, RFC 2637, RFC 8086)."""
    span = at.span
    cursor = span.cursor(walk.data)
    try:
        header = gre.parse(cursor)
    except DecodeError as error:
        if error.reason == "too many source routes":
            return walk.stop_nesting()
        return span.unread(error, Reason.GRE)
    if not walk.push(Layer.GRE):
        return Reason.TOO_MANY_LAYERS
    walk.trace.layer("gre", span.start, header)
    walk.outer = replace(walk.outer, key=header.key or 0)
    if walk.outer.version == 4 or walk.rows:
        walk.bridge = Kind.GRE6
    if header.checksum is not None and _wrong_sum(walk, span):
        walk.oddities |= Anomaly.BAD_CHECKSUM
    carried = span.after(cursor.position)
    if header.protocol == gre.PPP and header.version == 1:
        return Next(Step.PPP, carried)
    if header.protocol in IN_GRE:
        return Next(Step.NETWORK, carried, header.protocol)
    return Reason.GRE


IN_GRE = frozenset((gre.IPV4, gre.IPV6, gre.TRANSPARENT_ETHERNET, gre.MPLS, gre.MPLS_MULTICAST))


def _wrong_sum(walk: Walk, span: Span) -> bool:
    """Whether the sum over a whole GRE packet is wrong; of a cut one nobody knows."""
    return not span.missing and not gre.checksum_ok(span.octets(walk.data))


def _tunnelled(walk: Walk, span: Span, kind: Kind) -> Next | Reason:
    """IPv6 that GRE or L2TP carries, directly or in an Ethernet or PPP frame."""
    found = inner_packet(walk, span)
    if isinstance(found, DecodeError):
        if walk.quoting is not None and found.reason == "truncated" and not walk.over_udp:
            return _short_quote(walk, span, kind)
        return span.unread(found, Reason.NOT_IPV6_INSIDE)
    inner, span = found
    carrier = walk.holding(span)
    over_udp = walk.over_udp
    verdict = of_kind(
        kind,
        weigh_carried(inner, carrier),
        _EVIDENCE[kind] | shape(inner, carrier.rest),
        shape_anomalies(inner, carrier.rest)
        | (datagram_anomalies(walk.outer) if over_udp else Anomaly(0)),
    )
    return walk.tunnel(verdict, Transport.UDP if over_udp else Transport.GRE, span)


def _short_quote(walk: Walk, span: Span, kind: Kind) -> Reason:
    """An ICMP error that quotes too little for the inner addresses, as RFC 792 lets it."""
    confidence = min(walk.trust, Confidence.STRONG)
    verdict = of_kind(kind, confidence, _EVIDENCE[kind], Anomaly(0))
    return walk.control(verdict, Transport.GRE, span)


_EVIDENCE = {Kind.GRE6: Evidence.GRE, Kind.L2TP6: Evidence.L2TP}
