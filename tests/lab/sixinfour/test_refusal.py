"""The words that drops are counted by: each one thing, beside Teredo's."""

from __future__ import annotations

import re
from types import ModuleType

from sensor.lab.inner import refusal as shared
from sensor.lab.sixinfour import refusal


def words(module: ModuleType) -> list[str]:
    return [value for name, value in vars(module).items() if re.fullmatch(r"[A-Z_]+", name)]


def test_every_word_is_lower_case_with_hyphens() -> None:
    assert len(words(refusal)) > 10
    for word in words(refusal):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", word), word


def test_no_word_means_two_things() -> None:
    both = words(refusal) + words(shared)
    assert len(set(both)) == len(both)
