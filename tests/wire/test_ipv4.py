from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import ipv4
from sensor.wire.cursor import Cursor
from sensor.wire.ipv4 import IPv4Header

A, B = bytes([203, 0, 113, 1]), bytes([198, 51, 100, 2])
# The header everybody computes by hand: 192.168.0.1 to 192.168.0.199, UDP, checksum b861.
KNOWN = bytes.fromhex("45000073000040004011b861c0a80001c0a800c7")

ipv4s = st.binary(min_size=4, max_size=4)
octets = st.integers(0, 0xFF)


def parse(data: bytes) -> IPv4Header:
    return ipv4.parse(Cursor(data))


def test_a_known_header() -> None:
    assert parse(KNOWN) == IPv4Header(
        source=bytes([192, 168, 0, 1]),
        destination=bytes([192, 168, 0, 199]),
        protocol=17,
        ttl=64,
        identification=0,
        dont_fragment=True,
        more_fragments=False,
        fragment_offset=0,
        tos=0,
        header_length=20,
        total_length=115,
    )
    assert ipv4.header_checksum_ok(KNOWN)


def test_builds_the_known_header() -> None:
    built = ipv4.build(KNOWN[12:16], KNOWN[16:], 17, bytes(95), dont_fragment=True)
    assert built == KNOWN + bytes(95)


@given(
    fields=st.fixed_dictionaries(
        {
            "ttl": octets,
            "identification": st.integers(0, 0xFFFF),
            "dont_fragment": st.booleans(),
            "more_fragments": st.booleans(),
            "tos": octets,
            "fragment_offset": st.integers(0, 0x1FFF).map(lambda units: units * 8),
        }
    ),
    source=ipv4s,
    destination=ipv4s,
    protocol=octets,
    words=st.integers(0, 10),
    payload=st.binary(max_size=50),
    junk=st.binary(max_size=9),
)
def test_round_trip(
    fields: dict[str, Any],
    source: bytes,
    destination: bytes,
    protocol: int,
    words: int,
    payload: bytes,
    junk: bytes,
) -> None:
    packet = ipv4.build(source, destination, protocol, payload, options=b"\1" * words * 4, **fields)
    cursor = Cursor(packet + junk)
    assert ipv4.parse(cursor) == IPv4Header(
        source=source,
        destination=destination,
        protocol=protocol,
        header_length=20 + words * 4,
        total_length=len(packet),
        **fields,
    )
    assert cursor.rest() == payload + junk
    assert ipv4.header_checksum_ok(packet)


def test_cut_at_every_byte(refused: Callable[..., list[int]]) -> None:
    packet = ipv4.build(A, B, 41, bytes(8), options=bytes(4))
    assert refused(parse, packet) == list(range(24))


def test_offload_leaves_total_length_zero() -> None:
    assert parse(KNOWN[:2] + bytes(2) + KNOWN[4:]).total_length == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x65" + KNOWN[1:], "IP version 6, not 4 at offset 0"),
        (b"\x44" + KNOWN[1:], "header length under 20 at offset 0"),
        (KNOWN[:2] + b"\0\x01" + KNOWN[4:], "shorter than the header at offset 2"),
        (KNOWN[:2] + b"\0\x13" + KNOWN[4:], "shorter than the header at offset 2"),
        (b"\x46" + KNOWN[1:2] + b"\0\x17" + KNOWN[4:] + bytes(4), "shorter than the header"),
    ],
)
def test_headers_that_lie_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        parse(data)


@pytest.mark.parametrize(
    "raw",
    [b"", KNOWN[:19], b"\x46" + KNOWN[1:], b"\x44" + KNOWN[1:], KNOWN[:8] + b"\x3f" + KNOWN[9:]],
)
def test_checksum_of_damaged_headers(raw: bytes) -> None:
    assert ipv4.header_checksum_ok(raw) is False


@pytest.mark.parametrize(
    ("size", "wrong"),
    [
        (0, {"options": bytes(3)}),
        (0, {"options": bytes(44)}),
        (0, {"fragment_offset": 4}),
        (0, {"fragment_offset": 65536}),
        (0, {"fragment_offset": -8}),
        (65516, {}),
    ],
)
def test_what_a_header_cannot_say(size: int, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="IPv4"):
        ipv4.build(A, B, 17, bytes(size), **wrong)


def test_a_packet_built_with_nothing_said() -> None:
    header = parse(ipv4.build(A, B, 41, b""))
    assert header == IPv4Header(A, B, 41, 64, 0, False, False, 0, 0, 20, 20)


def test_the_longest_packet() -> None:
    assert parse(ipv4.build(A, B, 17, bytes(65515))).total_length == 65535


@given(st.binary(max_size=70))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    for first in (b"\x45", b"\x4f", b""):
        if answered(parse, first + data):
            assert (first + data)[0] >> 4 == 4
