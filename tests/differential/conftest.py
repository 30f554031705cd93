"""What Wireshark does not decode or shows otherwise, printed behind the results of every run."""

from __future__ import annotations

import pytest

from .told import LINES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LINES:
        terminalreporter.section("generated frames and Wireshark")
        for line in LINES:
            terminalreporter.write_line(line)
