"""What an entry is called with, as the words of 64 bits that its machine code takes."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

# int, bool, a tuple of kinds, or _ARRAY with dtype, dimensions and what the code relies on: has no
# gaps, may be written, lies as its type asks. Plain tuples compare fast.
Kind = Any
_ARRAY = "array"


class Fixed:
    """Arguments that stay as they are, laid out once: their arrays are never replaced."""

    __slots__ = ("kind", "values", "words")

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values = values
        self.kind = kind_of(values)
        self.words = flat(values, self.kind)


def kind_of(value: Any) -> Kind:
    if isinstance(value, np.ndarray):
        flags = value.flags
        return _ARRAY, value.dtype, value.ndim, flags.c_contiguous, flags.writeable, flags.aligned
    if isinstance(value, tuple):
        return tuple(map(kind_of, value))
    return bool if isinstance(value, bool) else int


def flat(values: tuple[Any, ...], kinds: Kind) -> list[int]:
    """The words of ``values``; TypeError where one is not of its kind.

    An array is seven words or more: two for Numba's owners (none), elements, octets of an element,
    address, then the length of each dimension and the octets from one to the next.
    """
    if not isinstance(kinds, tuple) or len(values) != len(kinds):
        raise TypeError(f"{len(values)} arguments cannot be taken for {kinds}")
    words: list[int] = []
    for value, kind in zip(values, kinds, strict=True):
        if kind is int or kind is bool:
            words.append(index(value))
        elif isinstance(value, Fixed):
            if value.kind != kind:
                raise TypeError(f"arguments of {value.kind} cannot be taken for {kind}")
            words += value.words
        elif isinstance(value, tuple):
            words += flat(value, kind)
        elif isinstance(value, np.ndarray):
            if not _is_of(value, kind):
                raise TypeError(f"an array of {kind_of(value)} cannot be taken for {kind}")
            address = value.ctypes.data
            words += (0, 0, value.size, value.itemsize, address, *value.shape, *value.strides)
        else:
            raise TypeError(f"{value!r} cannot be taken for {kind}")
    return words


def _is_of(array: Any, kind: Kind) -> bool:
    if not isinstance(kind, tuple) or kind[0] is not _ARRAY:
        return False
    _, dtype, dimensions, contiguous, writeable, aligned = kind
    flags = array.flags
    return bool(
        array.dtype == dtype
        and array.ndim == dimensions
        and (flags.c_contiguous or not contiguous)
        and (flags.writeable or not writeable)
        and (flags.aligned or not aligned)
    )
