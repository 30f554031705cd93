"""The stage on which all scenarios are played, once for each file of tests."""

from __future__ import annotations

import pytest

from tests.endtoend.gathered import Gathered, gather
from tests.endtoend.stage import Stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("scenarios"))


@pytest.fixture(scope="module", params=["inside", "outside"])
def gathered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Gathered:
    return gather(request.param, tmp_path_factory.mktemp("gathered") / "all.pcap")
