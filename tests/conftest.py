"""What every test may ask for: the project's folder, captures, real tools."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings

from tests.told import take, told

ROOT = Path(__file__).resolve().parents[1]
SEED = 20261121

# Hypothesis draws the same examples in every run, and a slow machine fails no test.
settings.register_profile("sensor", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("sensor")


def pytest_report_header() -> str:
    return f"seeds: fixture seed = {SEED}; hypothesis derives its own from each test (derandomize)"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of several hands over what its tests told."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["told"] = told()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    take(getattr(node, "workeroutput", {}).get("told", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for title, lines in told().items():
        terminalreporter.section(title)
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The command line makes the garbage collector wait; that is not meant for a day of tests."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.fixture(scope="session")
def project_root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def seed() -> int:
    """The one seed of tests that draw random values."""
    return SEED


@pytest.fixture(scope="session")
def captures() -> Path:
    """Public captures kept beside the project; nowhere else are they needed."""
    folder = ROOT.parent / "shared" / "captures"
    if not folder.is_dir():
        pytest.skip(f"no captures at {folder}")
    return folder


@pytest.fixture(scope="session")
def tshark() -> Path:
    return _tool("tshark")


@pytest.fixture(scope="session")
def tcpdump() -> Path:
    return _tool("tcpdump")


def _tool(name: str) -> Path:
    path = shutil.which(name)
    if path is None:
        _missing(f"{name} is not installed: sudo apt-get install {name}")
    return Path(path)


def _missing(reason: str) -> NoReturn:
    """Skips the test; where everything must be there (CI), fails it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
