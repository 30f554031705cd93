"""What people read: aligned tables, or the same for the README."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from .goals import MEBIBYTE, RANDOM, Goal, beyond_start
from .plan import Plan
from .results import Measured, Missing, Results
from .tools import HELP, OURS, Tool, version

_MADE_OF = {
    "mixed": "ordinary flows of about 15 frames",
    "scattered": "each ordinary frame a flow of its own",
    "tunnelled": "nothing but tunnels",
    "forged": "each frame from another endpoint",
}
_CONSTRUCTED = ("packets", "conversations", "endpoints")


def report(
    results: Results, goals: Sequence[Goal], plan: Plan, tools: Iterable[Tool], markdown: bool
) -> str:
    """Everything measured, and on what."""
    rows = [row for row in results.rows if row.capture.group not in _CONSTRUCTED]
    constructed = [row for row in results.rows if row.capture.group in _CONSTRUCTED]
    parts = [
        f"{machine()}; {libraries()}. Whole processes, start included; medians of {plan.rounds} "
        "rounds in turn where no other number of runs is given. Captures are read once before, so "
        "that they come from memory; the sensor's byte code and machine code are kept from a run "
        "that is not counted.",
        "\n".join(f"- {line}" for line in _held(rows)),
        table(_PEERS, [_peer_cells(row, results) for row in rows], markdown),
        "\n".join(f"- {line}" for line in _explained(tools)),
        table(_WORST, [_worst_cells(row, results) for row in constructed], markdown),
        table(_GOALS, list(map(_goal_cells, goals)), markdown),
    ]
    return "\n\n".join(parts) + "\n"


def machine() -> str:
    """Processor, cores, memory and kernel."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    model = found[1] if found else platform.machine()
    return f"{model}, {cores} cores, {memory:.0f} GiB, Linux {platform.release()}"


def libraries() -> str:
    """What the sensor's speed depends on beside itself."""
    versions = [f"{name} {metadata.version(name)}" for name in ("Numba", "NumPy")]
    return ", ".join([f"Python {platform.python_version()}", *versions])


def _held(rows: Iterable[Measured]) -> list[str]:
    """What the captures are, each once."""
    held = {(row.capture.group, row.capture.title): row.capture.census for row in rows}
    return [
        f"{title}: {_MADE_OF[group]}, {census.mean_length:.0f} octets a frame, "
        f"{census.tunnels:,} tunnels, "
        f"{100 * census.tunnelled / census.frames:.3g} % of frames tunnelled"
        for (group, title), census in held.items()
    ]


def _explained(tools: Iterable[Tool]) -> list[str]:
    return [f"{tool.name}: {tool.what} ({version(tool)})" for tool in tools]


_PEERS = (
    "capture", "tool", "runs", "median s", "least", "spread", "CPU s", "MiB", "M frames/s",
    "sensor's pace over it", "tunnelled frames seen",
)  # fmt: skip


def _peer_cells(row: Measured, results: Results) -> list[str]:
    if row.failure:
        return [row.capture.title, row.tool.name, *["-"] * 8, row.failure]
    samples = row.samples
    return [
        row.capture.title,
        row.tool.name,
        str(len(samples.runs)),
        *(f"{number:.3f}" for number in (samples.median, samples.least, samples.spread)),
        f"{samples.processor:.2f}",
        f"{samples.resident / MEBIBYTE:.0f}",
        f"{row.rate / 1e6:.3g}",
        _times(row, results),
        _seen(row),
    ]


def _seen(row: Measured) -> str:
    if row.seen is None:
        return ""
    whole = row.frames == row.capture.census.frames
    return f"{row.seen:,} of {row.capture.census.tunnelled:,}" if whole else f"{row.seen:,}"


def _times(row: Measured, results: Results) -> str:
    """How much faster the sensor is on the same capture."""
    if row.tool in (OURS, HELP):
        return ""
    try:
        ours = results.find(row.capture.group, row.capture.census.frames, OURS.name)
    except Missing:
        return ""
    return f"{ours.rate / row.rate:.3g} times"


_WORST = ("constructed", "median s", "us a frame", "us in kernel", "over random", "MiB")


def _worst_cells(row: Measured, results: Results) -> list[str]:
    if row.failure:
        return [row.capture.title, *["-"] * 4, row.failure]
    work = beyond_start(row, results)
    return [
        row.capture.title,
        f"{row.samples.median:.3f}",
        f"{work / row.frames * 1e6:.3g}",
        f"{row.kernel_seconds / row.frames * 1e6:.3g}",
        _over_random(row, work, results),
        f"{row.samples.resident / MEBIBYTE:.0f}",
    ]


def _over_random(row: Measured, work: float, results: Results) -> str:
    for other in results.rows:
        if (other.capture.group, other.capture.variant) == (row.capture.group, RANDOM):
            return "" if other.failure else f"{work / beyond_start(other, results):.2f}"
    return ""


_GOALS = ("goal", "wanted", "figure", "verdict")


def _goal_cells(goal: Goal) -> list[str]:
    wanted = f"at {'most' if goal.at_most else 'least'} {goal.wanted:g} {goal.unit}"
    if goal.figure is None:
        return [goal.name, wanted, "-", f"not measured: {goal.why}"]
    verdict = "reached" if goal.reached else "NOT reached"
    return [goal.name, wanted, f"{goal.figure:.3g} {goal.unit}", verdict]


def table(header: Sequence[str], rows: list[list[str]], markdown: bool) -> str:
    """Aligned columns, or the same in Markdown."""
    if markdown:
        lines = [header, ["---"] * len(header), *rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [list(header), *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
