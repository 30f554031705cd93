from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import geneve
from sensor.wire.cursor import Cursor
from sensor.wire.geneve import Header

IPV6 = 0x86DD
# Start of the UDP payload of frame 1 in zeek/geneve-ipv6.pcap, and one with an option behind it.
SEEN = bytes.fromhex("0000 86dd 123456 00")
WITH_OPTION = bytes.fromhex("02 40 6558 abcdef 00 0102 83 01 44444444")


def parse(data: bytes) -> Header:
    return geneve.parse(Cursor(data))


def test_a_header_without_options() -> None:
    assert geneve.build(0x123456, IPV6, b"\x60") == SEEN + b"\x60"
    cursor = Cursor(SEEN + b"\x60")
    assert geneve.parse(cursor) == Header(False, False, IPV6, 0x123456, b"")
    assert cursor.rest() == b"\x60"


def test_a_critical_option() -> None:
    cursor = Cursor(WITH_OPTION + b"\x60")
    assert geneve.parse(cursor) == Header(
        control=False, critical=True, protocol=0x6558, vni=0xABCDEF, options=WITH_OPTION[8:]
    )
    assert cursor.rest() == b"\x60"


def test_a_control_packet_with_reserved_bits() -> None:
    assert parse(bytes.fromhex("00 bf 86dd 123456 ff")) == Header(True, False, IPV6, 0x123456, b"")


@pytest.mark.parametrize("version", [1, 2, 3])
def test_another_version_is_refused(version: int) -> None:
    with pytest.raises(DecodeError, match=f"Geneve version {version} at offset 0"):
        parse(bytes([version << 6]) + SEEN[1:])


def test_an_origin_indication_reads_as_a_header_of_no_protocol() -> None:
    # Teredo's 00 00, port, address: what tells the two apart is for the caller to ask.
    assert parse(bytes.fromhex("0000 233f 3ffffdfe")) == Header(
        control=False, critical=False, protocol=0x233F, vni=0x3FFFFD, options=b""
    )


@pytest.mark.parametrize("header", [SEEN, WITH_OPTION])
def test_cut_at_every_byte(refused: Callable[..., list[int]], header: bytes) -> None:
    assert refused(parse, header + b"\x60") == list(range(len(header)))


def test_options_that_cannot_be_said() -> None:
    assert len(parse(geneve.build(1, IPV6, b"", bytes(252))).options) == 252
    for length in (1, 6, 256):
        with pytest.raises(ValueError, match="at most 252"):
            geneve.build(1, IPV6, b"", bytes(length))


@given(
    st.integers(0, 0xFFFFFF),
    st.integers(0, 0xFFFF),
    st.binary(max_size=20),
    st.integers(0, 63).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n)),
)
def test_round_trip(vni: int, protocol: int, payload: bytes, options: bytes) -> None:
    cursor = Cursor(geneve.build(vni, protocol, payload, options))
    assert geneve.parse(cursor) == Header(False, False, protocol, vni, options)
    assert cursor.rest() == payload


@given(st.binary(max_size=60))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    whole = len(data) >= 8 and len(data) >= 8 + (data[0] & 63) * 4
    assert answered(parse, data) is (whole and data[0] < 64)
