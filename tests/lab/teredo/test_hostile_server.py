"""A server under hostile octets: no exception, no state, no more out than in."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.teredo.server import Server
from sensor.lab.teredo.settings import ServerSettings
from sensor.schema.records import Endpoint
from tests.lab.teredo.hostile import HONEST, check_sent, hostile, sources
from tests.lab.teredo.parties import CLIENT_END, OTHER_END, PRIMARY, RELAY_END, SECONDARY


def make_server(secrets: tuple[tuple[bytes, bytes], ...] = ()) -> Server:
    settings = ServerSettings(PRIMARY.ip, SECONDARY.ip, secrets=secrets, origin_always=True)
    return Server(settings, Random(1))


def check_server(server: Server, payload: bytes, source: Endpoint) -> None:
    before = sum(server.drops.values())
    server.receive_datagram(payload, source, PRIMARY, 0.0)
    sent, packets = server.datagrams_to_send(), server.ipv6_to_deliver()
    assert len(sent) + len(packets) + sum(server.drops.values()) - before == 1
    check_sent(sent, (PRIMARY, SECONDARY))
    longest = max(2.2 * len(payload), len(payload) + 8)
    assert all(len(datagram.payload) <= longest for datagram in sent)
    assert all(packet in payload for packet in packets)
    assert server.get_timer() is None


@given(hostile, sources, st.booleans())
def test_a_server_answers_one_datagram_at_most_once(
    payload: bytes, source: Endpoint, secure: bool
) -> None:
    check_server(make_server(((b"ann", b"key"),) if secure else ()), payload, source)


@pytest.mark.parametrize("source", [CLIENT_END, OTHER_END, RELAY_END, PRIMARY])
def test_a_server_takes_or_refuses_every_truncation(source: Endpoint) -> None:
    server = make_server()
    for payload in HONEST:
        for end in range(len(payload) + 1):
            check_server(server, payload[:end], source)
