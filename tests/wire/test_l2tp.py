from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import l2tp
from sensor.wire.cursor import Cursor
from sensor.wire.l2tp import Attribute, Header

# Written by hand after the figure of RFC 2661 section 3.1; Wireshark reads them the same.
SHORT = bytes.fromhex("0002 0003 0004")
FULL = bytes.fromhex("4a02 0012 0003 0004 0005 0006 0003 000000")
CONTROL = bytes.fromhex("c802 0014 0003 0000 0001 0002")
HELLO = bytes.fromhex("8008 0000 0000 0006")


def parse(data: bytes) -> Header:
    return l2tp.parse(Cursor(data))


def test_the_shortest_header() -> None:
    assert l2tp.build_data(3, 4, b"\x57") == SHORT + b"\x57"
    cursor = Cursor(SHORT + b"\x57")
    assert l2tp.parse(cursor) == Header(False, None, 3, 4, None, None)
    assert cursor.rest() == b"\x57"


def test_every_field_of_a_data_message() -> None:
    message = l2tp.build_data(3, 4, b"\x57", length=True, sequence=(5, 6), offset=3)
    assert message == FULL + b"\x57"
    cursor = Cursor(message)
    assert l2tp.parse(cursor) == Header(False, 18, 3, 4, 5, 6)
    assert cursor.rest() == b"\x57"


def test_a_control_message() -> None:
    message = l2tp.build_control(3, 0, 1, 2, HELLO)
    assert message == CONTROL + HELLO
    cursor = Cursor(message)
    assert l2tp.parse(cursor) == Header(True, 20, 3, 0, 1, 2)
    assert cursor.rest() == HELLO


def test_an_acknowledgement_is_a_control_message_of_nothing() -> None:
    assert parse(l2tp.build_control(3, 0, 1, 2, b"")).length == 12


def test_an_offset_may_be_empty_and_its_padding_anything() -> None:
    cursor = Cursor(bytes.fromhex("0202 0003 0004 0000 57"))
    l2tp.parse(cursor)
    assert cursor.rest() == b"\x57"
    cursor = Cursor(bytes.fromhex("0202 0003 0004 0002 ffff 57"))
    l2tp.parse(cursor)
    assert cursor.rest() == b"\x57"


@pytest.mark.parametrize("bits", [0x0100, 0x3000, 0x0400, 0x00F0])
def test_priority_and_reserved_bits_are_ignored(bits: int) -> None:
    assert parse((2 | bits).to_bytes(2) + SHORT[2:]) == parse(SHORT)


@pytest.mark.parametrize("version", [0, 1, 3, 15])
def test_another_version_is_refused(version: int) -> None:
    with pytest.raises(DecodeError, match=f"L2TP version {version} at offset 0"):
        parse(version.to_bytes(2) + SHORT[2:])


@pytest.mark.parametrize("flags", [0x8002, 0xC002, 0x8802])
def test_a_control_message_has_length_and_sequence(flags: int) -> None:
    with pytest.raises(DecodeError, match="L2TP control flags at offset 0"):
        parse(flags.to_bytes(2) + CONTROL[2:])


def test_the_length_is_the_callers_to_judge() -> None:
    assert parse(FULL[:2] + b"\0\0" + FULL[4:]).length == 0
    assert parse(FULL[:2] + b"\xff\xff" + FULL[4:]).length == 0xFFFF


@pytest.mark.parametrize("header", [SHORT, FULL, CONTROL])
def test_cut_at_every_byte(refused: Callable[..., list[int]], header: bytes) -> None:
    assert refused(parse, header + b"\x57") == list(range(len(header)))


def test_the_longest_messages_that_say_their_length() -> None:
    assert parse(l2tp.build_data(1, 2, bytes(65527), length=True)).length == 65535
    assert parse(l2tp.build_control(1, 2, 0, 0, bytes(65523))).length == 65535
    with pytest.raises(ValueError, match="at most 65535"):
        l2tp.build_data(1, 2, bytes(65528), length=True)
    with pytest.raises(ValueError, match="at most 65535"):
        l2tp.build_control(1, 2, 0, 0, bytes(65524))


shorts = st.integers(0, 0xFFFF)


@given(
    shorts,
    shorts,
    st.binary(max_size=20),
    st.booleans(),
    st.none() | st.tuples(shorts, shorts),
    st.none() | st.integers(0, 40),
)
def test_round_trip_of_data(
    tunnel: int,
    session: int,
    payload: bytes,
    length: bool,
    sequence: tuple[int, int] | None,
    offset: int | None,
) -> None:
    message = l2tp.build_data(
        tunnel, session, payload, length=length, sequence=sequence, offset=offset
    )
    ns, nr = sequence or (None, None)
    cursor = Cursor(message)
    said = len(message) if length else None
    assert l2tp.parse(cursor) == Header(False, said, tunnel, session, ns, nr)
    assert cursor.rest() == payload


@given(shorts, shorts, shorts, shorts, st.binary(max_size=20))
def test_round_trip_of_control(tunnel: int, session: int, ns: int, nr: int, payload: bytes) -> None:
    message = l2tp.build_control(tunnel, session, ns, nr, payload)
    cursor = Cursor(message)
    assert l2tp.parse(cursor) == Header(True, len(message), tunnel, session, ns, nr)
    assert cursor.rest() == payload


# A message type and a host's name, as in RFC 2661 section 4.4; Wireshark reads them the same.
ATTRIBUTES = bytes.fromhex("8008 0000 0000 0001") + bytes.fromhex("8009 0000 0007 6c6163")


def attributes(data: bytes) -> tuple[Attribute, ...]:
    return l2tp.parse_attributes(Cursor(data))


def test_attributes() -> None:
    expected = (Attribute(0, b"\0\x01"), Attribute(7, b"lac"))
    assert attributes(ATTRIBUTES) == expected
    assert b"".join(each.build() for each in expected) == ATTRIBUTES
    assert attributes(b"") == ()


@pytest.mark.parametrize("passed", ["c008 0000 0000 0001", "8008 0009 0000 0001"])
def test_hidden_attributes_and_those_of_vendors_are_passed_over(passed: str) -> None:
    assert attributes(bytes.fromhex(passed) + ATTRIBUTES) == attributes(ATTRIBUTES)


@pytest.mark.parametrize("length", range(6))
def test_an_attribute_is_no_shorter_than_its_header(length: int) -> None:
    with pytest.raises(DecodeError, match="shorter than its header at offset 8"):
        attributes(ATTRIBUTES[:8] + bytes([0x80, length]) + ATTRIBUTES[10:])


def test_attributes_are_cut_at_every_octet(refused: Callable[..., list[int]]) -> None:
    cuts = [length for length in range(len(ATTRIBUTES)) if length not in (0, 8)]
    assert refused(attributes, ATTRIBUTES) == cuts


def test_more_attributes_than_anybody_sends_are_refused() -> None:
    one = Attribute(0, b"").build()
    assert len(attributes(one * l2tp.MAX_ATTRIBUTES)) == l2tp.MAX_ATTRIBUTES
    with pytest.raises(DecodeError, match="too many"):
        attributes(one * (l2tp.MAX_ATTRIBUTES + 1))


def test_the_longest_attribute() -> None:
    assert attributes(Attribute(5, bytes(1017)).build()) == (Attribute(5, bytes(1017)),)
    with pytest.raises(ValueError, match="at most 1017"):
        Attribute(5, bytes(1018)).build()


@given(st.binary(max_size=40))
def test_any_bytes_are_attributes_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    assert answered(attributes, data) in (True, False)


@given(st.binary(max_size=40))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    if answered(parse, data):
        assert data[1] & 15 == 2
