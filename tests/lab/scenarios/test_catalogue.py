"""Every scenario can be told apart from every other one, and leaves something behind."""

from __future__ import annotations

import re

import pytest

from sensor.lab.scenarios.catalogue import FAMILIES, SCENARIOS
from sensor.lab.scenarios.scenario import Scenario
from tests.lab.scenarios.stories import told

MOST_FRAMES = {"address-scan": 70_000}  # a guess for each port


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
        assert 0 < capture.frames < MOST_FRAMES.get(scenario.name, 5_000)


def test_those_without_tunnels_are_told_from_attacks() -> None:
    bare = [
        scenario.name
        for scenario in SCENARIOS
        if not any(capture.labelled for capture in told(scenario.name)[1].captures.values())
    ]
    assert bare == ["ordinary", "look-alikes", "vpn"]


# Deeds that nobody innocent does, and what is a matter of the capture alone.
UNLIKE_ANY = {
    "deep-nesting", "deep-nesting-6in4", "inner-extension-chains", "snapped-64", "snapped-96",
}  # fmt: skip
ATTACKS = (
    *("Attacks on Teredo's set-up", "Scans, floods, reflection and loops"),
    *("Misuse of protocol 41", "Covert channels", "Evasions"),
)


def test_each_attack_has_an_innocent_that_looks_like_it() -> None:
    families = [family for family in FAMILIES if family.title in ATTACKS]
    attacks = {each.name for family in families for each in family.scenarios if not each.against}
    resembled = {name for scenario in SCENARIOS for name in scenario.against}
    assert len(families) == len(ATTACKS)
    assert attacks - resembled == UNLIKE_ANY
