"""The tables of this folder, printed behind the results of every run that made them."""

from __future__ import annotations

import pytest

from .table import TABLES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for table in TABLES:
        if table.made:
            terminalreporter.section(table.title)
            for line in table.lines():
                terminalreporter.write_line(line)
