from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.wire import checksum, icmpv4
from sensor.wire.cursor import Cursor
from sensor.wire.icmpv4 import Message

# 0800 + 1234 + 0001 + 6162 = 7b97, of which 8468 is the complement.
ECHO = bytes.fromhex("08 00 8468 1234 0001 6162")


def parse(data: bytes) -> Message:
    return icmpv4.parse(Cursor(data))


def test_an_echo_request_summed_by_hand() -> None:
    assert icmpv4.build(icmpv4.ECHO_REQUEST, 0, ECHO[4:8], b"ab") == ECHO
    cursor = Cursor(ECHO)
    assert icmpv4.parse(cursor) == Message(type=8, code=0, rest=ECHO[4:8])
    assert cursor.rest() == b"ab"


def test_an_error_quotes_the_packet() -> None:
    message = icmpv4.build_error(
        icmpv4.UNREACHABLE, 4, b"packet", rest=bytes.fromhex("00000500"), quote=4
    )
    assert (message[:2], message[4:]) == (b"\x03\x04", bytes.fromhex("00000500") + b"pack")
    assert checksum.verify(message)


def test_an_error_quotes_all_unless_told_otherwise() -> None:
    cursor = Cursor(icmpv4.build_error(icmpv4.TIME_EXCEEDED, 0, b"packet"))
    assert icmpv4.parse(cursor) == Message(11, 0, bytes(4))
    assert cursor.rest() == b"packet"


def test_the_types_that_quote() -> None:
    assert sorted(icmpv4.ERRORS) == [3, 4, 5, 11, 12]


def test_a_message_of_its_header_alone() -> None:
    assert len(icmpv4.build(icmpv4.ECHO_REPLY, 0, bytes(4), b"")) == icmpv4.HEADER_LENGTH


@pytest.mark.parametrize("length", [0, 3, 5])
def test_a_rest_that_does_not_fit(length: int) -> None:
    with pytest.raises(ValueError, match="4 octets"):
        icmpv4.build(icmpv4.ECHO_REQUEST, 0, bytes(length), b"")


def test_cut_at_every_byte(refused: Callable[..., list[int]]) -> None:
    assert refused(parse, ECHO) == list(range(8))


@given(
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(min_size=4, max_size=4),
    st.binary(max_size=40),
)
def test_round_trip(kind: int, code: int, rest: bytes, body: bytes) -> None:
    message = icmpv4.build(kind, code, rest, body)
    cursor = Cursor(message)
    assert icmpv4.parse(cursor) == Message(kind, code, rest)
    assert cursor.rest() == body
    assert checksum.verify(message)


@given(st.binary(max_size=16))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    assert answered(parse, data) is (len(data) >= 8)
