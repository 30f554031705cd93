"""UDP: what of all that it may carry a datagram does carry (``sensor.decode.datagram``)."""

from __future__ import annotations

import numpy as np

from sensor.decode.compiled.ayiya import ayiya
from sensor.decode.compiled.bare import sixa44_bubble
from sensor.decode.compiled.names import holds_name, name_service
from sensor.decode.compiled.numbers import (
    AYIYA_LENGTH,
    IPV4_INSIDE,
    IPV6_INSIDE,
    IPV6_LENGTH,
    LEAST_IDENTITY,
    NO_NEXT_HEADER,
    STUN_COOKIE,
    TSP_SIGNALLING,
    UDP_LENGTH,
)
from sensor.decode.compiled.octets import (
    WORD_SIZE,
    ZERO,
    Array,
    Flag,
    Names,
    Number,
    Record,
    Word,
    octet,
    part,
    word,
)
from sensor.decode.compiled.state import (
    FIRST_STEP,
    NOTHING,
    STEP_DATAGRAM,
    STEP_OTHERWISE,
    STEP_TUNNEL,
)
from sensor.decode.compiled.teredo import teredo
from sensor.decode.compiled.tsp import signalling
from sensor.decode.compiled.udp_carriers import ip_in_udp, is_in_ip, udp_carrier
from sensor.decode.compiled.walk import announce, cut_or, name_ports, push
from sensor.decode.compiled.words import (
    ANOMALY_FRAGMENT_INCOMPLETE,
    ANOMALY_LENGTH_MISMATCH,
    KIND_TEREDO,
    LAYER_TEREDO,
    LAYER_UDP,
    REASON_BAD_UDP,
    REASON_NAME,
    REASON_STUN,
    REASON_TOO_MANY_LAYERS,
    REASON_UDP,
    REASON_UDP_SHORT,
    STRONG,
    WEAK,
)
from sensor.jit import inlined
from sensor.wire.ports import (
    GENEVE_PORT,
    GRE_PORT,
    GTPU_PORT,
    GUE_PORT,
    L2TP_PORT,
    SIXA44_PORT,
    VXLAN_LINUX_PORT,
    VXLAN_PORT,
)

# What ``suspicion`` answers, and what ports say.
NONE = 0
OF_A_CARRIER = 1
OF_NAMES = 2

# Bits that no AYIYA header has: identities of other types, hashes, authentications and opcodes
# beyond the last, next headers over 63.
_NOT_AYIYA = np.uint64(0x0C0CC8C0 << 32)
_IN_AYIYA = 1 << IPV4_INSIDE | 1 << IPV6_INSIDE | 1 << NO_NEXT_HEADER


@inlined
def udp(arena: Array, walk: Record) -> Number:
    """A UDP header (RFC 768), and what a look at the first octets behind it says."""
    start = walk["start"]
    if walk["end"] - start < UDP_LENGTH:
        return cut_or(walk, REASON_BAD_UDP)
    if not push(walk, LAYER_UDP):
        return REASON_TOO_MANY_LAYERS
    head = word(arena, start)
    length = part(head, 16, 0xFFFF)
    if 0 < length < UDP_LENGTH:
        return REASON_BAD_UDP
    name_ports(walk, head)
    room = walk["declared"] - start
    if walk["announced"] and 0 < length < room and not walk["cut"] & ANOMALY_FRAGMENT_INCOMPLETE:
        walk["oddities"] |= ANOMALY_LENGTH_MISMATCH  # octets that who trusts UDP's length misses
    # A length of zero is a jumbogram's (RFC 2675 section 4): take what is there.
    announce(walk, length if length else room)
    walk["start"] = start + UDP_LENGTH
    return _opening(arena, walk, head)


@inlined
def _opening(arena: Array, walk: Record, head: Word) -> Number:
    start, end = walk["start"], walk["end"]
    rest = walk["declared"] - start
    guess = REASON_UDP_SHORT
    if rest >= IPV6_LENGTH:
        guess = REASON_UDP if end > start else cut_or(walk, REASON_UDP)
        if end > start:
            first = octet(arena, start)
            if first >> 4 == 6 or first == 0:
                walk["guess"] = REASON_UDP
                return STEP_DATAGRAM
    walk["guess"] = guess
    if end - start < WORD_SIZE:
        return STEP_OTHERWISE
    first_word = word(arena, start)
    ports = _said_by_ports(part(head, 48, 0xFFFF), part(head, 32, 0xFFFF))
    if suspicion(arena, start, end, rest, first_word, ports) != NONE:
        return STEP_OTHERWISE
    return REASON_STUN if is_stun(first_word) else guess


@inlined
def is_stun(first: Word) -> Flag:
    """Whether a payload that begins with this word has the cookie of STUN."""
    return part(first, 0, 0xFFFFFFFF) == STUN_COOKIE


@inlined
def suspicion(
    arena: Array, start: Number, end: Number, rest: Number, first: Word, ports: Number
) -> Number:
    """Of what a payload of eight octets or more may be: NONE if of nothing that matters.

    OF_A_CARRIER, which may be a scheme's too, or else OF_NAMES. ``rest`` octets are announced,
    ``first`` are the first eight, and ``ports`` is what the ports say.
    """
    kind, total = part(first, 60, 0xF), part(first, 32, 0xFFFF)
    # Without branches, which would often be mispredicted.
    sign = (
        (first & _NOT_AYIYA == ZERO)
        | (kind == 4) & (total <= rest)
        | (kind == TSP_SIGNALLING)
        | (part(first, 32, 0xFF00FFFF) == 0)
    )
    if sign and (
        (first & _NOT_AYIYA == ZERO and _fits_ayiya(first, rest))
        or (kind == 0 and total == 0)
        or (kind in (4, TSP_SIGNALLING) and _may_go_on(arena, start, end, rest, kind, total))
    ):
        return OF_A_CARRIER
    return ports


@inlined
def _said_by_ports(source: Number, destination: Number) -> Number:
    if _may_be_port(source, destination):
        return OF_A_CARRIER
    return OF_NAMES if name_service(source, destination) else NONE


@inlined
def _fits_ayiya(first: Word, rest: Number) -> Flag:
    """Whether a payload holds the identity and the signature that its first word announces."""
    exponent, units = part(first, 60, 0xF), part(first, 52, 0xF)
    fits = AYIYA_LENGTH + (1 << exponent) + units * 4 <= rest
    return fits and exponent >= LEAST_IDENTITY and _IN_AYIYA >> part(first, 32, 63) & 1


@inlined
def _may_go_on(
    arena: Array, start: Number, end: Number, rest: Number, kind: Number, total: Number
) -> Flag:
    """Whether the second word may be that of IPv4, or of TSP's signalling."""
    if end - start < 2 * WORD_SIZE:
        return True
    second = word(arena, start + WORD_SIZE)
    if kind == TSP_SIGNALLING:
        return _begins_words(part(second, 56, 0xFF))
    return total <= rest and is_in_ip(part(second, 48, 0xFF))


@inlined
def _begins_words(first: Number) -> Flag:
    """Of TSP: VERSION, CAPABILITY, AUTHENTICATE, <tunnel, Content-length and replies."""
    return first in (0x56, 0x43, 0x41, 0x3C, 0x63, 0x31, 0x32, 0x33, 0x35)


@inlined
def _may_be_port(source: Number, destination: Number) -> Flag:
    """Of a carrier, or of the keep-alives of 6a44."""
    return (
        destination in (VXLAN_PORT, VXLAN_LINUX_PORT, GENEVE_PORT, GRE_PORT)
        or source in (GTPU_PORT, L2TP_PORT, GUE_PORT, SIXA44_PORT)
        or destination in (GTPU_PORT, L2TP_PORT, GUE_PORT, SIXA44_PORT)
    )


@inlined
def datagram(arena: Array, walk: Record, row: Record) -> Number:
    """IPv6 in a UDP payload, on whatever port; a weak guess only where nothing else claims it."""
    row["octets"][:] = 0
    found = teredo(arena, walk, row)
    if found == STEP_TUNNEL:
        if row["confidence"] > WEAK or walk["guess"] == STEP_DATAGRAM:
            if row["kind"] == KIND_TEREDO:
                push(walk, LAYER_TEREDO)
            return STEP_TUNNEL
        found = STEP_DATAGRAM
    walk["guess"] = found
    return STEP_OTHERWISE


@inlined
def otherwise(arena: Array, walk: Record, rows: Array, names: Names) -> Number:
    """Schemes whose own octets tell, then carriers that only a port tells, then what it may be."""
    row = rows[walk["count"]]
    # IPv6 that its flow may yet prove is not to be lost for a port.
    ipv6 = walk["guess"] == STEP_DATAGRAM and not walk["authentications"] and not walk["origins"]
    found = ayiya(arena, walk, row)
    if found == NOTHING:
        found = signalling(arena, walk, row)
    if found == NOTHING:
        found = sixa44_bubble(arena, walk, row)
    if found == NOTHING and not ipv6:
        found = udp_carrier(arena, walk, rows)
    if found == NOTHING:
        found = ip_in_udp(arena, walk, rows)
    if found == NOTHING:
        return _known(arena, walk, names)
    if found >= FIRST_STEP and found != STEP_TUNNEL:
        walk["ceiling"] = STRONG  # an IP header in a datagram may be any octets
    return found


@inlined
def _known(arena: Array, walk: Record, names: Names) -> Number:
    """Another protocol, which its octets show, or what it was taken for."""
    start, end = walk["start"], walk["end"]
    port = name_service(walk["source_port"], walk["destination_port"])
    if port and holds_name(arena, start, end, port, names):
        return REASON_NAME
    stun = end - start >= WORD_SIZE and is_stun(word(arena, start))
    return REASON_STUN if stun else walk["guess"]
