"""Tunnels are put around a packet and taken off again, so many and no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.deviants.nesting import FIRST, LAYERS, SECOND, TOO_DEEP, Nested, unwrap, wrap
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import ipv4, ipv6
from sensor.wire.cursor import Cursor
from tests.lab.deviants.carried import BUBBLE, DATA, arriving, leaving
from tests.lab.teredo.hostile import hostile

KINDS = (Kind.SIXINFOUR, Kind.GRE6, Kind.TEREDO, Kind.IP6_IN_UDP)
PROTOCOLS = {Kind.SIXINFOUR: 41, Kind.GRE6: 47, Kind.TEREDO: 17, Kind.IP6_IN_UDP: 17}


@pytest.mark.parametrize("kind", KINDS)
def test_each_tunnel_is_ipv4_between_the_same_two_hosts(kind: Kind) -> None:
    packet = wrap(DATA, kind, FIRST, SECOND)
    cursor = Cursor(packet)
    header = ipv6.parse(cursor)
    assert (header.source, header.destination) == (DATA[8:24], DATA[24:40])
    outer = ipv4.parse(cursor)
    assert (outer.source, outer.destination) == (FIRST, SECOND)
    assert outer.protocol == PROTOCOLS[kind]
    assert unwrap(packet) == DATA


def test_a_packet_without_a_tunnel_has_nothing_in_it() -> None:
    assert unwrap(DATA) is None
    other = ipv6.build(DATA[8:24], DATA[24:40], 4, ipv4.build(FIRST, SECOND, 6, bytes(20)))
    assert unwrap(other) is None


@given(st.lists(st.sampled_from(KINDS), max_size=8))
def test_what_one_end_puts_on_the_other_takes_off(kinds: list[Kind]) -> None:
    here, there = Nested(FIRST, SECOND), Nested(SECOND, FIRST)
    here.kinds = tuple(kinds)
    sent = here.leaving(leaving(DATA))
    assert sent.label is not None
    assert sent.label.within == tuple(kinds)
    assert there.arriving(arriving(sent.payload)).payload == DATA


def test_bubbles_are_not_nested() -> None:
    here = Nested(FIRST, SECOND)
    here.kinds = (Kind.SIXINFOUR,)
    bubble = leaving(BUBBLE, TeredoPacket.BUBBLE)
    assert here.leaving(bubble) == bubble


@pytest.mark.parametrize(("layers", "taken"), [(LAYERS - 1, True), (LAYERS, False)])
def test_only_so_many_are_taken_off(layers: int, taken: bool) -> None:
    here, there = Nested(FIRST, SECOND), Nested(SECOND, FIRST)
    here.kinds = (Kind.SIXINFOUR,) * layers
    sent = here.leaving(leaving(DATA)).payload
    assert (there.arriving(arriving(sent)).payload == DATA) is taken
    assert there.drops[TOO_DEEP] == (not taken)


@given(hostile)
def test_hostile_packets_do_no_harm(payload: bytes) -> None:
    came = Nested(FIRST, SECOND).arriving(arriving(payload)).payload
    assert payload.endswith(came)
