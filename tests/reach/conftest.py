"""The tables of this folder, told behind the results of every run that made them."""

from __future__ import annotations

from tests.told import tell

from .table import TABLES


def pytest_sessionfinish() -> None:
    for table in TABLES:
        if table.made:
            tell(table.title, table.lines())
