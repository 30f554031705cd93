"""Carriers inside UDP that their port tells, and IP in UDP (``sensor.decode.udp_carriers``).

Each answers NOTHING to a datagram that is none of its own.
"""

from __future__ import annotations

from sensor.decode.compiled.carriers import is_gre
from sensor.decode.compiled.link import carried
from sensor.decode.compiled.numbers import (
    AUTHENTICATION,
    ETHERTYPE_TRANSPARENT,
    GENEVE_LENGTH,
    GRE,
    GTPU_LENGTH,
    GTPU_PDU,
    GUE_LENGTH,
    IPV4_INSIDE,
    IPV4_LENGTH,
    IPV6_INSIDE,
    L2TP_CONTROL,
    L2TP_CONTROL_FLAGS,
    L2TP_LENGTH,
    L2TP_OFFSET,
    L2TP_SEQUENCE,
    MAX_GTPU_EXTENSIONS,
    UDP,
    VXLAN_LENGTH,
    VXLAN_VALID,
)
from sensor.decode.compiled.octets import (
    Array,
    Flag,
    Number,
    Record,
    octet,
    pair,
    part,
    sums_up,
    word,
)
from sensor.decode.compiled.state import (
    NOTHING,
    STEP_GRE,
    STEP_IP,
    STEP_IPV4,
    STEP_PPP,
    STEP_TUNNEL,
)
from sensor.decode.compiled.verdict import look, name, proves_itself
from sensor.decode.compiled.walk import (
    carrier,
    datagram_anomalies,
    is_either,
    push,
    pushed,
    stop_nesting,
)
from sensor.decode.compiled.words import (
    ANOMALY_LENGTH_MISMATCH,
    EVIDENCE_CHECKSUM,
    EVIDENCE_SCHEME_PORT,
    KIND_IP6_IN_UDP,
    KIND_L2TP6,
    LAYER_FOU,
    LAYER_GENEVE,
    LAYER_GTPU,
    LAYER_GUE,
    LAYER_L2TP,
    LAYER_VXLAN,
    OVER_UDP,
    REASON_L2TP,
    REASON_TOO_MANY_LAYERS,
    STRONG,
    WEAK,
)
from sensor.jit import compiled, inlined
from sensor.wire.ports import (
    GENEVE_PORT,
    GRE_PORT,
    GTPU_PORT,
    GUE_PORT,
    L2TP_PORT,
    VXLAN_LINUX_PORT,
    VXLAN_PORT,
)

_TOO_MANY = -2  # beside NOTHING
_EXTENSION = 0x04
_OPTIONAL = 0x07  # any of three flags brings the optional fields of GTP-U
_GUE_CONTROL = 0x20


@inlined
def udp_carrier(arena: Array, walk: Record, rows: Array) -> Number:
    """What the ports name, if the header is such a one.

    VXLAN, Geneve and GRE in UDP send to their port from any; the others use it at either end.
    """
    destination = walk["destination_port"]
    if destination in (VXLAN_PORT, VXLAN_LINUX_PORT):
        return _vxlan(arena, walk)
    if destination == GENEVE_PORT:
        return _geneve(arena, walk)
    if destination == GRE_PORT:
        return STEP_GRE if is_gre(arena, walk["start"], walk["end"]) else NOTHING
    if is_either(walk, GTPU_PORT):
        return _gtpu(arena, walk)
    if is_either(walk, L2TP_PORT):
        return _l2tp(arena, walk)
    if is_either(walk, GUE_PORT):
        return _gue(arena, walk, rows)
    return NOTHING


@inlined
def _vxlan(arena: Array, walk: Record) -> Number:
    """RFC 7348 section 5."""
    start = walk["start"]
    if walk["end"] - start < VXLAN_LENGTH or not octet(arena, start) & VXLAN_VALID:
        return NOTHING
    walk["start"] = start + VXLAN_LENGTH
    return pushed(walk, LAYER_VXLAN, carried(walk, ETHERTYPE_TRANSPARENT))


@inlined
def _geneve(arena: Array, walk: Record) -> Number:
    """RFC 8926 section 3.4."""
    start = walk["start"]
    if walk["end"] - start < GENEVE_LENGTH:
        return NOTHING
    first = octet(arena, start)
    at = start + GENEVE_LENGTH + (first & 0x3F) * 4
    if first >> 6 or at > walk["end"]:
        return NOTHING
    walk["start"] = at
    if not push(walk, LAYER_GENEVE):
        return REASON_TOO_MANY_LAYERS
    return carried(walk, pair(arena, start + 2))


@inlined
def _gtpu(arena: Array, walk: Record) -> Number:
    """Packets of mobile subscribers (3GPP TS 29.281 section 5)."""
    start, end = walk["start"], walk["end"]
    if end - start < GTPU_LENGTH:
        return NOTHING
    head = word(arena, start)
    flags = part(head, 56, 0xFF)
    if flags >> 4 != 3 or part(head, 48, 0xFF) != GTPU_PDU:
        return NOTHING
    at = _behind_gtpu_options(arena, start + GTPU_LENGTH, end, flags)
    if at == _TOO_MANY:
        return stop_nesting(walk)
    if at == NOTHING:
        return NOTHING
    walk["vague"] = 1
    _compare(walk, GTPU_LENGTH + part(head, 32, 0xFFFF))
    walk["start"] = at
    return pushed(walk, LAYER_GTPU, STEP_IP)


@inlined
def _behind_gtpu_options(arena: Array, at: Number, end: Number, flags: Number) -> Number:
    """Behind the optional fields and the extension headers."""
    if not flags & _OPTIONAL:
        return at
    at += 4
    if at > end:
        return NOTHING
    following = octet(arena, at - 1) if flags & _EXTENSION else 0
    extensions = 0
    while following:
        if extensions == MAX_GTPU_EXTENSIONS:
            return _TOO_MANY
        if at >= end:
            return NOTHING
        length = octet(arena, at) * 4
        if length == 0 or length > end - at:
            return NOTHING
        at += length
        following = octet(arena, at - 1)
        extensions += 1
    return at


@inlined
def _l2tp(arena: Array, walk: Record) -> Number:
    """A softwire's packets are PPP frames in data messages (RFC 2661, RFC 5571)."""
    start, end = walk["start"], walk["end"]
    if end - start < 2:
        return NOTHING
    flags = pair(arena, start)
    at = _behind_l2tp(arena, start + 2, end, flags)
    if flags & 0x000F != 2 or at == NOTHING:
        return NOTHING
    if flags & L2TP_CONTROL:
        complete = flags & L2TP_CONTROL_FLAGS == L2TP_CONTROL_FLAGS
        return REASON_L2TP if complete else NOTHING
    if flags & L2TP_LENGTH:
        _compare(walk, pair(arena, start + 2))
    walk["bridge"] = KIND_L2TP6
    walk["vague"] = 1
    walk["start"] = at
    return pushed(walk, LAYER_L2TP, STEP_PPP)


@inlined
def _compare(walk: Record, length: Number) -> None:
    """A length that receivers pass over: what the datagram holds counts, but a lie is noted."""
    if length != walk["declared"] - walk["start"]:
        walk["oddities"] |= ANOMALY_LENGTH_MISMATCH


@inlined
def _behind_l2tp(arena: Array, at: Number, end: Number, flags: Number) -> Number:
    """Behind what the flags say is there: length, tunnel and session, sequence, padding."""
    at += 4
    if flags & L2TP_LENGTH:
        at += 2
    if flags & L2TP_SEQUENCE:
        at += 4
    if flags & L2TP_OFFSET:
        at += 2
        if at <= end:
            at += pair(arena, at - 2)
    return at if at <= end else NOTHING


@inlined
def _gue(arena: Array, walk: Record, rows: Array) -> Number:
    """Generic UDP encapsulation, variant 0 (draft-ietf-intarea-gue section 3)."""
    start = walk["start"]
    if walk["end"] - start < GUE_LENGTH:
        return NOTHING
    first = octet(arena, start)
    at = start + GUE_LENGTH + (first & 0x1F) * 4
    if first >> 6 or first & _GUE_CONTROL or at > walk["end"]:
        return NOTHING
    return _in_gue(arena, walk, rows, at, octet(arena, start + 1))


@compiled
def _in_gue(arena: Array, walk: Record, rows: Array, at: Number, protocol: Number) -> Number:
    start = walk["start"]
    walk["start"] = at
    found = NOTHING
    if protocol == IPV6_INSIDE:
        found = _ipv6_in_gue(arena, walk, rows)
    elif (protocol == GRE and is_gre(arena, at, walk["end"])) or (
        protocol == IPV4_INSIDE and is_ipv4(arena, walk)
    ):
        walk["oddities"] |= datagram_anomalies(walk)
        found = pushed(walk, LAYER_GUE, STEP_GRE if protocol == GRE else STEP_IPV4)
    if found == NOTHING:
        walk["start"] = start
    return found


@inlined
def _ipv6_in_gue(arena: Array, walk: Record, rows: Array) -> Number:
    """The header is too plain to prove anything off its port: then the packet must itself."""
    row = rows[walk["count"]]
    evidence = look(arena, walk, row)
    if evidence == NOTHING:
        return NOTHING
    rest = walk["declared"] - walk["start"]
    believed = proves_itself(walk, evidence & EVIDENCE_CHECKSUM, rest)
    if is_either(walk, GUE_PORT):
        evidence |= EVIDENCE_SCHEME_PORT
        if carrier(walk, rows) != WEAK and walk["plausible"] and walk["length"] <= rest:
            believed = True
    row["confidence"] = STRONG if believed else WEAK
    row["anomalies"] |= datagram_anomalies(walk)
    name(row, KIND_IP6_IN_UDP, evidence, OVER_UDP)
    push(walk, LAYER_GUE)
    return STEP_TUNNEL


@inlined
def ip_in_udp(arena: Array, walk: Record, rows: Array) -> Number:
    """An IPv4 packet, bare (FOU) or behind GUE's shortest header, on whatever port."""
    start = walk["start"]
    present = walk["end"] - start
    if present <= 0:
        return NOTHING
    first = octet(arena, start)
    if first >> 4 == 4:
        if not is_ipv4(arena, walk):
            return NOTHING
        walk["oddities"] |= datagram_anomalies(walk)
        return pushed(walk, LAYER_FOU, STEP_IPV4)
    if present < GUE_LENGTH or first or pair(arena, start + 2):
        return NOTHING
    return _in_gue(arena, walk, rows, start + GUE_LENGTH, octet(arena, start + 1))


@compiled
def is_ipv4(arena: Array, walk: Record) -> Flag:
    """Whether an IPv4 packet that may hold a tunnel starts the span.

    Its header's checksum, a length that fits and a protocol prove it. Receivers take what the
    length says, so octets behind it are noted and hide nothing.
    """
    start = walk["start"]
    present = walk["end"] - start
    if present < IPV4_LENGTH:
        return False
    head = word(arena, start)
    length, total = part(head, 56, 0xF) * 4, part(head, 32, 0xFFFF)
    found = (
        part(head, 60, 0xF) == 4
        and IPV4_LENGTH <= length <= present
        and (length <= total <= walk["declared"] - start or total == 0)
        and is_in_ip(octet(arena, start + 9))
        and sums_up(arena, start, start + length)
    )
    if found and total != walk["declared"] - start:
        walk["oddities"] |= ANOMALY_LENGTH_MISMATCH
    return found


@inlined
def is_in_ip(protocol: Number) -> Flag:
    """Of what may hold a tunnel."""
    return protocol in (IPV4_INSIDE, UDP, IPV6_INSIDE, GRE, AUTHENTICATION)
