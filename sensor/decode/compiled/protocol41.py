"""Which kind of protocol-41 tunnel this is (``sensor.decode.protocol41``)."""

from __future__ import annotations

from sensor.decode.compiled.addresses import (
    among,
    is_bogon,
    is_link_local,
    is_multicast,
    is_private,
    is_teredo,
)
from sensor.decode.compiled.inner import ipv6_fault
from sensor.decode.compiled.numbers import (
    ICMPV6,
    ISATAP_PRIVATE,
    ISATAP_UNIVERSAL,
    LINK_LOCAL,
    ORGANISATION_SCOPE,
    REDIRECT,
    ROUTER_SOLICITATION,
    SHORTEST_QUOTE,
    SIXTOFOUR_PREFIX,
)
from sensor.decode.compiled.octets import ZERO, Array, Flag, Number, Record, Word, octet, part
from sensor.decode.compiled.state import NOTHING, STEP_QUOTED_41, STEP_TUNNEL
from sensor.decode.compiled.verdict import direct, look, name, weigh_carried
from sensor.decode.compiled.walk import carrier, control, cut_or, unsound
from sensor.decode.compiled.words import (
    ANOMALY_EMBEDDED_MISMATCH,
    ANOMALY_EMBEDDED_NOT_GLOBAL,
    ANOMALY_NEIGHBOUR_DISCOVERY,
    ANOMALY_ODD_INNER_ADDRESS,
    ANOMALY_TEREDO_IN_PROTOCOL_41,
    BIT_IPV4_COMPATIBLE,
    BIT_ISATAP,
    BIT_SIXOVERFOUR,
    BIT_SIXRD,
    BIT_SIXTOFOUR,
    EVIDENCE_CONFIGURED_PREFIX,
    EVIDENCE_EMBEDDED_EQUALS_OUTER,
    EVIDENCE_PROTOCOL_41,
    KIND_IP6_IN_IP6,
    KIND_IPV4_COMPATIBLE,
    KIND_ISATAP,
    KIND_SIXINFOUR,
    KIND_SIXOVERFOUR,
    KIND_SIXRD,
    KIND_SIXTOFOUR,
    OVER_IPV6,
    REASON_BAD_IPV6,
    REASON_NOT_IPV6_INSIDE,
    REASON_TRUNCATED_NETWORK,
    STRONG,
)
from sensor.jit import inlined


@inlined
def protocol_41(arena: Array, walk: Record, row: Record, carrier: Number) -> Number:
    """IPv6 directly in IPv4; its schemes are still to be judged."""
    fault = ipv6_fault(arena, walk["start"], walk["end"])
    if fault:
        if walk["quoting"]:
            return STEP_QUOTED_41
        return _not_ipv6(walk, fault)
    evidence = direct(arena, walk, row) | EVIDENCE_PROTOCOL_41
    row["confidence"] = weigh_carried(walk, evidence, carrier, unsound(walk))
    row["reasons"] = evidence
    row["outer_transport"] = OVER_IPV6
    return STEP_TUNNEL


@inlined
def _not_ipv6(walk: Record, fault: Number) -> Number:
    cut = fault == REASON_TRUNCATED_NETWORK
    return cut_or(walk, REASON_NOT_IPV6_INSIDE) if cut else REASON_NOT_IPV6_INSIDE


@inlined
def quoted_41(arena: Array, walk: Record, rows: Array) -> Number:
    """An ICMP error that quotes too little for the inner addresses."""
    start, end = walk["start"], walk["end"]
    if end - start >= SHORTEST_QUOTE and octet(arena, start) >> 4 == 6:
        confidence = min(carrier(walk, rows), STRONG)
        row = rows[walk["count"]]
        return control(
            arena, walk, row, KIND_SIXINFOUR, confidence, EVIDENCE_PROTOCOL_41, OVER_IPV6
        )
    return _not_ipv6(walk, ipv6_fault(arena, start, end))


@inlined
def nested(arena: Array, walk: Record, row: Record, carrier: Number) -> Number:
    """IPv6 in IPv6: no tunnel through IPv4, but inside one it is where the service is."""
    evidence = look(arena, walk, row)
    if evidence == NOTHING:
        return REASON_BAD_IPV6
    row["confidence"] = weigh_carried(walk, evidence, carrier, unsound(walk))
    name(row, KIND_IP6_IN_IP6, evidence | EVIDENCE_PROTOCOL_41, OVER_IPV6)
    return STEP_TUNNEL


@inlined
def _schemes(first: Word, second: Word, end: Number, domains: Array) -> tuple[Number, Number]:
    """Bits of the kinds that fit an IPv6 address, and of those whose IPv4 address is ``end``."""
    fitting = equal = 0
    embedded = part(second, 0, 0xFFFFFFFF)
    middle = part(second, 32, 0xFFFFFFFF)
    if part(first, 48, 0xFFFF) == SIXTOFOUR_PREFIX:
        fitting |= BIT_SIXTOFOUR
        if _sixtofour_ip(first) == end:
            equal |= BIT_SIXTOFOUR
    if middle in (ISATAP_PRIVATE, ISATAP_UNIVERSAL):
        fitting |= BIT_ISATAP
    if middle == 0 and embedded >> 24:  # 0.0.0.0/8 names no host
        if first == LINK_LOCAL:
            fitting |= BIT_SIXOVERFOUR
        elif first == ZERO:
            fitting |= BIT_IPV4_COMPATIBLE
    if embedded == end:
        equal |= fitting & ~BIT_SIXTOFOUR
    for i in range(len(domains)):
        domain = domains[i]
        if _is_under(domain, first, second):
            fitting |= BIT_SIXRD
            if _embedded_low(domain, first, second) == end & domain["embedded"]:
                equal |= BIT_SIXRD
    return fitting, equal


@inlined
def _sixtofour_ip(first: Word) -> Number:
    return part(first, 16, 0xFFFFFFFF)


@inlined
def _is_under(domain: Record, first: Word, second: Word) -> Flag:
    return (
        first & domain["mask_0"] == domain["prefix_0"]
        and second & domain["mask_1"] == domain["prefix_1"]
    )


@inlined
def _embedded_low(domain: Record, first: Word, second: Word) -> Number:
    """The embedded bits; the others are those of the outer address they are compared with."""
    shift, mask = domain["shift"], domain["embedded"]
    if shift == 0:
        return part(second, 0, mask)
    if shift < 64:
        return part(first << Word(64 - shift) | second >> Word(shift), 0, mask)
    return part(first, shift - 64, mask) if shift < 128 else 0


@inlined
def judge_protocol_41(walk: Record, row: Record, domains: Array, relays: Array) -> None:
    """Which kind of tunnel, and whether it agrees with its outer ends."""
    source = part(walk["outer_source_0"], 32, 0xFFFFFFFF)
    destination = part(walk["outer_destination_0"], 32, 0xFFFFFFFF)
    ours, our_equal = _schemes(walk["inner_source_0"], walk["inner_source_1"], source, domains)
    theirs, their_equal = _schemes(
        walk["inner_destination_0"], walk["inner_destination_1"], destination, domains
    )
    fitting = ours | theirs
    kind = _kind_41(fitting, destination)
    row["kind"] = kind
    row["kinds"] = fitting | 1 << kind
    if our_equal | their_equal:
        row["reasons"] |= EVIDENCE_EMBEDDED_EQUALS_OUTER
    if fitting & BIT_SIXRD:
        row["reasons"] |= EVIDENCE_CONFIGURED_PREFIX
    # What a configured tunnel's end calls itself (fe80::a.b.c.d) says nothing behind a NAT, and a
    # 6rd relay returns the probes of its customers (RFC 5969 section 8).
    free = BIT_SIXOVERFOUR
    if fitting & BIT_SIXRD and among(relays, walk["outer_source_0"], ZERO):
        free |= BIT_SIXRD
    anomalies = 0
    if ours & ~free and not our_equal & ~free:
        anomalies |= ANOMALY_EMBEDDED_MISMATCH
    if theirs & BIT_SIXTOFOUR and not their_equal & BIT_SIXTOFOUR:
        anomalies |= ANOMALY_EMBEDDED_MISMATCH
    if fitting & BIT_SIXTOFOUR:
        anomalies |= _sixtofour_anomalies(walk, ours, theirs)
    if is_teredo(walk["inner_source_0"]) or is_teredo(walk["inner_destination_0"]):
        anomalies |= ANOMALY_TEREDO_IN_PROTOCOL_41
    if _discovers(walk) and not is_private(source) and destination >> 24 != ORGANISATION_SCOPE:
        anomalies |= ANOMALY_NEIGHBOUR_DISCOVERY
    row["anomalies"] |= anomalies


@inlined
def _kind_41(fitting: Number, destination: Number) -> Number:
    """The kind that names the tunnel; 6over4 is told by its outer group alone."""
    if destination >> 24 == ORGANISATION_SCOPE:
        return KIND_SIXOVERFOUR
    if fitting & BIT_SIXTOFOUR:
        return KIND_SIXTOFOUR
    if fitting & BIT_ISATAP:
        return KIND_ISATAP
    if fitting & BIT_IPV4_COMPATIBLE:
        return KIND_IPV4_COMPATIBLE
    return KIND_SIXRD if fitting & BIT_SIXRD else KIND_SIXINFOUR


@inlined
def _sixtofour_anomalies(walk: Record, ours: Number, theirs: Number) -> Number:
    source, destination = walk["inner_source_0"], walk["inner_destination_0"]
    bits = 0
    if ours & BIT_SIXTOFOUR and is_bogon(_sixtofour_ip(source)):
        bits |= ANOMALY_EMBEDDED_NOT_GLOBAL
    if theirs & BIT_SIXTOFOUR and is_bogon(_sixtofour_ip(destination)):
        bits |= ANOMALY_EMBEDDED_NOT_GLOBAL
    if (
        is_link_local(source)
        or is_link_local(destination)
        or is_multicast(source)
        or is_multicast(destination)
    ):
        bits |= ANOMALY_ODD_INNER_ADDRESS
    return bits


@inlined
def _discovers(walk: Record) -> Flag:
    """Whether the packet is a router or neighbour message, of any code."""
    return (
        walk["has_transport"]
        and walk["transport"] == ICMPV6
        and ROUTER_SOLICITATION <= walk["icmp_kind"] >> 8 <= REDIRECT
    )
