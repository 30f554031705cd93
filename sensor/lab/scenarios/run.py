"""Tells a story and writes what it left behind: two captures and the truth about them."""

from __future__ import annotations

from pathlib import Path

from sensor.errors import OutputError
from sensor.lab.scenarios.account import EPOCH, FILES, account
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.truth import Truth
from sensor.lab.scenarios.world import World

TRUTH = "truth.json"


def tell(scenario: Scenario) -> tuple[World, Truth]:
    """Let a story happen; nothing is written."""
    world = World(scenario.seed)
    scenario.story(world)
    return world, account(scenario, world)


def run(scenario: Scenario, folder: Path) -> Truth:
    """Write NAME/inside.pcap, NAME/outside.pcap and NAME/truth.json into ``folder``.

    The same scenario gives the same octets. OutputError where they cannot be written.
    """
    world, truth = tell(scenario)
    place = folder / scenario.name
    try:
        place.mkdir(parents=True, exist_ok=True)
        for side, tap in world.watched.taps.items():
            with (place / FILES[side]).open("wb") as stream:
                tap.write(stream, EPOCH)
        (place / TRUTH).write_text(truth.to_json(), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write scenario {scenario.name}: {error}") from error
    return truth
