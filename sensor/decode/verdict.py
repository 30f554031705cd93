"""What a judge says of one tunnel candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from sensor.decode.inner import Inner
from sensor.schema.words import Anomaly, Confidence, Evidence, Kind, TeredoPacket
from sensor.wire.addresses import (
    LOOPBACK,
    UNSPECIFIED,
    ipv4_mapped,
    is_multicast6,
    is_site_local6,
)
from sensor.wire.ipv6 import IPv6Header

# A packet of an ordinary host has one or two extension headers, seldom any.
USUAL_EXTENSIONS = 2
# Ports below this one are assigned to protocols, and no client of a tunnel is given one.
FIRST_FREE_PORT = 1024

# Octets behind a packet with a right checksum that do not cost it belief: the more may follow, the
# more often chance finds such a packet (RFC 6081's longest trailers take 44).
MAX_JUNK = 64

_Bits = TypeVar("_Bits", Anomaly, Evidence)


@dataclass(frozen=True, slots=True)
class Outer:
    """The carrier's ends; ports are zero where there are none. IPv4 addresses are 4 octets."""

    version: int
    source: bytes
    destination: bytes
    source_port: int = 0
    destination_port: int = 0
    identification: int = 0
    key: int = 0  # of GRE


@dataclass(frozen=True, slots=True)
class Carrier:
    """What holds the inner packet: how many octets it announces, and how sure it is itself.

    A protocol number in a frame's own IP header is certain; found inside a weak candidate it
    proves nothing, for it may be any octets.
    """

    rest: int
    confidence: Confidence = Confidence.CERTAIN
    # How sure it is of what makes no sense: what a port and a few bits tell may hold anything.
    unsound: Confidence = Confidence.STRONG


@dataclass(frozen=True, slots=True)
class Verdict:
    """A tunnel layer and why it is believed."""

    kind: Kind
    kinds: int
    confidence: Confidence
    evidence: Evidence
    anomalies: Anomaly
    teredo: TeredoPacket = TeredoPacket.NONE


def of_kind(kind: Kind, confidence: Confidence, evidence: Evidence, anomalies: Anomaly) -> Verdict:
    """A verdict of a kind beside which no other fits."""
    return Verdict(kind, 1 << kind, confidence, evidence, anomalies)


def joined(found: dict[_Bits, bool], bits: _Bits) -> _Bits:
    """``bits`` and those of ``found`` that hold."""
    for bit, holds in found.items():
        if holds:
            bits |= bit
    return bits


def inner_anomalies(inner: Inner, rest: int) -> Anomaly:
    """Oddities that every kind shares; ``rest`` is how many octets the carrier announces."""
    found = {
        Anomaly.HOP_LIMIT_ZERO: inner.header.hop_limit == 0,
        Anomaly.ROUTING_HEADER: bool(inner.chain.routing_types),
        Anomaly.LENGTH_MISMATCH: inner.length > rest,
        Anomaly.BAD_CHECKSUM: inner.checksum is False,
        Anomaly.EXTENSION_HEADERS: not inner.plausible,
        Anomaly.ODD_INNER_ADDRESS: _has_odd_address(inner.header),
        Anomaly.EXTENSION_CHAIN: len(inner.chain.headers) > USUAL_EXTENSIONS,
    }
    return joined(found, Anomaly(0))


def datagram_anomalies(outer: Outer) -> Anomaly:
    """Oddities of every tunnel over UDP: who takes the port of DNS, NTP or QUIC passes filters."""
    borrowed = min(outer.source_port, outer.destination_port) < FIRST_FREE_PORT
    return Anomaly.BORROWED_PORT if borrowed else Anomaly(0)


def shape(inner: Inner, rest: int) -> Evidence:
    """What the inner packet itself shows, whatever carries it."""
    found = {
        Evidence.EXACT_LENGTH: inner.length == rest,
        Evidence.CHECKSUM: inner.checksum is True,
    }
    return joined(found, Evidence(0))


def shape_anomalies(inner: Inner, rest: int) -> Anomaly:
    """Oddities of an inner packet behind which nothing may stand."""
    found = {Anomaly.TRAILING_BYTES: inner.length < rest}
    return joined(found, inner_anomalies(inner, rest))


def proves_itself(inner: Inner, rest: int) -> bool:
    """Whether an inner packet that nothing around speaks for is none by chance.

    Its checksum is right and little junk follows, or it fills its carrier to the octet and has
    extension headers that hide the checksum and that chance hardly ever puts together.
    """
    if inner.checksum:
        return 0 <= rest - inner.length <= MAX_JUNK
    return inner.length == rest and _has_telling_chain(inner)


def _has_telling_chain(inner: Inner) -> bool:
    chain = inner.chain
    fragment = chain.fragment is not None and chain.fragment.reserved == 0
    return chain.limit_hit or fragment or bool(chain.routing_types and inner.has_transport)


def weigh_carried(inner: Inner, carrier: Carrier) -> Confidence:
    """As sure as the carrier, unless what it holds makes no sense."""
    if carrier.confidence is Confidence.WEAK:
        proved = inner.checksum and inner.length == carrier.rest
        return Confidence.STRONG if proved else Confidence.WEAK
    sound = inner.length <= carrier.rest and inner.plausible and inner.chain.complete
    return carrier.confidence if sound else carrier.unsound


def _has_odd_address(header: IPv6Header) -> bool:
    """Addresses that no packet may carry through a tunnel (RFC 4213 section 3.6, RFC 3964 5.1)."""
    ends = (header.source, header.destination)
    return (
        is_multicast6(header.source)
        or header.destination == UNSPECIFIED
        or LOOPBACK in ends
        or any(is_site_local6(end) or ipv4_mapped(end) is not None for end in ends)
    )
