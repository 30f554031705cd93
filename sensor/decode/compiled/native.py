"""IPv4 and IPv6, and what they carry directly (``sensor.decode.native``)."""

from __future__ import annotations

from sensor.decode.compiled.inner import ipv6_fault, summarize
from sensor.decode.compiled.numbers import (
    AUTHENTICATION,
    EXTENSION_VERSION,
    GRE,
    ICMP,
    ICMP_ERROR_LENGTH,
    ICMP_PARAMETER_PROBLEM,
    ICMP_REDIRECT,
    ICMP_SOURCE_QUENCH,
    ICMP_TIME_EXCEEDED,
    ICMP_UNREACHABLE,
    ICMPV6,
    IPV4_INSIDE,
    IPV4_LENGTH,
    IPV6_INSIDE,
    IPV6_LENGTH,
    LEAST_QUOTE,
    LONGEST_PACKET,
    PARAMETER_PROBLEM,
    TCP,
    TIME_EXCEEDED,
    UDP,
    UNREACHABLE,
)
from sensor.decode.compiled.octets import ZERO, Array, Flag, Number, Record, Word, octet, part, word
from sensor.decode.compiled.state import (
    STEP_AUTHENTICATED,
    STEP_GRE,
    STEP_ICMP,
    STEP_ICMPV6,
    STEP_INSIDE,
    STEP_IPV4,
    STEP_IPV6,
    STEP_NESTED,
    STEP_PROTOCOL_41,
    STEP_SEGMENT,
    STEP_UDP,
)
from sensor.decode.compiled.walk import announce, cut_or, enter, note_fragment, push, stop_nesting
from sensor.decode.compiled.words import (
    ANOMALY_FRAGMENT_INCOMPLETE,
    ANOMALY_TRUNCATED,
    LAYER_ICMP,
    LAYER_ICMPV6,
    LAYER_IPV4,
    LAYER_IPV6,
    LAYER_TCP,
    REASON_BAD_IPV4,
    REASON_FRAGMENT,
    REASON_ICMP,
    REASON_IPV4_PROTOCOL,
    REASON_IPV6_NATIVE,
    REASON_NOT_IP,
    REASON_TCP,
    REASON_TOO_MANY_LAYERS,
    REASON_TRUNCATED_NETWORK,
)
from sensor.jit import inlined


@inlined
def ipv4(arena: Array, walk: Record) -> Number:
    """An IPv4 header (RFC 791)."""
    start = walk["start"]
    present = walk["end"] - start
    if present <= 0:
        return REASON_TRUNCATED_NETWORK
    first = octet(arena, start)
    length = (first & 0x0F) * 4
    if first >> 4 != 4 or length < IPV4_LENGTH:
        return REASON_BAD_IPV4
    if present < IPV4_LENGTH:
        return REASON_TRUNCATED_NETWORK
    head, middle = word(arena, start), word(arena, start + 8)
    total = part(head, 32, 0xFFFF)
    if 0 < total < length:
        return REASON_BAD_IPV4
    if present < length:
        return REASON_TRUNCATED_NETWORK
    if not push(walk, LAYER_IPV4):
        return REASON_TOO_MANY_LAYERS
    enter(walk, 4, part(head, 16, 0xFFFF))
    walk["outer_source_0"] = middle << Word(32)
    walk["outer_source_1"] = ZERO
    walk["outer_destination_0"] = word(arena, start + 12) << Word(32)
    walk["outer_destination_1"] = ZERO
    protocol = part(middle, 48, 0xFF)
    fragment = part(head, 0, 0x3FFF)  # the offset, and whether more follow
    if fragment:
        if protocol in (IPV4_INSIDE, UDP, IPV6_INSIDE, GRE, AUTHENTICATION):
            note_fragment(walk, start)
        if fragment & 0x1FFF:
            return REASON_FRAGMENT
    # A total length of zero is left by segmentation offload: take what is there.
    announce(walk, total if total else walk["declared"] - start)
    walk["announced"] = total
    walk["start"] = start + length
    if fragment:
        walk["cut"] |= ANOMALY_FRAGMENT_INCOMPLETE
    return STEP_AUTHENTICATED if protocol == AUTHENTICATION else _payload(walk, protocol)


@inlined
def authenticated(arena: Array, walk: Record) -> Number:
    """An authentication header hides nothing: what it protects stands behind it (RFC 4302)."""
    start = walk["start"]
    present = walk["end"] - start
    length = (octet(arena, start + 1) + 2) * 4 if present >= 2 else 8
    if length > present:
        return cut_or(walk, REASON_IPV4_PROTOCOL)
    protocol = octet(arena, start)
    if protocol == AUTHENTICATION:
        return stop_nesting(walk)  # one is enough, and bounds the way
    walk["start"] = start + length
    return _payload(walk, protocol)


@inlined
def _payload(walk: Record, protocol: Number) -> Number:
    if protocol == UDP:
        return STEP_UDP
    if protocol == IPV6_INSIDE:
        return STEP_PROTOCOL_41
    if protocol == IPV4_INSIDE:
        return STEP_IPV4
    if protocol == GRE:
        return STEP_GRE
    if protocol == TCP:
        push(walk, LAYER_TCP)
        walk["code"] = REASON_TCP
        return STEP_SEGMENT
    if protocol == ICMP:
        push(walk, LAYER_ICMP)
        return STEP_ICMP
    return REASON_IPV4_PROTOCOL


@inlined
def ipv6(arena: Array, walk: Record, row: Record) -> Number:
    """Native IPv6: only a carrier."""
    start = walk["start"]
    fault = ipv6_fault(arena, start, walk["end"])
    if fault:
        return fault
    if not push(walk, LAYER_IPV6):
        return REASON_TOO_MANY_LAYERS
    announce(walk, IPV6_LENGTH + part(word(arena, start), 16, 0xFFFF))
    summarize(arena, walk, row, start)
    return STEP_INSIDE


@inlined
def inside(walk: Record) -> Number:
    """What an IPv6 packet carries, be it the outermost or one inside a tunnel."""
    enter(walk, 6, 0)
    walk["outer_source_0"] = walk["inner_source_0"]
    walk["outer_source_1"] = walk["inner_source_1"]
    walk["outer_destination_0"] = walk["inner_destination_0"]
    walk["outer_destination_1"] = walk["inner_destination_1"]
    walk["announced"] = 1
    if walk["first_fragment"] or walk["later_fragment"]:
        note_fragment(walk, walk["offset"])
    if walk["chain_limit"]:
        walk["unfollowed"] = 1
        return REASON_TOO_MANY_LAYERS
    if not walk["complete"] or walk["later_fragment"]:
        return REASON_IPV6_NATIVE
    walk["start"] = walk["position"]
    if walk["first_fragment"]:
        walk["cut"] |= ANOMALY_FRAGMENT_INCOMPLETE
    return _ipv6_payload(walk)


@inlined
def _ipv6_payload(walk: Record) -> Number:
    transport = walk["transport"]
    if transport == UDP:
        return STEP_UDP
    if transport == IPV4_INSIDE:
        return STEP_IPV4
    if transport == IPV6_INSIDE:
        return STEP_IPV6 if walk["count"] == walk["first"] else STEP_NESTED
    if transport == GRE:
        return STEP_GRE
    if transport == TCP and walk["has_transport"]:
        push(walk, LAYER_TCP)
        if walk["tsp_port"]:
            walk["code"] = REASON_IPV6_NATIVE
            return STEP_SEGMENT
    elif transport == ICMPV6 and walk["has_transport"]:
        push(walk, LAYER_ICMPV6)
        if UNREACHABLE <= walk["icmp_kind"] >> 8 <= PARAMETER_PROBLEM:
            return STEP_ICMPV6
    return REASON_IPV6_NATIVE


@inlined
def ip(arena: Array, walk: Record) -> Number:
    """IPv4 or IPv6, whichever the version names."""
    if walk["end"] <= walk["start"]:
        return REASON_TRUNCATED_NETWORK
    version = octet(arena, walk["start"]) >> 4
    if version == 4:
        return STEP_IPV4
    return STEP_IPV6 if version == 6 else REASON_NOT_IP


# ICMP errors


@inlined
def icmp(arena: Array, walk: Record) -> Number:
    """An error quotes the packet that it is about (RFC 792)."""
    start = walk["start"]
    if walk["end"] - start <= ICMP_ERROR_LENGTH or not is_error(octet(arena, start)):
        return REASON_ICMP
    announced = 0
    if octet(arena, start) in (ICMP_UNREACHABLE, ICMP_TIME_EXCEEDED, ICMP_PARAMETER_PROBLEM):
        announced = octet(arena, start + 5) * 4
    return _quoted(arena, walk, STEP_IPV4, REASON_ICMP, announced)


@inlined
def is_error(kind: Number) -> Flag:
    """Whether an ICMP message of this type quotes the packet that it is about."""
    return kind in (
        ICMP_UNREACHABLE,
        ICMP_SOURCE_QUENCH,
        ICMP_REDIRECT,
        ICMP_TIME_EXCEEDED,
        ICMP_PARAMETER_PROBLEM,
    )


@inlined
def icmpv6(arena: Array, walk: Record) -> Number:
    """RFC 4443 section 3."""
    start = walk["start"]
    if walk["end"] - start <= ICMP_ERROR_LENGTH:
        return REASON_IPV6_NATIVE
    announced = 0
    if walk["icmp_kind"] >> 8 in (UNREACHABLE, TIME_EXCEEDED):
        announced = octet(arena, start + 4) * 8
    return _quoted(arena, walk, STEP_IPV6, REASON_IPV6_NATIVE, announced)


@inlined
def _quoted(arena: Array, walk: Record, step: Number, reason: Number, announced: Number) -> Number:
    """The start of an IP packet, which does not say how much of it is left out.

    It ends at an extension (RFC 4884), if one is behind the octets ``announced``.
    """
    if walk["quoting"]:
        return reason
    walk["quoting"] = reason
    walk["start"] += ICMP_ERROR_LENGTH
    end = walk["start"] + announced
    room = announced >= LEAST_QUOTE and end < walk["end"]
    if room and octet(arena, end) >> 4 == EXTENSION_VERSION:
        walk["end"] = end
    walk["declared"] = walk["start"] + LONGEST_PACKET
    walk["cut"] = ANOMALY_TRUNCATED
    return step
