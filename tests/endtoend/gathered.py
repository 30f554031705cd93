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

LOOK_ALIKES = "look-alikes"
# Nanoseconds between the beginnings of two scenarios: conversations of the one are over by then.
APART = 3_600 * 1_000_000_000


class Gathered(NamedTuple):
    """``labelled`` are the frames of tunnels by their numbers in the whole capture, from 1."""

    path: Path
    frames: list[Frame]
    labelled: dict[int, Labelled]
    times: list[int]  # of the frames, in nanoseconds since 1970
    deceiving: set[int]  # frames of no tunnel that are made to look like one

    @property
    def flawed(self) -> set[int]:
        """Those that are not meant to be well formed."""
        return {number for number, frame in self.labelled.items() if frame.flawed}


def gather(side: str, path: Path) -> Gathered:
    """Play all scenarios and write what was seen at one side."""
    frames: list[Frame] = []
    labelled: dict[int, Labelled] = {}
    times: list[int] = []
    deceiving: set[int] = set()
    with path.open("wb") as stream:
        writer = PcapWriter(stream)
        for place, scenario in enumerate(SCENARIOS):
            world, truth = tell(scenario)
            first = len(frames) + 1
            for frame in truth.captures[side].labelled:
                labelled[len(frames) + frame.number] = frame
            for seen in world.watched.taps[side].frames:
                times.append(moment(seen.time) + place * APART)
                writer.write(seen.octets, times[-1])
                frames.append(seen)
            if scenario.name == LOOK_ALIKES:
                deceiving |= set(range(first, len(frames) + 1)) - labelled.keys()
    return Gathered(path, frames, labelled, times, deceiving)
