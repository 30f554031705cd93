"""The setup of tunnels by TSP, told by its words (``sensor.decode.tsp``, RFC 5572 section 4)."""

from __future__ import annotations

import numpy as np

from sensor.decode.compiled.numbers import TCP_LENGTH, TSP_LENGTH, TSP_SIGNALLING
from sensor.decode.compiled.octets import (
    WORD_SIZE,
    Array,
    Flag,
    Number,
    Record,
    Word,
    octet,
    padded,
    part,
    word,
)
from sensor.decode.compiled.state import NOTHING
from sensor.decode.compiled.walk import control, is_either, name_ports, push
from sensor.decode.compiled.words import (
    CERTAIN,
    EVIDENCE_SCHEME_PORT,
    EVIDENCE_TSP,
    KIND_TSP,
    LAYER_TSP,
    OVER_TCP,
    OVER_UDP,
    REASON_TOO_MANY_LAYERS,
    STRONG,
)
from sensor.jit import inlined
from sensor.wire.ports import TSP_PORT

_REFERRING = 0x31  # the first of four digits
_VERSION = np.uint64(0x56455253494F4E3D)  # VERSION=
_TUNNEL = np.uint64(0x3C74756E6E656C)  # <tunnel
# CAPABILITY and AUTHENTICATE with the space behind them, in two parts.
_CAPABILI, _TY = np.uint64(0x4341504142494C49), np.uint64(0x545920)
_AUTHENTI, _CATE = np.uint64(0x41555448454E5449), np.uint64(0x4341544520)
# content-length: and the bits that make all its letters small.
_CONTENT, _LENGTH = np.uint64(0x636F6E74656E742D), np.uint64(0x6C656E6774683A)
_CONTENT_LETTERS, _LENGTH_LETTERS = np.uint64(0x2020202020202000), np.uint64(0x20202020202000)


@inlined
def is_setup(arena: Array, start: Number, end: Number) -> Flag:
    """Whether octets begin as a command or an announcement does."""
    first, second = padded(arena, start, end), padded(arena, start + WORD_SIZE, end)
    return (
        first == _VERSION
        or first >> Word(8) == _TUNNEL
        or (first == _CAPABILI and second >> Word(40) == _TY)
        or (first == _AUTHENTI and second >> Word(24) == _CATE)
        or (first | _CONTENT_LETTERS == _CONTENT and second >> Word(8) | _LENGTH_LETTERS == _LENGTH)
    )


@inlined
def is_reply(arena: Array, start: Number, end: Number) -> Flag:
    """Whether octets begin with a status code, of a referral too, and what may end one."""
    head = padded(arena, start, end)
    if part(head, 56, 0xFF) == _REFERRING:
        head = head << Word(8)
    second, third = part(head, 48, 0xFF), part(head, 40, 0xFF)
    return (
        part(head, 56, 0xFF) in (0x32, 0x33, 0x35)
        and 0x30 <= second <= 0x39
        and 0x30 <= third <= 0x39
        and part(head, 32, 0xFF) in (0x20, 0x0D, 0x0A)
    )


@inlined
def segment(arena: Array, walk: Record, row: Record) -> Number:
    """TCP on the port of TSP; without its words the frame is what ``code`` says."""
    start, end = walk["start"], walk["end"]
    if end - start < TCP_LENGTH:
        return walk["code"]
    head = word(arena, start)
    source, destination = part(head, 48, 0xFFFF), part(head, 32, 0xFFFF)
    length = part(word(arena, start + 8), 28, 0xF) * 4
    if length < TCP_LENGTH or (source != TSP_PORT and destination != TSP_PORT):
        return walk["code"]
    text = start + length
    setup = is_setup(arena, text, end)
    if not setup and not (source == TSP_PORT and is_reply(arena, text, end)):
        return walk["code"]
    name_ports(walk, head)
    if not push(walk, LAYER_TSP):
        return REASON_TOO_MANY_LAYERS
    walk["start"] = text
    confidence = CERTAIN if setup else STRONG
    evidence = EVIDENCE_TSP | EVIDENCE_SCHEME_PORT
    return control(arena, walk, row, KIND_TSP, confidence, evidence, OVER_TCP)


@inlined
def signalling(arena: Array, walk: Record, row: Record) -> Number:
    """UDP on any port: a header and words; a bare reply only from the port of TSP."""
    start, end = walk["start"], walk["end"]
    if end - start < TSP_LENGTH or octet(arena, start) >> 4 != TSP_SIGNALLING:
        return NOTHING
    text = start + TSP_LENGTH
    setup, expected = is_setup(arena, text, end), is_either(walk, TSP_PORT)
    if not setup and not (walk["source_port"] == TSP_PORT and is_reply(arena, text, end)):
        return NOTHING
    if not push(walk, LAYER_TSP):
        return REASON_TOO_MANY_LAYERS
    evidence = EVIDENCE_TSP | EVIDENCE_SCHEME_PORT if expected else EVIDENCE_TSP
    confidence = CERTAIN if setup and expected else STRONG
    return control(arena, walk, row, KIND_TSP, confidence, evidence, OVER_UDP)
