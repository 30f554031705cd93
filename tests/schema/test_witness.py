"""Which witnesses say the same, and which answer which."""

from __future__ import annotations

from typing import Any

import pytest

from sensor.schema.witness import Witness

HOST, RESOLVER, ROGUE = b"\x0a\0\0\1", b"\x0a\0\0\2", b"\x0a\0\0\3"
ASKED = Witness(0, 1, 5, "dns", False, "isatap", "isatap-router", HOST, RESOLVER, ())
TOLD = ASKED._replace(frame=2, answer=True, addresses=(ROGUE,))


@pytest.mark.parametrize("later", [{"source": 1}, {"frame": 9}, {"time": 6}])
def test_the_same_said_later_has_the_same_key(later: dict[str, Any]) -> None:
    assert TOLD._replace(**later).key == TOLD.key


@pytest.mark.parametrize(
    "other",
    [
        {"protocol": "llmnr"},
        {"answer": False},
        {"name": "_isatap"},
        {"asker": ROGUE},
        {"teller": ROGUE},
        {"addresses": ()},
        {"claim": True},
        {"addresses": (ROGUE, HOST)},
    ],
)
def test_anything_else_said_has_another(other: dict[str, Any]) -> None:
    assert TOLD._replace(**other).key != TOLD.key


def test_whoever_answers_answers_the_question() -> None:
    assert TOLD.question == ASKED.question
    assert TOLD._replace(teller=ROGUE).question == ASKED.question
    assert TOLD._replace(asker=ROGUE).question != ASKED.question
    assert TOLD._replace(protocol="nbns").question != ASKED.question
