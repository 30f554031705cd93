from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import ppp
from sensor.wire.cursor import Cursor


def parse(data: bytes) -> int:
    return ppp.parse(Cursor(data))


@pytest.mark.parametrize(
    ("header", "protocol"),
    [
        ("ff03 0057", ppp.IPV6),
        ("ff03 57", ppp.IPV6),
        ("0057", ppp.IPV6),
        ("57", ppp.IPV6),
        ("0021", ppp.IPV4),
        ("21", ppp.IPV4),
        ("0281", ppp.MPLS),
        ("0283", ppp.MPLS_MULTICAST),
        ("ff03 c021", 0xC021),
    ],
)
def test_each_form_of_the_header(header: str, protocol: int) -> None:
    cursor = Cursor(bytes.fromhex(header) + b"\x60")
    assert ppp.parse(cursor) == protocol
    assert cursor.rest() == b"\x60"


def test_an_even_protocol_is_an_answer_all_the_same() -> None:
    assert parse(bytes.fromhex("0056")) == 0x0056


@pytest.mark.parametrize("control", [0x00, 0x13, 0xFF])
def test_no_protocol_starts_with_the_address(control: int) -> None:
    with pytest.raises(DecodeError, match="PPP control field at offset 1"):
        parse(bytes([0xFF, control, 0x00, 0x57]))


@pytest.mark.parametrize("header", ["ff030057", "ff0357", "0057", "57"])
def test_cut_at_every_byte(refused: Callable[..., list[int]], header: str) -> None:
    data = bytes.fromhex(header)
    assert refused(parse, data) == list(range(len(data)))


def test_what_is_built() -> None:
    assert ppp.build(ppp.IPV6, b"\x60") == bytes.fromhex("005760")
    assert ppp.build(ppp.IPV6, b"\x60", compressed=True) == bytes.fromhex("5760")
    assert ppp.build(ppp.IPV6, b"\x60", address_control=True) == bytes.fromhex("ff03005760")


@pytest.mark.parametrize("protocol", [0x0056, 0x00FF, ppp.MPLS])
def test_a_protocol_that_cannot_be_compressed(protocol: int) -> None:
    with pytest.raises(ValueError, match="below 0xff"):
        ppp.build(protocol, b"", compressed=True)


@given(st.integers(0, 0x7F), st.integers(0, 0x7F), st.booleans(), st.binary(max_size=9))
def test_round_trip(high: int, low: int, address_control: bool, payload: bytes) -> None:
    protocol = high << 9 | low << 1 | 1  # the rule of RFC 1661 section 2: even, then odd
    cursor = Cursor(ppp.build(protocol, payload, address_control=address_control))
    assert ppp.parse(cursor) == protocol
    assert cursor.rest() == payload


@given(st.binary(max_size=6))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    refusable = len(data) < 2 or data[0] == 0xFF
    assert answered(parse, data) or refusable
