"""Carriers between the link layer and the packet (``sensor.decode.carriers``)."""

from __future__ import annotations

import numpy as np

from sensor.decode.compiled.inner import ipv6_fault
from sensor.decode.compiled.link import carried, is_tag
from sensor.decode.compiled.numbers import (
    CONTROL_WORD,
    ETHERTYPE_AT,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_MPLS,
    ETHERTYPE_MPLS_MULTICAST,
    ETHERTYPE_PPP,
    ETHERTYPE_PPPOE,
    ETHERTYPE_TRANSPARENT,
    GRE_ACKNOWLEDGEMENT,
    GRE_CHECKSUM,
    GRE_KEY,
    GRE_LENGTH,
    GRE_PPTP,
    GRE_ROUTING,
    GRE_SEQUENCE,
    GRE_VERSION,
    IPV4_LENGTH,
    IPV6_LENGTH,
    MAX_LABELS,
    MAX_ROUTES,
    PPPOE_LENGTH,
)
from sensor.decode.compiled.octets import (
    Array,
    Flag,
    Number,
    Record,
    octet,
    pair,
    pair_before,
    part,
    sums_up,
    word,
)
from sensor.decode.compiled.ppp import behind_ppp, behind_pppoe
from sensor.decode.compiled.state import NOTHING, STEP_PPP, STEP_TUNNEL
from sensor.decode.compiled.verdict import look, name, weigh_carried
from sensor.decode.compiled.walk import (
    announce,
    control,
    cut_or,
    datagram_anomalies,
    missing,
    push,
    pushed,
    stop_nesting,
    unsound,
)
from sensor.decode.compiled.wlan import NOWHERE
from sensor.decode.compiled.words import (
    ANOMALY_BAD_CHECKSUM,
    EVIDENCE_GRE,
    EVIDENCE_L2TP,
    KIND_GRE6,
    LAYER_GRE,
    LAYER_MPLS,
    LAYER_PPP,
    LAYER_PPPOE,
    OVER_GRE,
    OVER_UDP,
    REASON_GRE,
    REASON_NOT_IP,
    REASON_NOT_IPV6_INSIDE,
    REASON_TOO_MANY_LAYERS,
    REASON_TRUNCATED_NETWORK,
    STRONG,
)
from sensor.jit import compiled, inlined

_BAD, _TOO_MANY = -2, -3


@inlined
def mpls(arena: Array, walk: Record) -> Number:
    """A label stack (RFC 3032 section 2.1); what is below it does not say."""
    at, end = walk["start"], walk["end"]
    labels = 0
    bottom = 0
    while not bottom:
        if labels == MAX_LABELS:
            return stop_nesting(walk)
        if end - at < 4:
            return cut_or(walk, REASON_NOT_IP)
        bottom = octet(arena, at + 2) & 1
        at += 4
        labels += 1
    if not push(walk, LAYER_MPLS):
        return REASON_TOO_MANY_LAYERS
    walk["start"] = at
    return carried(walk, _below_labels(arena, walk))


@inlined
def _below_labels(arena: Array, walk: Record) -> Number:
    """IP, as the first nibble says, or a pseudowire's Ethernet, perhaps behind a control word."""
    start, end = walk["start"], walk["end"]
    version = octet(arena, start) >> 4 if start < end else 0
    bare = _names_network(arena, start + ETHERTYPE_AT, end)
    if version == 4 and (not bare or _is_sound_ipv4(arena, start, end)):
        return ETHERTYPE_IPV4
    if version == 6 and (not bare or _fills_as_ipv6(arena, start, walk["declared"])):
        return ETHERTYPE_IPV6
    behind = not bare or _names_network(arena, start + CONTROL_WORD + ETHERTYPE_AT, end)
    if end - start >= 2 and pair(arena, start) == 0 and behind:
        walk["start"] = start + CONTROL_WORD
    return ETHERTYPE_TRANSPARENT


@inlined
def _names_network(arena: Array, at: Number, end: Number) -> Flag:
    """Whether an EtherType stands there that may lead to a packet."""
    if end - at < 2:
        return False
    found = pair(arena, at)
    return is_tag(found) or found in (
        ETHERTYPE_IPV4,
        ETHERTYPE_IPV6,
        ETHERTYPE_MPLS,
        ETHERTYPE_MPLS_MULTICAST,
        ETHERTYPE_PPPOE,
    )


@inlined
def _is_sound_ipv4(arena: Array, start: Number, end: Number) -> Flag:
    """Whether a header is whole and sums correctly."""
    length = (octet(arena, start) & 0x0F) * 4
    return IPV4_LENGTH <= length <= end - start and sums_up(arena, start, start + length)


@inlined
def _fills_as_ipv6(arena: Array, start: Number, declared: Number) -> Flag:
    return start + IPV6_LENGTH + pair(arena, start + 4) == declared


@inlined
def pppoe(arena: Array, walk: Record) -> Number:
    """RFC 2516 section 4."""
    start = walk["start"]
    at = behind_pppoe(arena, start, walk["end"])
    if at < 0:
        return REASON_NOT_IP if at == NOWHERE else cut_or(walk, REASON_NOT_IP)
    if not push(walk, LAYER_PPPOE):
        return REASON_TOO_MANY_LAYERS
    announce(walk, PPPOE_LENGTH + pair_before(arena, at))
    walk["start"] = at
    return STEP_PPP


@inlined
def ppp(arena: Array, walk: Record) -> Number:
    """A PPP frame (RFC 1661 section 2)."""
    at, ethertype = behind_ppp(arena, walk["start"], walk["end"])
    if at < 0:
        return REASON_NOT_IP if at == NOWHERE else cut_or(walk, REASON_NOT_IP)
    walk["start"] = at
    return pushed(walk, LAYER_PPP, carried(walk, ethertype))


@compiled
def behind_gre(arena: Array, start: Number, end: Number) -> Number:
    """Behind a GRE header (RFC 1701, 2637, 2890); NOTHING if it is cut, -2 if there is none."""
    if end - start < GRE_LENGTH:
        return NOTHING
    flags = pair(arena, start)
    version = flags & GRE_VERSION
    at = start + GRE_LENGTH
    if version == GRE_PPTP:
        if flags & (GRE_CHECKSUM | GRE_ROUTING | GRE_KEY) != GRE_KEY:
            return _BAD
        at += 4
        if flags & GRE_ACKNOWLEDGEMENT:
            at += 4
    elif version:
        return _BAD
    else:
        at += _standard_length(flags)
    if flags & GRE_SEQUENCE:
        at += 4
    if at > end:
        return NOTHING
    return _behind_routes(arena, at, end) if version == 0 and flags & GRE_ROUTING else at


@inlined
def is_gre(arena: Array, start: Number, end: Number) -> Flag:
    """A datagram to GRE's port, or behind four octets of GUE, may be anything."""
    return (
        behind_gre(arena, start, end) >= 0
        and octet(arena, start + 1) & GRE_VERSION == 0
        and _is_in_gre(pair(arena, start + 2))
    )


@inlined
def _is_in_gre(protocol: Number) -> Flag:
    return protocol in (
        ETHERTYPE_IPV4,
        ETHERTYPE_IPV6,
        ETHERTYPE_TRANSPARENT,
        ETHERTYPE_MPLS,
        ETHERTYPE_MPLS_MULTICAST,
    )


@inlined
def _standard_length(flags: Number) -> Number:
    """Octets of checksum, offset and key, in version 0."""
    length = 0
    if flags & (GRE_CHECKSUM | GRE_ROUTING):
        length += 4
    if flags & GRE_KEY:
        length += 4
    return length


@inlined
def _behind_routes(arena: Array, at: Number, end: Number) -> Number:
    """Pass the source routes and the empty one of family 0 that ends them (RFC 1701)."""
    for _ in range(MAX_ROUTES + 1):
        if end - at < 4:
            return NOTHING
        route = part(word(arena, at - 4), 0, 0xFFFFFFFF)
        at += 4
        if route & 0xFFFF00FF == 0:
            return at
        at += route & 0xFF
        if at > end:
            return NOTHING
    return _TOO_MANY


@inlined
def gre(arena: Array, walk: Record) -> Number:
    """GRE, in IP or in UDP (RFC 2784, RFC 2890, RFC 2637, RFC 8086)."""
    start, end = walk["start"], walk["end"]
    at = behind_gre(arena, start, end)
    if at == _TOO_MANY:
        return stop_nesting(walk)
    if at < 0:
        return cut_or(walk, REASON_GRE) if at == NOTHING else REASON_GRE
    if not push(walk, LAYER_GRE):
        return REASON_TOO_MANY_LAYERS
    head = word(arena, start - 4)
    flags, protocol = part(head, 16, 0xFFFF), part(head, 0, 0xFFFF)
    walk["key"] = _key(arena, start, flags)
    if walk["version"] == 4 or walk["count"] > walk["first"]:
        walk["bridge"] = KIND_GRE6
    if flags & GRE_CHECKSUM and not missing(walk) and not sums_up(arena, start, end):
        walk["oddities"] |= ANOMALY_BAD_CHECKSUM
    walk["start"] = at
    if protocol == ETHERTYPE_PPP and flags & GRE_VERSION == GRE_PPTP:
        return STEP_PPP
    return carried(walk, protocol) if _is_in_gre(protocol) else REASON_GRE


@inlined
def _key(arena: Array, start: Number, flags: Number) -> Number:
    """The key, of PPTP the call; 0 if there is none."""
    if not flags & GRE_KEY:
        return 0
    if flags & GRE_VERSION:
        return pair_before(arena, start + 8)
    at = start + 8 if flags & (GRE_CHECKSUM | GRE_ROUTING) else start + 4
    return part(word(arena, at - 4), 0, 0xFFFFFFFF)


@inlined
def tunnelled(arena: Array, walk: Record, row: Record, carrier: Number) -> Number:
    """IPv6 that GRE or L2TP carries, directly or in an Ethernet or PPP frame."""
    evidence = look(arena, walk, row)
    if evidence == NOTHING:
        cut = ipv6_fault(arena, walk["start"], walk["end"]) == REASON_TRUNCATED_NETWORK
        if cut and walk["quoting"] and not walk["over_udp"]:
            confidence = min(carrier, STRONG)
            return control(arena, walk, row, KIND_GRE6, confidence, EVIDENCE_GRE, OVER_GRE)
        return cut_or(walk, REASON_NOT_IPV6_INSIDE) if cut else REASON_NOT_IPV6_INSIDE
    row["confidence"] = weigh_carried(walk, evidence, carrier, unsound(walk))
    transport = OVER_GRE
    if walk["over_udp"]:
        transport = OVER_UDP
        row["anomalies"] |= datagram_anomalies(walk)
    kind = np.int64(walk["bridge"])
    name(row, kind, evidence | (EVIDENCE_GRE if kind == KIND_GRE6 else EVIDENCE_L2TP), transport)
    return STEP_TUNNEL
