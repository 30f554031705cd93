"""Forged packets are well formed, and lie where they should."""

from __future__ import annotations

from random import Random

import pytest

from sensor.lab.deviants import forgery
from sensor.lab.teredo.arrival import read_arrival
from sensor.lab.teredo.server import Server
from sensor.lab.teredo.settings import ServerSettings
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import icmpv6
from sensor.wire.addresses import is_global_unicast, parse_teredo
from tests.lab.teredo.parties import (
    CLIENT,
    CLIENT_END,
    NATIVE,
    NONCE,
    OTHER,
    OTHER_END,
    PRIMARY,
    SECONDARY,
    SERVER_LOCAL,
    SOLICITING,
)

NONCE_TRAILER = b"\1\2\3\4"


def test_a_claim_is_of_the_end_that_an_address_embeds() -> None:
    assert forgery.claim(CLIENT) == forgery.Claim(CLIENT, CLIENT_END)
    with pytest.raises(ValueError, match="only a Teredo address"):
        forgery.claim(NATIVE)


def test_invented_clients_could_exist_and_do_not() -> None:
    rng = Random(4)
    claims = [forgery.invented(rng, PRIMARY.ip) for _ in range(50)]
    assert len(set(claims)) == 50
    for claim in claims:
        found = parse_teredo(claim.address)
        assert found is not None
        assert (found.server, found.ip, found.port) == (PRIMARY.ip, *claim.end)
        assert is_global_unicast(found.ip)
        assert found.ip.startswith(forgery.NOBODYS)


def test_a_bubble_is_as_a_server_forwards_it() -> None:
    forged = forgery.bubble(
        PRIMARY, CLIENT_END, (NATIVE, CLIENT), origin=OTHER_END, nonce=NONCE_TRAILER
    )
    assert (forged.source, forged.packet) == (PRIMARY, TeredoPacket.BUBBLE)
    arrival = read_arrival(forged.payload, forged.source, forged.destination)
    assert arrival.bubble
    assert arrival.origin == OTHER_END
    assert arrival.told.nonce == NONCE_TRAILER
    assert (arrival.header.source, arrival.header.destination) == (NATIVE, CLIENT)


def test_a_bubble_says_no_more_than_it_must() -> None:
    forged = forgery.bubble(OTHER_END, CLIENT_END, (OTHER, CLIENT))
    assert len(forged.payload) == 40


def test_an_echo_request_is_one_that_is_answered() -> None:
    forged = forgery.echo(OTHER_END, CLIENT_END, (OTHER, CLIENT))
    message = read_arrival(forged.payload, OTHER_END, CLIENT_END).checked_message()
    assert message is not None
    assert message.type == icmpv6.ECHO_REQUEST
    assert forged.packet is TeredoPacket.DATA


def test_a_server_answers_a_forged_solicitation_to_the_victim() -> None:
    server = Server(ServerSettings(PRIMARY.ip, SECONDARY.ip), Random(1))
    forged = forgery.solicitation(OTHER_END, PRIMARY, NONCE)
    server.receive_datagram(forged.payload, forged.source, forged.destination, 0.0)
    (answer,) = server.datagrams_to_send()
    assert answer.destination == OTHER_END
    assert read_arrival(answer.payload, PRIMARY, OTHER_END).origin == OTHER_END


@pytest.mark.parametrize("nonce", [None, NONCE])
def test_an_advertisement_is_the_servers_but_for_its_lies(nonce: bytes | None) -> None:
    forged = forgery.advertised(PRIMARY, CLIENT_END, SOLICITING, PRIMARY.ip, OTHER_END, nonce)
    arrival = read_arrival(forged.payload, forged.source, forged.destination)
    assert arrival.origin == OTHER_END
    assert arrival.header.source == SERVER_LOCAL
    assert (arrival.authentication.nonce if arrival.authentication else None) == nonce
    message = arrival.checked_message()
    assert message is not None
    (prefix,) = icmpv6.parse_router_advertisement(message.body).prefixes
    assert prefix.prefix[4:8] == PRIMARY.ip
    assert Endpoint(*forged.destination) == CLIENT_END
