"""What every scenario shows, as a page for people: told by the scenarios themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sensor.lab.scenarios.catalogue import FAMILIES
from sensor.lab.scenarios.run import tell
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.truth import CaptureTruth, Truth

_HEAD = " ".join(
    (
        "# The scenarios\n\nMade by `sensor lab scenario table`; a test holds it to the scenarios.",
        "*Frames* are those of tunnels, of all that each capture has.",
        "*Exposed* are the services of watched hosts that somebody opened: answered / refused /",
        "only tried. *Told from* names the attacks that an innocent story resembles.\n",
    )
)
_COLUMNS = ("Scenario", "What it shows", "Kinds", "Frames in", "Frames out", "Exposed", "Told from")


def page() -> str:
    """Markdown: one table for each family; every story is told for it."""
    return "\n".join([_HEAD, *(line for family in FAMILIES for line in _family(*family))])


def _family(title: str, scenarios: tuple[Scenario, ...]) -> Iterator[str]:
    yield f"## {title}\n"
    yield _row(_COLUMNS)
    yield _row(("---",) * len(_COLUMNS))
    for scenario in scenarios:
        yield _row(_cells(scenario, tell(scenario)[1]))
    yield ""


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(scenario: Scenario, truth: Truth) -> tuple[str, ...]:
    return (
        f"`{scenario.name}`",
        scenario.about,
        ", ".join(_kinds(truth)) or "none",
        _frames(truth.captures["inside"]),
        _frames(truth.captures["outside"]),
        _exposed(truth),
        ", ".join(f"`{name}`" for name in scenario.against),
    )


def _kinds(truth: Truth) -> list[str]:
    frames = (frame for capture in truth.captures.values() for frame in capture.labelled)
    return sorted({kind.text for frame in frames for kind in (frame.kind, *frame.within)})


def _frames(capture: CaptureTruth) -> str:
    return f"{len(capture.labelled)} of {capture.frames}"


def _exposed(truth: Truth) -> str:
    states = Counter(found.state.text for found in truth.exposures if found.watched)
    if not states:
        return ""
    return " / ".join(str(states[word]) for word in ("answered", "refused", "attempted"))
