"""What every tunnel candidate is judged by (``sensor.decode.verdict``)."""

from __future__ import annotations

from sensor.decode.compiled.addresses import has_odd_address
from sensor.decode.compiled.inner import (
    RIGHT_CHECKSUM,
    WRONG_CHECKSUM,
    digest,
    ipv6_fault,
    summarize,
)
from sensor.decode.compiled.numbers import MAX_JUNK, USUAL_EXTENSIONS
from sensor.decode.compiled.octets import Array, Flag, Number, Record
from sensor.decode.compiled.state import NOTHING
from sensor.decode.compiled.words import (
    ANOMALY_BAD_CHECKSUM,
    ANOMALY_EXTENSION_CHAIN,
    ANOMALY_EXTENSION_HEADERS,
    ANOMALY_FRAGMENT_INCOMPLETE,
    ANOMALY_HOP_LIMIT_ZERO,
    ANOMALY_LENGTH_MISMATCH,
    ANOMALY_ODD_INNER_ADDRESS,
    ANOMALY_ROUTING_HEADER,
    ANOMALY_TRAILING_BYTES,
    EVIDENCE_CHECKSUM,
    EVIDENCE_EXACT_LENGTH,
    STRONG,
    WEAK,
)
from sensor.jit import compiled, inlined


@inlined
def inner_anomalies(walk: Record, checksum: Number, rest: Number) -> Number:
    """Oddities that every kind shares; ``rest`` is how many octets the carrier announces."""
    bits = 0
    if walk["hop_limit"] == 0:
        bits |= ANOMALY_HOP_LIMIT_ZERO
    if walk["routing"]:
        bits |= ANOMALY_ROUTING_HEADER
    if walk["length"] > rest:
        bits |= ANOMALY_LENGTH_MISMATCH
    if checksum == WRONG_CHECKSUM:
        bits |= ANOMALY_BAD_CHECKSUM
    if not walk["plausible"]:
        bits |= ANOMALY_EXTENSION_HEADERS
    if has_odd_address(walk):
        bits |= ANOMALY_ODD_INNER_ADDRESS
    if walk["extensions"] > USUAL_EXTENSIONS:
        bits |= ANOMALY_EXTENSION_CHAIN
    return bits


@inlined
def direct(arena: Array, walk: Record, row: Record) -> Number:
    """Look into the IPv6 packet that starts the span; what speaks for it.

    Its header is there. Of a fragment, the span grows to hold the packet. The row is begun with
    what the packet shows, whatever carries it.
    """
    start = walk["start"]
    row["octets"][:] = 0
    summarize(arena, walk, row, start)
    length = walk["length"]
    if walk["cut"] & ANOMALY_FRAGMENT_INCOMPLETE:
        walk["declared"] = max(walk["declared"], start + length)
    rest = walk["declared"] - start
    checksum = digest(arena, walk, row)
    anomalies = inner_anomalies(walk, checksum, rest)
    evidence = 0
    if checksum == RIGHT_CHECKSUM:
        evidence |= EVIDENCE_CHECKSUM
    if length == rest:
        evidence |= EVIDENCE_EXACT_LENGTH
    elif length < rest:
        anomalies |= ANOMALY_TRAILING_BYTES
    row["reasons"] = evidence
    row["anomalies"] = anomalies
    row["tail_length"] = max(0, rest - length)
    return evidence


@compiled
def look(arena: Array, walk: Record, row: Record) -> Number:
    """The same for what is seldom met; the evidence, or NOTHING where no IPv6 header starts."""
    if ipv6_fault(arena, walk["start"], walk["end"]):
        return NOTHING
    return direct(arena, walk, row)


@inlined
def weigh_carried(walk: Record, evidence: Number, carrier: Number, unsound: Number) -> Number:
    """As sure as the carrier, or ``unsound`` if what it holds makes no sense."""
    if carrier == WEAK:
        proved = evidence & EVIDENCE_CHECKSUM and evidence & EVIDENCE_EXACT_LENGTH
        return STRONG if proved else WEAK
    sound = (
        walk["length"] <= walk["declared"] - walk["start"]
        and walk["plausible"]
        and walk["complete"]
    )
    return carrier if sound else unsound


@inlined
def proves_itself(walk: Record, checksum: Flag, rest: Number) -> Flag:
    """Whether an inner packet that nothing around speaks for is none by chance.

    Its checksum is right and little junk follows, or it fills its carrier to the octet and has
    extension headers that hide the checksum and that chance hardly ever puts together.
    """
    junk = rest - walk["length"]
    if checksum:
        return 0 <= junk <= MAX_JUNK
    return junk == 0 and (
        walk["chain_limit"] or walk["sound_fragment"] or (walk["routing"] and walk["has_transport"])
    )


@inlined
def name(row: Record, kind: Number, evidence: Number, transport: Number) -> None:
    """Say which kind of tunnel the row is of."""
    row["kind"] = kind
    row["kinds"] = 1 << kind
    row["reasons"] = evidence
    row["outer_transport"] = transport
