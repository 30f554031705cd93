"""AYIYA clients and their broker."""

from __future__ import annotations

import pytest

from sensor.lab.brokers.seal import seal
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import ayiya, icmpv6
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor
from tests.lab.brokers.parties import (
    BOB,
    BOBS_NETWORK,
    EPOCH,
    SECRET,
    ayiya_broker,
    ayiya_client,
    ayiya_pair,
)
from tests.lab.framing.parties import (
    ALICE,
    BROKER,
    INSIDE,
    NATIVE,
    OTHER,
    PUBLIC,
    SERVER,
    Pair,
    data,
    events,
)

UP, DOWN = data(ALICE, NATIVE), data(NATIVE, ALICE)


def opcodes(pair: Pair) -> list[int]:
    return [ayiya.parse(Cursor(sent.payload)).opcode for sent in pair.sent]


def test_a_client_connects_and_packets_go_both_ways() -> None:
    pair = ayiya_pair()
    assert opcodes(pair) == [ayiya.ECHO, ayiya.ECHO_REPLY]
    (connected,) = events(pair.client)
    assert connected.what == "connected"
    assert (connected.address, connected.end) == (ALICE, SERVER)
    (arrived,) = events(pair.server)
    assert arrived.what == "client-connected"
    assert (arrived.address, arrived.end) == (ALICE, PUBLIC)
    assert pair.up(UP) == [UP]
    assert pair.down(DOWN) == [DOWN]
    assert not pair.client.drops + pair.server.drops
    assert all(sent.kind is Kind.AYIYA for sent in pair.sent)
    assert all(sent.packet is TeredoPacket.NONE for sent in pair.sent)
    assert {sent.source for sent in pair.sent} == {INSIDE, SERVER}


def test_its_heart_beats_every_minute() -> None:
    pair = ayiya_pair()
    pair.wait(180)
    assert opcodes(pair)[2:] == [ayiya.NOOP] * 3
    assert not pair.client.drops + pair.server.drops
    pair.client.stop(pair.now)
    assert pair.client.get_timer() is None


def test_it_asks_until_somebody_answers() -> None:
    client = ayiya_client()
    client.start(0.0)
    for now in (60.0, 120.0):
        assert client.get_timer() == now
        client.handle_timer(now - 1)
        client.handle_timer(now)
    sent = [ayiya.parse(Cursor(each.payload)) for each in client.datagrams_to_send()]
    assert [header.opcode for header in sent] == [ayiya.ECHO] * 3
    assert [header.epoch - int(EPOCH) for header in sent] == [0, 60, 120]


def test_its_address_is_its_identity() -> None:
    assert ayiya_client().address == ALICE
    assert ayiya_client().ends == (INSIDE,)


def test_a_client_roams() -> None:
    pair = ayiya_pair()
    pair.nat = {INSIDE: OTHER, OTHER: INSIDE}
    pair.wait(1)
    assert pair.up(UP) == [UP]
    assert [event.end for event in events(pair.server)] == [PUBLIC, OTHER]
    assert pair.down(DOWN) == [DOWN]


def test_a_replayed_packet_moves_nobody_and_is_not_answered() -> None:
    pair = ayiya_pair()
    pair.wait(10)
    pair.up(UP)
    events(pair.server)
    for sent in (pair.sent[0], pair.sent[-1]):
        pair.server.receive_datagram(sent.payload, OTHER, SERVER, pair.now)
    assert pair.server.drops == {"replayed": 2}
    assert pair.server.ipv6_to_deliver() == []
    assert pair.server.datagrams_to_send() == []
    assert events(pair.server) == []
    assert pair.down(DOWN) == [DOWN]


def test_from_where_a_client_is_what_is_older_is_not_taken_again() -> None:
    pair = ayiya_pair()
    pair.up(UP)
    old = pair.sent[-1].payload
    pair.server.receive_datagram(old, PUBLIC, SERVER, pair.now)
    assert pair.server.ipv6_to_deliver() == [UP]
    pair.wait(1)
    assert pair.up(UP) == [UP]
    pair.server.receive_datagram(old, PUBLIC, SERVER, pair.now)
    assert pair.server.drops == {"replayed": 1}
    assert pair.server.ipv6_to_deliver() == []


def said(
    opcode: int,
    body: bytes = b"",
    *,
    identity: bytes = ALICE,
    secret: bytes = SECRET,
    next_header: int = 41,
    late: float = 0.0,
) -> bytes:
    return seal(identity, secret, opcode, next_header, body, EPOCH - late)


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        (said(ayiya.FORWARD, UP, secret=b"guess"), "bad-signature"),
        (said(ayiya.FORWARD, UP, late=121), "clock-differs"),
        (said(ayiya.FORWARD, UP, identity=NATIVE), "unknown-identity"),
        (said(ayiya.FORWARD, UP, next_header=4), "not-ipv6"),
        (said(ayiya.FORWARD, UP[:-1]), "length"),
        (said(ayiya.FORWARD, b""), "malformed"),
        (said(ayiya.FORWARD, data(BOB, NATIVE)), "source-not-theirs"),
        (said(ayiya.FORWARD, data(NATIVE, BOB)), "source-not-theirs"),
        (said(ayiya.MOTD, b"hello"), "unknown-opcode"),
        (said(ayiya.QUERY), "unknown-opcode"),
        (said(15), "unknown-opcode"),
        (b"", "malformed"),
        (said(ayiya.NOOP)[:43], "malformed"),
        (b"\x42" + said(ayiya.NOOP)[1:], "unknown-method"),
    ],
)
def test_what_a_broker_does_not_take_is_counted(payload: bytes, word: str) -> None:
    broker = ayiya_broker()
    broker.receive_datagram(payload, PUBLIC, SERVER, 0.0)
    assert broker.drops == {word: 1}
    assert broker.ipv6_to_deliver() == []
    assert broker.datagrams_to_send() == []


def test_a_forged_packet_moves_nobody() -> None:
    pair = ayiya_pair()
    pair.server.receive_datagram(said(ayiya.NOOP, secret=b"guess"), OTHER, SERVER, 0.0)
    assert pair.down(DOWN) == [DOWN]


@pytest.mark.parametrize("ip", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"])
def test_nobody_is_answered_who_is_no_single_host(ip: str) -> None:
    broker = ayiya_broker()
    broker.receive_datagram(said(ayiya.ECHO), Endpoint(packed(ip), 5_072), SERVER, 0.0)
    broker.receive_datagram(said(ayiya.ECHO), Endpoint(PUBLIC.ip, 0), SERVER, 0.0)
    broker.receive_datagram(said(ayiya.ECHO), SERVER, SERVER, 0.0)
    assert broker.drops == {"no-host-there": 3}
    assert broker.datagrams_to_send() == []


def test_an_echo_with_a_packet_is_answered_and_forwarded() -> None:
    broker = ayiya_broker()
    broker.receive_datagram(said(ayiya.ECHO_FORWARD, UP), PUBLIC, SERVER, 0.0)
    assert broker.ipv6_to_deliver() == [UP]
    (reply,) = broker.datagrams_to_send()
    cursor = Cursor(reply.payload)
    assert ayiya.parse(cursor).opcode == ayiya.ECHO_REPLY
    assert cursor.rest() == UP


def test_networks_are_routed_to_whom_they_belong() -> None:
    broker = ayiya_broker()
    bob = ayiya_client(identity=BOB, broker_identity=packed("2001:db8:2::1"), secret=b"bob's")
    pair = Pair(bob, broker)
    inside = BOBS_NETWORK[0][:15] + b"\7"
    assert pair.down(data(NATIVE, inside)) == []
    assert broker.drops == {"not-connected": 1}
    pair.start()
    assert pair.down(data(NATIVE, inside)) == [data(NATIVE, inside)]
    assert pair.up(data(inside, NATIVE)) == [data(inside, NATIVE)]
    assert pair.down(data(ALICE, NATIVE)) == []
    assert broker.drops == {"not-connected": 1, "not-served": 1}


def test_a_client_hears_its_broker_alone() -> None:
    client = ayiya_client()
    from_broker = said(ayiya.FORWARD, DOWN, identity=BROKER)
    client.receive_datagram(from_broker, OTHER, INSIDE, 0.0)
    client.receive_datagram(said(ayiya.FORWARD, DOWN), SERVER, INSIDE, 0.0)
    client.receive_datagram(
        said(ayiya.FORWARD, DOWN, identity=BROKER, secret=b"guess"), SERVER, INSIDE, 0.0
    )
    assert client.drops == {"not-the-server": 1, "unknown-identity": 1, "bad-signature": 1}
    client.receive_datagram(from_broker, SERVER, INSIDE, 0.0)
    assert client.ipv6_to_deliver() == [DOWN]


def test_packets_that_are_too_big_are_answered() -> None:
    pair = ayiya_pair()
    pair.server.send_ipv6(data(NATIVE, ALICE, bytes(1_300)), 0.0)
    (error,) = pair.server.ipv6_to_deliver()
    assert (error[8:24], error[24:40], error[40]) == (BROKER, NATIVE, icmpv6.TOO_BIG)
    pair.client.send_ipv6(data(ALICE, NATIVE, bytes(1_300)), 0.0)
    assert pair.client.drops == pair.server.drops == {"packet-too-big": 1}
    assert pair.client.datagrams_to_send() == pair.server.datagrams_to_send() == []
