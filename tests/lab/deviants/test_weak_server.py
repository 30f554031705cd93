"""A weak server goes round, and serves its clients otherwise."""

from __future__ import annotations

from random import Random

import pytest

from sensor.lab.deviants import forgery
from sensor.lab.deviants.weak_server import ENDLESS, ROUNDS, WeakServer
from sensor.lab.machine import Datagram
from sensor.lab.teredo.server import Server
from sensor.lab.teredo.settings import ServerSettings
from sensor.schema.records import Endpoint
from tests.lab.teredo.parties import (
    CLIENT,
    CLIENT_END,
    NATIVE,
    NONCE,
    OTHER_END,
    PRIMARY,
    SECONDARY,
    address,
)

ITSELF = address(PRIMARY, flags=0)


def make(kind: type[Server] = WeakServer) -> Server:
    return kind(ServerSettings(PRIMARY.ip, SECONDARY.ip), Random(1))


def hear(server: Server, forged: Datagram) -> list[Datagram]:
    server.receive_datagram(forged.payload, forged.source, forged.destination, 0.0)
    return server.datagrams_to_send()


@pytest.mark.parametrize("build", [forgery.echo, forgery.bubble])
def test_a_packet_from_its_own_end_to_itself_goes_round_without_end(build: object) -> None:
    server = make()
    assert isinstance(server, WeakServer)
    forged = build(PRIMARY, PRIMARY, (ITSELF, ITSELF))  # type: ignore[operator]
    assert hear(server, forged) == []
    assert server.rounds == ROUNDS
    assert server.drops == {ENDLESS: 1}


def test_an_honest_server_takes_it_for_a_loop() -> None:
    server = make(Server)
    assert hear(server, forgery.echo(PRIMARY, PRIMARY, (ITSELF, ITSELF))) == []
    assert server.drops == {"loop": 1}


def test_a_native_hosts_packet_to_its_own_end_goes_round_once() -> None:
    """It comes back with an origin indication, which servers take from nobody."""
    server = make()
    assert isinstance(server, WeakServer)
    forged = forgery.bubble(OTHER_END, PRIMARY, (NATIVE, ITSELF))
    assert hear(server, forged) == []
    assert server.rounds == 1
    assert server.drops == {"indicator-out-of-place": 1}


def test_what_it_does_not_believe_of_itself_ends_the_loop() -> None:
    server = make()
    wrong = address(Endpoint(PRIMARY.ip, 3545))
    assert hear(server, forgery.echo(PRIMARY, PRIMARY, (wrong, ITSELF))) == []
    assert server.drops == {"mapping-differs": 1}


def test_its_clients_are_served_as_by_any_other() -> None:
    server, honest = make(), make(Server)
    for asked in (
        forgery.solicitation(CLIENT_END, PRIMARY, NONCE),
        forgery.bubble(OTHER_END, PRIMARY, (NATIVE, CLIENT)),
    ):
        assert hear(server, asked) == hear(honest, asked) != []
