"""Which kind of protocol-41 tunnel is this, and does it agree with its outer ends?"""

from __future__ import annotations

from sensor.decode.inner import Inner
from sensor.decode.settings import DecodeSettings
from sensor.decode.trace import Trace
from sensor.decode.verdict import (
    Carrier,
    Outer,
    Verdict,
    joined,
    of_kind,
    shape,
    shape_anomalies,
    weigh_carried,
)
from sensor.schema.words import Anomaly, Confidence, Evidence, Kind
from sensor.wire import icmpv6
from sensor.wire.addresses import (
    embeddings,
    is_bogon,
    is_link_local6,
    is_multicast6,
    is_private,
    parse_teredo,
)

ORGANISATION_SCOPE = 239  # first octet of the IPv4 groups that 6over4 uses, RFC 2529 section 6

# First that fits names the tunnel; all that fit are reported (RFC 3964 section 6.1).
_ORDER = (
    Kind.SIXTOFOUR,
    Kind.ISATAP,
    Kind.IPV4_COMPATIBLE,
    Kind.SIXRD,
)


def judge(
    inner: Inner, outer: Outer, carrier: Carrier, settings: DecodeSettings, trace: Trace
) -> Verdict:
    """Classify one packet of IPv4 protocol 41."""
    rest = carrier.rest
    source = embeddings(inner.header.source, outer.source, settings.sixrd)
    destination = embeddings(inner.header.destination, outer.destination, settings.sixrd)
    fitting = {kind for kind, _ in source} | {kind for kind, _ in destination}
    kind = _name(fitting, outer)
    trace.check("inner length fits the packet", inner.length <= rest)
    for name in _ORDER:
        trace.check(f"{name.text} address", name in fitting)
    return Verdict(
        kind=kind,
        kinds=sum(1 << name for name in fitting | {kind}),
        confidence=weigh_carried(inner, carrier),
        evidence=_evidence(inner, outer, rest, source, destination),
        anomalies=_anomalies(inner, outer, rest, _binding(source, outer, settings), destination),
    )


def _binding(
    source: list[tuple[Kind, bytes]], outer: Outer, settings: DecodeSettings
) -> list[tuple[Kind, bytes]]:
    """The schemes that bind the inner source to the outer one.

    What a configured tunnel's end calls itself (fe80::a.b.c.d) says nothing behind a NAT, and a
    6rd relay returns the probes of its customers (RFC 5969 section 8).
    """
    relays = {relay for domain in settings.sixrd for relay in domain.relays}
    free = {Kind.SIXOVERFOUR, Kind.SIXRD} if outer.source in relays else {Kind.SIXOVERFOUR}
    return [(kind, ip) for kind, ip in source if kind not in free]


def judge_nested(inner: Inner, carrier: Carrier) -> Verdict:
    """IPv6 directly in an inner IPv6 packet: no tunnel through IPv4, but the way to its end."""
    return of_kind(
        Kind.IP6_IN_IP6,
        weigh_carried(inner, carrier),
        Evidence.PROTOCOL_41 | shape(inner, carrier.rest),
        shape_anomalies(inner, carrier.rest),
    )


def judge_quote(carrier: Confidence) -> Verdict:
    """An ICMP error that quotes too little for the inner addresses: only the outer ends are told.

    The first octets of the inner header are there, and whoever sent it knows that it was his.
    """
    confidence = min(carrier, Confidence.STRONG)
    return of_kind(Kind.SIXINFOUR, confidence, Evidence.PROTOCOL_41, Anomaly(0))


def _name(fitting: set[Kind], outer: Outer) -> Kind:
    """The kind that names the tunnel.

    fe80::a.b.c.d is both a 6over4 address and what a configured tunnel calls itself (RFC 2529
    section 4, RFC 4213 section 3.7); only the outer group tells them apart.
    """
    if outer.destination[0] == ORGANISATION_SCOPE:
        return Kind.SIXOVERFOUR
    return next((kind for kind in _ORDER if kind in fitting), Kind.SIXINFOUR)


def _evidence(
    inner: Inner,
    outer: Outer,
    rest: int,
    source: list[tuple[Kind, bytes]],
    destination: list[tuple[Kind, bytes]],
) -> Evidence:
    found = {
        Evidence.EMBEDDED_EQUALS_OUTER: outer.source in _ips(source)
        or outer.destination in _ips(destination),
        Evidence.CONFIGURED_PREFIX: any(kind is Kind.SIXRD for kind, _ in source + destination),
    }
    return joined(found, Evidence.PROTOCOL_41 | shape(inner, rest))


def _anomalies(
    inner: Inner,
    outer: Outer,
    rest: int,
    source: list[tuple[Kind, bytes]],
    destination: list[tuple[Kind, bytes]],
) -> Anomaly:
    header = inner.header
    ends = (header.source, header.destination)
    found = {
        Anomaly.EMBEDDED_NOT_GLOBAL: _not_global(source) or _not_global(destination),
        Anomaly.EMBEDDED_MISMATCH: _source_differs(source, outer)
        or _destination_differs(destination, outer),
        Anomaly.TEREDO_IN_PROTOCOL_41: any(parse_teredo(end) for end in ends),
        Anomaly.ODD_INNER_ADDRESS: _is_sixtofour(source + destination)
        and any(is_link_local6(end) or is_multicast6(end) for end in ends),
        Anomaly.NEIGHBOUR_DISCOVERY: _discovers(inner) and _from_afar(outer),
    }
    return joined(found, shape_anomalies(inner, rest))


def _is_sixtofour(schemes: list[tuple[Kind, bytes]]) -> bool:
    return any(kind is Kind.SIXTOFOUR for kind, _ in schemes)


def _discovers(inner: Inner) -> bool:
    return (
        inner.has_transport
        and inner.chain.transport == icmpv6.PROTOCOL
        and icmpv6.ROUTER_SOLICITATION <= inner.icmp_type <= icmpv6.REDIRECT
    )


def _from_afar(outer: Outer) -> bool:
    """ISATAP and 6over4 discover neighbours within a site; from outside it is an attack on hosts
    that take protocol 41 from anyone (RFC 3964 section 4.1.1)."""
    return not is_private(outer.source) and outer.destination[0] != ORGANISATION_SCOPE


def _ips(schemes: list[tuple[Kind, bytes]]) -> list[bytes]:
    return [ip for _, ip in schemes]


def _not_global(schemes: list[tuple[Kind, bytes]]) -> bool:
    """6to4 needs a public IPv4 address (RFC 3056 section 2); the others may be local by design."""
    return any(kind is Kind.SIXTOFOUR and is_bogon(ip) for kind, ip in schemes)


def _source_differs(schemes: list[tuple[Kind, bytes]], outer: Outer) -> bool:
    """RFC 3964 section 5.1, RFC 5214 section 7.3, RFC 5969 section 9.2.

    A relay's packets have native sources: a 6to4 source from one differs too.
    """
    return bool(schemes) and outer.source not in _ips(schemes)


def _destination_differs(schemes: list[tuple[Kind, bytes]], outer: Outer) -> bool:
    """Only 6to4 fixes the outer destination; ISATAP and 6rd hosts send through their router."""
    ips = [ip for kind, ip in schemes if kind is Kind.SIXTOFOUR]
    return bool(ips) and outer.destination not in ips
