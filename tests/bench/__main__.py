"""The benchmark: makes captures, runs every tool on them in turn, prints figures and goals."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .census import Capture, from_json
from .goals import judge
from .measure import run
from .plan import FEW, FULL, SHORT, Plan
from .report import report
from .results import Measured, Results
from .tools import (
    CAT,
    HELP,
    OURS,
    SURICATA,
    SURICATA_LEAN,
    TCPDUMP,
    Tool,
    tshark,
)
from .versions import Comparison, Trouble, checked_out

# Who shows what a flow for each frame costs.
_ON_SCATTERED = (CAT, TCPDUMP, SURICATA, OURS)


# Seconds of a run after which one is enough: noise is short, and there is an end to patience.
_LONG = 8.0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def made(group: str, frames: int, folder: Path) -> list[Capture]:
    """The captures of a group, made in a process of its own."""
    say(f"capture: {group}, {frames:,} frames")
    command = [sys.executable, "-P", "-m", "tests.bench.make", group, str(frames), str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [from_json(line)[0] for line in done.stdout.splitlines()]


class Benchmark:
    """One run of a plan; ``folder`` holds the captures."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.results = Results()
        self._folder = folder
        self._tshark = tshark(plan.share)
        peers = (CAT, TCPDUMP, SURICATA, SURICATA_LEAN, self._tshark, OURS)
        self.tools = [tool for tool in peers if not tool.missing]

    def run(self) -> None:
        (few,) = made("tunnelled", FEW, self._folder)
        self._measure(few, OURS)  # keeps byte code and machine code for the others: not counted
        self.results = Results()
        for _ in range(self.plan.starts):
            for tool in (HELP, OURS):
                self._measure(few, tool)
        self._traffic()
        self._constructed()

    def _traffic(self) -> None:
        sizes = [("mixed", frames) for frames in self.plan.mixed]
        sizes += [("scattered", self.plan.scattered)]
        sizes += [("tunnelled", frames) for frames in self.plan.tunnelled]
        captures = [one for group, size in sizes for one in made(group, size, self._folder)]
        forged = [
            made("forged", size, self._folder)[0]
            for size in (self.plan.forged // 4, self.plan.forged)
        ]
        pairs = [
            (capture, tool)
            for capture in captures
            for tool in self.tools
            if capture.group != "scattered" or tool in _ON_SCATTERED
        ]
        self._rounds([*pairs, *((capture, OURS) for capture in forged)])

    def _constructed(self) -> None:
        groups = [("packets", self.plan.packets)]
        groups += [(group, self.plan.keys) for group in ("conversations", "endpoints")]
        for group, frames in groups:
            captures = made(group, frames, self._folder)
            self._rounds([(capture, OURS) for capture in captures])
            for capture in captures:
                self.results.row(capture, OURS).kernel_seconds = _kernel_seconds(capture)

    def _rounds(self, pairs: Sequence[tuple[Capture, Tool]]) -> None:
        """Every pair once a round; a long one in the first alone, a failing one never again."""
        for capture in {capture.path: capture for capture, _ in pairs}.values():
            run(CAT.command(capture.path, self._folder), Path(CAT.output), self.plan.limit)
        for turn in range(self.plan.rounds):
            for capture, tool in pairs:
                row = self.results.row(capture, tool)
                if turn and (row.failure or row.samples.median > _LONG):
                    continue
                self._measure(capture, tool)
                say(f"round {turn + 1}: {capture.title}, {tool.name}: {_said(row)}")

    def _measure(self, capture: Capture, tool: Tool) -> None:
        row = self.results.row(capture, tool)
        with tempfile.TemporaryDirectory(prefix="sensor-bench-") as scratch:
            folder = Path(scratch)
            command = tool.command(capture.path, folder)
            row.samples.runs.append(run(command, folder / tool.output, self.plan.limit))
            row.seen = tool.seen(folder)


def _said(row: Measured) -> str:
    return row.failure or f"{row.samples.runs[-1].seconds:.3f} s"


def _kernel_seconds(capture: Capture) -> float:
    command = [sys.executable, "-P", "-m", "tests.bench.kernel", str(capture.path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def compared(commit: str, plan: Plan, folder: Path) -> str:
    """The start, and each capture of a plan with traffic, by this version and another one."""
    wanted = [("tunnelled", frames) for frames in (FEW, *plan.tunnelled)]
    wanted += [("mixed", frames) for frames in plan.mixed] + [("scattered", plan.scattered)]
    with checked_out(commit) as other:
        comparison = Comparison(other, plan.pairs, plan.limit)
        for group, frames in wanted:
            for capture in made(group, frames, folder):
                try:
                    comparison.measure(capture)
                except Trouble as trouble:
                    say(f"not compared: {trouble}")
        return comparison.report(commit)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests/bench/run")
    parser.add_argument("--full", action="store_true", help="10,000,000 frames too; much longer")
    parser.add_argument("--dir", type=Path, help="keeps the captures there for the next run")
    parser.add_argument("--markdown", action="store_true", help="prints the table of the README")
    parser.add_argument("--against", metavar="COMMIT", help="compares this version with that alone")
    chosen = parser.parse_args()
    plan = FULL if chosen.full else SHORT
    with tempfile.TemporaryDirectory(prefix="sensor-bench-") as temporary:
        folder = chosen.dir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if chosen.against:
            try:
                print(compared(chosen.against, plan, folder), end="")
            except Trouble as trouble:
                parser.error(str(trouble))
            return
        benchmark = Benchmark(plan, folder)
        benchmark.run()
    goals = judge(benchmark.results, plan)
    print(report(benchmark.results, goals, plan, benchmark.tools, chosen.markdown), end="")


if __name__ == "__main__":
    main()
