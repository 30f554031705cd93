from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import checksum, tcp
from sensor.wire.cursor import Cursor
from sensor.wire.tcp import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG, TCPHeader

V4 = (bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]))
V6 = (bytes(15) + b"\x01", bytes(15) + b"\x02")

shorts = st.integers(0, 0xFFFF)
longs = st.integers(0, 0xFFFFFFFF)


def parse(data: bytes) -> TCPHeader:
    return tcp.parse(Cursor(data))


def test_a_known_header() -> None:
    data = bytes.fromhex("c1b2 0050 01020304 05060708 60 12 ffff abcd 0009 020405a0")
    cursor = Cursor(data + b"GET")
    expected = TCPHeader(0xC1B2, 80, 0x01020304, 0x05060708, 24, SYN | ACK, 0xFFFF, 0xABCD, 9)
    assert tcp.parse(cursor) == expected
    assert cursor.rest() == b"GET"


@pytest.mark.parametrize(
    ("flags", "letters"),
    [
        (0, ""),
        (SYN, "S"),
        (SYN | ACK, "SA"),
        (FIN | PSH | ACK, "FPA"),
        (RST | URG, "RU"),
        (ECE | CWR | SYN, "SEC"),
        (0xFF, "FSRPAUEC"),
    ],
)
def test_flags_as_letters(flags: int, letters: str) -> None:
    assert tcp.flags_text(flags) == letters


@given(
    ips=st.sampled_from([V4, V6]),
    ports=st.tuples(shorts, shorts),
    numbers=st.tuples(longs, longs),
    flags=st.integers(0, 0xFF),
    window=shorts,
    payload=st.binary(max_size=40),
    words=st.integers(0, 10),
)
def test_round_trip(
    ips: tuple[bytes, bytes],
    ports: tuple[int, int],
    numbers: tuple[int, int],
    flags: int,
    window: int,
    payload: bytes,
    words: int,
) -> None:
    segment = tcp.build(
        *ips,
        *ports,
        sequence=numbers[0],
        acknowledgement=numbers[1],
        flags=flags,
        window=window,
        payload=payload,
        options=b"\1" * words * 4,
    )
    cursor = Cursor(segment)
    header = tcp.parse(cursor)
    stored = int.from_bytes(segment[16:18])
    assert header == TCPHeader(*ports, *numbers, 20 + words * 4, flags, window, stored, 0)
    assert cursor.rest() == payload
    assert checksum.verify(checksum.pseudo(*ips, tcp.PROTOCOL, len(segment)), segment)


def test_cut_at_every_byte(refused: Callable[..., list[int]]) -> None:
    segment = tcp.build(
        *V4, 1, 2, sequence=0, acknowledgement=0, flags=SYN, options=bytes(8), payload=b"x"
    )
    assert refused(parse, segment) == list(range(20))


def test_options_cut_by_the_snap_length_cost_nothing_else() -> None:
    segment = tcp.build(*V4, 1, 2, sequence=0, acknowledgement=0, flags=SYN, options=bytes(8))
    cursor = Cursor(segment, 0, 23)
    assert tcp.parse(cursor).data_offset == 28
    assert cursor.remaining == 0


def test_a_data_offset_inside_the_header_is_refused() -> None:
    with pytest.raises(DecodeError, match="TCP data offset under 20 at offset 12"):
        parse(bytes(12) + b"\x40" + bytes(27))


@pytest.mark.parametrize("length", [3, 44])
def test_options_no_header_can_hold(length: int) -> None:
    with pytest.raises(ValueError, match="TCP options"):
        tcp.build(*V4, 1, 2, sequence=0, acknowledgement=0, flags=0, options=bytes(length))


@given(st.binary(max_size=70))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    assert answered(parse, data) is (len(data) >= 20 and data[12] >= 0x50)
