"""Every scenario can be told apart from every other one, and leaves something behind."""

from __future__ import annotations

import re

import pytest

from sensor.lab.scenarios.catalogue import FAMILIES, SCENARIOS
from sensor.lab.scenarios.scenario import Scenario
from tests.lab.scenarios.stories import told

MOST_FRAMES = 5_000


def test_each_scenario_is_of_one_family() -> None:
    assert sum(len(family.scenarios) for family in FAMILIES) == len(SCENARIOS)
    assert len({family.title for family in FAMILIES}) == len(FAMILIES)


def test_innocent_stories_are_told_from_such_as_there_are() -> None:
    names = {scenario.name for scenario in SCENARIOS}
    assert {name for scenario in SCENARIOS for name in scenario.against} <= names
    assert not any(scenario.name in scenario.against for scenario in SCENARIOS)


def test_names_and_seeds_are_unique() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    assert len({scenario.seed for scenario in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_each_says_what_it_is_about_and_is_small(scenario: Scenario) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", scenario.name)
    assert 0 < len(scenario.about) < 80
    _, truth = told(scenario.name)
    for capture in truth.captures.values():
        assert 0 < capture.frames < MOST_FRAMES


def test_only_one_of_them_has_no_tunnels() -> None:
    bare = [scenario.name for scenario in SCENARIOS if not told(scenario.name)[1].tunnels]
    assert bare == ["ordinary"]
