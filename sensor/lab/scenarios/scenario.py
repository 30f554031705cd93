"""What a scenario is: a name, what it shows, a seed, and the story that makes it happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensor.lab.scenarios.world import World


@dataclass(frozen=True, slots=True)
class Scenario:
    """``story`` puts people and machines into a world and lets things happen there.

    The same ``seed`` gives the same octets at the same times. ``against`` names the attacks that an
    innocent story must be told from.
    """

    name: str
    about: str
    seed: int
    story: Callable[[World], None]
    against: tuple[str, ...] = ()
