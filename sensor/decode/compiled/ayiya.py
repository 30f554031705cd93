"""AYIYA, judged by its header alone, on any port (``sensor.decode.ayiya``)."""

from __future__ import annotations

from sensor.decode.compiled.inner import ipv6_fault
from sensor.decode.compiled.numbers import (
    AYIYA_LAST_OPCODE,
    AYIYA_LENGTH,
    AYIYA_UMAC,
    DAY,
    IPV4_INSIDE,
    IPV6_INSIDE,
    LAST_AYIYA_AUTHENTICATION,
    LAST_IDENTITY_TYPE,
    LEAST_IDENTITY,
    MOST_IDENTITY,
    NO_NEXT_HEADER,
    SECOND,
)
from sensor.decode.compiled.octets import Array, Number, Record, octet, part, word
from sensor.decode.compiled.state import NOTHING, STEP_IPV4, STEP_TUNNEL
from sensor.decode.compiled.udp_carriers import is_ipv4
from sensor.decode.compiled.verdict import look, name
from sensor.decode.compiled.walk import (
    control,
    datagram_anomalies,
    is_either,
    missing,
    push,
    pushed,
)
from sensor.decode.compiled.words import (
    CERTAIN,
    EVIDENCE_AYIYA,
    EVIDENCE_CHECKSUM,
    EVIDENCE_EPOCH,
    EVIDENCE_EXACT_LENGTH,
    EVIDENCE_SCHEME_PORT,
    KIND_AYIYA,
    LAYER_AYIYA,
    OVER_UDP,
    REASON_TOO_MANY_LAYERS,
    REASON_TRUNCATED_NETWORK,
    STRONG,
)
from sensor.jit import inlined
from sensor.wire.ports import AYIYA_OLD_PORT, AYIYA_PORT

_PROOF = EVIDENCE_EPOCH | EVIDENCE_CHECKSUM
_SIGNS = _PROOF | EVIDENCE_EXACT_LENGTH | EVIDENCE_SCHEME_PORT


@inlined
def ayiya(arena: Array, walk: Record, row: Record) -> Number:
    """draft-massar-v6ops-ayiya section 4; NOTHING if a datagram is none, or may be any octets."""
    start = walk["start"]
    at = _behind_header(arena, start, walk["end"])
    if at < 0:
        return NOTHING
    inside = octet(arena, start + 3)
    cut = missing(walk)
    walk["start"] = at
    fault = ipv6_fault(arena, at, walk["end"]) if inside == IPV6_INSIDE else 0
    if inside == IPV4_INSIDE:
        found = STEP_IPV4 if is_ipv4(arena, walk) else NOTHING
    elif inside == IPV6_INSIDE and not fault:
        found = _carries_ipv6(arena, walk, row, _evidence(arena, walk, start))
    elif not fault or (fault == REASON_TRUNCATED_NETWORK and cut):
        found = _control(arena, walk, row, start)
    else:
        found = NOTHING
    if found == NOTHING:
        walk["start"] = start
    return pushed(walk, LAYER_AYIYA, found) if found == STEP_IPV4 else found


@inlined
def _behind_header(arena: Array, start: Number, end: Number) -> Number:
    """Behind a header whose every field has a value that the protocol defines; else NOTHING."""
    if end - start < AYIYA_LENGTH:
        return NOTHING
    head = word(arena, start)
    exponent, kind = part(head, 60, 0xF), part(head, 56, 0xF)
    units, method = part(head, 52, 0xF), part(head, 48, 0xF)
    authentication, opcode = part(head, 44, 0xF), part(head, 40, 0xF)
    at = start + AYIYA_LENGTH + (1 << exponent) + units * 4
    sound = (
        LEAST_IDENTITY <= exponent <= MOST_IDENTITY
        and kind <= LAST_IDENTITY_TYPE
        and (method == AYIYA_UMAC or (method < AYIYA_UMAC and units == _signature_units(method)))
        and authentication <= LAST_AYIYA_AUTHENTICATION
        and opcode <= AYIYA_LAST_OPCODE
        and part(head, 32, 0xFF) in (IPV4_INSIDE, IPV6_INSIDE, NO_NEXT_HEADER)
    )
    return at if sound and at <= end else NOTHING


@inlined
def _signature_units(method: Number) -> Number:
    """Words of 4 octets: none, or those of MD5 or of SHA-1."""
    return method + 3 if method else 0


@inlined
def _evidence(arena: Array, walk: Record, start: Number) -> Number:
    bits = EVIDENCE_AYIYA
    epoch = part(word(arena, start), 0, 0xFFFFFFFF)
    if abs(epoch - walk["time"] // SECOND) <= DAY:
        bits |= EVIDENCE_EPOCH
    if is_either(walk, AYIYA_PORT) or is_either(walk, AYIYA_OLD_PORT):
        bits |= EVIDENCE_SCHEME_PORT
    return bits


@inlined
def _carries_ipv6(arena: Array, walk: Record, row: Record, header: Number) -> Number:
    """A header of defined values alone is met by chance; a clock that is right to a day, or a
    right inner checksum, is not."""
    declared = walk["declared"]
    evidence = look(arena, walk, row) | header
    sound = walk["plausible"] and walk["length"] <= walk["declared"] - walk["start"]
    if not evidence & (_SIGNS if sound else EVIDENCE_EPOCH):
        walk["declared"] = declared
        return NOTHING
    certain = sound and evidence & EVIDENCE_EXACT_LENGTH and evidence & _PROOF
    row["confidence"] = CERTAIN if certain else STRONG
    row["anomalies"] |= datagram_anomalies(walk)
    name(row, KIND_AYIYA, evidence, OVER_UDP)
    push(walk, LAYER_AYIYA)
    return STEP_TUNNEL


@inlined
def _control(arena: Array, walk: Record, row: Record, start: Number) -> Number:
    """No-ops and queries: a header that fills its datagram may do so by chance."""
    evidence = _evidence(arena, walk, start)
    if walk["start"] == walk["declared"]:
        evidence |= EVIDENCE_EXACT_LENGTH
    exact, clock = evidence & EVIDENCE_EXACT_LENGTH, evidence & EVIDENCE_EPOCH
    if not (clock or evidence & EVIDENCE_SCHEME_PORT):
        return NOTHING
    walk["start"] = start
    if not push(walk, LAYER_AYIYA):
        return REASON_TOO_MANY_LAYERS
    confidence = CERTAIN if exact and clock else STRONG
    return control(arena, walk, row, KIND_AYIYA, confidence, evidence, OVER_UDP)
