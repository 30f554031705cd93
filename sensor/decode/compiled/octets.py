"""Loads of octets from the arena, which has at least a word of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sensor.jit import inlined, word_at

Array = npt.NDArray[Any]
# Hashes of whole names, of first labels, of names without the first; then what rules names out.
Names = tuple[Array, ...]
Record = np.void
Word = np.uint64
# Compiled, each is one type; uncompiled, either Python's or NumPy's.
Number = Any  # int64
Flag = Any  # a truth value

WORD_SIZE = 8
ZERO = np.uint64(0)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_EVEN_OCTETS = np.uint64(0x00FF00FF00FF00FF)
_EVEN_PAIRS = np.uint64(0x0000FFFF0000FFFF)


@inlined
def raw(arena: Array, at: Number) -> Any:
    """Eight octets in the order of memory."""
    return word_at(arena, at)


@inlined
def swapped(word: Word) -> Any:
    """The same octets in the opposite order."""
    word = (word & _EVEN_OCTETS) << Word(8) | (word >> Word(8)) & _EVEN_OCTETS
    word = (word & _EVEN_PAIRS) << Word(16) | (word >> Word(16)) & _EVEN_PAIRS
    return word << Word(32) | word >> Word(32)


@inlined
def word(arena: Array, at: Number) -> Any:
    """Eight octets as a big-endian number."""
    return swapped(raw(arena, at))


@inlined
def octet(arena: Array, at: Number) -> Number:
    """One octet, also of the last seven, at which no word starts."""
    first = min(at, len(arena) - WORD_SIZE)
    return part(raw(arena, first), (at - first) * 8, 0xFF)


@inlined
def part(word: Word, shift: Number, mask: Number) -> Number:
    """Bits of a word as a signed number."""
    return np.int64((word >> Word(shift)) & Word(mask))


@inlined
def pair_before(arena: Array, at: Number) -> Number:
    """The two octets that end at ``at``, which is at least 8."""
    return part(word(arena, at - 8), 0, 0xFFFF)


@inlined
def pair(arena: Array, at: Number) -> Number:
    """Two octets, wherever they are."""
    return octet(arena, at) << 8 | octet(arena, at + 1)


@inlined
def padded(arena: Array, at: Number, end: Number) -> Any:
    """The octets from ``at`` up to ``end``, at most eight, zeros behind them; ``end`` is over 7."""
    present = end - at
    if present >= WORD_SIZE:
        return word(arena, at)
    if present <= 0:
        return ZERO
    return word(arena, end - WORD_SIZE) << Word((WORD_SIZE - present) * 8)


@inlined
def halves(word: Word) -> Any:
    """The same modulo 0xffff, and small: sums of them do not overflow."""
    return (word & _LOW_HALF) + (word >> Word(32))


@inlined
def sums_up(arena: Array, start: Number, end: Number) -> Flag:
    """Whether octets that hold their own Internet checksum (RFC 1071), not all zero, agree."""
    total = ZERO
    at = start
    while at < end:
        total += halves(padded(arena, at, end))
        at += WORD_SIZE
    return total % Word(0xFFFF) == ZERO
