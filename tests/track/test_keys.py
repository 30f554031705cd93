"""Packed keys: equal for what is one thing, different for what is not."""

from __future__ import annotations

from sensor.schema.words import Kind, Transport
from sensor.track.keys import (
    client_key,
    conversation_key,
    destination_of,
    flow_key,
    moved_key,
    source_of,
)
from sensor.track.slots import NO_PARENT
from sensor.wire import icmpv6
from tests.track.rows import (
    BROKER,
    CLIENT,
    MAPPED,
    NATIVE,
    PUBLIC,
    RELAY,
    SERVER,
    TEREDO,
    direct,
    echo,
    gre,
    message,
    row,
    syn,
    syn_ack,
    udp,
)


def padded(end: tuple[bytes, int]) -> tuple[bytes, int]:
    return end[0].ljust(16, b"\0"), end[1]


def test_ends_of_a_row() -> None:
    assert source_of(row(CLIENT, RELAY)) == padded(CLIENT)
    assert destination_of(row(CLIENT, RELAY)) == padded(RELAY)


def test_a_flow_is_the_same_both_ways() -> None:
    assert flow_key(row(CLIENT, RELAY)) == flow_key(row(RELAY, CLIENT))
    assert flow_key(row(CLIENT, RELAY)) != flow_key(row(CLIENT, SERVER))
    assert flow_key(row(CLIENT, RELAY)) != flow_key(row(CLIENT, RELAY, outer_version=6))


def test_over_udp_the_client_is_the_tunnel_whoever_is_far() -> None:
    made = row(CLIENT, RELAY)
    key = client_key(made, padded(CLIENT), padded(RELAY), NO_PARENT)
    assert key == client_key(made, padded(CLIENT), padded(SERVER), NO_PARENT)
    assert key != client_key(made, padded(MAPPED), padded(RELAY), NO_PARENT)


def test_without_ports_the_pair_is_the_tunnel_whichever_is_the_client() -> None:
    made = direct(row(PUBLIC, BROKER))
    key = client_key(made, padded(PUBLIC), padded(BROKER), NO_PARENT)
    assert key == client_key(made, padded(BROKER), padded(PUBLIC), NO_PARENT)
    assert key != client_key(made, padded(PUBLIC), padded(CLIENT), NO_PARENT)


def test_a_nested_tunnel_is_one_of_its_parent() -> None:
    for made in (row(CLIENT, RELAY), direct(row(PUBLIC, BROKER))):
        keys = {
            client_key(made, padded(CLIENT), padded(RELAY), parent) for parent in (NO_PARENT, 0, 1)
        }
        assert len(keys) == 3


def test_a_conversation_is_the_same_both_ways_in_its_tunnel() -> None:
    assert conversation_key(syn(), 3) == conversation_key(syn_ack(), 3)
    assert conversation_key(syn(), 3) != conversation_key(syn(), 4)
    assert conversation_key(syn(), 3) != conversation_key(syn(remote=1), 3)
    question = udp(RELAY, CLIENT, NATIVE, TEREDO, (49138, 8080))
    assert conversation_key(syn(), 3) != conversation_key(question, 3)


def test_an_echo_is_told_by_its_identifier() -> None:
    ask = echo(RELAY, CLIENT, NATIVE, TEREDO, icmpv6.ECHO_REQUEST)
    tell = echo(CLIENT, RELAY, TEREDO, NATIVE, icmpv6.ECHO_REPLY)
    assert conversation_key(ask, 0) == conversation_key(tell, 0)
    later = echo(RELAY, CLIENT, NATIVE, TEREDO, icmpv6.ECHO_REQUEST, identifier=8)
    assert conversation_key(ask, 0) != conversation_key(later, 0)


def test_a_moved_conversation_has_the_key_it_would_have_had() -> None:
    assert moved_key(conversation_key(syn(), 3), 9) == conversation_key(syn(), 9)


def test_gre_keeps_tunnels_between_two_ends_apart_by_their_keys() -> None:
    made = gre(row(PUBLIC, BROKER), key=5)
    key = client_key(made, padded(PUBLIC), padded(BROKER), NO_PARENT)
    assert key == client_key(made, padded(BROKER), padded(PUBLIC), NO_PARENT)
    others = [gre(made), gre(made, 6), gre(made, (1 << 32) - 1), direct(made)]
    keys = {client_key(one, padded(PUBLIC), padded(BROKER), NO_PARENT) for one in others}
    assert len(keys - {key}) == 4


def test_over_tcp_the_client_is_the_tunnel_too() -> None:
    over_udp = message(CLIENT, SERVER, Kind.TSP)
    over_tcp = over_udp._replace(outer_transport=Transport.TCP)
    key = client_key(over_tcp, padded(CLIENT), padded(SERVER), NO_PARENT)
    assert key == client_key(over_tcp, padded(CLIENT), padded(RELAY), NO_PARENT)
    assert key != client_key(over_udp, padded(CLIENT), padded(SERVER), NO_PARENT)
