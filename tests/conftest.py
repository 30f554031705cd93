"""What every test may ask for: the project's folder, captures, real tools."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings

from tests.told import take, told

ROOT = Path(__file__).resolve().parents[1]
SEED = 20261121

# What the laboratory's namespaces are made with, and the Debian package of each.
NAMESPACE_TOOLS = {
    "ip": "iproute2",
    "nft": "nftables",
    "ping": "iputils-ping",
    "ss": "iproute2",
    "sysctl": "procps",
}

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


@pytest.fixture(scope="session")
def root() -> None:
    """What only root may do, such as opening devices and making network namespaces."""
    if os.geteuid() != 0:
        _missing("only root may do this")


@pytest.fixture(scope="session")
def namespaces(root: None, tcpdump: Path, tshark: Path) -> None:
    """Leave to make network namespaces, and the tools that furnish and watch them."""
    for name, package in NAMESPACE_TOOLS.items():
        _tool(name, package)
    if not Path("/dev/net/tun").exists():
        _missing("no /dev/net/tun on this machine")
    name = f"sensor-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        _missing(f"no network namespace can be made: {made.stderr.strip()}")
    subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.fixture(scope="session")
def miredo() -> None:
    """Another implementation of Teredo: client and relay in one program, the server in another."""
    _tool("miredo")
    _tool("miredo-server")


def _tool(name: str, package: str | None = None) -> Path:
    path = shutil.which(name)
    if path is None:
        _missing(f"{name} is not installed: sudo apt-get install {package or name}")
    return Path(path)


def _missing(reason: str) -> NoReturn:
    """Skips the test; where everything must be there (CI), fails it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
