"""Which scheme is IPv6 in UDP without any sign of Teredo: 6a44, 6bed4, TSP's data, or none."""

from __future__ import annotations

from dataclasses import replace

from sensor.decode.inner import Inner
from sensor.decode.verdict import Outer, Verdict, datagram_anomalies, of_kind
from sensor.schema.words import Confidence, Evidence, Kind
from sensor.wire import icmpv6, sixa44
from sensor.wire.addresses import (
    ALL_ROUTERS,
    SIXA44_RELAY,
    UNSPECIFIED,
    LeakingAddress,
    parse_sixa44,
    parse_sixbed4,
)
from sensor.wire.ports import SIXA44_PORT, SIXBED4_PORT, TSP_PORT


def name(verdict: Verdict, inner: Inner, outer: Outer) -> Verdict:
    """The same verdict with the scheme's name, and surer where an address proves it.

    Addresses of 6a44 (RFC 6751 section 5) and 6bed4 hold the outer endpoint, 48 bits in clear;
    their ports and TSP's only name what something else must prove.
    """
    for kind, proved in ((Kind.SIXA44, _is_sixa44), (Kind.SIXBED4, _is_sixbed4)):
        if proved(inner, outer):
            return _named(_surer(verdict), kind, outer)
    ports = (outer.source_port, outer.destination_port)
    if SIXBED4_PORT in ports:
        found = _strong(verdict) if _is_solicitation(inner) else verdict
        return _named(found, Kind.SIXBED4, outer)
    if TSP_PORT in ports:
        return _named(verdict, Kind.TSP, outer)
    if SIXA44_PORT in ports and SIXA44_RELAY in (outer.source, outer.destination):
        return _named(verdict, Kind.SIXA44, outer)
    return verdict


_PORTS = {Kind.SIXA44: SIXA44_PORT, Kind.SIXBED4: SIXBED4_PORT, Kind.TSP: TSP_PORT}


def _named(verdict: Verdict, kind: Kind, outer: Outer) -> Verdict:
    evidence = verdict.evidence
    if _PORTS[kind] in (outer.source_port, outer.destination_port):
        evidence |= Evidence.SCHEME_PORT
    if kind is Kind.SIXA44 and SIXA44_RELAY in (outer.source, outer.destination):
        evidence |= Evidence.ANYCAST_RELAY
    label = 1 << Kind.V6UDPV4 if kind is Kind.TSP else 0
    return replace(verdict, kind=kind, kinds=1 << kind | label, evidence=evidence)


def _surer(verdict: Verdict) -> Verdict:
    evidence = verdict.evidence | Evidence.EMBEDDED_EQUALS_OUTER
    exact = evidence & Evidence.EXACT_LENGTH
    confidence = Confidence.CERTAIN if exact else Confidence.STRONG
    return replace(verdict, evidence=evidence, confidence=max(verdict.confidence, confidence))


def _strong(verdict: Verdict) -> Verdict:
    return replace(verdict, confidence=max(verdict.confidence, Confidence.STRONG))


def _is_sixa44(inner: Inner, outer: Outer) -> bool:
    """Behind the NAT the client's own address stands last; then the relay must be there too."""
    source, destination = parse_sixa44(inner.header.source), parse_sixa44(inner.header.destination)
    if _holds_end(source, destination, outer):
        return True
    if outer.destination == SIXA44_RELAY:
        return source.inside == outer.source
    return outer.source == SIXA44_RELAY and destination.inside == outer.destination


def _is_sixbed4(inner: Inner, outer: Outer) -> bool:
    source = parse_sixbed4(inner.header.source)
    return _holds_end(source, parse_sixbed4(inner.header.destination), outer)


def _holds_end(source: LeakingAddress, destination: LeakingAddress, outer: Outer) -> bool:
    ours = (source.ip, source.port) == (outer.source, outer.source_port)
    theirs = (destination.ip, destination.port) == (outer.destination, outer.destination_port)
    return ours or theirs


def _is_solicitation(inner: Inner) -> bool:
    """A 6bed4 client asks with no address of its own."""
    return (
        inner.icmp(icmpv6.ROUTER_SOLICITATION)
        and inner.header.source == UNSPECIFIED
        and inner.header.destination == ALL_ROUTERS
    )


def is_sixa44_bubble(length: int, outer: Outer) -> bool:
    """RFC 6751 section 6.2: 20 octets between a client and the relay's port."""
    ends = ((outer.source, outer.source_port), (outer.destination, outer.destination_port))
    return length == sixa44.BUBBLE_LENGTH and (SIXA44_RELAY, SIXA44_PORT) in ends


def judge_bubble(outer: Outer) -> Verdict:
    """A client of 6a44 makes itself known to the relay, or is answered."""
    evidence = Evidence.SCHEME_PORT | Evidence.ANYCAST_RELAY | Evidence.EXACT_LENGTH
    return of_kind(Kind.SIXA44, Confidence.STRONG, evidence, datagram_anomalies(outer))
