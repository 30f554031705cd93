"""Datagrams are taken apart or refused; test_server.py and test_relay.py count the refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.teredo import refusal
from sensor.lab.teredo.received import read, verify_checksum
from sensor.lab.teredo.refusal import Refused
from sensor.wire import teredo
from tests.lab.teredo.parties import (
    CLIENT,
    CLIENT_END,
    NATIVE,
    NONCE,
    bubble,
    data,
    echo,
    solicitation,
)

AUTHENTICATION = teredo.build_authentication(NONCE, identifier=b"ann")
ORIGIN = teredo.build_origin(*CLIENT_END)
NONCE_TRAILER = teredo.build_trailer_nonce(b"abcd")


def test_the_parts_of_a_datagram() -> None:
    received = read(AUTHENTICATION + bubble(CLIENT, NATIVE) + NONCE_TRAILER + b"\5\2\0")
    assert received.authentication is not None
    assert (received.authentication.identifier, received.authentication.nonce) == (b"ann", NONCE)
    assert (received.header.source, received.header.destination) == (CLIENT, NATIVE)
    assert received.bubble
    assert received.packet == bubble(CLIENT, NATIVE)
    assert [trailer.value for trailer in received.trailers] == [b"abcd"]
    assert received.tail == NONCE_TRAILER


def test_most_have_an_ipv6_packet_alone() -> None:
    received = read(data(CLIENT, NATIVE))
    assert (received.authentication, received.trailers, received.tail) == (None, (), b"")
    assert received.packet == data(CLIENT, NATIVE)
    assert not received.bubble


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        (data(CLIENT, NATIVE)[:-1], refusal.MALFORMED),
        (AUTHENTICATION, refusal.MALFORMED),
        (AUTHENTICATION * 2 + solicitation(), refusal.MALFORMED),
        (ORIGIN + AUTHENTICATION + solicitation(), refusal.MALFORMED),
        (ORIGIN + bubble(CLIENT, NATIVE), refusal.INDICATOR),
        (bubble(CLIENT, NATIVE)[:5] + b"\1" + bubble(CLIENT, NATIVE)[6:] + b"x",
         refusal.BUBBLE_WITH_PAYLOAD),
    ],
)  # fmt: skip
def test_what_is_refused(payload: bytes, word: str) -> None:
    with pytest.raises(Refused, match=f"^{word}$"):
        read(payload)


@given(st.binary(max_size=120))
def test_octets_of_any_kind_are_read_or_refused(payload: bytes) -> None:
    word = ""
    try:
        received = read(payload)
    except Refused as refused:
        word = str(refused)
    else:
        assert received.packet + received.tail in payload
    assert word in {"", refusal.MALFORMED, refusal.INDICATOR, refusal.BUBBLE_WITH_PAYLOAD}


def test_a_wrong_checksum_is_refused() -> None:
    packet = bytearray(echo(CLIENT, NATIVE))
    verify_checksum(read(bytes(packet)))
    packet[-1] ^= 1
    with pytest.raises(Refused, match=refusal.BAD_CHECKSUM):
        verify_checksum(read(bytes(packet)))
