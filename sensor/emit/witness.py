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
    asked = {end for found in witnesses if not found.answer for end in _ends(found)}
    answered = {found.question for found in witnesses if found.answer}
    found = [found for found in witnesses if found.answer or answered.isdisjoint(_ends(found))]
    if not found:
        return
    yield []
    yield [(f"NAMES LOOKED UP: {len(found)}", "bold")]
    rows = [
        (
            since_text(witness.time, began),
            text(witness.asker),
            text(witness.teller),
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


def _ends(question: Witness) -> tuple[tuple[str, str, bytes], ...]:
    """What ``question`` of an answer may be: those to a group go to the same group."""
    protocol, name, asker = question.question
    return (protocol, name, asker), (protocol, name, question.teller)


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
    return told if asked else f"{told}, no question seen"


def _frame(witness: Witness, captures: Sequence[str]) -> str:
    if len(captures) == 1:
        return str(witness.frame)
    return f"{base_name(captures[witness.source])}:{witness.frame}"
