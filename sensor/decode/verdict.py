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


@dataclass(frozen=True, slots=True)
class Verdict:
    """A tunnel layer and why it is believed."""

    kind: Kind
    kinds: int
    confidence: Confidence
    evidence: Evidence
    anomalies: Anomaly
    teredo: TeredoPacket = TeredoPacket.NONE


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
    }
    return joined(found, Anomaly(0))


def _has_odd_address(header: IPv6Header) -> bool:
    """Addresses that no packet may carry through a tunnel (RFC 4213 section 3.6, RFC 3964 5.1)."""
    ends = (header.source, header.destination)
    return (
        is_multicast6(header.source)
        or header.destination == UNSPECIFIED
        or LOOPBACK in ends
        or any(is_site_local6(end) or ipv4_mapped(end) is not None for end in ends)
    )
