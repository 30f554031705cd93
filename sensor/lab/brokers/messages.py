"""Where one message of TSP ends and the next begins (RFC 5572 sections 4.4 and 4.7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sensor.lab.inner.refusal import Refused

LONGEST = 8_192  # octets that wait for the end of their message, those that come included

MESSAGE_LIMIT = "message-limit"
BAD_LENGTH = "bad-content-length"

SUCCESS = b"200 Success\r\n"

_END = b"\r\n"
_HEADER = b"content-length:"
_LONGEST_NUMBER = 4  # digits, so that what is announced can be kept


class Message(NamedTuple):
    """A line without its end, and the document that follows it, where one does."""

    line: bytes
    document: bytes = b""


class Messages:
    """Takes a text apart as it comes, in whatever pieces."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, octets: bytes) -> Iterator[Message]:
        """The messages that are whole now; Refused for what can be none, whose rest is lost."""
        text, self._kept = self._kept + octets, b""
        if len(text) > LONGEST:
            raise Refused(MESSAGE_LIMIT)
        while (found := _first(text)) is not None:
            message, self._kept = found
            yield message
            text, self._kept = self._kept, b""
        self._kept = text

    def forget(self) -> bool:
        """Whether there was more than was taken, of which no more will come."""
        kept, self._kept = self._kept, b""
        return kept != b""


def with_length(content: bytes) -> bytes:
    """A document, or a status line and a document, with the count of its octets before it."""
    return b"Content-length: %d\r\n" % len(content) + content


def _first(text: bytes) -> tuple[Message, bytes] | None:
    """The message that a text begins with and the rest, if it is whole."""
    line, end, rest = text.partition(_END)
    if not end:
        return None
    if not line.lower().startswith(_HEADER):
        return Message(line), rest
    length = _length(line[len(_HEADER) :])
    if len(rest) < length:
        return None
    return _content(rest[:length]), rest[length:]


def _length(field: bytes) -> int:
    digits = field.strip()
    if not digits.isdigit() or len(digits) > _LONGEST_NUMBER:
        raise Refused(BAD_LENGTH)
    return int(digits)


def _content(content: bytes) -> Message:
    """A status may stand before the document."""
    if content.lstrip().startswith(b"<"):
        return Message(b"", content)
    line, _, document = content.partition(_END)
    return Message(line, document)
