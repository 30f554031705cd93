"""Sketches: one bit for each value, the same from the compiled table."""

from __future__ import annotations

import math
import random

import pytest

from sensor.track.sketch import address_value, bit64, bit256, signed, words

STEP = 0x9E3779B97F4A7C15
# The first numbers of splitmix64 from seed 0, as its author's reference gives them.
MIXED = {
    0: 0xE220A8397B1DCDAF,
    STEP: 0x6E789E6AA1B965F4,
    2 * STEP % 2**64: 0x06C45D188009454F,
    3 * STEP % 2**64: 0xF88BB8A8724C81EC,
}


@pytest.mark.parametrize(("value", "mixed"), MIXED.items())
def test_bits_are_the_top_ones_of_the_mixed_value(value: int, mixed: int) -> None:
    assert address_value(value.to_bytes(8, "little") + bytes(8)) == mixed
    assert bit64(value) == 1 << (mixed >> 58)
    assert bit256(value) == 1 << (mixed >> 56)


def test_values_beyond_a_word_are_taken_modulo() -> None:
    assert bit64(2**64 + STEP) == bit64(STEP)
    assert bit256(-(2**64) + STEP) == bit256(STEP)


def test_an_address_is_its_two_words() -> None:
    low, high = (0).to_bytes(8, "little"), (9).to_bytes(8, "little")
    assert address_value(low + high) == MIXED[0] ^ 9


@pytest.mark.parametrize("step", [1, 64, 256, 1 << 16, 1 << 32])
def test_values_evenly_apart_are_estimated_too(step: int) -> None:
    sketch = 0
    for number in range(100):
        sketch |= bit256(number * step)
    assert 75 < -256 * math.log((256 - sketch.bit_count()) / 256) < 125


def test_words_are_signed_and_the_lowest_comes_first() -> None:
    assert words(1 | 1 << 127 | 5 << 128, 4) == [1, -(1 << 63), 5, 0]
    assert (signed(2**64 - 1), signed(2**63 - 1), signed(7)) == (-1, 2**63 - 1, 7)


def test_the_bits_tell_how_many_values_were_met(seed: int) -> None:
    source = random.Random(seed)
    sketch = 0
    for value in [source.getrandbits(64) for _ in range(200)] * 2:
        sketch |= bit256(value)
    estimate = -256 * math.log((256 - sketch.bit_count()) / 256)
    assert 150 < estimate < 260
