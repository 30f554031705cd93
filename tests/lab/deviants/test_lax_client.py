"""A lax client answers to its port, an honest one to its address alone."""

from __future__ import annotations

from random import Random

import pytest

from sensor.lab.deviants import forgery
from sensor.lab.deviants.lax_client import LaxClient
from sensor.lab.machine import Datagram
from sensor.lab.teredo.client import Client
from sensor.schema.records import Endpoint
from sensor.wire.addresses import packed
from tests.lab.teredo.parties import NATIVE
from tests.lab.teredo.world import (
    LOCAL,
    MAPPED,
    RELAY,
    SECOND,
    SERVER,
    address_of,
    advertisement,
    client_settings,
)

OTHER_FLAGS = 0x2C55


def qualified(kind: type[Client] = LaxClient) -> Client:
    client = kind(client_settings(), Random(3))
    client.start(0.0)
    for server in (SERVER, SECOND):
        (asked,) = client.datagrams_to_send()
        client.receive_datagram(advertisement(asked.payload, MAPPED), server, LOCAL, 0.1)
    assert client.address is not None
    return client


def ask(
    client: Client,
    address: bytes,
    *,
    server: Endpoint = SERVER,
    origin: Endpoint | None = RELAY,
) -> list[Datagram]:
    forged = forgery.bubble(server, MAPPED, (NATIVE, address), origin=origin)
    client.receive_datagram(forged.payload, server, LOCAL, 1.0)
    return client.datagrams_to_send()


def test_it_answers_with_the_address_that_it_was_asked_at() -> None:
    asked = address_of(MAPPED, OTHER_FLAGS)
    (answer,) = ask(qualified(), asked)
    assert (answer.source, answer.destination) == (LOCAL, RELAY)
    assert answer.payload[8:40] == asked + NATIVE


def test_an_honest_one_does_not() -> None:
    client = qualified(Client)
    assert ask(client, address_of(MAPPED, OTHER_FLAGS)) == []
    assert client.drops == {"destination": 1}


def test_its_own_address_is_answered_as_ever() -> None:
    client = qualified()
    assert client.address is not None
    (answer,) = ask(client, client.address)
    assert answer.payload[8:24] == client.address


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (address_of(Endpoint(MAPPED.ip, MAPPED.port + 1)), "destination"),
        (address_of(Endpoint(packed("203.0.113.3"), MAPPED.port)), "destination"),
        (address_of(MAPPED, OTHER_FLAGS, packed("198.51.100.9")), "destination"),
    ],
)
def test_another_port_address_or_server_is_not_its_own(address: bytes, reason: str) -> None:
    client = qualified()
    assert ask(client, address) == []
    assert client.drops == {reason: 1}


@pytest.mark.parametrize(
    ("server", "origin"),
    [
        (SERVER, None),
        (SERVER, Endpoint(packed("10.0.0.1"), 53)),
        (SERVER, Endpoint(RELAY.ip, 0)),
        (RELAY, RELAY),
    ],
)
def test_only_its_server_makes_it_answer_and_only_where_hosts_can_be(
    server: Endpoint, origin: Endpoint | None
) -> None:
    assert ask(qualified(), address_of(MAPPED, OTHER_FLAGS), server=server, origin=origin) == []


def test_who_is_not_qualified_answers_nobody() -> None:
    client = LaxClient(client_settings(), Random(3))
    client.start(0.0)
    client.datagrams_to_send()
    assert ask(client, address_of(MAPPED, OTHER_FLAGS)) == []
