from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import udp
from sensor.wire.cursor import Cursor
from sensor.wire.udp import UDPHeader

V4 = (bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]))
V6 = (bytes(15) + b"\x01", bytes(15) + b"\x02")

ports = st.integers(0, 0xFFFF)
pairs = st.sampled_from([4, 16]).flatmap(
    lambda n: st.tuples(st.binary(min_size=n, max_size=n), st.binary(min_size=n, max_size=n))
)


def parse(data: bytes) -> UDPHeader:
    return udp.parse(Cursor(data))


def test_a_checksum_worked_by_hand() -> None:
    # c000 + 0201 + c000 + 0202 + 0011 + 000a + 0dd8 + 0035 + 000a + 6869 = 1fa9e; folded fa9f
    datagram = udp.build(*V4, 3544, 53, b"hi")
    assert datagram == bytes.fromhex("0dd80035000a 0560 6869")


@given(pairs, ports, ports, st.binary(max_size=60), st.binary(max_size=9))
def test_round_trip(
    ips: tuple[bytes, bytes], sport: int, dport: int, payload: bytes, junk: bytes
) -> None:
    datagram = udp.build(*ips, sport, dport, payload)
    cursor = Cursor(datagram + junk)
    header = udp.parse(cursor)
    assert (header.source_port, header.destination_port) == (sport, dport)
    assert (header.length, header.checksum != 0) == (len(datagram), True)
    assert cursor.rest() == payload + junk
    assert udp.verify(*ips, datagram + junk) is True


@given(pairs, st.binary(min_size=1, max_size=40), st.data())
def test_a_flipped_bit_is_found(
    ips: tuple[bytes, bytes], payload: bytes, data: st.DataObject
) -> None:
    datagram = bytearray(udp.build(*ips, 1, 2, payload))
    position = data.draw(st.integers(8, len(datagram) - 1))
    datagram[position] ^= 1 << data.draw(st.integers(0, 7))
    assert udp.verify(*ips, bytes(datagram)) is False


def test_a_sum_of_zero_is_written_as_ones() -> None:
    datagram = udp.build(*V4, 0, 0, b"\0\0")
    rest = int.from_bytes(datagram[6:8])
    full = udp.build(*V4, 0, 0, rest.to_bytes(2))
    assert full[6:8] == b"\xff\xff"
    assert udp.verify(*V4, full) is True


def test_no_checksum_is_an_answer_over_ipv4_only() -> None:
    assert udp.verify(*V4, udp.build(*V4, 1, 2, b"x", checksum=False)) is None
    assert udp.verify(*V6, udp.build(*V6, 1, 2, b"x", checksum=False)) is False


@pytest.mark.parametrize("length", [0, 7, 13, 0xFFFF])
def test_a_declared_length_that_does_not_fit_is_false(length: int) -> None:
    datagram = udp.build(*V4, 1, 2, b"data")
    assert udp.verify(*V4, datagram[:4] + length.to_bytes(2) + datagram[6:]) is False


def test_cut_at_every_byte(refused: Callable[..., list[int]]) -> None:
    datagram = udp.build(*V4, 1, 2, b"data")
    assert refused(parse, datagram) == list(range(8))
    assert refused(lambda cut: udp.verify(*V4, cut), datagram) == list(range(8))


def test_verify_refuses_what_is_no_header() -> None:
    with pytest.raises(DecodeError, match="truncated"):
        udp.verify(*V4, bytes(7))


def test_the_longest_datagram() -> None:
    assert parse(udp.build(*V4, 1, 2, bytes(65527))).length == 65535
    with pytest.raises(ValueError, match="at most 65535"):
        udp.build(*V4, 1, 2, bytes(65528))


@given(pairs, st.binary(max_size=40))
def test_any_bytes_are_answered_or_refused(
    answered: Callable[..., bool], ips: tuple[bytes, bytes], data: bytes
) -> None:
    assert answered(parse, data) is (len(data) >= 8)
    assert answered(lambda each: udp.verify(*ips, each), data) is (len(data) >= 8)
