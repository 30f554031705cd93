"""Look-ups of tunnels' names, as `sensor replay` prints them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sensor.emit.texts import base_name, fitted, since_text
from sensor.emit.visible import visible
from sensor.schema.witness import Witness
from sensor.wire.addresses import text

# More than a person reads.
LOOKUPS_SHOWN = 20

_NAME_WIDTH = 48  # characters; names may have hundreds
_COLUMNS = ("TIME", "ASKED BY", "ASKED", "PROTOCOL", "NAME", "ANSWER", "FRAME")
_MOVABLE = [_COLUMNS.index(name) for name in ("ASKED", "NAME", "ANSWER")]


def witness_lines(
    witnesses: Sequence[Witness], captures: Sequence[str], began: int, width: int
) -> Iterator[list[tuple[str, str]]]:
    """The section of the report; nothing where no such name was looked up.

    A question stands there if no answer to it does. ``began`` is a time that the report has told
    with its date. What makes a line wider than ``width`` stands in one of its own.
    """
    asked = {found.question for found in witnesses if not found.answer}
    answered = {found.question for found in witnesses if found.answer}
    found = [found for found in witnesses if found.answer or found.question not in answered]
    if not found:
        return
    yield []
    yield [(f"NAMES LOOKED UP: {len(found)}", "bold")]
    rows = [
        (
            since_text(witness.time, began),
            *_ends(witness),
            witness.protocol,
            _name(witness.name),
            _answer(witness, witness.question in asked),
            _frame(witness, captures),
        )
        for witness in found[:LOOKUPS_SHOWN]
    ]
    (heading, *lines), sentences = fitted([_COLUMNS, *rows], width, _MOVABLE)
    yield [(heading, "dim")]
    for line, sentence in zip(lines, sentences, strict=True):
        yield [(line, "")]
        if sentence:
            yield [("   ", ""), (sentence, "dim")]
    if len(found) > LOOKUPS_SHOWN:
        yield [(f" ... and {len(found) - LOOKUPS_SHOWN} more", "dim")]


def _ends(witness: Witness) -> tuple[str, str]:
    """Who asked whom; where nobody asked, the answer names who tells."""
    return (text(witness.asker), text(witness.teller)) if witness.asker else ("nobody", "-")


def _name(name: str) -> str:
    shown = visible(name)
    return shown if len(shown) <= _NAME_WIDTH else shown[: _NAME_WIDTH - 3] + "..."


def _answer(witness: Witness, asked: bool) -> str:
    if not witness.answer:
        return "none seen"
    told = "no address"
    if witness.addresses:
        more = f" +{len(witness.addresses) - 1}" if len(witness.addresses) > 1 else ""
        told = text(witness.addresses[0]) + more
    if not witness.asker:
        return _unasked(witness, told)
    return told if asked else f"{told}, no question seen"


def _unasked(witness: Witness, told: str) -> str:
    """Nearly always a host tells its own address, which stands there once then."""
    by = f"{'claimed' if witness.claim else 'told to everybody'} by {text(witness.teller)}"
    return by if witness.addresses == (witness.teller,) else f"{told}, {by}"


def _frame(witness: Witness, captures: Sequence[str]) -> str:
    if len(captures) == 1:
        return str(witness.frame)
    return f"{base_name(captures[witness.source])}:{witness.frame}"
