"""The measure of the data path, run briefly: its figures are shown, and its books must balance."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.told import tell

from .rate import MAKES, SIZES, Measured, measure, table

BRIEF = 0.5  # seconds a stream

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("namespaces", "miredo")]


def balanced(measured: list[Measured]) -> None:
    assert all(one.said == one.heard + one.lost for one in measured)
    assert all(one.heard > 0 for one in measured)


def test_our_client_is_measured_beside_miredo(tmp_path: Path) -> None:
    measured = list(measure(tmp_path, MAKES, BRIEF, rounds=1))
    balanced(measured)
    lines = list(table(measured))
    assert len(lines) == 1 + 2 * len(SIZES) + 1
    tell("the client's data path", lines)


def test_the_table_sets_both_makes_beside_each_other() -> None:
    measured = [
        Measured("Miredo", "out", 64, 100, 99, 1, 40_000),
        Measured("Miredo", "out", 64, 100, 100, 0, 42_000),
        Measured("ours", "out", 64, 100, 100, 0, 20_500),
    ]
    assert list(table(measured)) == [
        "stream                    Miredo        ours   ratio",
        "out, 64 octets            41,000      20,500    0.50",
        "packets/s; goal: 20,000; lost: Miredo 1, ours 0",
    ]
