from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import gre
from sensor.wire.cursor import Cursor
from sensor.wire.gre import Header

# Written by hand after the figures of RFC 2890, 1701 and 2637; Wireshark reads them the same.
PLAIN = bytes.fromhex("0000 86dd")
FULL = bytes.fromhex("b000 86dd 1980 0000 00000007 00000009")
ROUTED = bytes.fromhex("4000 0800 0000 0000 0800 00 04 c0000201 0800 00 00 0000 00 00")
PPTP = bytes.fromhex("3081 880b 0002 0007 00000005 00000004")

fields = st.none() | st.integers(0, 0xFFFFFFFF)


def parse(data: bytes) -> Header:
    return gre.parse(Cursor(data))


def plain(protocol: int) -> Header:
    return Header(0, protocol, None, None, None, None, None)


def test_the_shortest_header() -> None:
    assert parse(PLAIN) == plain(gre.IPV6)
    assert gre.build(gre.IPV6, b"\x60") == PLAIN + b"\x60"


def test_every_field_of_version_0() -> None:
    # b000 + 86dd + 0007 + 0009 + af91 = 1e67e, folded e67f, of which 1980 is the complement
    packet = gre.build(gre.IPV6, b"\xaf\x90\x00\x01", key=7, sequence=9, checksum=True)
    assert packet == FULL + b"\xaf\x90\x00\x01"
    cursor = Cursor(packet)
    assert gre.parse(cursor) == Header(0, gre.IPV6, 0x1980, 7, 9, None, None)
    assert cursor.rest() == b"\xaf\x90\x00\x01"
    assert gre.checksum_ok(packet)


def test_source_routes_are_passed() -> None:
    packet = gre.build(gre.IPV4, b"\x45", routes=(bytes([192, 0, 2, 1]), b""))
    assert packet == ROUTED + b"\x45"
    cursor = Cursor(packet)
    assert gre.parse(cursor) == plain(gre.IPV4)
    assert cursor.rest() == b"\x45"


@pytest.mark.parametrize("entry", ["0000 00 01 ff", "0800 00 00", "0001 ff 02 0000"])
def test_only_family_and_length_of_zero_end_the_routes(entry: str) -> None:
    cursor = Cursor(ROUTED[:8] + bytes.fromhex(entry) + bytes(4) + b"\x45")
    gre.parse(cursor)
    assert cursor.rest() == b"\x45"


def test_more_routes_than_the_limit_are_refused() -> None:
    most = gre.build(gre.IPV6, b"\x60", routes=(b"abcd",) * gre.MAX_ROUTES)
    cursor = Cursor(most)
    assert gre.parse(cursor) == plain(gre.IPV6)
    assert cursor.rest() == b"\x60"
    with pytest.raises(DecodeError, match="too many source routes"):
        parse(gre.build(gre.IPV6, b"\x60", routes=(b"abcd",) * (gre.MAX_ROUTES + 1)))


@pytest.mark.parametrize("bits", [0x0800, 0x0700, 0x00F8])
def test_reserved_bits_are_ignored(bits: int) -> None:
    assert parse(bits.to_bytes(2) + PLAIN[2:]) == plain(gre.IPV6)


def test_pptp() -> None:
    packet = gre.build_pptp(7, b"ab", sequence=5, acknowledgement=4)
    assert packet == PPTP + b"ab"
    cursor = Cursor(packet)
    assert gre.parse(cursor) == Header(1, gre.PPP, None, 7, 5, 4, 2)
    assert cursor.rest() == b"ab"


@given(st.integers(0, 0xFFFF), fields, fields, st.binary(max_size=9))
def test_round_trip_of_pptp(
    call: int, sequence: int | None, acknowledgement: int | None, payload: bytes
) -> None:
    cursor = Cursor(
        gre.build_pptp(call, payload, sequence=sequence, acknowledgement=acknowledgement)
    )
    assert gre.parse(cursor) == Header(
        1, gre.PPP, None, call, sequence, acknowledgement, len(payload)
    )
    assert cursor.rest() == payload


@pytest.mark.parametrize("flags", [0x0001, 0x1001, 0xA001, 0x6001])
def test_pptp_has_a_key_and_neither_checksum_nor_routing(flags: int) -> None:
    with pytest.raises(DecodeError, match="PPTP flags at offset 0"):
        parse(flags.to_bytes(2) + PPTP[2:])


@pytest.mark.parametrize("version", range(2, 8))
def test_another_version_is_refused(version: int) -> None:
    with pytest.raises(DecodeError, match=f"GRE version {version} at offset 0"):
        parse((0x2000 | version).to_bytes(2) + FULL[2:])


@given(
    st.integers(0, 0xFFFF),
    st.binary(max_size=40),
    fields,
    fields,
    st.booleans(),
    st.none() | st.lists(st.binary(max_size=20), max_size=gre.MAX_ROUTES).map(tuple),
)
def test_round_trip_of_version_0(
    protocol: int,
    payload: bytes,
    key: int | None,
    sequence: int | None,
    checksum: bool,
    routes: tuple[bytes, ...] | None,
) -> None:
    packet = gre.build(
        protocol, payload, key=key, sequence=sequence, checksum=checksum, routes=routes
    )
    cursor = Cursor(packet)
    header = gre.parse(cursor)
    assert header._replace(checksum=None) == Header(0, protocol, None, key, sequence, None, None)
    assert (header.checksum is not None) is checksum
    assert cursor.rest() == payload
    assert not checksum or gre.checksum_ok(packet)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_flipped_bit_is_found(payload: bytes, data: st.DataObject) -> None:
    packet = bytearray(gre.build(gre.IPV6, payload, key=1, checksum=True))
    position = data.draw(st.integers(0, len(packet) - 1))
    packet[position] ^= 1 << data.draw(st.integers(0, 7))
    assert not gre.checksum_ok(bytes(packet))


@pytest.mark.parametrize("header", [PLAIN, FULL, ROUTED, PPTP])
def test_cut_at_every_byte(refused: Callable[..., list[int]], header: bytes) -> None:
    assert refused(parse, header + b"\x60") == list(range(len(header)))


def test_lengths_that_cannot_be_said() -> None:
    assert parse(gre.build_pptp(1, bytes(65535))).payload_length == 65535
    with pytest.raises(ValueError, match="at most 65535"):
        gre.build_pptp(1, bytes(65536))
    assert parse(gre.build(gre.IPV6, b"", routes=(bytes(255),))) == plain(gre.IPV6)
    with pytest.raises(ValueError, match="at most 255"):
        gre.build(gre.IPV6, b"", routes=(bytes(256),))


@given(st.binary(max_size=60))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    if answered(parse, data):
        assert data[1] & 7 < 2
