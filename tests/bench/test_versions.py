"""Two versions of the sensor are run in turn, and neither may miss a frame."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .census import Capture, from_json
from .plan import FEW
from .versions import ROOT, Comparison, Trouble, checked_out

LIMIT = 120.0


@pytest.fixture(autouse=True)
def _nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")


@pytest.fixture
def capture(tmp_path: Path) -> Capture:
    command = [sys.executable, "-P", "-m", "tests.bench.make", "tunnelled", str(FEW), str(tmp_path)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return from_json(made.stdout)[0]


@pytest.mark.slow
def test_each_version_is_its_own(capture: Capture) -> None:
    with checked_out("HEAD") as other:
        cli = other / "sensor" / "cli" / "replay.py"
        cli.write_text(cli.read_text() + "\nimport time\ntime.sleep(1)\n")
        comparison = Comparison(other, 1, LIMIT)
        comparison.measure(capture)
        this, slower = comparison.report("HEAD").splitlines()[-2:]
    assert this.split()[-3:] != ["1.000"] * 3
    assert all(float(ratio) < 1 for ratio in this.split()[-3:]), "the other one sleeps a second"
    assert this.startswith(capture.title)
    assert slower.split()[0] == "HEAD"
    assert not other.exists()


def test_a_version_that_counts_otherwise_is_not_compared(tmp_path: Path, capture: Capture) -> None:
    package = tmp_path / "sensor"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(f"print('{FEW} frames: {FEW - 1} tunnelled, ...')")
    with pytest.raises(Trouble, match=f"{FEW - 1} tunnelled"):
        Comparison(tmp_path, 1, LIMIT).measure(capture)


def test_a_version_that_fails_is_not_compared(tmp_path: Path, capture: Capture) -> None:
    package = tmp_path / "sensor"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("raise SystemExit('no such command')")
    with pytest.raises(Trouble, match="exit 1: no such command"):
        Comparison(tmp_path, 1, LIMIT).measure(capture)


def test_an_unknown_version_is_told() -> None:
    with pytest.raises(Trouble, match="no version nothing-like-it"), checked_out("nothing-like-it"):
        pass
