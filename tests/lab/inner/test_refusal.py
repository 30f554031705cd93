"""The words that drops are counted by: each one thing, each fit for a table or a log."""

from __future__ import annotations

import re
from collections import Counter
from types import ModuleType

from sensor.lab.inner import errors, refusal
from sensor.lab.teredo import (
    advertisement,
    attempts,
    bubbles,
    discovery,
    interval,
    maintenance,
    peers,
    ports,
    reception,
    server,
    solicitation,
    transmission,
)

WITH_WORDS = (
    refusal, advertisement, attempts, bubbles, discovery, errors, interval, maintenance, peers,
    ports, reception, server, solicitation, transmission,
)  # fmt: skip


def words(module: ModuleType) -> dict[str, str]:
    return {
        name: value
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str)
    }


def test_every_word_is_lower_case_with_hyphens() -> None:
    found = [word for module in WITH_WORDS for word in words(module).values()]
    assert len(found) > 30
    assert [word for word in found if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", word)] == []


def test_no_word_means_two_things() -> None:
    pairs = {pair for module in WITH_WORDS for pair in words(module).items()}
    assert [word for word, times in Counter(word for _, word in pairs).items() if times > 1] == []
    assert [name for name, times in Counter(name for name, _ in pairs).items() if times > 1] == []


def test_a_refusal_reads_as_its_word() -> None:
    assert str(refusal.Refused(refusal.LOOP)) == "loop"
