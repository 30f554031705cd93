"""Extension headers are put in and walked over, as every stack walks over them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.deviants.extensions import (
    ATOMIC_FRAGMENT,
    MTU,
    PADDING,
    ROUTER_ALERT,
    SEGMENT_ROUTE,
    SOURCE_ROUTE,
    Chain,
    Extension,
    Plain,
    with_extensions,
    without_extensions,
)
from sensor.schema.words import TeredoPacket
from sensor.wire import ipv6, udp
from sensor.wire.cursor import Cursor
from tests.lab.deviants.carried import ALICE, BOB, BUBBLE, DATA, arriving, leaving
from tests.lab.teredo.hostile import hostile

ALL = (ROUTER_ALERT, PADDING, SOURCE_ROUTE, SEGMENT_ROUTE, ATOMIC_FRAGMENT)


def walked(packet: bytes) -> ipv6.Chain:
    cursor = Cursor(packet)
    return ipv6.walk_extensions(ipv6.parse(cursor).next_header, cursor)


@pytest.mark.parametrize("extension", ALL, ids=lambda each: str(each.kind))
def test_each_header_is_one_that_the_walk_knows(extension: Extension) -> None:
    chain = walked(with_extensions(DATA, [extension]))
    assert chain.headers == (extension.kind,)
    assert chain.transport == udp.PROTOCOL
    assert chain.complete


def test_no_segment_is_left_to_be_visited() -> None:
    packet = with_extensions(DATA, [SOURCE_ROUTE, SEGMENT_ROUTE])
    assert walked(packet).routing_types == (0, 4)
    assert [packet[at + 3] for at in (40, 64)] == [0, 0]


@given(st.lists(st.sampled_from(ALL), max_size=8))
def test_what_was_put_in_is_taken_out(extensions: list[Extension]) -> None:
    packet = with_extensions(DATA, extensions)
    assert ipv6.parse(Cursor(packet)).payload_length == len(packet) - ipv6.HEADER_LENGTH
    assert walked(packet).headers == tuple(each.kind for each in extensions)
    assert without_extensions(packet) == DATA


def test_a_fragment_that_is_not_all_of_its_packet_stays() -> None:
    first = ipv6.build(ALICE, BOB, ipv6.FRAGMENT, ipv6.build_fragment(17, 1, 0, True) + bytes(16))
    assert without_extensions(first) == first


def test_data_gets_the_chain_and_bubbles_do_not() -> None:
    chain = Chain(ROUTER_ALERT)
    assert chain.leaving(leaving(DATA)).payload == with_extensions(DATA, [ROUTER_ALERT])
    bubble = leaving(BUBBLE, TeredoPacket.BUBBLE)
    assert chain.leaving(bubble) == bubble


def test_a_full_packet_stays_as_it_is() -> None:
    text = bytes(MTU - ipv6.HEADER_LENGTH - udp.HEADER_LENGTH)
    full = ipv6.build(ALICE, BOB, udp.PROTOCOL, udp.build(ALICE, BOB, 1, 2, text))
    assert Chain(ROUTER_ALERT).leaving(leaving(full)).payload == full


@given(hostile)
def test_hostile_packets_do_no_harm(payload: bytes) -> None:
    assert len(Plain().arriving(arriving(payload)).payload) <= len(payload)
