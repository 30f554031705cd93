"""The words that drops are counted by: each one thing, each fit for a table or a log."""

from __future__ import annotations

import re
from collections import Counter
from types import ModuleType

from sensor.lab.brokers import ayiya, dialogue, markup, messages, seal, tsp, tunnel
from sensor.lab.framing import clients, endpoint, l2tp, refusal, sixbed4
from sensor.lab.gre import endpoint as gre
from sensor.lab.inner import refusal as shared

WITH_WORDS = (
    shared, refusal, clients, endpoint, l2tp, sixbed4, gre,
    ayiya, dialogue, markup, messages, seal, tsp, tunnel,
)  # fmt: skip
# What is said on the wire, and no reason for anything.
SAID = {"CREATE", "INFO", "ACCEPT", "V6V4", "V6UDPV4"}


def words(module: ModuleType) -> dict[str, str]:
    return {
        name: value
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str)
        and name not in SAID
    }  # fmt: skip


def test_every_word_is_lower_case_with_hyphens() -> None:
    found = [word for module in WITH_WORDS for word in words(module).values()]
    assert len(found) > 30
    assert [word for word in found if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", word)] == []


def test_no_word_means_two_things() -> None:
    pairs = {pair for module in WITH_WORDS for pair in words(module).items()}
    assert [word for word, times in Counter(word for _, word in pairs).items() if times > 1] == []
    assert [name for name, times in Counter(name for name, _ in pairs).items() if times > 1] == []
