"""Text that cannot steer a terminal."""

from __future__ import annotations


def visible(text: str) -> str:
    """Every character that is not printable as its escape, so that a name stays one line."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
