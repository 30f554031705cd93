from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import ayiya
from sensor.wire.ayiya import Header
from sensor.wire.cursor import Cursor

# What SixXS's client sent: a 16-octet integer identity, a SHA-1 signature, forward, protocol 41.
START = bytes.fromhex("415211294af64bfd")
SIXXS = START + bytes(range(16)) + bytes(range(20))

headers = st.builds(
    Header,
    identity_type=st.integers(0, 15),
    identity=st.integers(0, 8).flatmap(lambda n: st.binary(min_size=1 << n, max_size=1 << n)),
    hash_method=st.integers(0, 15),
    signature=st.integers(0, 15).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n)),
    authentication=st.integers(0, 15),
    opcode=st.integers(0, 15),
    next_header=st.integers(0, 255),
    epoch=st.integers(0, 0xFFFFFFFF),
)


def test_the_header_sixxs_sent() -> None:
    cursor = Cursor(SIXXS + b"\x60")
    assert ayiya.parse(cursor) == Header(
        identity_type=1,
        identity=bytes(range(16)),
        hash_method=ayiya.SHA1,
        signature=bytes(range(20)),
        authentication=1,
        opcode=ayiya.FORWARD,
        next_header=41,
        epoch=0x4AF64BFD,
    )
    assert (cursor.position, cursor.rest()) == (44, b"\x60")


def test_it_is_cut_at_every_octet() -> None:
    for length in range(len(SIXXS)):
        with pytest.raises(DecodeError, match="truncated"):
            ayiya.parse(Cursor(SIXXS[:length]))


def test_an_identity_beyond_the_limit_is_refused() -> None:
    with pytest.raises(DecodeError, match="identity of 512 octets"):
        ayiya.parse(Cursor(b"\x91" + START[1:] + bytes(1000)))


@given(headers, st.binary(max_size=9))
def test_round_trip(header: Header, behind: bytes) -> None:
    cursor = Cursor(header.build() + behind)
    assert ayiya.parse(cursor) == header
    assert cursor.rest() == behind


@pytest.mark.parametrize(
    ("identity", "signature"),
    [(b"", b""), (bytes(3), b""), (bytes(512), b""), (b"x", bytes(3)), (b"x", bytes(64))],
)
def test_lengths_that_cannot_be_said(identity: bytes, signature: bytes) -> None:
    header = replace(ayiya.parse(Cursor(SIXXS)), identity=identity, signature=signature)
    with pytest.raises(ValueError, match="power of two"):
        header.build()


def test_what_sixxs_sent_is_sound() -> None:
    assert ayiya.parse(Cursor(SIXXS)).sound


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        ({"identity_type": 0}, True),
        ({"identity_type": 2}, True),
        ({"identity_type": 3}, False),
        ({"identity": bytes(8)}, False),
        ({"identity": bytes(256)}, True),
        ({"hash_method": ayiya.NO_HASH}, False),
        ({"hash_method": ayiya.NO_HASH, "signature": b""}, True),
        ({"hash_method": ayiya.MD5}, False),
        ({"hash_method": ayiya.MD5, "signature": bytes(16)}, True),
        ({"signature": bytes(16)}, False),
        ({"hash_method": ayiya.UMAC, "signature": bytes(8)}, True),
        ({"hash_method": 4}, False),
        ({"authentication": 0}, True),
        ({"authentication": 2}, True),
        ({"authentication": 3}, False),
        ({"opcode": ayiya.NOOP}, True),
        ({"opcode": ayiya.QUERY_REPLY}, True),
        ({"opcode": 8}, False),
        ({"next_header": 59}, True),
        ({"next_header": 4}, True),
        ({"next_header": 58}, False),
    ],
)
def test_what_tells_a_header_from_other_octets(change: dict[str, Any], sound: bool) -> None:
    assert replace(ayiya.parse(Cursor(SIXXS)), **change).sound is sound
