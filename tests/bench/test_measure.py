"""Processes are timed to their end, bounded, and their goals judged by what they did."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from . import tools
from .census import Capture, Census, from_json, to_json
from .goals import judge
from .measure import Run, Samples, run
from .plan import FEW, FULL, SHORT
from .report import report
from .results import Results
from .tools import CAT, HELP, OURS, SURICATA, TCPDUMP, Tool

MEBIBYTE = 1 << 20
HERE = Path(__file__).parent


def python(code: str, output: Path, limit: float = 60) -> Run:
    return run([sys.executable, "-c", code], output, limit)


def test_a_run_keeps_its_output_and_says_what_it_held(tmp_path: Path) -> None:
    done = python("print(len(bytearray(80 << 20)))", tmp_path / "out")
    assert (tmp_path / "out").read_text() == f"{80 * MEBIBYTE}\n"
    assert done.failure == ""
    assert done.resident >= 80 * MEBIBYTE
    assert done.seconds > 0


def test_a_run_may_keep_byte_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("KEPT", "yes")
    python("import os, sys; print(sys.dont_write_bytecode, os.environ['KEPT'])", tmp_path / "out")
    assert (tmp_path / "out").read_text() == "False yes\n"


def test_a_failing_run_gives_its_last_words(tmp_path: Path) -> None:
    done = python("import sys; sys.exit('no such capture')", tmp_path / "out")
    assert done.failure == "exit 1: no such capture"


def test_an_endless_run_is_ended(tmp_path: Path) -> None:
    done = python("while True: pass", tmp_path / "out", limit=0.2)
    assert done.failure == "not done after 0 s"


def test_samples_of_no_run_and_of_a_failing_one() -> None:
    samples = Samples()
    assert samples.failure == "not run"
    samples.runs = [Run(1.0, 1.0, 1), Run(2.0, 1.0, 1, "exit 1: gone")]
    assert samples.failure == "exit 1: gone"


def test_samples_are_summed_up() -> None:
    samples = Samples()
    samples.runs = [Run(3.0, 1.0, 5), Run(1.0, 4.0, 7), Run(2.0, 2.0, 6)]
    figures = samples.median, samples.least, samples.spread, samples.processor, samples.resident
    assert figures == (2.0, 1.0, 2.0, 2.0, 7)


def capture(group: str, frames: int, variant: str = "", tunnelled: int = 10) -> Capture:
    census = Census(frames, 100 * frames, Counter(teredo=tunnelled), 1)
    return Capture(group, variant, Path("x.pcap"), census)


def test_a_census_survives_its_file() -> None:
    made = capture("mixed", 50)
    assert from_json(to_json(made, "digest")) == (made, "digest")


def filled(seconds: dict[tuple[str, int, str], float], seen: int = 10) -> Results:
    """Results of one run each, by group, frames and tool."""
    results = Results()
    held: dict[tuple[str, int], Capture] = {}
    known = {tool.name: tool for tool in (CAT, TCPDUMP, SURICATA, OURS, HELP)}
    for (group, frames, tool), spent in seconds.items():
        one = held.setdefault((group, frames), capture(group, frames))
        row = results.row(one, known[tool])
        row.samples.runs.append(Run(spent, spent, 200 * MEBIBYTE))
        row.seen = seen
    return results


MEASURED = {
    ("tunnelled", FEW, "sensor --help"): 0.1,
    ("tunnelled", FEW, "sensor"): 0.5,
    ("mixed", 2_000_000, "tcpdump"): 0.3,
    ("mixed", 2_000_000, "suricata"): 7.0,
    ("mixed", 2_000_000, "sensor"): 0.4,
    ("mixed", 10_000_000, "sensor"): 3.0,
    ("scattered", 2_000_000, "tcpdump"): 0.2,
    ("scattered", 2_000_000, "suricata"): 25.0,
    ("scattered", 2_000_000, "sensor"): 0.5,
}


def judged(results: Results) -> dict[str, bool | None]:
    return {goal.name: goal.reached for goal in judge(results, FULL)}


def test_goals_are_judged_by_their_own_figures() -> None:
    verdicts = judged(filled(MEASURED))
    assert verdicts["mixed 2,000,000: throughput over tcpdump's"] is True
    assert verdicts["mixed 2,000,000: throughput over suricata's"] is False
    assert verdicts["mixed 10,000,000: throughput over tcpdump's"] is None
    assert verdicts["scattered 2,000,000: throughput over tcpdump's"] is False
    assert verdicts["scattered 2,000,000: throughput over suricata's"] is True
    assert verdicts["sensor --help"] is True
    assert verdicts["memory, maximum resident set of any run"] is True
    assert verdicts["worst constructed packet, kernel"] is None


def test_a_sensor_that_misses_frames_reaches_nothing() -> None:
    goals = judge(filled(MEASURED, seen=9), SHORT)
    over = next(goal for goal in goals if goal.name.endswith("over tcpdump's"))
    assert over.reached is None
    assert over.why == "sensor on mixed 2,000,000: reported 9 of 10 tunnelled frames"


def test_start_is_taken_off_both_times_of_growth() -> None:
    seconds = MEASURED | {
        ("mixed", 2_000_000, "sensor"): 1.0,
        ("mixed", 10_000_000, "sensor"): 3.0,
    }
    growth = next(g for g in judge(filled(seconds), FULL) if g.name.endswith("without start"))
    assert growth.figure == pytest.approx(5.0)


def test_constructed_captures_are_held_against_random_ones() -> None:
    results = filled(MEASURED)
    for variant, spent in (("random", 1.5), ("sequential", 1.0), ("cancelling", 4.5)):
        row = results.row(capture("endpoints", 100, variant), OURS)
        row.samples.runs.append(Run(spent, spent, MEBIBYTE))
        row.seen = 10
    (ratio,) = (g for g in judge(results, SHORT) if g.name.startswith("colliding endpoints"))
    assert ratio.figure == pytest.approx(4.0)
    assert ratio.reached is False


@pytest.mark.parametrize("markdown", [False, True])
def test_a_report_names_figures_and_verdicts(markdown: bool) -> None:
    results = filled(MEASURED)
    text = report(results, judge(results, SHORT), SHORT, [CAT], markdown)
    (line,) = (
        line for line in text.splitlines() if "mixed 2,000,000: throughput over suricata" in line
    )
    assert line.startswith("|") == markdown
    assert [part for part in ("17.5 times", "NOT reached") if part not in line] == []
    assert "10 of 10" in text
    assert "scattered 2,000,000: each ordinary frame a flow of its own" in text
    assert "Linux" in text


def test_the_filter_means_what_it_says(tcpdump: Path) -> None:
    command = [str(tcpdump), "-d", "-y", "EN10MB", tools.TUNNEL_FILTER]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_tool_that_is_not_there_is_known_to_be_missing() -> None:
    assert Tool("x", "", ("no-such-program-here",), CAT.command).missing
    assert not CAT.missing


def test_bash_can_read_the_runner() -> None:
    done = subprocess.run(["bash", "-n", HERE / "run"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
