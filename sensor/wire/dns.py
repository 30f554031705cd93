"""DNS messages (RFC 1035), as mDNS (RFC 6762) and LLMNR (RFC 4795) have them too."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

TYPE_A = 1
TYPE_NS = 2
TYPE_CNAME = 5
TYPE_PTR = 12
TYPE_AAAA = 28
TYPE_SRV = 33

FLAG_RESPONSE = 0x8000

MAX_QUESTIONS = 16
MAX_RECORDS = 64
MAX_JUMPS = 32
MAX_NAME = 255
MAX_LABEL = 63

_HEADER = struct.Struct("!HHHHHH")
_CLASS_IN = 1
_CLASS_ANY = 255
# In mDNS the top bit asks for a unicast answer, or says that a record replaces what is cached.
_CLASS_MASK = 0x7FFF
_POINTER = 0xC0
_POINTER_MASK = 0x3FFF
# Where in the data of a record the name stands that it leads to.
_TARGETS = {TYPE_NS: 0, TYPE_CNAME: 0, TYPE_PTR: 0, TYPE_SRV: 6}
_PLAIN = frozenset(range(0x21, 0x7F)) - frozenset(b".\\")
_ESCAPES = {octet: f"\\{octet:03d}" for octet in range(256) if octet not in _PLAIN}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for; ``name`` in lower case, without the last dot."""

    name: str
    type: int


@dataclass(frozen=True, slots=True)
class Record:
    """What is told; ``target`` is the name in the data of a record that leads to a name."""

    name: str
    type: int
    data: bytes
    target: str | None


@dataclass(frozen=True, slots=True)
class Message:
    """Questions and records of the Internet class.

    ``answers`` holds the records of all three sections, in their order. ``complete`` is False if
    damage or a limit hid what came behind.
    """

    id: int
    response: bool
    questions: tuple[Question, ...]
    answers: tuple[Record, ...]
    complete: bool = True


def parse(data: bytes) -> Message:
    """Read a message; what stands before any damage is returned (RFC 1035 section 4).

    DecodeError under 12 octets. At most MAX_QUESTIONS and MAX_RECORDS are read.
    """
    cursor = Cursor(data)
    identifier, flags, asked, *told = _HEADER.unpack(cursor.take(_HEADER.size))
    questions: list[Question] = []
    answers: list[Record] = []
    complete = True
    try:
        for _ in _bounded(asked, MAX_QUESTIONS, cursor):
            questions += _question(cursor)
        for _ in _bounded(sum(told), MAX_RECORDS, cursor):
            answers += _record(cursor)
    except DecodeError:
        complete = False
    response = bool(flags & FLAG_RESPONSE)
    return Message(identifier, response, tuple(questions), tuple(answers), complete)


def _bounded(count: int, limit: int, cursor: Cursor) -> Iterator[int]:
    """As many turns as a message says, or DecodeError behind the last allowed one."""
    yield from range(min(count, limit))
    if count > limit:
        raise DecodeError("too many entries", cursor.position)


def _question(cursor: Cursor) -> Iterator[Question]:
    """The next question, none where it is of another class."""
    name, kind, cls = text(labels(cursor)), cursor.u16(), cursor.u16() & _CLASS_MASK
    if cls in (_CLASS_IN, _CLASS_ANY):
        yield Question(name, kind)


def _record(cursor: Cursor) -> Iterator[Record]:
    """The next record, none where it is of another class."""
    name, kind, cls = text(labels(cursor)), cursor.u16(), cursor.u16() & _CLASS_MASK
    cursor.skip(4)
    data = cursor.sub(cursor.u16())
    if cls == _CLASS_IN:
        yield Record(name, kind, data.data[data.position : data.end], _target(kind, data))


def _target(kind: int, data: Cursor) -> str | None:
    if kind not in _TARGETS:
        return None
    data.skip(_TARGETS[kind])
    return text(labels(data))


def labels(cursor: Cursor) -> tuple[bytes, ...]:
    """Pass a name and return its labels, compression undone (RFC 1035 section 4.1.4).

    DecodeError for a pointer that does not lead back before the part of the name it ends, more
    than MAX_JUMPS of them, an unknown kind of label, more than MAX_NAME octets.
    """
    found: list[bytes] = []
    reader, start, jumps, size = cursor, cursor.position, 0, 1
    while length := reader.u8():
        if length >= _POINTER:
            jumps += 1
            start = _pointer(length, reader, start, jumps)
            reader = Cursor(cursor.data, start)
            continue
        size += 1 + length
        if length > MAX_LABEL or size > MAX_NAME:
            raise DecodeError("label or name too long", reader.position)
        found.append(reader.take(length))
    return tuple(found)


def _pointer(high: int, reader: Cursor, start: int, jumps: int) -> int:
    """Where a pointer leads: before the labels that it ends, so that it cannot run in a circle."""
    pointer = (high << 8 | reader.u8()) & _POINTER_MASK
    if pointer >= start or jumps > MAX_JUMPS:
        raise DecodeError("compression pointer", reader.position)
    return pointer


def text(name: Sequence[bytes]) -> str:
    """Labels as lower-case text with dots; the root is the empty text."""
    return ".".join(map(_escape, name))


def _escape(label: bytes) -> str:
    r"""What is not plain ASCII, dots and backslashes become \DDD."""
    return label.lower().decode("latin-1").translate(_ESCAPES)


def build_query(id: int, name: str, type: int) -> bytes:
    """A message with one question, recursion desired."""
    return _HEADER.pack(id, 0x0100, 1, 0, 0, 0) + _build_question(name, type)


def build_response(id: int, name: str, type: int, answers: Sequence[bytes]) -> bytes:
    """The answer to such a query; ``answers`` are the data of records of the same name and type."""
    records = b"".join(
        struct.pack("!HHHIH", 0xC000 | _HEADER.size, type, _CLASS_IN, 300, len(data)) + data
        for data in answers
    )
    header = _HEADER.pack(id, FLAG_RESPONSE | 0x0180, 1, len(answers), 0, 0)
    return header + _build_question(name, type) + records


def build_name(name: str) -> bytes:
    """A plain ASCII name without compression; ValueError for a label of more than 63 octets."""
    parts = [part.encode() for part in name.split(".") if part]
    if any(len(part) > MAX_LABEL for part in parts):
        raise ValueError(f"a label has at most {MAX_LABEL} octets")
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def _build_question(name: str, type: int) -> bytes:
    return build_name(name) + struct.pack("!HH", type, _CLASS_IN)
