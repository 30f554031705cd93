"""What tests have to tell behind the results of a run, whichever of its processes ran them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# Title of a section -> its lines.
_SECTIONS: dict[str, list[str]] = {}


def tell(title: str, lines: Iterable[str]) -> None:
    """Add lines to a section."""
    _SECTIONS.setdefault(title, []).extend(lines)


def told() -> dict[str, list[str]]:
    """Every section, in the order of their first lines."""
    return _SECTIONS


def take(sections: Mapping[str, Iterable[str]]) -> None:
    """What another process told."""
    for title, lines in sections.items():
        tell(title, lines)
