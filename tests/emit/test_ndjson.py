"""Lines that other programs read, and that cannot steer a terminal."""

from __future__ import annotations

import io
import json

import pytest

from sensor.emit.ecs import document
from sensor.emit.ndjson import line, write
from tests.emit.factory import CHANGES, CONTEXT, changed

# Escape, bell, C1 control, line and paragraph separators, right-to-left override, isolates, DEL.
HOSTILE = "\x1b]0;x\x07 \x9b31m \u2028\u2029 \u202eexe.txt\u2066\u2069 \x7f\r\n\x00"


@pytest.mark.parametrize("name", CHANGES)
def test_a_line_reads_back_as_the_document(name: str) -> None:
    made = document(CHANGES[name], CONTEXT)
    stream = io.StringIO()
    write(made, stream)
    text = stream.getvalue()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert json.loads(text) == made


def test_documents_follow_one_another_on_their_own_lines() -> None:
    stream = io.StringIO()
    for change in CHANGES.values():
        write(document(change, CONTEXT), stream)
    datasets = [json.loads(text)["event"]["dataset"] for text in stream.getvalue().splitlines()]
    assert len(datasets) == len(CHANGES)


def test_nothing_but_printable_ascii_is_written() -> None:
    made = document(changed("exposure", service=HOSTILE), CONTEXT)
    text = line(made)
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["v6tunnel"]["exposure"]["service"] == HOSTILE


def test_keys_keep_their_order_whatever_the_values() -> None:
    first = json.loads(line(document(CHANGES["flow"], CONTEXT)))
    second = json.loads(line(document(changed("flow", history="D", inbound=False), CONTEXT)))
    assert list(first) == list(second)
    assert list(first)[:2] == ["@timestamp", "message"]


def test_a_number_that_json_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        line({"loss": float("nan")})
