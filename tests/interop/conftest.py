"""A lab for each test; what its programs said is shown where the test fails."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from .lab import Lab
from .world import Nat, World


@pytest.fixture
def lab(namespaces: None) -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture
def world(lab: Lab, tmp_path: Path) -> World:
    return World(lab, tmp_path)


@pytest.fixture
def behind(lab: Lab, tmp_path: Path) -> Callable[[Nat], World]:
    """A world with another NAT."""
    return lambda nat: World(lab, tmp_path, nat)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    lab = item.funcargs.get("lab")
    if report.failed and isinstance(lab, Lab):
        report.sections.append(("programs of the lab", lab.logs()))
    return report
