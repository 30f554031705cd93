"""Counts of frames, right of made, in lines and columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_WIDTH = 100
_NAME = 30


class Table:
    """``count`` notes one frame; ``lines`` draws what was counted, columns named by number."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.made: Counter[tuple[str, str]] = Counter()
        self.right: Counter[tuple[str, str]] = Counter()
        self.wrong: dict[tuple[str, str], str] = {}

    def count(self, line: str, column: str, name: str, right: bool) -> None:
        self.made[line, column] += 1
        self.right[line, column] += right
        if not right:
            self.wrong.setdefault((line, column), name)

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(column for _, column in self.made))

    @property
    def rows(self) -> list[str]:
        return list(dict.fromkeys(line for line, _ in self.made))

    def cell(self, line: str, column: str) -> str:
        made = self.made[line, column]
        return f"{self.right[line, column]}/{made}" if made else "-"

    def lines(self) -> Iterable[str]:
        """The table in blocks of as many columns as fit, each with a key to its numbers."""
        total, right = sum(self.made.values()), sum(self.right.values())
        yield f"{self.title}: {right} of {total} frames right"
        width = 1 + max(len(self.cell(*place)) for place in self.made)
        step = max(1, (_WIDTH - _NAME) // width)
        columns = list(enumerate(self.columns, 1))
        for start in range(0, len(columns), step):
            yield from self._block(columns[start : start + step], width)
        for place, name in self.wrong.items():
            yield f"wrong: {self.made[place] - self.right[place]} as {name}"

    def _block(self, columns: list[tuple[int, str]], width: int) -> Iterable[str]:
        yield "  " + ", ".join(f"{number} {name}" for number, name in columns)
        yield " " * _NAME + "".join(f"{number:>{width}}" for number, _ in columns)
        for line in self.rows:
            cells = "".join(f"{self.cell(line, name):>{width}}" for _, name in columns)
            yield f"{line[: _NAME - 1]:{_NAME}}{cells}"


KINDS = Table("kinds x carriers")
EVASIONS = Table("evasions x kinds")
COMPANIONS = Table("companions of the evasions x kinds")
LOOKALIKES = Table("look-alikes, frames without a believed tunnel")
TABLES = (KINDS, EVASIONS, COMPANIONS, LOOKALIKES)
