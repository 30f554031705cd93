"""All that was measured, by capture and tool."""

from __future__ import annotations

from dataclasses import dataclass, field

from .census import Capture
from .measure import Samples
from .tools import OURS, Tool


class Missing(Exception):
    """There is no such figure; the text says why."""


@dataclass
class Measured:
    """One tool on one capture.

    ``seen`` is how many tunnelled frames it reported, ``kernel_seconds`` what the sensor's kernel
    alone took for the frames.
    """

    capture: Capture
    tool: Tool
    samples: Samples = field(default_factory=Samples)
    seen: int | None = None
    kernel_seconds: float = 0.0

    @property
    def frames(self) -> int:
        held = self.capture.census.frames
        return held if self.tool.frames is None else min(held, self.tool.frames)

    @property
    def failure(self) -> str:
        wanted = self.capture.census.tunnelled
        if not self.samples.failure and self.tool is OURS and self.seen != wanted:
            return f"reported {self.seen} of {wanted} tunnelled frames"
        return self.samples.failure

    @property
    def rate(self) -> float:
        """Frames a second, whole process."""
        return self.frames / self.samples.median


class Results:
    """Rows in the order in which they were begun."""

    def __init__(self) -> None:
        self.rows: list[Measured] = []

    def row(self, capture: Capture, tool: Tool) -> Measured:
        """The row of this pair, begun if there is none."""
        for row in self.rows:
            if row.capture is capture and row.tool is tool:
                return row
        self.rows.append(Measured(capture, tool))
        return self.rows[-1]

    def find(self, group: str, frames: int, tool: str) -> Measured:
        """The row of a group's only capture of so many frames; Missing if it has no figure."""
        for row in self.rows:
            found = row.capture.group, row.capture.census.frames, row.tool.name
            if found == (group, frames, tool):
                return _whole(row)
        raise Missing(f"{tool} was not run on {group} {frames:,}")

    def variants(self, group: str) -> list[Measured]:
        """The rows of a group of constructed captures; Missing if one has no figure."""
        rows = [row for row in self.rows if row.capture.group == group]
        if not rows:
            raise Missing(f"no {group} were run")
        return list(map(_whole, rows))


def _whole(row: Measured) -> Measured:
    if row.failure:
        raise Missing(f"{row.tool.name} on {row.capture.title}: {row.failure}")
    return row
