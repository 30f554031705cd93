"""Whether a datagram of a name service holds a name looked for (``sensor.decode.names``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from sensor.decode.compiled.inner import MULTIPLIER, fold
from sensor.decode.compiled.numbers import MAX_NAME, MAX_NAMES
from sensor.decode.compiled.octets import (
    WORD_SIZE,
    Array,
    Flag,
    Names,
    Number,
    Word,
    octet,
    pair,
    part,
    word,
)
from sensor.decode.compiled.state import NOTHING
from sensor.jit import compiled, inlined
from sensor.wire.ports import DNS_PORT, LLMNR_PORT, MDNS_PORT, NETBIOS_PORT

_HEADER_LENGTH = 12
_QUESTION_LENGTH = 4  # type and class
_RECORD_LENGTH = 10  # type, class, time to live, length of the data
_LONGEST_LABEL = 63
_POINTER = 0xC0
_NETBIOS_LETTERS = 32  # two for each octet of a name
_NETBIOS_PURPOSE = 2  # of them, the last: what the name is for
_ANY_CASE = np.uint64(0x2020202020202020)
_DOT = 0x2E
_BLANK = 0x20
_LOWER_CASE = 0x20
_A = 0x41
_P = 0x50
_Z = 0x5A
# Hashes of a whole name, of its first label and of what follows that.
_WHOLE = np.uint64(0x243F6A8885A308D3)
_FIRST = np.uint64(0x13198A2E03707344)
_PARENT = np.uint64(0xA4093822299F31D0)


@inlined
def name_service(source: Number, destination: Number) -> Number:
    """The port of the name service that a UDP datagram belongs to, 0 if to none."""
    if source == DNS_PORT or destination == DNS_PORT:
        return DNS_PORT
    if source == MDNS_PORT or destination == MDNS_PORT:
        return MDNS_PORT
    if source == LLMNR_PORT or destination == LLMNR_PORT:
        return LLMNR_PORT
    return NETBIOS_PORT if source == NETBIOS_PORT or destination == NETBIOS_PORT else 0


@compiled
def holds_name(arena: Array, start: Number, end: Number, port: Number, names: Names) -> Flag:
    """Whether a message of the name service at ``port`` holds a name that is looked for."""
    if end - start < _HEADER_LENGTH or len(names[0]) + len(names[1]) + len(names[2]) == 0:
        return False
    questions = pair(arena, start + 4)
    count = questions + pair(arena, start + 6) + pair(arena, start + 8) + pair(arena, start + 10)
    position = start + _HEADER_LENGTH
    for number in range(min(count, MAX_NAMES)):
        if port == NETBIOS_PORT and _netbios(arena, position, end, names):
            return True
        position, found = _name(arena, position, end, names)
        if found:
            return True
        if position != NOTHING:
            position = _behind(arena, position, end, number < questions)
        if position == NOTHING:
            return False
    return False


@inlined
def _name(arena: Array, position: Number, end: Number, names: Names) -> tuple[Number, Flag]:
    """Where the name at ``position`` ends, NOTHING if nowhere, and whether it is looked for."""
    start = position
    end = min(end, position + MAX_NAME)
    endings, lengths = names[3][0], names[3][1]
    first = part(lengths, octet(arena, start) & _LONGEST_LABEL, 1) if start < end else 0
    while position < end:
        length = octet(arena, position)
        if length == 0:
            tail = (word(arena, position - WORD_SIZE) | _ANY_CASE) * MULTIPLIER
            ends = part(endings, part(tail, 58, 63), 1)
            return position + 1, (ends | first) and _is_meant(_of(arena, start), names)
        if length >= _POINTER:
            return position + 2, first and _is_among(names[1], _of(arena, start)[1])
        if length > _LONGEST_LABEL or position + 1 + length > end:
            return NOTHING, False
        position += 1 + length
    return NOTHING, False


@compiled
def _of(arena: Array, position: Number) -> tuple[Word, Word, Word, Number]:
    """The sums of the name at ``position``, up to its end or a pointer."""
    sums = _WHOLE, _FIRST, _PARENT, 0
    start = position
    length = octet(arena, position)
    while 0 < length < _POINTER:
        if position > start:
            sums = _with(sums, _DOT)
        for at in range(position + 1, position + 1 + length):
            sums = _with(sums, octet(arena, at))
        position += 1 + length
        length = octet(arena, position)
    return sums


@inlined
def _netbios(arena: Array, position: Number, end: Number, names: Names) -> Flag:
    """Whether the encoded name at ``position`` (RFC 1001 section 14.1) is looked for."""
    letters = position + 1
    if letters + _NETBIOS_LETTERS > end or octet(arena, position) != _NETBIOS_LETTERS:
        return False
    sums = _WHOLE, _FIRST, _PARENT, 0
    for at in range(letters, letters + _NETBIOS_LETTERS - _NETBIOS_PURPOSE, 2):
        high, low = octet(arena, at), octet(arena, at + 1)
        if not (_A <= high <= _P and _A <= low <= _P):
            return False
        found = (high - _A) * 16 + low - _A
        if found == _BLANK:
            break
        sums = _with(sums, found)
    return _is_meant(sums, names)


@inlined
def _behind(arena: Array, position: Number, end: Number, question: Flag) -> Number:
    """Where the next name starts, from the end of the one before; NOTHING if it is cut."""
    if question:
        return position + _QUESTION_LENGTH
    position += _RECORD_LENGTH
    return position + pair(arena, position - 2) if position <= end else NOTHING


@inlined
def _with(sums: tuple[Word, Word, Word, Number], octet: Number) -> Any:
    """The sums with one more octet of the name; its first dot belongs to the whole alone."""
    whole, first, parent, dots = sums
    if _A <= octet <= _Z:
        octet += _LOWER_CASE
    whole = fold(whole, Word(octet))
    if dots > 0:
        parent = fold(parent, Word(octet))
    elif octet != _DOT:
        first = fold(first, Word(octet))
    return whole, first, parent, dots + (octet == _DOT)


@inlined
def _is_meant(sums: tuple[Word, Word, Word, Number], names: Names) -> Flag:
    return (
        _is_among(names[0], sums[0]) or _is_among(names[1], sums[1]) or _is_among(names[2], sums[2])
    )


@inlined
def _is_among(ascending: Array, value: Word) -> Flag:
    low, high = 0, len(ascending)
    while low < high:
        middle = (low + high) // 2
        if ascending[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low < len(ascending) and ascending[low] == value
