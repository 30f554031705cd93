"""Each disguise does what it says, and those who are said to receive it do."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given

from sensor.lab.deviants.evasion import InFront, MovedPort, TrailingJunk, Unstrict, ZeroHops
from sensor.lab.inner.refusal import INDICATOR, Refused
from sensor.lab.teredo.arrival import read_arrival
from sensor.schema.words import TeredoPacket
from sensor.wire import ipv6, teredo
from sensor.wire.cursor import Cursor
from tests.lab.deviants.carried import (
    BUBBLE,
    DATA,
    HERE,
    NONCE,
    SERVER,
    SOLICITATION,
    THERE,
    arriving,
    leaving,
)
from tests.lab.teredo.hostile import hostile

AUTHENTICATION = teredo.build_authentication(NONCE)
TWO_ORIGINS = teredo.build_origin(THERE.ip, THERE.port) * 2
MOVED = 4_444


@pytest.mark.parametrize("payload", [BUBBLE, DATA, SOLICITATION])
def test_junk_is_of_the_lengths_asked_for_in_turn_and_no_trailer(payload: bytes) -> None:
    junk = TrailingJunk(Random(1), (1, 2, 64))
    sent = [junk.leaving(leaving(payload)) for _ in range(4)]
    assert [len(each.payload) - len(payload) for each in sent] == [1, 2, 64, 1]
    for each in sent:
        assert teredo.parse(each.payload).trailers == ()
        assert each.label is not None
        assert each.label.flawed


@pytest.mark.parametrize("payload", [BUBBLE, DATA])
def test_strict_endpoints_take_what_has_junk_behind(payload: bytes) -> None:
    sent = TrailingJunk(Random(1), (130,)).leaving(leaving(payload)).payload
    assert read_arrival(sent, THERE, HERE).packet == payload


def test_two_origins_are_refused_by_the_strict_and_taken_by_colluders() -> None:
    disguise = InFront(TWO_ORIGINS)
    sent = disguise.leaving(leaving(DATA)).payload
    with pytest.raises(Refused, match=INDICATOR):
        read_arrival(sent, THERE, HERE)
    assert disguise.arriving(arriving(sent)).payload == DATA


def test_an_authentication_header_is_in_front_of_data_alone() -> None:
    disguise = InFront(AUTHENTICATION)
    assert disguise.leaving(leaving(DATA)).payload == AUTHENTICATION + DATA
    bubble = leaving(BUBBLE, TeredoPacket.BUBBLE)
    assert disguise.leaving(bubble) == bubble


def test_the_unstrict_leave_indicators_of_servers_where_they_are() -> None:
    payload = teredo.build_origin(THERE.ip, THERE.port) + BUBBLE
    assert Unstrict().arriving(arriving(payload, SERVER)).payload == payload
    assert Unstrict().arriving(arriving(payload)).payload == BUBBLE


@given(hostile)
def test_the_unstrict_survive_hostile_payloads(payload: bytes) -> None:
    assert payload.endswith(Unstrict().arriving(arriving(payload)).payload)


def test_hop_limits_of_data_become_zero() -> None:
    sent = ZeroHops().leaving(leaving(DATA)).payload
    assert ipv6.parse(Cursor(sent)) == ipv6.parse(Cursor(DATA))._replace(hop_limit=0)
    bubble = leaving(BUBBLE, TeredoPacket.BUBBLE)
    assert ZeroHops().leaving(bubble) == bubble


def test_servers_are_spoken_to_at_another_port_and_no_one_else_is() -> None:
    moved = MovedPort(MOVED)
    sent = moved.leaving(leaving(SOLICITATION, TeredoPacket.ROUTER_SOLICITATION, SERVER))
    assert sent.destination == SERVER._replace(port=MOVED)
    assert moved.leaving(leaving(DATA)) == leaving(DATA)
    assert moved.arriving(arriving(BUBBLE, sent.destination)).source == SERVER
    assert moved.arriving(arriving(BUBBLE)).source == THERE
