"""What relays that keep nothing have alike, by the example of 6a44's."""

from __future__ import annotations

import pytest

from sensor.lab.framing.relay import EmbeddingRelay
from sensor.lab.inner.packets import passed_on
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire.addresses import packed, parse_sixa44
from sensor.wire.ipv6 import build
from tests.lab.framing.parties import NATIVE, OTHER, PUBLIC, data
from tests.lab.framing.servers import (
    RELAY,
    SIXA44_CLIENT,
    SIXA44_OTHER,
    SIXA44_PREFIX,
    sixa44_address,
)


class Plain(EmbeddingRelay):
    """Takes packets alone."""

    def _take(self, payload: bytes, source: Endpoint, now: float) -> None:
        self._check_source(payload, source)
        self._pass_on(payload, now)


def relay() -> Plain:
    return Plain(RELAY, Kind.SIXA44, SIXA44_PREFIX, parse_sixa44, 1_280)


def test_a_clients_packet_goes_to_the_native_side() -> None:
    machine, packet = relay(), data(SIXA44_CLIENT, NATIVE)
    machine.receive_datagram(packet, PUBLIC, RELAY, 0.0)
    assert machine.ipv6_to_deliver() == [packet]


def test_native_packets_go_where_their_destination_tells() -> None:
    machine, packet = relay(), data(NATIVE, SIXA44_CLIENT)
    machine.send_ipv6(packet, 0.0)
    (sent,) = machine.datagrams_to_send()
    assert (sent.source, sent.destination, sent.payload) == (RELAY, PUBLIC, packet)


def test_clients_reach_one_another_a_hop_further() -> None:
    machine, packet = relay(), data(SIXA44_CLIENT, SIXA44_OTHER)
    machine.receive_datagram(packet, PUBLIC, RELAY, 0.0)
    (sent,) = machine.datagrams_to_send()
    assert (sent.destination, sent.payload) == (OTHER, passed_on(packet))


@pytest.mark.parametrize("hops", [0, 1])
def test_no_packet_goes_round_for_ever(hops: int) -> None:
    machine = relay()
    packet = build(SIXA44_CLIENT, SIXA44_OTHER, 59, b"", hop_limit=hops)
    machine.receive_datagram(packet, PUBLIC, RELAY, 0.0)
    assert machine.drops == {"hop-limit": 1}
    assert machine.datagrams_to_send() == []


@pytest.mark.parametrize(
    ("source", "end", "word"),
    [
        (SIXA44_CLIENT, OTHER, "mapping-differs"),
        (SIXA44_CLIENT, Endpoint(PUBLIC.ip, 1), "mapping-differs"),
        (NATIVE, PUBLIC, "not-served"),
    ],
)
def test_sources_tell_where_they_are(source: bytes, end: Endpoint, word: str) -> None:
    machine = relay()
    machine.receive_datagram(data(source, NATIVE), end, RELAY, 0.0)
    assert machine.drops == {word: 1}
    assert machine.ipv6_to_deliver() == []


@pytest.mark.parametrize(
    ("destination", "word"),
    [
        (NATIVE, "not-served"),
        (sixa44_address(Endpoint(packed("192.168.1.7"), 9)), "ipv4-not-global"),
        (sixa44_address(Endpoint(packed("224.0.0.1"), 9)), "ipv4-not-global"),
        (sixa44_address(RELAY), "ipv4-not-global"),
        (sixa44_address(Endpoint(PUBLIC.ip, 0)), "no-host-there"),
    ],
)
def test_a_destination_must_tell_of_a_host(destination: bytes, word: str) -> None:
    machine = relay()
    machine.send_ipv6(data(NATIVE, destination), 0.0)
    machine.receive_datagram(data(SIXA44_CLIENT, destination), PUBLIC, RELAY, 0.0)
    assert machine.datagrams_to_send() == []
    assert machine.drops == ({word: 2} if destination != NATIVE else {word: 1})
