from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import pppoe
from sensor.wire.cursor import Cursor
from sensor.wire.pppoe import Header

# The frame of RFC 2516 appendix B, with two octets of LCP: there its length is left open.
SESSION = bytes.fromhex("11 00 1234 0004 c021 0000")


def parse(data: bytes) -> Header:
    return pppoe.parse(Cursor(data))


def test_a_session_packet() -> None:
    assert pppoe.build(0x1234, SESSION[6:]) == SESSION
    cursor = Cursor(SESSION)
    assert pppoe.parse(cursor) == Header(session=0x1234, length=4)
    assert cursor.rest() == SESSION[6:]


@pytest.mark.parametrize("first", [0x00, 0x10, 0x01, 0x12, 0x21])
def test_another_version_or_type_is_refused(first: int) -> None:
    with pytest.raises(DecodeError, match="PPPoE version at offset 0"):
        parse(bytes([first]) + SESSION[1:])


@pytest.mark.parametrize("code", [0x07, 0x09, 0x19, 0x65, 0xA7])
def test_discovery_is_refused(code: int) -> None:
    with pytest.raises(DecodeError, match=f"PPPoE code {code} at offset 1"):
        parse(bytes([0x11, code]) + SESSION[2:])


def test_the_length_is_the_callers_to_judge() -> None:
    assert parse(SESSION[:4] + b"\xff\xff").length == 0xFFFF
    assert parse(SESSION[:4] + b"\0\0" + SESSION[6:]).length == 0


def test_cut_at_every_byte(refused: Callable[..., list[int]]) -> None:
    assert refused(parse, SESSION) == list(range(6))


def test_the_longest_payload() -> None:
    assert parse(pppoe.build(1, bytes(65535))).length == 65535
    with pytest.raises(ValueError, match="at most 65535"):
        pppoe.build(1, bytes(65536))


@given(st.integers(0, 0xFFFF), st.binary(max_size=20))
def test_round_trip(session: int, payload: bytes) -> None:
    cursor = Cursor(pppoe.build(session, payload))
    assert pppoe.parse(cursor) == Header(session, len(payload))
    assert cursor.rest() == payload


@given(st.binary(max_size=12))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    assert answered(parse, data) is (len(data) >= 6 and data[:2] == b"\x11\0")
