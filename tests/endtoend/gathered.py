"""One side of every scenario in one capture, so that one run of a program reads them all."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sensor.capture.writer import PcapWriter
from sensor.lab.network.tap import Frame
from sensor.lab.scenarios.account import moment
from sensor.lab.scenarios.catalogue import SCENARIOS
from sensor.lab.scenarios.run import tell
from sensor.lab.scenarios.truth import Labelled

# Nanoseconds between the beginnings of two scenarios: conversations of the one are over by then.
APART = 3_600 * 1_000_000_000


class Gathered(NamedTuple):
    """``labelled`` are the frames of tunnels by their numbers in the whole capture, from 1."""

    path: Path
    frames: list[Frame]
    labelled: dict[int, Labelled]

    @property
    def flawed(self) -> set[int]:
        """Those that are not meant to be well formed."""
        return {number for number, frame in self.labelled.items() if frame.flawed}


def gather(side: str, path: Path) -> Gathered:
    """Play all scenarios and write what was seen at one side."""
    frames: list[Frame] = []
    labelled: dict[int, Labelled] = {}
    with path.open("wb") as stream:
        writer = PcapWriter(stream)
        for place, scenario in enumerate(SCENARIOS):
            world, truth = tell(scenario)
            for frame in truth.captures[side].labelled:
                labelled[len(frames) + frame.number] = frame
            for seen in world.watched.taps[side].frames:
                writer.write(seen.octets, moment(seen.time) + place * APART)
                frames.append(seen)
    return Gathered(path, frames, labelled)
