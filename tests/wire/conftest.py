"""What every codec test needs: vectors, and the check that damage is answered or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sensor.errors import DecodeError

Refused = Callable[[Callable[[bytes], Any], bytes], list[int]]


def _answered(parse: Callable[[bytes], Any], data: bytes) -> bool:
    """False if ``parse`` refuses ``data``; any exception but DecodeError fails the test."""
    refusal = None
    try:
        parse(data)
    except DecodeError as error:
        refusal = error
    assert refusal is None or 0 <= refusal.offset <= len(data)
    return refusal is None


@pytest.fixture(scope="session")
def answered() -> Callable[[Callable[[bytes], Any], bytes], bool]:
    """Whether a parser answers; the fuzz tests ask only that it does one or the other."""
    return _answered


@pytest.fixture(scope="session")
def refused() -> Refused:
    """The lengths at which a parser refuses the cut data, tried at every byte."""

    def lengths(parse: Callable[[bytes], Any], data: bytes) -> list[int]:
        return [n for n in range(len(data) + 1) if not _answered(parse, data[:n])]

    return lengths
