"""One pass over one frame: layers, the payload in hand, and the rows (``sensor.decode.walk``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from sensor.decode.compiled.inner import MULTIPLIER, NOT_HOP_LIMIT, fold
from sensor.decode.compiled.numbers import FIRST_FREE_PORT
from sensor.decode.compiled.octets import (
    WORD_SIZE,
    ZERO,
    Array,
    Flag,
    Number,
    Record,
    Word,
    padded,
    part,
    swapped,
)
from sensor.decode.compiled.state import STEP_INSIDE
from sensor.decode.compiled.words import (
    ANOMALY_BORROWED_PORT,
    ANOMALY_DEEP_NESTING,
    ANOMALY_FRAGMENT_INCOMPLETE,
    ANOMALY_LENGTH_MISMATCH,
    ANOMALY_TOO_MANY_LAYERS,
    ANOMALY_TRUNCATED,
    CERTAIN,
    KIND_NONE,
    LAYER_IPV6,
    OVER_UDP,
    REASON_QUOTED,
    REASON_TOO_MANY_LAYERS,
    REASON_TRUNCATED_PAYLOAD,
    REASON_TUNNELLED,
    REASON_WEAK,
    STRONG,
    WEAK,
)
from sensor.jit import compiled, inlined

USUAL_TUNNELS = 2


@inlined
def begin(walk: Record, start: Number, captured: Number, wire: Number, time: Number) -> None:
    """Begin the walk through a frame."""
    walk["time"] = time
    walk["wire"] = wire
    walk["captured"] = captured
    walk["base"] = start
    walk["first"] = walk["count"]
    walk["depth"] = 0
    walk["unfollowed"] = 0
    walk["too_deep"] = 0
    walk["vlan"] = 0
    walk["fragment"] = -1
    walk["quoting"] = 0
    walk["version"] = 0
    walk["bridge"] = 0
    walk["vague"] = 0
    walk["oddities"] = 0
    walk["ceiling"] = CERTAIN
    walk["stack_0"] = ZERO
    walk["stack_1"] = ZERO
    walk["outer_source_0"] = ZERO
    walk["outer_source_1"] = ZERO
    walk["outer_destination_0"] = ZERO
    walk["outer_destination_1"] = ZERO
    walk["start"] = start
    walk["end"] = start + captured
    walk["declared"] = start + max(wire, captured)
    walk["cut"] = ANOMALY_TRUNCATED if wire > captured else 0


# layers and spans


@inlined
def push(walk: Record, layer: Number) -> Flag:
    """Note one more layer; False at the limit, which is reported, not passed."""
    depth = walk["depth"]
    if depth >= walk["layers"]:
        stop_nesting(walk)
        return False
    if depth < WORD_SIZE:
        walk["stack_0"] |= Word(layer) << Word(depth * 8)
    else:
        walk["stack_1"] |= Word(layer) << Word((depth - WORD_SIZE) * 8)
    walk["depth"] = depth + 1
    return True


@inlined
def stop_nesting(walk: Record) -> Number:
    """Layers or tunnels beyond the limit: reported, not followed."""
    walk["unfollowed"] = 1
    walk["too_deep"] = 1
    return REASON_TOO_MANY_LAYERS


@inlined
def pushed(walk: Record, layer: Number, step: Number) -> Number:
    """The step, behind one more layer."""
    return step if push(walk, layer) else REASON_TOO_MANY_LAYERS


@inlined
def announce(walk: Record, length: Number) -> None:
    """Narrow the span to the ``length`` octets that a header at its start announces."""
    declared = walk["start"] + length
    if declared > walk["declared"] and not walk["cut"] & ANOMALY_FRAGMENT_INCOMPLETE:
        walk["cut"] |= ANOMALY_LENGTH_MISMATCH
    walk["declared"] = declared
    walk["end"] = min(walk["end"], declared)


@inlined
def missing(walk: Record) -> Number:
    """Why something is missing of the span; 0 if all that was announced can be read."""
    if walk["declared"] > walk["end"]:
        return walk["cut"]
    return walk["cut"] & ANOMALY_FRAGMENT_INCOMPLETE


@inlined
def cut_or(walk: Record, reason: Number) -> Number:
    """Why a payload cannot be read that ended too early."""
    return REASON_TRUNCATED_PAYLOAD if missing(walk) else reason


@inlined
def note_fragment(walk: Record, start: Number) -> None:
    """An IP packet that is a fragment; the outermost one is to be put together first."""
    if walk["fragment"] < 0 and not walk["quoting"]:
        walk["fragment"] = start - walk["base"]


@inlined
def enter(walk: Record, version: Number, identification: Number) -> None:
    """Begin with what an IP packet carries; its addresses are the caller's to set."""
    walk["version"] = version
    walk["identification"] = identification
    walk["source_port"] = 0
    walk["destination_port"] = 0
    walk["key"] = 0
    walk["bridge"] = 0
    walk["over_udp"] = 0


@inlined
def is_either(walk: Record, port: Number) -> Flag:
    """Whether the carrier has the port at an end."""
    return walk["source_port"] == port or walk["destination_port"] == port


@inlined
def source_ip(walk: Record) -> Number:
    """Of a carrier over IPv4."""
    return part(walk["outer_source_0"], 32, 0xFFFFFFFF)


@inlined
def destination_ip(walk: Record) -> Number:
    """Of a carrier over IPv4."""
    return part(walk["outer_destination_0"], 32, 0xFFFFFFFF)


# rows


@inlined
def name_ports(walk: Record, head: Word) -> None:
    """The ports that begin a header of TCP or UDP."""
    walk["source_port"] = part(head, 48, 0xFFFF)
    walk["destination_port"] = part(head, 32, 0xFFFF)
    walk["over_udp"] = 1


@inlined
def carrier(walk: Record, rows: Array) -> Number:
    """How sure the carrier is: a frame's own headers are, what a candidate holds is no surer."""
    if walk["count"] == walk["first"]:
        return walk["ceiling"]
    return min(walk["ceiling"], np.int64(rows[walk["count"] - 1]["confidence"]))


@inlined
def unsound(walk: Record) -> Number:
    """How sure it is of what makes no sense."""
    return WEAK if walk["vague"] else STRONG


@inlined
def tunnel(walk: Record, row: Record) -> Number:
    """Complete the row of a tunnel layer, then go on inside it while there is room."""
    if walk["count"] - walk["first"] >= walk["tunnels"]:
        return stop_nesting(walk)
    _write_carrier(walk, row)
    _write_inner(walk, row)
    walk["count"] += 1
    walk["start"] = walk["offset"]
    if not push(walk, LAYER_IPV6):
        return REASON_TUNNELLED
    announce(walk, walk["length"])
    return STEP_INSIDE


@compiled
def control(
    arena: Array,
    walk: Record,
    row: Record,
    kind: Number,
    confidence: Number,
    evidence: Number,
    transport: Number,
) -> Number:
    """Write the row of a packet that belongs to a tunnel and carries nothing through it."""
    if walk["count"] - walk["first"] >= walk["tunnels"]:
        return stop_nesting(walk)
    row["octets"][:] = 0
    row["kind"] = kind
    row["kinds"] = 1 << kind
    row["confidence"] = confidence
    row["reasons"] = evidence
    row["anomalies"] = datagram_anomalies(walk) if transport == OVER_UDP else 0
    row["outer_transport"] = transport
    row["inner_digest"] = digest_of(arena, walk["start"], walk["end"])
    _write_carrier(walk, row)
    walk["count"] += 1
    return REASON_TUNNELLED


@inlined
def datagram_anomalies(walk: Record) -> Number:
    """Oddities of every tunnel over UDP: who takes the port of DNS, NTP or QUIC passes filters."""
    least = min(walk["source_port"], walk["destination_port"])
    return ANOMALY_BORROWED_PORT if least < FIRST_FREE_PORT else 0


@inlined
def digest_of(arena: Array, start: Number, end: Number) -> Any:
    """``sensor.decode.inner.digest`` of any octets."""
    state = Word(max(0, end - start)) ^ MULTIPLIER
    state = fold(state, padded(arena, start, end) & NOT_HOP_LIMIT)
    at = start + WORD_SIZE
    while at < end:
        state = fold(state, padded(arena, at, end))
        at += WORD_SIZE
    return state


@inlined
def _write_frame(walk: Record, row: Record) -> None:
    """Which frame it is and between whom."""
    row["frame"] = walk["number"]
    row["time"] = walk["time"]
    row["source"] = walk["source"]
    row["wire_length"] = walk["wire"]
    row["captured_length"] = walk["captured"]
    row["vlan"] = walk["vlan"]
    row["depth"] = walk["count"] - walk["first"]
    row["quoted"] = walk["quoting"] != 0
    row["outer_version"] = walk["version"]
    row["outer_source_0"] = swapped(walk["outer_source_0"])
    row["outer_source_1"] = swapped(walk["outer_source_1"])
    row["outer_destination_0"] = swapped(walk["outer_destination_0"])
    row["outer_destination_1"] = swapped(walk["outer_destination_1"])


@inlined
def _write_carrier(walk: Record, row: Record) -> None:
    _write_frame(walk, row)
    row["anomalies"] |= missing(walk) | walk["oddities"]
    if walk["count"] - walk["first"] >= USUAL_TUNNELS:
        row["anomalies"] |= ANOMALY_DEEP_NESTING
    walk["oddities"] = 0
    row["outer_source_port"] = walk["source_port"]
    row["outer_destination_port"] = walk["destination_port"]
    row["outer_id"] = walk["identification"]
    row["outer_key"] = walk["key"]
    row["payload_offset"] = walk["start"] - walk["base"]


@inlined
def _write_inner(walk: Record, row: Record) -> None:
    row["inner_offset"] = walk["offset"] - walk["base"]
    row["inner_length"] = walk["length"]
    row["inner_source_0"] = swapped(walk["inner_source_0"])
    row["inner_source_1"] = swapped(walk["inner_source_1"])
    row["inner_destination_0"] = swapped(walk["inner_destination_0"])
    row["inner_destination_1"] = swapped(walk["inner_destination_1"])
    row["hop_limit"] = walk["hop_limit"]
    row["inner_transport"] = walk["transport"]
    row["has_transport"] = walk["has_transport"]


# the frame as a whole


@inlined
def finish(walk: Record, rows: Array) -> Number:
    """Complete the rows of a frame that has some, or layers not followed; what became of it."""
    if walk["count"] > walk["first"]:
        _believe(walk, rows)
    first, count = walk["first"], walk["count"]
    if walk["unfollowed"]:
        if count == first:
            _write_blank(walk, rows[count])
            count += 1
            walk["count"] = count
        rows[count - 1]["anomalies"] |= ANOMALY_TOO_MANY_LAYERS
    if count == first:
        return walk["quoting"]
    return _outcome(walk, rows)


@inlined
def _write_blank(walk: Record, row: Record) -> None:
    """A row of no kind: layers that were not followed are told, whatever they may hide."""
    row["octets"][:] = 0
    _write_frame(walk, row)
    row["confidence"] = STRONG


@inlined
def _believe(walk: Record, rows: Array) -> None:
    """Raise weak rows around what is believed, and drop weak quotes.

    A layer that is believed for itself proves the weak ones around it, which hold nothing else
    that could: IPv6 in IPv6 in UDP has no checksum but the innermost. Nothing nests as deep as the
    limit by chance. And nobody will ever learn the flow of a quoted packet.
    """
    first, count = walk["first"], walk["count"]
    if walk["too_deep"]:
        _raise(rows[count - 1])
    believed = first
    for i in range(first, count):
        if rows[i]["confidence"] > WEAK:
            believed = i
    for i in range(first, believed):
        _raise(rows[i])
    while count > first and rows[count - 1]["quoted"] and rows[count - 1]["confidence"] == WEAK:
        count -= 1
    walk["count"] = count


@inlined
def _raise(row: Record) -> None:
    row["confidence"] = max(STRONG, np.int64(row["confidence"]))


@inlined
def _outcome(walk: Record, rows: Array) -> Number:
    """Give the rows the frame's whole stack, and say what they are worth together."""
    first = walk["first"]
    own = False
    weak = True
    for i in range(first, walk["count"]):
        row = rows[i]
        row["stack_0"] = walk["stack_0"]
        row["stack_1"] = walk["stack_1"]
        row["stack_length"] = walk["depth"]
        own |= row["kind"] != KIND_NONE and not row["quoted"]
        weak &= row["confidence"] == WEAK
    if own:
        return REASON_WEAK if weak else REASON_TUNNELLED
    return REASON_TOO_MANY_LAYERS if rows[first]["kind"] == KIND_NONE else REASON_QUOTED
