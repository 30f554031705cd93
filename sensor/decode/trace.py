"""What the walk through one frame met and checked, for people who ask why."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TracedLayer:
    """One layer: where it starts and what its header says."""

    name: str
    offset: int
    header: object


@dataclass(frozen=True, slots=True)
class TracedCheck:
    """One check and its outcome."""

    name: str
    passed: bool


@dataclass(slots=True)
class Trace:
    """Collects in the order of the walk."""

    steps: list[TracedLayer | TracedCheck] = field(default_factory=list)

    def layer(self, name: str, offset: int, header: object = None) -> None:
        self.steps.append(TracedLayer(name, offset, header))

    def check(self, name: str, passed: bool) -> bool:
        self.steps.append(TracedCheck(name, passed))
        return passed


class Silence(Trace):
    """Collects nothing: the walk when nobody asks."""

    def layer(self, name: str, offset: int, header: object = None) -> None:
        return

    def check(self, name: str, passed: bool) -> bool:
        return passed


SILENCE = Silence()
