"""Runs one process to its end and says what it cost."""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer


@dataclass(frozen=True)
class Run:
    """One process, from start to end.

    ``resident`` is the most memory it held, in bytes. Linux counts from what its parent held when
    it started, so that a parent that measures keeps small.
    """

    seconds: float
    processor: float
    resident: int
    failure: str = ""


def run(command: Sequence[str], output: Path, limit: float) -> Run:
    """Run ``command`` with its standard output in ``output``; killed after ``limit`` seconds."""
    # A developer's shell may keep Python from writing byte code: the sensor would compile its
    # sources at every start, which a user's start does not do.
    environment = os.environ.copy()
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with output.open("wb") as out, tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            env=environment,
            start_new_session=True,
        )
        timer = Timer(limit, _kill, (process.pid,))
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        failure = _failure(process.returncode, seconds >= limit, limit, errors.read())
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, failure)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _failure(code: int, late: bool, limit: float, errors: str) -> str:
    if code == 0:
        return ""
    if late:
        return f"not done after {limit:.0f} s"
    last = errors.strip().splitlines()[-1:] or [""]
    return f"exit {code}: {last[0]}"


class Samples:
    """Runs of the same command."""

    def __init__(self) -> None:
        self.runs: list[Run] = []

    @property
    def failure(self) -> str:
        """Why there is no figure; empty where there is one."""
        if not self.runs:
            return "not run"
        return next((one.failure for one in self.runs if one.failure), "")

    @property
    def median(self) -> float:
        return statistics.median(one.seconds for one in self.runs)

    @property
    def least(self) -> float:
        return min(one.seconds for one in self.runs)

    @property
    def spread(self) -> float:
        """From the fastest run to the slowest."""
        return max(one.seconds for one in self.runs) - self.least

    @property
    def processor(self) -> float:
        return statistics.median(one.processor for one in self.runs)

    @property
    def resident(self) -> int:
        return max(one.resident for one in self.runs)
