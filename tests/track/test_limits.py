"""The numbers that bound both tables."""

from __future__ import annotations

import ast
from pathlib import Path

from sensor.track import limits


def test_they_are_plain_positive_numbers_that_load_nothing() -> None:
    tree = ast.parse(Path(limits.__file__).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imports] == ["from __future__ import annotations"]
    named = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert len(named) > 10
    assert all(type(value) is int and value > 0 for value in named.values())
