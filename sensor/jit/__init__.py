"""Compiled functions: which they are, and how Python calls their machine code.

A module that compiles marks its functions ``compiled``, and ``entry`` those that Python calls. Here
both stay Python; ``build.py`` puts Numba's decorators in their place, in a process of its own, and
turns a module's entries into one object file. ``folder.py`` keeps it, ``code.py`` loads it: a run
that finds its code kept imports neither Numba nor LLVM's compiler.

NUMBA_DISABLE_JIT=1 runs everything as Python.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from sensor.jit.arguments import Fixed, flat, kind_of
from sensor.jit.code import DISABLED, code_of, load

__all__ = [
    "DISABLED",
    "bound",
    "compiled",
    "entry",
    "fixed",
    "inlined",
    "load",
    "pointer_to",
    "prefetch",
    "word_at",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Compile with bounds checks and C arithmetic, for the entries of its module.

    Such a function takes and returns numbers, rows and arrays, and makes no array itself.
    """
    return function


def inlined(function: _Function) -> _Function:
    """Compile into each caller: for functions called in few places, where a call costs much."""
    return function


def entry(example: Callable[[], tuple[Any, ...]]) -> Callable[[_Function], _Function]:
    """Compile for Python to call; the GIL is released meanwhile.

    ``example`` makes arguments of the types it is compiled for: int, bool, C-contiguous arrays and
    tuples of these. Calls with others raise TypeError. It returns nothing, an int, or a tuple of
    them. IndexError tells of a bug: compiled code never leaves an array.
    """

    def decorate(function: _Function) -> _Function:
        return _plain(function) if DISABLED else Entry(function, example)  # type: ignore[return-value]

    return decorate


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same in Python, where NumPy would tell of numbers that wrap around, as is meant."""

    @functools.wraps(function)
    def run(*values: Any) -> Any:
        with np.errstate(over="ignore"):
            return function(*values)

    return run


def fixed(values: tuple[Any, ...]) -> Any:
    """Arguments that stay as they are, laid out once: their arrays are never replaced."""
    return values if DISABLED else Fixed(values)


def bound(function: Callable[..., Any], *first: Any) -> Callable[..., Any]:
    """An entry with its first arguments laid out once, for calls with numbers as the others.

    Laying them out takes longer than such a call. One thread at a time may call it; it keeps the
    arrays, which are never replaced.
    """
    return (
        function.bound(*first)
        if isinstance(function, Entry)
        else functools.partial(function, *first)
    )


class Entry:
    """One function that Python calls, with the machine code of its module behind it."""

    def __init__(
        self, function: Callable[..., Any], example: Callable[[], tuple[Any, ...]]
    ) -> None:
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self._module = function.__module__
        self._example = example

    def __call__(self, *values: Any) -> Any:
        return self._run(flat(values, self._kinds))

    def bound(self, *first: Any) -> Callable[..., Any]:
        """See ``bound``."""
        words = flat(first, self._kinds[: len(first)])
        return code_of(self._module).bound(self.__name__, words, first)

    @functools.cached_property
    def _kinds(self) -> Any:
        return kind_of(self._example())

    @functools.cached_property
    def _run(self) -> Callable[[list[int]], Any]:
        return code_of(self._module).function(self.__name__)


# What compiled code may do and Python may not.


def prefetch(array: Any, index: int, word: int) -> None:
    """Ask for a line of the cache, the one with that word of eight octets of an element.

    A hint: an address that is none does no harm.
    """


def pointer_to(array: Any) -> Any:
    """The elements of an array without their number: nothing is checked."""
    return array


def word_at(octets: Any, at: int) -> Any:
    """The eight octets from any place on as a little-endian uint64; IndexError outside."""
    if not 0 <= at <= len(octets) - 8:
        raise IndexError("a word outside of the array")
    return np.uint64(int.from_bytes(octets[at : at + 8], "little"))
