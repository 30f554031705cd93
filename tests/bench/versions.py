"""Another version of the sensor beside this one, on the same captures in the same run."""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from .census import Capture
from .goals import MEBIBYTE
from .measure import Run, Samples, run
from .report import machine, table

ROOT = Path(__file__).resolve().parents[2]
_HEADER = (
    "capture", "version", "median s", "least", "CPU s", "MiB",
    "this over the other, pair by pair", "medians", "least",
)  # fmt: skip


class Trouble(Exception):
    """Why the two cannot be compared."""


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """The files of a commit of this project, in a folder that is removed afterwards."""
    command = ["git", "-C", str(ROOT), "archive", commit, "sensor"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise Trouble(f"no version {commit}: {done.stderr.decode().strip()}")
    with TemporaryDirectory(prefix="sensor-version-") as folder:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


class Comparison:
    """Both versions, run from their sources by this Python.

    ``other`` is a version's folder, where the machine code of both is kept too.
    """

    def __init__(self, other: Path, rounds: int, limit: float) -> None:
        self._other = other
        self._rounds, self._limit = rounds, limit
        self._rows: list[tuple[Capture, Samples, Samples]] = []

    def measure(self, capture: Capture) -> None:
        """One pair of runs that is not counted, then the rounds; who is first takes turns."""
        this, other = Samples(), Samples()
        order = [(this, ROOT), (other, self._other)]
        for turn in range(self._rounds + 1):
            for samples, folder in order:
                made = self._run(capture, folder)
                if turn:
                    samples.runs.append(made)
            order.reverse()
        self._rows.append((capture, this, other))

    def _run(self, capture: Capture, folder: Path) -> Run:
        code = self._other / ("code of this" if folder == ROOT else "code of the other")
        settings = [f"PYTHONPATH={folder}", f"XDG_CACHE_HOME={code}"]
        sensor = [sys.executable, "-P", "-m", "sensor", "replay", str(capture.path)]
        output = self._other / "output"
        made = run(["env", *settings, *sensor], output, self._limit)
        text = output.read_text(errors="replace").partition("\n")[0]
        if made.failure or f": {capture.census.tunnelled} tunnelled" not in text:
            raise Trouble(f"{folder} on {capture.title}: {made.failure or text}")
        return made

    def report(self, name: str) -> str:
        """Aligned columns; ``name`` is the other version's."""
        rows = []
        for capture, this, other in self._rows:
            rows.append([capture.title, "this", *_figures(this), *_ratios(this, other)])
            rows.append(["", name, *_figures(other), *[""] * 3])
        head = f"{machine()}. Whole processes, start included; {self._rounds} pairs in turn."
        return f"{head}\n\n{table(_HEADER, rows, markdown=False)}\n"


def _figures(samples: Samples) -> list[str]:
    seconds = samples.median, samples.least, samples.processor
    return [*(f"{figure:.3f}" for figure in seconds), f"{samples.resident / MEBIBYTE:.0f}"]


def _ratios(this: Samples, other: Samples) -> list[str]:
    pairs = (a.seconds / b.seconds for a, b in zip(this.runs, other.runs, strict=True))
    ratios = statistics.median(pairs), this.median / other.median, this.least / other.least
    return [f"{ratio:.3f}" for ratio in ratios]
