"""What a capture holds by construction, written beside it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Census:
    """Counted while a capture is made; ``kinds`` are tunnelled frames by the kind of tunnel."""

    frames: int = 0
    octets: int = 0  # of the frames alone
    kinds: Counter[str] = field(default_factory=Counter)
    tunnels: int = 0

    @property
    def tunnelled(self) -> int:
        return sum(self.kinds.values())

    @property
    def mean_length(self) -> float:
        return self.octets / self.frames


@dataclass(frozen=True)
class Capture:
    """``group`` and ``variant`` say what it is made to show."""

    group: str
    variant: str
    path: Path
    census: Census

    @property
    def title(self) -> str:
        return f"{self.group} {self.census.frames:,} {self.variant}".strip()


def to_json(capture: Capture, made_by: str) -> str:
    held = {"group": capture.group, "variant": capture.variant, "path": str(capture.path)}
    return json.dumps(held | vars(capture.census) | {"made_by": made_by})


def from_json(text: str) -> tuple[Capture, str]:
    """The capture and what made it; ValueError, KeyError or TypeError if the text is no such."""
    held = json.loads(text)
    group, variant, path, made_by = map(held.pop, ("group", "variant", "path", "made_by"))
    census = Census(**held | {"kinds": Counter(held["kinds"])})
    return Capture(group, variant, Path(path), census), made_by
