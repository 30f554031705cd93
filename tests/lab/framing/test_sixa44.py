"""6a44: bubbles, addresses, packets."""

from __future__ import annotations

import pytest

from sensor.lab.framing.sixa44 import BUBBLE_WAIT, BUBBLES, SILENCE
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire.sixa44 import Bubble
from tests.lab.framing.parties import INSIDE, NATIVE, OTHER, PUBLIC, Pair, data, events
from tests.lab.framing.servers import RELAY, SIXA44_CLIENT, SIXA44_OTHER, sixa44_client
from tests.lab.framing.servers import sixa44_relay as relay

UP, DOWN = data(SIXA44_CLIENT, NATIVE), data(NATIVE, SIXA44_CLIENT)


def pair() -> Pair:
    made = Pair(sixa44_client(), relay())
    made.start()
    return made


def test_a_client_learns_its_address_and_packets_go_both_ways() -> None:
    both = pair()
    asked, told = both.sent
    assert asked.payload[:12] == bytes(12)
    assert told.payload == SIXA44_CLIENT[:12] + asked.payload[12:]
    assert both.client.address == SIXA44_CLIENT
    (connected,) = events(both.client)
    assert (connected.what, connected.address) == ("connected", SIXA44_CLIENT)
    assert connected.end == PUBLIC
    assert both.up(UP) == [UP]
    assert both.down(DOWN) == [DOWN]
    assert not both.client.drops + both.server.drops
    assert {sent.kind for sent in both.sent} == {Kind.SIXA44}
    assert {sent.source for sent in both.sent} == {INSIDE, RELAY}


def test_bubbles_keep_the_mapping() -> None:
    both = pair()
    before = len(both.sent)
    both.wait(95)
    bubbles = both.sent[before:]
    assert [len(sent.payload) for sent in bubbles] == [20] * 6
    assert len({sent.payload[12:] for sent in bubbles}) == 3
    assert len(events(both.client)) == 1


def test_a_new_mapping_makes_a_new_address() -> None:
    both = pair()
    both.nat = {INSIDE: OTHER, OTHER: INSIDE}
    assert both.up(UP) == []
    assert both.server.drops == {"mapping-differs": 1}
    both.wait(31)
    assert [event.address for event in events(both.client)] == [SIXA44_CLIENT, SIXA44_OTHER]


def test_a_silent_relay_is_asked_four_times_and_then_rarely() -> None:
    client = sixa44_client()
    client.start(0.0)
    for count in range(1, BUBBLES + 1):
        assert client.get_timer() == count * BUBBLE_WAIT
        client.handle_timer(count * BUBBLE_WAIT)
    assert len(client.datagrams_to_send()) == BUBBLES
    assert client.get_timer() == BUBBLES * BUBBLE_WAIT + SILENCE
    assert client.next_event() is None
    client.handle_timer(10_000.0)
    assert len(client.datagrams_to_send()) == 1


def test_a_relay_that_falls_silent_is_told_of() -> None:
    both = pair()
    for _ in range(BUBBLES + 1):
        due = both.client.get_timer()
        assert due is not None
        both.client.handle_timer(due)
    assert [event.what for event in events(both.client)] == ["connected", "failed"]
    both.client.send_ipv6(UP, 0.0)
    assert both.client.drops == {"not-connected": 1}


@pytest.mark.parametrize(
    ("payload", "source", "word"),
    [
        (DOWN, OTHER, "not-the-server"),
        (DOWN[:-1], RELAY, "length"),
        (b"", RELAY, "malformed"),
        (Bubble(SIXA44_OTHER[:12], bytes(8)).build(), RELAY, "not-asked"),
    ],
)
def test_what_a_client_does_not_take_is_counted(
    payload: bytes, source: Endpoint, word: str
) -> None:
    both = pair()
    both.client.receive_datagram(payload, source, INSIDE, 0.0)
    assert both.client.drops == {word: 1}
    assert both.client.ipv6_to_deliver() == []


def test_a_relay_keeps_nothing_and_waits_for_nobody() -> None:
    machine = relay()
    machine.start(0.0)
    for port in range(1, 400):
        machine.receive_datagram(bytes(20), Endpoint(PUBLIC.ip, port), RELAY, 0.0)
    assert machine.get_timer() is None
    assert len(machine.datagrams_to_send()) == 399
