"""6bed4: solicitations, advertisements, packets."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sensor.lab.framing.sixbed4 import ADVERTISEMENTS_A_SECOND, LONGEST_WAIT
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire import icmpv6, ipv6, sixbed4
from sensor.wire.addresses import ALL_NODES, ALL_ROUTERS
from sensor.wire.cursor import Cursor
from sensor.wire.icmpv6 import PrefixInformation, RouterAdvertisement
from tests.lab.framing.parties import INSIDE, NATIVE, OTHER, PUBLIC, Pair, data, events
from tests.lab.framing.servers import (
    ROUTER,
    SIXBED4_CLIENT,
    SIXBED4_OTHER,
    sixbed4_address,
    sixbed4_peer,
    sixbed4_router,
)

UP, DOWN = data(SIXBED4_CLIENT, NATIVE), data(NATIVE, SIXBED4_CLIENT)


def pair(number: int = 1) -> Pair:
    made = Pair(sixbed4_peer(number=number), sixbed4_router())
    made.start()
    return made


def test_a_peer_learns_its_address_and_packets_go_both_ways() -> None:
    both = pair()
    asked, told = both.sent
    assert asked.payload == sixbed4.build_solicitation()
    cursor = Cursor(told.payload)
    header = ipv6.parse(cursor)
    assert (header.destination, header.hop_limit) == (ALL_NODES, 255)
    message = icmpv6.parse(cursor)
    (prefix,) = icmpv6.parse_router_advertisement(message.body).prefixes
    assert (prefix.prefix_length, prefix.prefix) == (114, sixbed4_address(PUBLIC, 0))
    assert both.client.address == SIXBED4_CLIENT
    (connected,) = events(both.client)
    assert (connected.what, connected.address) == ("connected", SIXBED4_CLIENT)
    assert connected.end == PUBLIC
    assert both.up(UP) == [UP]
    assert both.down(DOWN) == [DOWN]
    assert not both.client.drops + both.server.drops
    assert {sent.kind for sent in both.sent} == {Kind.SIXBED4}


def test_hosts_behind_one_endpoint_have_numbers() -> None:
    assert pair(0x3FFF).client.address == sixbed4_address(PUBLIC, 0x3FFF)


def test_empty_datagrams_keep_the_mapping() -> None:
    both = pair()
    before = len(both.sent)
    both.wait(95)
    kept = both.sent[before:]
    assert [(sent.payload, sent.kind) for sent in kept] == [(b"", Kind.NONE)] * 3
    assert both.server.drops == {"malformed": 3}


def test_now_and_then_the_router_is_asked_again() -> None:
    both = pair()
    both.wait(605)
    asked = [sent for sent in both.sent if sent.payload == sixbed4.build_solicitation()]
    assert len(asked) == 3
    assert len(events(both.client)) == 1


def test_a_new_mapping_makes_a_new_address() -> None:
    both = pair()
    both.nat = {INSIDE: OTHER, OTHER: INSIDE}
    assert both.up(UP) == []
    assert both.server.drops == {"mapping-differs": 1}
    assert [event.address for event in events(both.client)] == [SIXBED4_CLIENT, SIXBED4_OTHER]
    assert both.up(data(SIXBED4_OTHER, NATIVE)) == [data(SIXBED4_OTHER, NATIVE)]


def test_a_silent_router_is_asked_ever_more_rarely() -> None:
    peer = sixbed4_peer()
    peer.start(0.0)
    times = [0.0]
    for _ in range(9):
        due = peer.get_timer()
        assert due is not None
        times.append(due)
        peer.handle_timer(due)
    waits = [later - sooner for sooner, later in pairwise(times)]
    assert waits == [1, 2, 4, 8, 16, 32, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]
    assert len(peer.datagrams_to_send()) == 10
    peer.send_ipv6(UP, 0.0)
    assert peer.drops == {"not-connected": 1}


def advertised(length: int = 114, hop_limit: int = 255, damage: int = 0) -> bytes:
    prefix = PrefixInformation(length, 0xC0, 9, 9, sixbed4_address(OTHER, 0))
    advertisement = RouterAdvertisement(0, 0, 9, 0, 0, (prefix,) if length else ())
    message = icmpv6.build_router_advertisement(ALL_NODES, ALL_NODES, advertisement)
    message = message[:-1] + bytes([message[-1] ^ damage])
    return ipv6.build(ALL_NODES, ALL_NODES, icmpv6.PROTOCOL, message, hop_limit=hop_limit)


@pytest.mark.parametrize(
    ("payload", "source", "word"),
    [
        (DOWN, OTHER, "not-the-server"),
        (DOWN[:-1], ROUTER, "length"),
        (b"", ROUTER, "malformed"),
        (advertised(64), ROUTER, "no-prefix"),
        (advertised(0), ROUTER, "no-prefix"),
        (advertised(hop_limit=254), ROUTER, "malformed"),
        (advertised(damage=1), ROUTER, "bad-checksum"),
        (ipv6.build(NATIVE, SIXBED4_CLIENT, icmpv6.PROTOCOL, b"\x86"), ROUTER, "malformed"),
    ],
)
def test_what_a_peer_does_not_take_is_counted(payload: bytes, source: Endpoint, word: str) -> None:
    both = pair()
    both.client.receive_datagram(payload, source, INSIDE, 0.0)
    assert both.client.drops == {word: 1}
    assert both.client.address == SIXBED4_CLIENT


def test_other_messages_of_routers_are_nobodys_packets() -> None:
    both = pair()
    redirect = icmpv6.build(NATIVE, SIXBED4_CLIENT, icmpv6.REDIRECT, 0, bytes(36))
    packet = ipv6.build(NATIVE, SIXBED4_CLIENT, icmpv6.PROTOCOL, redirect, hop_limit=255)
    both.client.receive_datagram(packet, ROUTER, INSIDE, 0.0)
    both.server.receive_datagram(packet, PUBLIC, ROUTER, 0.0)
    assert both.client.ipv6_to_deliver() == both.server.ipv6_to_deliver() == []
    assert both.server.datagrams_to_send() == []


def test_a_peer_that_asks_from_an_address_is_answered_there() -> None:
    router = sixbed4_router()
    message = icmpv6.build_router_solicitation(SIXBED4_CLIENT, ALL_ROUTERS)
    packet = ipv6.build(SIXBED4_CLIENT, ALL_ROUTERS, icmpv6.PROTOCOL, message, hop_limit=255)
    router.receive_datagram(packet, PUBLIC, ROUTER, 0.0)
    (sent,) = router.datagrams_to_send()
    assert sent.payload[24:40] == SIXBED4_CLIENT


def test_echo_requests_are_packets_like_others() -> None:
    both = pair()
    message = icmpv6.build_echo_request(SIXBED4_CLIENT, NATIVE, icmpv6.Echo(1, 2, b""))
    packet = ipv6.build(SIXBED4_CLIENT, NATIVE, icmpv6.PROTOCOL, message)
    assert both.up(packet) == [packet]


def test_strangers_packets_are_not_passed_on() -> None:
    router = sixbed4_router()
    router.receive_datagram(data(NATIVE, SIXBED4_CLIENT), PUBLIC, ROUTER, 0.0)
    assert router.drops == {"not-served": 1}
    assert router.datagrams_to_send() == []


@pytest.mark.parametrize("packet", [sixbed4.build_solicitation(), UP])
def test_advertisements_are_limited(packet: bytes) -> None:
    router = sixbed4_router()
    for _ in range(ADVERTISEMENTS_A_SECOND + 5):
        router.receive_datagram(packet, OTHER, ROUTER, 0.0)
    assert len(router.datagrams_to_send()) == ADVERTISEMENTS_A_SECOND
    assert router.drops["advertisements-limited"] == 5
    router.receive_datagram(packet, OTHER, ROUTER, 1.0)
    assert len(router.datagrams_to_send()) == 1
