from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import nbns
from sensor.wire.nbns import Message

# The name of RFC 1001 section 14.1, "FRED" padded with blanks.
FRED = b"\x20EGFCEFEECACACACACACACACACACACACA\0"
NB = bytes.fromhex("00200001")
IP = bytes([192, 0, 2, 1])


def header(flags: int, *counts: int) -> bytes:
    return struct.pack("!HHHHHH", 0x1234, flags, *counts)


def record(data: bytes, name: bytes = FRED, kind: bytes = NB) -> bytes:
    return name + kind + struct.pack("!IH", 300, len(data)) + data


def test_a_question() -> None:
    data = header(0x0110, 1, 0, 0, 0) + FRED + NB
    # The 16th octet of a name padded to its end is a blank.
    assert nbns.parse(data) == Message(0x1234, False, "fred", 0x20, ())
    assert nbns.build_query(0x1234, "fred", 0x20) == data


def test_a_positive_response() -> None:
    data = header(0x8500, 0, 1, 0, 0) + record(b"\0\0" + IP + b"\x60\0" + IP[::-1])
    assert nbns.parse(data) == Message(0x1234, True, "fred", 0x20, (IP, IP[::-1]))


def test_a_registration_tells_the_address_behind_the_question() -> None:
    data = header(0x2910, 1, 0, 0, 1) + FRED + NB + record(b"\0\0" + IP, b"\xc0\x0c")
    assert nbns.parse(data) == Message(0x1234, False, "fred", 0x20, (IP,))


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        (0x8503, NB),  # no such name
        (0x3010, NB),  # a release
        (0xB400, NB),  # wait
        (0x8400, bytes.fromhex("00210001")),  # node status
        (0x8500, bytes.fromhex("00200002")),
    ],
)
def test_records_that_tell_no_address(flags: int, kind: bytes) -> None:
    data = header(flags, 0, 1, 0, 0) + record(b"\0\0" + IP, kind=kind)
    assert nbns.parse(data).addresses == ()


def test_octets_that_fill_no_entry_are_left() -> None:
    data = header(0x8500, 0, 1, 0, 0) + record(b"\0\0" + IP + b"\0\0\xc0")
    assert nbns.parse(data).addresses == (IP,)


@pytest.mark.parametrize(("told", "read"), [(25, 25), (26, 25), (10000, 25)])
def test_the_limit_of_addresses(told: int, read: int) -> None:
    data = header(0x8500, 0, 1, 0, 0) + record((b"\0\0" + IP) * told)
    assert len(nbns.parse(data).addresses) == read


def test_a_scope_is_passed() -> None:
    data = header(0x0110, 1, 0, 0, 0) + FRED[:-1] + b"\x07netbios\x03com\0" + NB
    assert nbns.parse(data).name == "fred"


def test_dots_are_part_of_the_name() -> None:
    assert nbns.parse(nbns.build_query(1, "teredo.trex.fi")).name == "teredo.trex.fi"


def test_hostile_octets_are_escaped() -> None:
    # A node status query asks for an asterisk and 15 zero octets.
    data = header(0x0000, 1, 0, 0, 0) + b"\x20CK" + b"A" * 30 + b"\0" + NB
    assert nbns.parse(data).name == "*" + "\\000" * 14


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (header(0x0110, 0, 0, 0, 0), "about no name"),
        (header(0x0110, 2, 0, 0, 0) + (FRED + NB) * 2, "or several"),
        (header(0x0110, 1, 0, 0, 0) + b"\0" + NB, "not encoded at offset 12"),
        (header(0x0110, 1, 0, 0, 0) + b"\x06isatap\0" + NB, "not encoded"),
        (header(0x0110, 1, 0, 0, 0) + FRED.replace(b"EG", b"EQ") + NB, "not encoded"),
        (header(0x0110, 1, 0, 0, 0) + FRED.replace(b"EG", b"@G") + NB, "not encoded"),
        (header(0x0110, 1, 0, 0, 0) + b"\x22AA" + FRED[1:] + NB, "not encoded"),
        (header(0x8500, 0, 1, 0, 0) + record(b"", b"\xc0\x0c"), "compression pointer"),
    ],
)
def test_what_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        nbns.parse(data)


def test_it_is_cut_at_every_octet(refused: Callable[..., list[int]]) -> None:
    data = nbns.build_response(7, "isatap", (IP, IP))
    assert refused(nbns.parse, data) == list(range(len(data)))


@given(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789-", max_size=15),
    st.integers(0, 255),
    st.lists(st.binary(min_size=4, max_size=4), max_size=25),
)
def test_round_trip(name: str, suffix: int, addresses: list[bytes]) -> None:
    query = nbns.parse(nbns.build_query(7, name, suffix))
    assert query == Message(7, False, name, suffix, ())
    response = nbns.parse(nbns.build_response(8, name, addresses, suffix))
    assert response == Message(8, True, name, suffix, tuple(addresses))


def test_a_name_that_is_too_long_is_not_built() -> None:
    with pytest.raises(ValueError, match="at most 15 octets"):
        nbns.build_query(1, "x" * 16)


@given(st.binary(max_size=120))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    if answered(nbns.parse, data):
        assert data[4:12] != bytes(8)
