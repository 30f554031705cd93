"""Tells a story and writes what it left behind: two captures and the truth about them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from sensor.errors import OutputError
from sensor.lab.network.tap import Tap
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

    The same scenario gives the same octets. OutputError where they cannot be written; what was
    there before is there still then.
    """
    world, truth = tell(scenario)
    place = folder / scenario.name
    files = {FILES[side]: _octets(tap) for side, tap in world.watched.taps.items()}
    files[TRUTH] = truth.to_json().encode()
    try:
        _write(place, files)
    except OSError as error:
        raise OutputError(
            f"scenario {scenario.name} cannot be written to {place}: {error.strerror};"
            " choose another folder with --output"
        ) from error
    return truth


def _octets(tap: Tap) -> bytes:
    stream = io.BytesIO()
    tap.write(stream, EPOCH)
    return stream.getvalue()


def _write(place: Path, files: Mapping[str, bytes]) -> None:
    """All or none: captures beside the truth about others would mislead."""
    place.mkdir(parents=True, exist_ok=True)
    drafts = {place / f".{name}.draft": place / name for name in files}
    try:
        for draft, octets in zip(drafts, files.values(), strict=True):
            draft.write_bytes(octets)
        for draft, path in drafts.items():
            draft.replace(path)
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)
