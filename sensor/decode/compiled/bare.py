"""Schemes of IPv6 in UDP without any sign of Teredo (``sensor.decode.bare``)."""

from __future__ import annotations

import numpy as np

from sensor.decode.compiled.inner import is_icmp
from sensor.decode.compiled.numbers import (
    ALL_ROUTERS_HIGH,
    ALL_ROUTERS_LOW,
    ROUTER_SOLICITATION,
    SIXA44_BUBBLE,
    SIXA44_RELAY,
)
from sensor.decode.compiled.octets import ZERO, Array, Flag, Number, Record, Word, part
from sensor.decode.compiled.state import NOTHING
from sensor.decode.compiled.walk import control, destination_ip, is_either, source_ip
from sensor.decode.compiled.words import (
    BIT_V6UDPV4,
    CERTAIN,
    EVIDENCE_ANYCAST_RELAY,
    EVIDENCE_EMBEDDED_EQUALS_OUTER,
    EVIDENCE_EXACT_LENGTH,
    EVIDENCE_SCHEME_PORT,
    KIND_SIXA44,
    KIND_SIXBED4,
    KIND_TSP,
    OVER_UDP,
    STRONG,
)
from sensor.jit import inlined
from sensor.wire.ports import SIXA44_PORT, SIXBED4_PORT, TSP_PORT


@inlined
def name_bare(walk: Record, row: Record) -> None:
    """Name the scheme, and be surer where an address proves it."""
    if walk["version"] == 4:
        if _is_sixa44(walk):
            _raise(row)
            _name(walk, row, KIND_SIXA44, SIXA44_PORT)
            _note_relay(walk, row)
            return
        if _is_sixbed4(walk):
            _raise(row)
            _name(walk, row, KIND_SIXBED4, SIXBED4_PORT)
            return
    if is_either(walk, SIXBED4_PORT):
        if _solicits(walk):
            row["confidence"] = max(STRONG, np.int64(row["confidence"]))
        _name(walk, row, KIND_SIXBED4, SIXBED4_PORT)
    elif is_either(walk, TSP_PORT):
        _name(walk, row, KIND_TSP, TSP_PORT)
        row["kinds"] |= BIT_V6UDPV4
    elif is_either(walk, SIXA44_PORT) and _through_relay(walk):
        _name(walk, row, KIND_SIXA44, SIXA44_PORT)
        _note_relay(walk, row)


@inlined
def _name(walk: Record, row: Record, kind: Number, port: Number) -> None:
    row["kind"] = kind
    row["kinds"] = 1 << kind
    if is_either(walk, port):
        row["reasons"] |= EVIDENCE_SCHEME_PORT


@inlined
def _note_relay(walk: Record, row: Record) -> None:
    if _through_relay(walk):
        row["reasons"] |= EVIDENCE_ANYCAST_RELAY


@inlined
def _raise(row: Record) -> None:
    row["reasons"] |= EVIDENCE_EMBEDDED_EQUALS_OUTER
    surer = CERTAIN if row["reasons"] & EVIDENCE_EXACT_LENGTH else STRONG
    row["confidence"] = max(surer, np.int64(row["confidence"]))


@inlined
def _through_relay(walk: Record) -> Flag:
    return walk["version"] == 4 and SIXA44_RELAY in (source_ip(walk), destination_ip(walk))


@inlined
def _is_sixa44(walk: Record) -> Flag:
    """Endpoint and inside address in clear (RFC 6751 section 5)."""
    source, destination = source_ip(walk), destination_ip(walk)
    source_1, destination_1 = walk["inner_source_1"], walk["inner_destination_1"]
    if (
        _sixa44_ip(walk["inner_source_0"], source_1) == source
        and part(source_1, 32, 0xFFFF) == walk["source_port"]
    ) or (
        _sixa44_ip(walk["inner_destination_0"], destination_1) == destination
        and part(destination_1, 32, 0xFFFF) == walk["destination_port"]
    ):
        return True
    # Behind the NAT the client's own address stands last; then the relay must be there too.
    if destination == SIXA44_RELAY:
        return part(source_1, 0, 0xFFFFFFFF) == source
    return source == SIXA44_RELAY and part(destination_1, 0, 0xFFFFFFFF) == destination


@inlined
def _sixa44_ip(first: Word, second: Word) -> Number:
    return part(first, 0, 0xFFFF) << 16 | part(second, 48, 0xFFFF)


@inlined
def _is_sixbed4(walk: Record) -> Flag:
    source_1, destination_1 = walk["inner_source_1"], walk["inner_destination_1"]
    return (
        _sixbed4_ip(source_1) == source_ip(walk)
        and part(source_1, 16, 0xFFFF) == walk["source_port"]
    ) or (
        _sixbed4_ip(destination_1) == destination_ip(walk)
        and part(destination_1, 16, 0xFFFF) == walk["destination_port"]
    )


@inlined
def _sixbed4_ip(second: Word) -> Number:
    """Two bits of the first octet stand where u and g are not in the way."""
    return part(second, 32, 0xFCFFFFFF) | part(second, 14, 3) << 24


@inlined
def _solicits(walk: Record) -> Flag:
    """A 6bed4 client asks with no address of its own."""
    return (
        is_icmp(walk, ROUTER_SOLICITATION)
        and walk["inner_source_0"] == ZERO
        and walk["inner_source_1"] == ZERO
        and walk["inner_destination_0"] == ALL_ROUTERS_HIGH
        and walk["inner_destination_1"] == ALL_ROUTERS_LOW
    )


@inlined
def sixa44_bubble(arena: Array, walk: Record, row: Record) -> Number:
    """RFC 6751 section 6.2: 20 octets between a client and the relay's port."""
    if walk["declared"] - walk["start"] != SIXA44_BUBBLE or walk["version"] != 4:
        return NOTHING
    from_relay = source_ip(walk) == SIXA44_RELAY and walk["source_port"] == SIXA44_PORT
    to_relay = destination_ip(walk) == SIXA44_RELAY and walk["destination_port"] == SIXA44_PORT
    if not from_relay and not to_relay:
        return NOTHING
    evidence = EVIDENCE_SCHEME_PORT | EVIDENCE_ANYCAST_RELAY | EVIDENCE_EXACT_LENGTH
    return control(arena, walk, row, KIND_SIXA44, STRONG, evidence, OVER_UDP)
