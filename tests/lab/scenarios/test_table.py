"""The page about the scenarios says what they show."""

from __future__ import annotations

from pathlib import Path

from sensor.lab.scenarios import catalogue, table
from sensor.lab.scenarios.catalogue import SCENARIOS

PAGE = Path(catalogue.__file__).with_name("README.md")


def test_the_page_is_as_the_scenarios_are() -> None:
    assert PAGE.read_text() == table.page(), "`sensor lab scenario table` makes it anew"


def test_every_scenario_has_its_row() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [scenario.name for scenario in SCENARIOS]
    (told,) = [row for row in rows if row.startswith("| `web-server`")]
    assert told.split(" | ")[2:] == ["teredo", "46 of 95", "46 of 95", "1 / 1 / 0", " |"]
