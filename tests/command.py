"""Runs the command ``sensor``: as people do, or inside the test's own process, which is faster."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from sensor.capture.writer import PcapWriter
from sensor.cli.main import main
from tests.captures import demo

ROOT = Path(__file__).resolve().parents[1]
DEMO = str(demo.PATH.relative_to(ROOT))
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE")
}
# Compiled code stays where it is, also for a test that sets another home.
ENVIRONMENT.setdefault("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
COMPILING = 300  # seconds that a first run may take to compile, on a machine that has more to do


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sensor", *arguments]


def run_sensor(*arguments: str, stdin: bytes = b"", **environment: str) -> Outcome:
    """In a process of its own, at the top of the project."""
    done = subprocess.run(
        command(*arguments),
        input=stdin,
        env=ENVIRONMENT | environment,
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=COMPILING,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def call_sensor(*arguments: str, err: io.StringIO | None = None) -> Outcome:
    """In this process, from ``main`` on: exit codes and messages are those of the command."""
    err = err or io.StringIO()
    argv = mock.patch.object(sys, "argv", ["sensor", *arguments])
    environment = mock.patch.dict(os.environ, ENVIRONMENT, clear=True)
    # A real file: the command may ask for its number and put another in its place.
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as out:
        with argv, environment, redirect_stdout(out), redirect_stderr(err):
            with pytest.raises(SystemExit) as stopped:
                main()
            out.flush()
        printed = Path(out.name).read_bytes().decode()
    assert isinstance(stopped.value.code, int)
    return Outcome(stopped.value.code, printed, err.getvalue())


def repeated_demo(path: Path, times: int) -> Path:
    """The demo's minute ``times`` times in a row: more than any pipe holds."""
    minute = 60_000_000_000
    with path.open("wb") as stream:
        writer = PcapWriter(stream)
        for turn in range(times):
            for time, frame in demo.frames():
                writer.write(frame, time + turn * minute)
    return path
