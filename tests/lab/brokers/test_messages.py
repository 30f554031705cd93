"""Lines and documents in a stream."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.brokers.messages import LONGEST, Message, Messages, with_length
from sensor.lab.inner.refusal import Refused

TEXT = b"VERSION=2.0.0\r\n" + with_length(b"200 OK\r\n<a/>\r\n") + with_length(b"<b/>") + b"x\r\n"
EXPECTED = [
    Message(b"VERSION=2.0.0"),
    Message(b"200 OK", b"<a/>\r\n"),
    Message(b"", b"<b/>"),
    Message(b"x"),
]


def test_lines_and_documents() -> None:
    assert list(Messages().feed(TEXT)) == EXPECTED


def test_a_length_counts_all_that_follows_its_line() -> None:
    assert with_length(b"200 OK\r\n<a/>") == b"Content-length: 12\r\n200 OK\r\n<a/>"


@given(st.lists(st.integers(0, len(TEXT)), max_size=6))
def test_pieces_do_not_matter(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(TEXT)]
    messages = Messages()
    pieces = [TEXT[a:b] for a, b in pairwise(ends)]
    assert [found for piece in pieces for found in messages.feed(piece)] == EXPECTED


def test_what_has_begun_can_be_forgotten() -> None:
    messages = Messages()
    assert list(messages.feed(b"half of a li")) == []
    assert messages.forget()
    assert not messages.forget()
    assert list(messages.feed(b"line\r\n")) == [Message(b"line")]


def test_what_was_not_taken_is_kept_or_forgotten() -> None:
    messages = Messages()
    assert next(messages.feed(b"one\r\ntwo\r\n")) == Message(b"one")
    assert list(messages.feed(b"three\r\n")) == [Message(b"two"), Message(b"three")]
    assert next(messages.feed(b"one\r\ntwo\r\n")) == Message(b"one")
    assert messages.forget()
    assert list(messages.feed(b"three\r\n")) == [Message(b"three")]


@pytest.mark.parametrize("field", [b"", b"x", b"-1", b"1 2", b"12345", b"0x10", b"\xb2"])
def test_a_length_is_a_number(field: bytes) -> None:
    with pytest.raises(Refused, match="bad-content-length"):
        list(Messages().feed(b"content-Length:" + field + b"\r\n"))


def test_what_is_kept_is_limited() -> None:
    messages = Messages()
    assert list(messages.feed(bytes(LONGEST))) == []
    with pytest.raises(Refused, match="message-limit"):
        list(messages.feed(b"\0"))
    assert list(messages.feed(b"well\r\n")) == [Message(b"well")]


@given(st.lists(st.binary(max_size=30) | st.sampled_from([TEXT, b"\r\n", b"content-length:"])))
def test_any_pieces_are_messages_or_refused(pieces: list[bytes]) -> None:
    messages = Messages()
    for piece in pieces:
        try:
            found = list(messages.feed(piece))
        except Refused:
            continue
        assert all(b"\r\n" not in message.line for message in found)
