"""Arguments as words, and what is refused before machine code would misread it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from sensor.jit.arguments import Fixed, flat, kind_of

PAIR = np.dtype([("a", "i8"), ("b", "u2")])


class Columns(NamedTuple):
    times: Any
    numbers: Any


def example() -> tuple[Any, ...]:
    return np.zeros(3, np.int64), Columns(np.zeros(2, PAIR), np.zeros((4, 5), np.uint8)), 7, True


def test_an_array_is_its_size_place_and_shape() -> None:
    values = example()
    words = flat(values, kind_of(values))
    times, (pairs, octets), *_ = values
    assert words == [
        *(0, 0, 3, 8, times.ctypes.data, 3, 8),
        *(0, 0, 2, 10, pairs.ctypes.data, 2, 10),
        *(0, 0, 20, 1, octets.ctypes.data, 4, 5, 5, 1),
        *(7, 1),
    ]


def test_fixed_arguments_are_laid_out_once() -> None:
    times, columns, *numbers = example()
    kinds = kind_of((times, columns, *numbers))
    fixed = Fixed(columns)
    assert flat((times, fixed, *numbers), kinds) == flat((times, columns, *numbers), kinds)
    with pytest.raises(TypeError):
        flat((times, Fixed(columns[:1]), *numbers), kinds)


@pytest.mark.parametrize(
    "other",
    [
        np.zeros(3, np.int32),
        np.zeros(3, ">i8"),
        np.zeros((3, 1), np.int64),
        np.zeros(6, np.int64)[::2],
        np.frombuffer(bytes(24), np.int64),  # may not be written
        np.frombuffer(bytearray(25), np.uint8)[1:].view(np.int64),  # at an odd address
        np.zeros(3, PAIR),
    ],
)
def test_another_array_is_refused(other: Any) -> None:
    with pytest.raises(TypeError, match="cannot be taken for"):
        flat((other,), kind_of((np.zeros(3, np.int64),)))


def test_what_the_code_does_not_rely_on_is_not_asked_for() -> None:
    anything = np.frombuffer(bytes(25), np.uint8)[1:].view(np.int64)[::2]
    for array in (anything, np.zeros(3, np.int64)):
        assert flat((array,), kind_of((anything,)))[5:] == [*array.shape, *array.strides]


def test_arguments_too_few_or_too_many_are_refused() -> None:
    values = example()
    for other in (values[:-1], (*values, 1)):
        with pytest.raises(TypeError, match="arguments cannot be taken for"):
            flat(other, kind_of(values))


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (0, (int, int)),
        (0, kind_of(np.zeros(3, PAIR))),
        ((1,), int),
        ((1,), (int, int)),
        ((1,), kind_of(np.zeros(3, PAIR))),
        (np.zeros(3, np.int64), int),
        (np.zeros(3, np.int64), (int, int)),
        (np.zeros(3, np.int64), kind_of(np.zeros(3, PAIR))),
        (Fixed((1,)), int),
    ],
)
def test_nothing_is_taken_for_another_kind(wrong: Any, kind: Any) -> None:
    with pytest.raises(TypeError):
        flat((wrong,), (kind,))


def test_a_word_takes_numbers_alone() -> None:
    assert flat((np.int32(-5), np.uint8(3)), (int, int)) == [-5, 3]
    with pytest.raises((TypeError, ValueError)):
        flat(("x",), (int,))
