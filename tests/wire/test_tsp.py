from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import tsp
from sensor.wire.cursor import Cursor

# What gogoc sends first: sequence number 0x0000001, a time, the version.
FIRST = bytes.fromhex("f0000001 4af64bfd") + b"VERSION=2.0.0\r\n"


def test_a_signalling_datagram() -> None:
    cursor = Cursor(FIRST)
    assert tsp.parse(cursor) == tsp.Header(sequence=1, timestamp=0x4AF64BFD)
    assert cursor.rest() == b"VERSION=2.0.0\r\n"
    assert tsp.build(1, 0x4AF64BFD, b"VERSION=2.0.0\r\n") == FIRST


def test_a_tunnelled_packet_is_none() -> None:
    with pytest.raises(DecodeError, match="no TSP signalling at offset 0"):
        tsp.parse(Cursor(b"\x60" + bytes(39)))


def test_it_is_cut_at_every_octet(refused: Callable[..., list[int]]) -> None:
    assert refused(lambda cut: tsp.parse(Cursor(cut)), FIRST[:9]) == list(range(8))


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF), st.binary(max_size=9))
def test_round_trip(sequence: int, timestamp: int, text: bytes) -> None:
    cursor = Cursor(tsp.build(sequence, timestamp, text))
    assert tsp.parse(cursor) == tsp.Header(sequence & 0x0FFFFFFF, timestamp)
    assert cursor.rest() == text


@pytest.mark.parametrize(
    ("text", "setup", "reply"),
    [
        (b"VERSION=2.0.0\r\n", True, False),
        (b"CAPABILITY TUNNEL=V6V4 TUNNEL=V6UDPV4 AUTH=ANONYMOUS\r\n", True, False),
        (b"CAPABILITY AUTH=DIGEST-MD5 TUNNEL=V6V4\r\n", True, False),
        (b"AUTHENTICATE ANONYMOUS\r\n", True, False),
        (b"Content-length: 234\r\n<tunnel action=", True, False),
        (b"content-Length:12\r\n", True, False),
        (b'<tunnel action="create" type="v6udpv4">', True, False),
        (b"200 Success\r\n", False, True),
        (b"200\r\n", False, True),
        (b"302\n", False, True),
        (b"500 Invalid request format or specified length\r\n", False, True),
        (b"1200 Redirection\r\n", False, True),
        (b"1302\n", False, True),
        (b"", False, False),
        (b"1", False, False),
        (b"200", False, False),
        (b"1200", False, False),
        (b"2000 ", False, False),
        (b"1100 ", False, False),
        (b"11200 ", False, False),
        (b"20 x", False, False),
        (b"\xb200 ", False, False),
        (b"404 Not found", False, False),
        (b"version=2.0.0\r\n", False, False),
        (b"CAPABILITY\r\n", False, False),
        (b"Content-lengt", False, False),
        (b" VERSION=2.0.0\r\n", False, False),
        (b"<TUNNEL", False, False),
    ],
)
def test_words_of_the_protocol(text: bytes, setup: bool, reply: bool) -> None:
    assert (tsp.is_setup(text), tsp.is_reply(text)) == (setup, reply)
