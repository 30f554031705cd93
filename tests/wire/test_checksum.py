from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.wire import checksum


def word_by_word(data: bytes) -> int:
    """RFC 1071 as it is written: add 16-bit words, fold the carries, complement."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def test_the_example_of_rfc_1071() -> None:
    data = bytes.fromhex("0001f203f4f5f6f7")
    assert checksum.internet_checksum(data) == 0xDDF2 ^ 0xFFFF
    assert checksum.verify(data, (0xDDF2 ^ 0xFFFF).to_bytes(2))


@given(st.binary(max_size=100))
def test_equals_the_sum_word_by_word(data: bytes) -> None:
    padded = data + bytes(len(data) % 2)
    assert checksum.internet_checksum(data) == word_by_word(padded)


@given(st.lists(st.binary(max_size=9), max_size=5))
def test_parts_count_as_joined(parts: list[bytes]) -> None:
    assert checksum.internet_checksum(*parts) == checksum.internet_checksum(b"".join(parts))


@pytest.mark.parametrize(
    ("data", "value"), [(b"", 0xFFFF), (bytes(8), 0xFFFF), (b"\xff\xff" * 3, 0), (b"\xff", 0x00FF)]
)
def test_the_two_zeros_of_the_ones_complement(data: bytes, value: int) -> None:
    assert checksum.internet_checksum(data) == value


def test_verify_refuses_nothing_but_zeros() -> None:
    assert not checksum.verify(bytes(20))


def test_pseudo_headers() -> None:
    v4 = checksum.pseudo(b"\x01\x02\x03\x04", b"\x05\x06\x07\x08", 17, 0x1234)
    assert v4 == bytes.fromhex("01020304 05060708 00 11 1234")
    v6 = checksum.pseudo(bytes(16), b"\xff" * 16, 58, 0x12345)
    assert v6 == bytes(16) + b"\xff" * 16 + bytes.fromhex("00012345 0000003a")
