from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import dns
from sensor.wire.cursor import Cursor
from sensor.wire.dns import Message, Question, Record

A, PTR, CNAME, SRV, TXT = dns.TYPE_A, dns.TYPE_PTR, dns.TYPE_CNAME, dns.TYPE_SRV, 16
TEREDO = "teredo.remlab.net"
IP = bytes([83, 170, 6, 76])
HERE = b"\xc0\x0c"  # a pointer to the first name

names = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=63), max_size=3
).map(".".join)


def header(*counts: int, flags: int = 0) -> bytes:
    return struct.pack("!HHHHHH", 0x1234, flags, *counts)


def question(name: bytes, kind: int = A, cls: int = 1) -> bytes:
    return name + struct.pack("!HH", kind, cls)


def record(name: bytes, kind: int, data: bytes, cls: int = 1) -> bytes:
    return name + struct.pack("!HHIH", kind, cls, 300, len(data)) + data


def asked(name: bytes) -> Message:
    """A message whose only question has this name."""
    return dns.parse(header(1, 0, 0, 0) + question(name))


def test_a_query_octet_by_octet() -> None:
    data = bytes.fromhex(
        "1234 0100 0001 0000 0000 000006 69736174 6170 07 6578616d706c65 03 636f6d 00 0001 0001"
    )
    assert dns.parse(data) == Message(
        id=0x1234, response=False, questions=(Question("isatap.example.com", A),), answers=()
    )
    assert dns.build_query(0x1234, "isatap.example.com", A) == data


def test_a_response_with_records_in_all_sections() -> None:
    alias = dns.build_name("alias.net")
    data = (
        header(1, 2, 1, 1, flags=0x8180)
        + question(dns.build_name(TEREDO))
        + record(HERE, CNAME, alias)
        + record(b"\xc0\x2f", A, IP)
        + record(b"\xc0\x13", dns.TYPE_NS, b"\x02ns\xc0\x13")
        + record(b"\x02ns\xc0\x13", dns.TYPE_AAAA, bytes(16))
    )
    assert dns.parse(data) == Message(
        id=0x1234,
        response=True,
        questions=(Question(TEREDO, A),),
        answers=(
            Record(TEREDO, CNAME, alias, "alias.net"),
            Record("alias.net", A, IP, None),
            Record("remlab.net", dns.TYPE_NS, b"\x02ns\xc0\x13", "ns.remlab.net"),
            Record("ns.remlab.net", dns.TYPE_AAAA, bytes(16), None),
        ),
    )


@pytest.mark.parametrize(
    ("kind", "data", "target"),
    [
        (CNAME, b"\x01x\0", "x"),
        (PTR, b"\x01x" + HERE, "x.a"),
        (SRV, struct.pack("!HHH", 0, 0, 3653) + b"\x01x\0", "x"),
        (CNAME, b"\0", ""),
        (TXT, b"\x01x\0", None),
        (A, b"\x01x\0\0", None),
    ],
)
def test_the_name_that_a_record_leads_to(kind: int, data: bytes, target: str | None) -> None:
    message = dns.parse(header(0, 1, 0, 0) + record(b"\x01a\0", kind, data))
    assert message.answers == (Record("a", kind, data, target),)


@pytest.mark.parametrize(("kind", "data"), [(CNAME, b"\x01x"), (CNAME, b""), (SRV, bytes(6))])
def test_a_name_is_not_read_beyond_its_record(kind: int, data: bytes) -> None:
    message = dns.parse(header(0, 1, 0, 0) + record(b"\0", kind, data) + b"\x01y\0")
    assert (message.answers, message.complete) == ((), False)


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        (b"\0", ""),
        (b"\x06ISATAP\0", "isatap"),
        (b"\x03a.b\x01c\0", "a\\046b.c"),
        (b"\x03a\\b\0", "a\\092b"),
        (b"\x06\x00 \x7f\x1b\n\xc4\0", "\\000\\032\\127\\027\\010\\196"),
        (b"\x02\xc3\x89\0", "\\195\\137"),
    ],
)
def test_names_as_text(wire: bytes, text: str) -> None:
    assert asked(wire).questions == (Question(text, A),)


def test_other_classes_are_passed() -> None:
    data = (
        header(3, 3, 0, 0)
        + question(b"\x01a\0", cls=3)  # chaos
        + question(b"\x01b\0", cls=255)
        + question(b"\x01c\0", cls=0x8001)  # mDNS, unicast answer wanted
        + record(b"\0", 41, b"", cls=1232)  # EDNS
        + record(b"\x01d\0", A, IP, cls=0x8001)  # mDNS, cache flush
        + record(b"\x01e\0", A, IP, cls=254)
    )
    message = dns.parse(data)
    assert message.questions == (Question("b", A), Question("c", A))
    assert message.answers == (Record("d", A, IP, None),)
    assert message.complete


@pytest.mark.parametrize(
    "name",
    [
        b"\xc0\x0c",  # at itself
        b"\x01a\xc0\x0c",  # at its own first label
        b"\x01a\xc0\x0e",
        b"\xc0\xff",  # ahead
        b"\xff\xff",
        b"\x40" + b"a" * 64 + b"\0",  # kinds of label that nobody uses
        b"\x80a\0",
        b"\xc0",
        b"\x05abc",
        b"\x01a",
    ],
)
def test_damaged_names(name: bytes) -> None:
    message = dns.parse(header(1, 0, 0, 0) + name)
    assert (message.questions, message.complete) == ((), False)


@pytest.mark.parametrize(("last", "complete"), [(61, True), (62, False)])
def test_the_limit_of_a_name(last: int, complete: bool) -> None:
    labels = [b"a" * 63] * 3 + [b"b" * last]
    message = asked(b"".join(bytes([len(label)]) + label for label in labels) + b"\0")
    assert message.complete is complete
    assert [len(q.name) for q in message.questions] == ([253] if complete else [])


def test_the_limit_counts_what_pointers_add() -> None:
    long = (b"\x3f" + b"a" * 63) * 3 + b"\0"
    data = header(2, 0, 0, 0) + question(long) + question(b"\x3f" + b"b" * 63 + HERE)
    message = dns.parse(data)
    assert (len(message.questions), message.complete) == (1, False)


@pytest.mark.parametrize(("count", "complete"), [(dns.MAX_JUMPS, True), (33, False)])
def test_the_limit_of_jumps(count: int, complete: bool) -> None:
    # The root stands at 12, pointers behind it at 13, 15, ..., each to what is before it.
    targets = [12, *range(13, 13 + 2 * (count - 1), 2)]
    chain = b"\0" + b"".join((0xC000 | target).to_bytes(2) for target in targets)
    cursor = Cursor(bytes(12) + chain, 12 + len(chain) - 2)
    if complete:
        assert dns.labels(cursor) == ()
        return
    with pytest.raises(DecodeError, match="compression pointer"):
        dns.labels(cursor)


@pytest.mark.parametrize(("count", "read"), [(16, 16), (17, 16), (0xFFFF, 16)])
def test_the_limit_of_questions(count: int, read: int) -> None:
    message = dns.parse(header(count, 1, 0, 0) + question(b"\0") * count + record(b"\0", A, IP))
    assert len(message.questions) == read
    assert (len(message.answers), message.complete) == ((1, True) if count == 16 else (0, False))


@pytest.mark.parametrize(
    ("counts", "read"),
    [((64, 0, 0), 64), ((20, 20, 24), 64), ((20, 20, 25), 64), ((0, 0, 0xFFFF), 64)],
)
def test_the_limit_of_records(counts: tuple[int, int, int], read: int) -> None:
    message = dns.parse(header(0, *counts) + record(b"\0", A, IP) * sum(counts))
    assert len(message.answers) == read
    assert message.complete is (sum(counts) == 64)


def test_what_stands_before_the_cut_is_kept() -> None:
    data = dns.build_response(7, TEREDO, A, (IP, IP))
    ends = [12 + len(question(dns.build_name(TEREDO)))]
    ends += [ends[0] + 16, ends[0] + 32]
    for length in range(12, len(data) + 1):
        message = dns.parse(data[:length])
        found = len(message.questions) + len(message.answers)
        assert found == sum(end <= length for end in ends)
        assert message.complete is (length == len(data))


def test_fewer_octets_than_a_header(refused: Callable[..., list[int]]) -> None:
    data = dns.build_query(7, TEREDO, A)
    assert refused(dns.parse, data) == list(range(12))


@given(names, st.integers(0, 0xFFFF), st.lists(st.binary(max_size=20), max_size=5))
def test_round_trip(name: str, identifier: int, answers: list[bytes]) -> None:
    query = dns.parse(dns.build_query(identifier, name, A))
    assert query == Message(identifier, False, (Question(name, A),), ())
    response = dns.parse(dns.build_response(identifier, name, TXT, answers))
    records = tuple(Record(name, TXT, data, None) for data in answers)
    assert response == Message(identifier, True, (Question(name, TXT),), records)


def test_a_label_that_is_too_long_is_not_built() -> None:
    with pytest.raises(ValueError, match="at most 63 octets"):
        dns.build_name("a" * 64 + ".net")


@given(st.binary(max_size=150))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    assert answered(dns.parse, data) is (len(data) >= 12)


@given(st.integers(0, 20), st.integers(0, 80), st.binary(max_size=300))
def test_any_bytes_behind_a_header(asked: int, told: int, data: bytes) -> None:
    message = dns.parse(header(asked, told, 0, 0) + data)
    assert len(message.questions) <= dns.MAX_QUESTIONS
    assert len(message.answers) <= dns.MAX_RECORDS
    texts = [text for each in message.answers for text in (each.name, each.target or "")]
    assert all(text.isascii() and text.isprintable() and " " not in text for text in texts)
