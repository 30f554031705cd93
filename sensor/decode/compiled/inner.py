"""Summary of an inner IPv6 packet (``sensor.decode.inner``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from sensor.decode.compiled.numbers import (
    AUTHENTICATION,
    DESTINATION_OPTIONS,
    ECHO_REPLY,
    ECHO_REQUEST,
    FRAGMENT,
    FROM_A_NEIGHBOUR,
    HIP,
    HOP_BY_HOP,
    ICMPV6,
    ICMPV6_LENGTH,
    ICMPV6_TOLD,
    IPV4_INSIDE,
    IPV6_INSIDE,
    IPV6_LENGTH,
    LONGEST_PACKET,
    MAX_EXTENSION_HEADERS,
    MOBILITY,
    NO_NEXT_HEADER,
    ROUTING,
    SHIM6,
    TCP,
    TCP_LENGTH,
    TCP_TOLD,
    UDP,
    UDP_LENGTH,
    UDP_TOLD,
)
from sensor.decode.compiled.octets import (
    ZERO,
    Array,
    Flag,
    Number,
    Record,
    Word,
    halves,
    octet,
    padded,
    pair_before,
    part,
    word,
)
from sensor.decode.compiled.words import (
    ANOMALY_TRUNCATED,
    REASON_BAD_IPV6,
    REASON_TRUNCATED_NETWORK,
)
from sensor.jit import inlined
from sensor.wire.ports import TSP_PORT

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
NOT_HOP_LIMIT = np.uint64(0xFFFFFFFFFFFFFF00)
NO_CHECKSUM = 0  # absent, or not to be known
RIGHT_CHECKSUM = 1
WRONG_CHECKSUM = 2
_LOW_HALF = np.uint64(0xFFFFFFFF)


@inlined
def ipv6_fault(arena: Array, start: Number, end: Number) -> Number:
    """Why no IPv6 header can be read from ``start`` on, 0 if one can."""
    if start >= end:
        return REASON_TRUNCATED_NETWORK
    if octet(arena, start) >> 4 != 6:
        return REASON_BAD_IPV6
    return REASON_TRUNCATED_NETWORK if end - start < IPV6_LENGTH else 0


@inlined
def summarize(arena: Array, walk: Record, row: Record, offset: Number) -> None:
    """Look into the IPv6 packet whose whole header starts at ``offset`` of the span."""
    head = word(arena, offset)
    walk["payload_length"] = part(head, 16, 0xFFFF)
    length = IPV6_LENGTH + part(head, 16, 0xFFFF)
    read_end = min(offset + length, walk["end"])
    walk["offset"] = offset
    walk["length"] = length
    walk["read_end"] = read_end
    walk["hop_limit"] = part(head, 0, 0xFF)
    walk["next_header"] = walk["transport"] = part(head, 8, 0xFF)
    walk["inner_source_0"] = word(arena, offset + 8)
    walk["inner_source_1"] = word(arena, offset + 16)
    walk["inner_destination_0"] = word(arena, offset + 24)
    walk["inner_destination_1"] = word(arena, offset + 32)
    row["flow_label"] = part(head, 32, 0xFFFFF)
    walk["position"] = offset + IPV6_LENGTH
    walk["complete"] = 1
    walk["chain_limit"] = 0
    walk["extensions"] = 0
    walk["routing"] = 0
    walk["later_fragment"] = 0
    walk["first_fragment"] = 0
    walk["sound_fragment"] = 0
    if is_extension(walk["transport"]):
        _walk_extensions(arena, walk, row)
    declared = offset + length - walk["position"]
    walk["plausible"] = _is_plausible(walk, declared, read_end == offset + length)
    walk["has_transport"] = 0
    if walk["plausible"] and walk["complete"] and not walk["later_fragment"]:
        _read_transport(arena, walk, row, declared)


@inlined
def is_extension(kind: Number) -> Flag:
    """Whether a next header is one of the extension headers that are walked through."""
    return kind in (
        HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS, MOBILITY, HIP, SHIM6
    )  # fmt: skip


@inlined
def _walk_extensions(arena: Array, walk: Record, row: Record) -> None:
    """Pass extension headers until a transport protocol, the end of the octets or the limit."""
    kind, position, end = walk["transport"], walk["position"], walk["read_end"]
    passed = 0
    while is_extension(kind):
        if passed == MAX_EXTENSION_HEADERS:
            walk["chain_limit"] = 1
            break
        length = _extension_length(arena, kind, position, end)
        if length > end - position:
            walk["complete"] = 0
            break
        following = pair_before(arena, position + 2) >> 8
        if kind == MOBILITY and following == NO_NEXT_HEADER:
            break
        passed += 1
        if kind == ROUTING:
            walk["routing"] = 1
        elif kind == FRAGMENT and not walk["first_fragment"]:  # the first that is not atomic
            _read_fragment(walk, row, word(arena, position))
        kind = following
        position += length
        if walk["later_fragment"]:
            break
    walk["transport"] = kind
    walk["position"] = position
    walk["extensions"] = passed


@inlined
def _extension_length(arena: Array, kind: Number, position: Number, end: Number) -> Number:
    """In octets, at least 8; the length field may be missing."""
    if kind == FRAGMENT or end - position < 2:
        return 8
    units = pair_before(arena, position + 2) & 0xFF
    return (units + 2) * 4 if kind == AUTHENTICATION else (units + 1) * 8


@inlined
def _read_fragment(walk: Record, row: Record, header: Word) -> None:
    offset = part(header, 32, 0xFFF8)
    walk["later_fragment"] = offset > 0
    walk["first_fragment"] = part(header, 32, 1)
    walk["sound_fragment"] = part(header, 32, 0xFF0006) == 0
    row["has_fragment"] = 1
    row["fragment_id"] = part(header, 0, 0xFFFFFFFF)
    row["fragment_offset"] = offset
    row["fragment_more"] = part(header, 32, 1)


@inlined
def _is_plausible(walk: Record, declared: Number, whole: Flag) -> Flag:
    """Whether the chain makes sense so far; ``declared`` octets follow it."""
    if not walk["complete"]:
        return not whole
    if walk["chain_limit"] or walk["later_fragment"]:
        return True
    return declared >= _shortest(walk["transport"], walk["first_fragment"])


@inlined
def _shortest(kind: Number, fragment: Flag) -> Number:
    """Octets of the smallest header, of a fragment perhaps none; of no transport too many."""
    least = 0
    if kind in (TCP, IPV4_INSIDE):
        least = TCP_LENGTH
    elif kind == UDP:
        least = UDP_LENGTH
    elif kind == ICMPV6:
        least = ICMPV6_LENGTH
    elif kind == IPV6_INSIDE:
        least = IPV6_LENGTH
    elif not _is_transport(kind):
        return LONGEST_PACKET + 1
    return 0 if fragment else least


@inlined
def _is_transport(kind: Number) -> Flag:
    """The next headers that need no octets behind them to make sense."""
    return kind in (
        33,  # DCCP
        46,  # RSVP
        47,  # GRE
        50,  # ESP
        NO_NEXT_HEADER,
        88,  # EIGRP
        89,  # OSPF
        103,  # PIM
        112,  # VRRP
        115,  # L2TP
        132,  # SCTP
        136,  # UDP-Lite
    )


@inlined
def _read_transport(arena: Array, walk: Record, row: Record, declared: Number) -> None:
    """What the transport header says; ``declared`` counts its octets and those behind it."""
    position = walk["position"]
    present = walk["read_end"] - position
    kind = walk["transport"]
    if kind == TCP and present >= _least(walk, TCP_TOLD, TCP_LENGTH):
        _read_tcp(arena, walk, row, declared)
    elif kind == UDP and present >= _least(walk, UDP_TOLD, UDP_LENGTH):
        head = padded(arena, position, walk["read_end"])
        walk["has_transport"] = 1
        row["inner_source_port"] = part(head, 48, 0xFFFF)
        row["inner_destination_port"] = part(head, 32, 0xFFFF)
        row["payload_length"] = max(0, declared - UDP_LENGTH)
    elif kind == ICMPV6 and present >= _least(walk, ICMPV6_TOLD, ICMPV6_LENGTH):
        _read_icmp(arena, walk, row, declared)


@inlined
def _least(walk: Record, told: Number, length: Number) -> Number:
    """Octets of a header that have to be there: of one that the capture cut, what rows tell."""
    return told if _is_snapped(walk) else length


@inlined
def _is_snapped(walk: Record) -> Flag:
    """Whether octets of the packet are missing for no other reason than the capture's limit.

    An ICMP error may leave out what it likes of its quote: that is not the capture's doing.
    """
    return (
        walk["read_end"] < walk["offset"] + walk["length"]
        and walk["declared"] > walk["end"]
        and walk["cut"] == ANOMALY_TRUNCATED
        and not walk["quoting"]
    )


@inlined
def _read_icmp(arena: Array, walk: Record, row: Record, declared: Number) -> None:
    """An echo is not told without what may be its identifier, which tells it apart from others."""
    position = walk["position"]
    present = walk["read_end"] - position
    kind_and_code = pair_before(arena, position + 2)
    echo = kind_and_code >> 8 == ECHO_REQUEST or kind_and_code >> 8 == ECHO_REPLY
    if echo and present < ICMPV6_LENGTH:
        return
    walk["has_transport"] = 1
    walk["icmp_kind"] = kind_and_code
    row["icmp_type"] = kind_and_code >> 8
    row["icmp_code"] = kind_and_code & 0xFF
    row["payload_length"] = max(0, declared - ICMPV6_LENGTH)
    if echo and present >= ICMPV6_LENGTH + 4:
        head = word(arena, position)
        row["inner_source_port"] = part(head, 16, 0xFFFF)
        row["icmp_sequence"] = part(head, 0, 0xFFFF)


@inlined
def _read_tcp(arena: Array, walk: Record, row: Record, declared: Number) -> None:
    position = walk["position"]
    rest = padded(arena, position + 8, walk["read_end"])
    length = part(rest, 28, 0xF) * 4
    if length < TCP_LENGTH:
        return
    head = word(arena, position)
    walk["has_transport"] = 1
    row["inner_source_port"] = part(head, 48, 0xFFFF)
    row["inner_destination_port"] = part(head, 32, 0xFFFF)
    row["tcp_sequence"] = part(head, 0, 0xFFFFFFFF)
    row["tcp_acknowledgement"] = part(rest, 32, 0xFFFFFFFF)
    row["tcp_flags"] = part(rest, 16, 0xFF)
    row["payload_length"] = max(0, declared - length)
    walk["tsp_port"] = part(head, 48, 0xFFFF) == TSP_PORT or part(head, 32, 0xFFFF) == TSP_PORT


@inlined
def is_icmp(walk: Record, kind: Number) -> Flag:
    """Whether the packet is an ICMPv6 message of this type, with code 0."""
    return walk["has_transport"] and walk["transport"] == ICMPV6 and walk["icmp_kind"] == kind << 8


@inlined
def may_be_icmp(arena: Array, walk: Record, kind: Number) -> Flag:
    """Whether it is a router message of which the capture left too little to deny this type.

    Other messages to all routers have smaller hop limits, so this one has to be right.
    """
    return (
        walk["next_header"] == ICMPV6
        and walk["hop_limit"] == FROM_A_NEIGHBOUR
        and not walk["has_transport"]
        and walk["plausible"]
        and _is_snapped(walk)
        and (walk["position"] == walk["read_end"] or octet(arena, walk["position"]) == kind)
    )


@inlined
def is_bubble(walk: Record) -> Flag:
    """Whether the header announces nothing behind it (RFC 4380 section 2.8)."""
    return walk["next_header"] == NO_NEXT_HEADER and walk["payload_length"] == 0


@inlined
def fold(state: Word, word: Word) -> Any:
    """One more word in a digest: multiply and fold."""
    state = (state ^ word) * MULTIPLIER
    return state ^ state >> Word(32)


@inlined
def _digest_and_sum(arena: Array, offset: Number, end: Number, segment: Number) -> tuple[Any, Any]:
    """One pass over an inner packet: its digest, and the sum of what its checksum covers.

    The sum is over the addresses and the octets from ``segment`` on, modulo 0xffff. It means
    nothing where the segment has fewer than four octets.
    """
    state = Word(end - offset) ^ MULTIPLIER
    state = fold(state, word(arena, offset) & NOT_HOP_LIMIT)
    total = ZERO
    at = offset + 8
    while at < offset + IPV6_LENGTH:
        found = word(arena, at)
        state = fold(state, found)
        total += halves(found)
        at += 8
    while at + 8 <= segment:
        state = fold(state, word(arena, at))
        at += 8
    if at < segment and at + 8 <= end:  # an authentication header ends within a word
        found = word(arena, at)
        state = fold(state, found)
        total += found & _LOW_HALF
        at += 8
    while at + 8 <= end:
        found = word(arena, at)
        state = fold(state, found)
        total += halves(found)
        at += 8
    if at < end:
        found = word(arena, end - 8) << Word((8 - (end - at)) * 8)
        state = fold(state, found)
        total += halves(found)
    return state, total


@inlined
def digest(arena: Array, walk: Record, row: Record) -> Number:
    """Write the digest; answer whether the transport checksum is right.

    A routing header hides the final destination that the sum covers, a fragment most of the data,
    and zero in UDP means that the sender left it out (RFC 6935).
    """
    position, end = walk["position"], walk["read_end"]
    digest, total = _digest_and_sum(arena, walk["offset"], end, position)
    row["inner_digest"] = digest
    if (
        not walk["has_transport"]
        or end < walk["offset"] + walk["length"]
        or walk["routing"]
        or walk["first_fragment"]
    ):
        return NO_CHECKSUM
    if walk["transport"] == UDP and pair_before(arena, position + UDP_LENGTH) == 0:
        return NO_CHECKSUM
    total += Word(end - position + walk["transport"])
    return RIGHT_CHECKSUM if total % Word(0xFFFF) == ZERO else WRONG_CHECKSUM
