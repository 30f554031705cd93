"""What is hidden is found again, and honest endpoints take what hides it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.deviants import channels
from sensor.lab.deviants.channels import (
    NONCE_EVICTED,
    NONCES_KEPT,
    Authentications,
    BubbleBodies,
    Channel,
    FlowLabels,
    HopLimits,
    NonceTrailers,
    SolicitationNonces,
    Trailers,
)
from sensor.lab.inner.refusal import BUBBLE_WITH_PAYLOAD, Refused
from sensor.lab.teredo.arrival import read_arrival
from sensor.lab.teredo.trailers import check_trailers
from sensor.schema.words import TeredoPacket
from sensor.wire import teredo
from tests.lab.deviants.carried import BUBBLE, DATA, HERE, NONCE, SOLICITATION, THERE
from tests.lab.teredo.hostile import hostile

CHANNELS: list[type[Channel]] = [
    Authentications,
    BubbleBodies,
    FlowLabels,
    HopLimits,
    NonceTrailers,
    SolicitationNonces,
    Trailers,
]
CARRIERS = {
    TeredoPacket.BUBBLE: BUBBLE,
    TeredoPacket.DATA: DATA,
    TeredoPacket.ROUTER_SOLICITATION: SOLICITATION,
}
each_channel = pytest.mark.parametrize("channel", CHANNELS, ids=lambda each: each.__name__)


def carrier(channel: type[Channel]) -> bytes:
    (kind,) = channel.carriers
    return CARRIERS[kind]


@each_channel
@given(data=st.data())
def test_a_full_piece_is_found_as_it_was_hidden(
    channel: type[Channel], data: st.DataObject
) -> None:
    piece = data.draw(st.binary(min_size=channel.room, max_size=channel.room))
    hiding, finding = channel(), channel()
    payload = hiding.hide(carrier(channel), piece)
    assert finding.find(payload) == piece


@each_channel
def test_a_short_piece_is_filled_up_or_found_as_it_is(channel: type[Channel]) -> None:
    found = channel().find(channel().hide(carrier(channel), b"x"))
    assert found.rstrip(b"\0") == b"x"
    assert len(found) in (1, channel.room)


@each_channel
def test_honest_endpoints_take_it_once_it_is_bare(channel: type[Channel]) -> None:
    payload = channel().hide(carrier(channel), b"x" * channel.room)
    arrival = read_arrival(channel().bare(payload), THERE, HERE)
    check_trailers(arrival.trailers)
    assert len(arrival.packet) == len(carrier(channel)) - 13 * bool(arrival.authentication)


def test_a_bubble_with_a_body_is_refused_unless_it_is_taken_off() -> None:
    payload = BubbleBodies().hide(BUBBLE, b"secret")
    with pytest.raises(Refused, match=BUBBLE_WITH_PAYLOAD):
        read_arrival(payload, THERE, HERE)
    assert BubbleBodies().bare(payload) == BUBBLE
    assert BubbleBodies().bare(BUBBLE) == BUBBLE


def test_trailers_stay_behind_the_body_of_a_bubble() -> None:
    nonce = teredo.build_trailer_nonce(b"abcd")
    payload = BubbleBodies().hide(BUBBLE + nonce, b"secret")
    assert payload.endswith(b"secret" + nonce)
    assert BubbleBodies().bare(payload) == BUBBLE + nonce


def test_the_client_gets_its_own_nonce_back() -> None:
    channel = SolicitationNonces()
    asked = channel.hide(SOLICITATION, b"smuggled")
    assert NONCE not in asked
    (header,) = teredo.parse(asked).authentications
    answer = teredo.build_authentication(header.nonce) + DATA
    assert channel.restored(answer) == teredo.build_authentication(NONCE) + DATA
    strange = teredo.build_authentication(b"whatever") + DATA
    assert channel.restored(strange) == strange


def test_only_the_last_nonces_are_kept() -> None:
    channel = SolicitationNonces()
    for number in range(NONCES_KEPT + 1):
        channel.hide(SOLICITATION, b"%08d" % number)
    assert channel.drops == {NONCE_EVICTED: 1}
    first, second = (teredo.build_authentication(b"%08d" % number) + DATA for number in (0, 1))
    assert channel.restored(first) == first
    assert channel.restored(second) != second


def test_no_text_shows_as_a_hop_limit_of_zero() -> None:
    text = range(128)
    assert all(HopLimits().hide(DATA, bytes([octet]))[7] for octet in text)


def test_the_unknown_trailer_is_one_that_receivers_skip() -> None:
    trailer = teredo.Trailer(0, channels.UNKNOWN_TRAILER, b"")
    check_trailers([trailer])
    assert trailer.name == "unknown"


@each_channel
@given(payload=hostile)
def test_hostile_payloads_do_no_harm(channel: type[Channel], payload: bytes) -> None:
    reading = channel()
    assert len(reading.find(payload)) <= len(payload)
    assert len(reading.bare(payload)) <= len(payload)
    assert reading.restored(payload) == payload
