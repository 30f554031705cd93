"""The quick looks at an IPv6 packet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.lab.inner.packets import at_its_end, inner_packet, is_data, is_whole, passed_on
from sensor.lab.inner.refusal import Refused
from sensor.wire import ipv6
from sensor.wire.cursor import Cursor
from tests.lab.teredo.parties import CLIENT, NATIVE, bubble, data

PACKET = data(CLIENT, NATIVE, bytes(20))


def thorough(octets: bytes) -> bool:
    """What ``is_whole`` says, by the codec."""
    cursor = Cursor(octets)
    try:
        header = ipv6.parse(cursor)
    except DecodeError:
        return False
    return header.payload_length == cursor.remaining


@given(st.binary(max_size=80) | st.builds(bytes.__add__, st.just(b"\x60"), st.binary(max_size=80)))
def test_whole_is_what_the_codec_says(octets: bytes) -> None:
    assert is_whole(octets) == thorough(octets)


@pytest.mark.parametrize("length", [0, 1, 39, 40, 47, 52])
def test_cut_packets_are_not_whole(length: int) -> None:
    packet = data(NATIVE, CLIENT)
    assert len(packet) == 53
    assert not is_whole(packet[:length])
    assert is_whole(packet)
    assert not is_whole(packet + b"\0")


def test_bubbles_are_no_data() -> None:
    assert is_data(data(NATIVE, CLIENT))
    assert not is_data(bubble(NATIVE, CLIENT))
    assert not is_data(data(NATIVE, CLIENT) + b"\0")


@pytest.mark.parametrize(("hops", "ends"), [(0, True), (1, True), (2, False), (255, False)])
def test_the_last_hop(hops: int, ends: bool) -> None:
    assert at_its_end(data(NATIVE, CLIENT, hop_limit=hops)) == ends


@pytest.mark.parametrize("hops", [2, 64, 255])
def test_passing_on_takes_one_hop_and_nothing_else(hops: int) -> None:
    passed = passed_on(data(NATIVE, CLIENT, hop_limit=hops))
    assert passed == data(NATIVE, CLIENT, hop_limit=hops - 1)


@pytest.mark.parametrize("junk", [b"", b"\0", bytes(1_000)])
def test_what_is_behind_its_length_is_left_out(junk: bytes) -> None:
    assert inner_packet(PACKET + junk) == PACKET


@pytest.mark.parametrize("length", range(len(PACKET)))
def test_cut_packets_are_refused(length: int) -> None:
    with pytest.raises(Refused, match="malformed" if length < 40 else "length"):
        inner_packet(PACKET[:length])


def test_other_versions_are_refused() -> None:
    with pytest.raises(Refused, match="malformed"):
        inner_packet(b"\x45" + PACKET[1:])
