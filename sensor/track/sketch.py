"""Small sketches: how many distinct values were met, in one word or four, whatever comes.

One bit is set for each value, by a fixed mixing that the compiled table repeats: the finaliser of
splitmix64, after which every bit of the value has changed about half of the bits. A single
multiplication would leave values that lie evenly apart, as ports do, evenly apart in the sketch.
"""

from __future__ import annotations

_GOLDEN, _FIRST_MIX, _SECOND_MIX = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_WORD = (1 << 64) - 1


def bit64(value: int) -> int:
    """The bit of a sketch of 64 bits that stands for ``value``."""
    return 1 << (_mixed(value) >> 58)


def bit256(value: int) -> int:
    """The bit of a sketch of 256 bits; its lowest 64 bits are the first word."""
    return 1 << (_mixed(value) >> 56)


def address_value(ip: bytes) -> int:
    """16 octets as one value of 64 bits."""
    return _mixed(int.from_bytes(ip[:8], "little")) ^ int.from_bytes(ip[8:], "little")


def words(sketch: int, count: int) -> list[int]:
    """``count`` words of 64 bits as signed numbers, the lowest first."""
    return [signed(sketch >> 64 * place) for place in range(count)]


def signed(word: int) -> int:
    """The lowest 64 bits as a signed number, as arrays hold them."""
    return ((word & _WORD) ^ 1 << 63) - (1 << 63)


def _mixed(value: int) -> int:
    value = value + _GOLDEN & _WORD
    value = (value ^ value >> 30) * _FIRST_MIX & _WORD
    value = (value ^ value >> 27) * _SECOND_MIX & _WORD
    return value ^ value >> 31
