"""A scenario is a value."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import World


def test_its_story_is_told_to_a_world_and_nobody_changes_it() -> None:
    seeds: list[int] = []
    scenario = Scenario("name", "what it shows", 7, lambda world: seeds.append(world.seed))
    scenario.story(World(scenario.seed))
    assert seeds == [7]
    with pytest.raises(FrozenInstanceError):
        scenario.seed = 8  # type: ignore[misc]
