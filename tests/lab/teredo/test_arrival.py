"""Datagrams are taken apart strictly, and whatever they hold nothing is raised but Refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.inner import refusal as words
from sensor.lab.inner.refusal import Refused
from sensor.lab.teredo.arrival import Arrival, read_arrival, read_without_origin
from sensor.wire import icmpv6, ipv6, teredo
from tests.lab.teredo.parties import data
from tests.lab.teredo.world import LOCAL, MAPPED, NATIVE, RELAY, address_of

OWN = address_of(MAPPED)
DATA = data(NATIVE, OWN)
BUBBLE = teredo.build_bubble(NATIVE, OWN)
AUTHENTICATION = teredo.build_authentication(bytes(8), identifier=b"ann")
ORIGIN = teredo.build_origin(*RELAY)
STUN = bytes.fromhex("000100002112a442") + bytes(12)


def read(payload: bytes) -> Arrival:
    return read_arrival(payload, RELAY, LOCAL)


def test_all_parts_are_found() -> None:
    nonce = teredo.build_trailer_nonce(b"\xde\xad\xbe\xef")
    found = read(AUTHENTICATION + ORIGIN + BUBBLE + nonce + b"\x05\x02\x00")
    assert found.authentication is not None
    assert (found.authentication.identifier, found.authentication.nonce) == (b"ann", bytes(8))
    assert (found.header.source, found.header.destination) == (NATIVE, OWN)
    assert (found.source, found.end, found.origin) == (RELAY, LOCAL, RELAY)
    assert found.origin_octets == ORIGIN
    assert found.packet == BUBBLE
    assert found.bubble
    assert [trailer.value for trailer in found.trailers] == [b"\xde\xad\xbe\xef"]
    assert found.told.nonce == b"\xde\xad\xbe\xef"
    assert found.tail == nonce


def test_most_have_an_ipv6_packet_alone() -> None:
    found = read(DATA)
    assert (found.authentication, found.origin, found.origin_octets) == (None, None, b"")
    assert (found.packet, found.trailers, found.tail) == (DATA, (), b"")
    assert not found.bubble


def test_bubbles_pass_with_hop_limit_0() -> None:
    assert read(teredo.build_bubble(NATIVE, OWN, 0)).bubble


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        (b"", words.MALFORMED),
        (DATA[:39], words.MALFORMED),
        (b"\x45" + DATA[1:], words.MALFORMED),
        (STUN, words.MALFORMED),
        (b"\x00\x01\xff\x00" + bytes(16), words.MALFORMED),
        (AUTHENTICATION, words.MALFORMED),
        (ORIGIN + AUTHENTICATION + DATA, words.INDICATOR),
        (ORIGIN + ORIGIN + DATA, words.INDICATOR),
        (AUTHENTICATION + AUTHENTICATION + DATA, words.INDICATOR),
        (DATA[:-1], words.LENGTH),
        (ipv6.build(NATIVE, OWN, ipv6.NO_NEXT_HEADER, b"x"), words.BUBBLE_WITH_PAYLOAD),
        (BUBBLE[:5] + b"\1" + BUBBLE[6:] + b"x", words.BUBBLE_WITH_PAYLOAD),
    ],
)
def test_what_is_not_well_formed_is_refused_with_its_word(payload: bytes, word: str) -> None:
    with pytest.raises(Refused, match=f"^{word}$"):
        read(payload)


def test_servers_and_relays_take_no_origin_from_anybody() -> None:
    assert read_without_origin(BUBBLE, RELAY, LOCAL) == read(BUBBLE)
    with pytest.raises(Refused, match=f"^{words.INDICATOR}$"):
        read_without_origin(ORIGIN + BUBBLE, RELAY, LOCAL)


@pytest.mark.parametrize("rest", [b"\x05\x02\x12", b"\x01", b"\x81\x01x"])
def test_damaged_and_unknown_trailers_leave_the_packet_whole(rest: bytes) -> None:
    assert read(DATA + rest).packet == DATA


def test_a_message_needs_a_right_checksum() -> None:
    message = icmpv6.build_echo_request(NATIVE, OWN, icmpv6.Echo(1, 2, b"nonce"))
    good = ipv6.build(NATIVE, OWN, icmpv6.PROTOCOL, message)
    found = read(good).checked_message()
    assert found is not None
    assert found.body == b"\x00\x01\x00\x02nonce"
    assert read(DATA).checked_message() is None
    bad = read(good[:-1] + b"f")
    assert bad.message() is not None
    with pytest.raises(Refused, match=f"^{words.BAD_CHECKSUM}$"):
        bad.checked_message()


def test_a_message_that_is_cut_is_malformed() -> None:
    for length in range(icmpv6.ERROR_LENGTH // 2):
        cut = ipv6.build(NATIVE, OWN, icmpv6.PROTOCOL, bytes(length))
        with pytest.raises(Refused, match=f"^{words.MALFORMED}$"):
            read(cut).message()


@given(
    st.lists(st.sampled_from([AUTHENTICATION, ORIGIN, DATA, BUBBLE, b"\x60", STUN])),
    st.binary(max_size=60),
    st.integers(0, 200),
)
def test_nothing_but_refused_is_ever_raised(parts: list[bytes], rest: bytes, cut: int) -> None:
    payload = (b"".join(parts) + rest)[:cut]
    try:
        found = read(payload)
        found.told  # noqa: B018
        found.checked_message()
    except Refused:
        return
    assert found.packet + found.tail in payload
