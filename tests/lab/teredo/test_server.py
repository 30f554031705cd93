"""What a server answers, forwards and hands on, and each reason why it does not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from sensor.lab.inner import refusal
from sensor.lab.machine import Datagram, Machine
from sensor.lab.teredo import advertisement, server
from sensor.lab.teredo.authentication import digest
from sensor.lab.teredo.server import Server
from sensor.lab.teredo.settings import ServerSettings
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import icmpv6, ipv6, teredo, udp
from sensor.wire.addresses import ALL_NODES, ALL_ROUTERS, LEGACY_TEREDO_PREFIX, packed
from sensor.wire.icmpv6 import Option
from tests.lab.teredo.parties import (
    CLIENT,
    CLIENT_END,
    CONE_SOLICITING,
    NATIVE,
    NONCE,
    OTHER,
    OTHER_END,
    PRIMARY,
    PRIVATE_END,
    RELAY_END,
    RELAY_LOCAL,
    SECONDARY,
    SERVER_LOCAL,
    SOLICITING,
    address,
    bubble,
    data,
    echo,
    payloads,
    solicitation,
)

VECTORS: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "vectors" / "teredo.yaml").read_text()
)
PAYLOADS = {name: bytes.fromhex(row["hex"]) for name, row in VECTORS["payloads"].items()}
ORIGIN = teredo.build_origin(*CLIENT_END)


def make(**settings: Any) -> Server:
    return Server(ServerSettings(PRIMARY.ip, SECONDARY.ip, **settings), Random(6))


def ask(
    machine: Server, payload: bytes, source: Endpoint = CLIENT_END, end: Endpoint = PRIMARY
) -> list[Datagram]:
    machine.receive_datagram(payload, source, end, 0.0)
    return machine.datagrams_to_send()


def test_it_is_a_machine_with_two_ends_and_no_timer() -> None:
    machine: Machine = make()
    machine.start(0.0)
    assert tuple(machine.ends) == (PRIMARY, SECONDARY)
    machine.handle_timer(5.0)
    assert machine.get_timer() is None
    machine.stop(6.0)
    event = machine.next_event()
    assert event is not None
    assert event.what == "stopped"
    assert machine.next_event() is None


def test_the_advertisement_is_that_of_miredo_server_to_the_octet() -> None:
    (sent,) = ask(make(), PAYLOADS["solicitation-with-null-authentication"])
    assert sent == Datagram(
        PRIMARY, CLIENT_END, PAYLOADS["advertisement"], TeredoPacket.ROUTER_ADVERTISEMENT
    )


def test_what_was_asked_without_authentication_is_answered_without() -> None:
    machine = make()
    ask(machine, PAYLOADS["solicitation-with-null-authentication"])
    (sent,) = ask(machine, solicitation())
    parsed = teredo.parse(sent.payload)
    assert parsed.authentications == ()
    assert (parsed.origins[0].ip, parsed.origins[0].port) == CLIENT_END
    assert NONCE not in sent.payload


@pytest.mark.parametrize(("mtu", "length"), [(1280, 104), (None, 96)])
def test_the_mtu_option_is_a_matter_of_settings(mtu: int | None, length: int) -> None:
    (sent,) = ask(make(mtu=mtu), solicitation())
    assert len(sent.payload) == length


@pytest.mark.parametrize(
    ("source", "asked", "answering"),
    [
        (SOLICITING, PRIMARY, PRIMARY),
        (SOLICITING, SECONDARY, SECONDARY),
        (CONE_SOLICITING, PRIMARY, SECONDARY),
        (CONE_SOLICITING, SECONDARY, PRIMARY),
    ],
)
def test_the_cone_bit_is_answered_from_the_other_address(
    source: bytes, asked: Endpoint, answering: Endpoint
) -> None:
    (sent,) = ask(make(), solicitation(source), end=asked)
    assert sent.source == answering
    # Both speak for the same server: the primary address is in prefix and link-local.
    parsed = teredo.parse(sent.payload)
    assert (parsed.header.source, parsed.header.destination) == (SERVER_LOCAL, source)
    assert packed("2001:0:cb00:7101::") in sent.payload


def test_a_solicitation_of_windows_xp_is_answered_with_its_prefix() -> None:
    option = Option(icmpv6.OPTION_SOURCE_LINK_LAYER, bytes(14))
    machine = make(prefix=LEGACY_TEREDO_PREFIX)
    (sent,) = ask(machine, solicitation(CONE_SOLICITING, options=(option,)))
    assert packed("3ffe:831f:cb00:7101::") in sent.payload


def test_advertisements_hardly_amplify() -> None:
    """Twice the octets at most (UDP payload): forging solicitations pays for no flood."""
    bare, authenticated = solicitation(), PAYLOADS["solicitation-with-null-authentication"]
    ratios = [len(ask(make(), asked)[0].payload) / len(asked) for asked in (bare, authenticated)]
    assert ratios == pytest.approx([104 / 48, 117 / 61])
    assert max(ratios) < 2.2


SECRET = b"between us"


def authenticated(
    *, identifier: bytes = b"ann", secret: bytes = SECRET, confirmation: int = 0
) -> bytes:
    value = digest(secret, NONCE, confirmation, b"", solicitation())
    header = teredo.build_authentication(
        NONCE, identifier=identifier, value=value, confirmation=confirmation
    )
    return header + solicitation()


@pytest.mark.parametrize("confirmation", [0, 1])
def test_secure_qualification_is_answered_with_the_same_key(confirmation: int) -> None:
    machine = make(secrets=((b"bob", b"other"), (b"ann", SECRET)))
    (sent,) = ask(machine, authenticated(confirmation=confirmation))
    parsed = teredo.parse(sent.payload)
    (header,) = parsed.authentications
    assert (header.identifier, header.nonce, header.confirmation) == (b"ann", NONCE, 0)
    packet = sent.payload[parsed.ipv6_offset :]
    assert header.value == digest(SECRET, NONCE, 0, ORIGIN, packet)


@pytest.mark.parametrize(
    "payload",
    [
        solicitation(),
        PAYLOADS["solicitation-with-null-authentication"],
        authenticated(identifier=b"eve"),
        authenticated(secret=b"guessed"),
        authenticated()[:-48] + solicitation(CONE_SOLICITING),
    ],
    ids=["none", "null", "unknown", "wrong key", "other packet"],
)
def test_where_there_are_keys_nobody_is_answered_without(payload: bytes) -> None:
    machine = make(secrets=((b"ann", SECRET),))
    assert ask(machine, payload) == []
    assert machine.drops == {advertisement.BAD_AUTHENTICATION: 1}


def test_an_identifier_without_keys_at_hand_gets_its_nonce_alone() -> None:
    (sent,) = ask(make(), authenticated())
    (header,) = teredo.parse(sent.payload).authentications
    assert (header.identifier, header.value, header.nonce) == (b"", b"", NONCE)


def with_next_header(kind: int, packet: bytes) -> bytes:
    return packet[:6] + bytes([kind]) + packet[7:]


SPOILT = bytearray(solicitation())
SPOILT[42] ^= 1
ECHO_REQUEST_SPOILT = bytearray(echo(CLIENT, SERVER_LOCAL))
ECHO_REQUEST_SPOILT[42] ^= 1


def icmp(
    source: bytes, destination: bytes, kind: int, *, code: int = 0, body: bytes = bytes(4)
) -> bytes:
    message = icmpv6.build(source, destination, kind, code, body)
    return ipv6.build(source, destination, icmpv6.PROTOCOL, message, hop_limit=255)


@pytest.mark.parametrize(
    ("payload", "source", "word"),
    [
        (b"", CLIENT_END, refusal.MALFORMED),
        (bubble(CLIENT, OTHER)[:39], CLIENT_END, refusal.MALFORMED),
        (echo(CLIENT, NATIVE)[:-1], CLIENT_END, refusal.LENGTH),
        (ORIGIN + bubble(CLIENT, OTHER), CLIENT_END, refusal.INDICATOR),
        (teredo.build_authentication(NONCE) + bubble(CLIENT, OTHER), CLIENT_END, refusal.INDICATOR),
        (with_next_header(59, echo(CLIENT, OTHER)), CLIENT_END, refusal.BUBBLE_WITH_PAYLOAD),
        (ipv6.build(CLIENT, NATIVE, 58, b"\x80"), CLIENT_END, refusal.MALFORMED),
        (data(CLIENT, NATIVE), CLIENT_END, server.NOT_CARRIED),
        (with_next_header(0, bubble(CLIENT, OTHER)), CLIENT_END, server.NOT_CARRIED),
        (echo(CLIENT, NATIVE, octets=81), CLIENT_END, server.TOO_LONG),
        (solicitation(), PRIVATE_END, refusal.NOT_GLOBAL),
        (bubble(address(PRIVATE_END), CLIENT), PRIVATE_END, refusal.NOT_GLOBAL),
        (solicitation(), PRIMARY, refusal.LOOP),
        (solicitation(hop_limit=254), CLIENT_END, refusal.HOP_LIMIT),
        (bytes(SPOILT), CLIENT_END, refusal.BAD_CHECKSUM),
        (icmp(SOLICITING, ALL_ROUTERS, 133, code=1), CLIENT_END, refusal.MALFORMED),
        (
            icmp(SOLICITING, ALL_ROUTERS, 133, body=bytes(4) + b"\x01\0"),
            CLIENT_END,
            refusal.MALFORMED,
        ),
        (solicitation(CLIENT), CLIENT_END, server.NOT_ROUTABLE),
        (solicitation(NATIVE), CLIENT_END, server.NOT_ACCEPTED),
        (solicitation(destination=ALL_NODES), CLIENT_END, server.NOT_ACCEPTED),
        (bubble(CLIENT, OTHER), OTHER_END, refusal.MAPPING_DIFFERS),
        (bubble(NATIVE, address(OTHER_END, RELAY_END.ip)), RELAY_END, server.NOT_ACCEPTED),
        (echo(RELAY_LOCAL, NATIVE), RELAY_END, server.NOT_ACCEPTED),
        (bubble(ALL_NODES, CLIENT), RELAY_END, server.NOT_ROUTABLE),
        (bubble(packed("::ffff:1.2.3.4"), CLIENT), RELAY_END, server.NOT_ROUTABLE),
        (icmp(SERVER_LOCAL, CLIENT, 134), OTHER_END, server.NEIGHBOUR_DISCOVERY),
        (icmp(CLIENT, OTHER, 137), CLIENT_END, server.NEIGHBOUR_DISCOVERY),
        (bubble(CLIENT, ALL_NODES), CLIENT_END, server.NOT_ROUTABLE),
        (echo(CLIENT, ALL_NODES), CLIENT_END, server.NOT_ROUTABLE),
        (echo(CLIENT, packed("fe80::1")), CLIENT_END, server.NOT_ROUTABLE),
        (echo(CLIENT, packed("3ffe:831f::1")), CLIENT_END, server.NOT_ROUTABLE),
        (bubble(CLIENT, NATIVE), CLIENT_END, server.NOT_A_TEST),
        (echo(CLIENT, NATIVE, reply=True), CLIENT_END, server.NOT_A_TEST),
        (echo(CLIENT, NATIVE, hop_limit=0), CLIENT_END, refusal.HOP_LIMIT),
        (bubble(CLIENT, SERVER_LOCAL), CLIENT_END, server.NOT_A_TEST),
        (bytes(ECHO_REQUEST_SPOILT), CLIENT_END, refusal.BAD_CHECKSUM),
        (bubble(CLIENT, address(PRIVATE_END)), CLIENT_END, refusal.NOT_GLOBAL),
        (bubble(CLIENT, address(Endpoint(OTHER_END.ip, 0))), CLIENT_END, refusal.NOT_GLOBAL),
        (bubble(CLIENT, address(PRIMARY)), CLIENT_END, refusal.LOOP),
        (bubble(CLIENT, address(Endpoint(SECONDARY.ip, 53))), CLIENT_END, refusal.LOOP),
        (bubble(address(PRIMARY), address(PRIMARY)), PRIMARY, refusal.LOOP),
        (bubble(address(SECONDARY), CLIENT), SECONDARY, refusal.LOOP),
    ],
)
def test_each_rule_has_its_word(payload: bytes, source: Endpoint, word: str) -> None:
    machine = make()
    assert ask(machine, payload, source) == []
    assert machine.ipv6_to_deliver() == []
    assert machine.drops == Counter({word: 1})


def test_only_what_came_to_its_ends_is_looked_at() -> None:
    machine = make()
    assert ask(machine, solicitation(), end=Endpoint(PRIMARY.ip, 3545)) == []
    assert machine.drops == {server.NOT_MINE: 1}


def test_advertisements_to_its_own_machine_are_refused() -> None:
    machine = make()
    assert ask(machine, solicitation(), Endpoint(PRIMARY.ip, 5000)) == []
    assert machine.drops == {refusal.LOOP: 1}


def test_a_relay_on_the_same_machine_is_served() -> None:
    here = Endpoint(PRIMARY.ip, 3545)
    (sent,) = ask(make(), bubble(RELAY_LOCAL, CLIENT), here)
    assert sent.payload == teredo.build_origin(*here) + bubble(RELAY_LOCAL, CLIENT)


@pytest.mark.parametrize("source", [NATIVE, RELAY_LOCAL], ids=["global", "link-local"])
def test_bubbles_of_relays_reach_the_client_with_their_origin(source: bytes) -> None:
    asked = bubble(source, CLIENT, hop_limit=0)
    (sent,) = ask(make(), asked, RELAY_END, SECONDARY)
    assert sent == Datagram(
        PRIMARY, CLIENT_END, teredo.build_origin(*RELAY_END) + asked, TeredoPacket.BUBBLE
    )


def test_bubbles_of_clients_tell_their_origin_themselves() -> None:
    (sent,) = ask(make(), bubble(OTHER, CLIENT), OTHER_END)
    assert (sent.destination, sent.payload) == (CLIENT_END, bubble(OTHER, CLIENT))


def test_with_origin_always_bubbles_are_those_of_miredo_server() -> None:
    sender = packed("2001:0:cb00:7101:0:63bf:34ff:8ef5")
    other = packed("2001:0:cb00:7101:0:63be:34ff:8ef5")
    asked = teredo.build_bubble(sender, other, hop_limit=0xFF)
    (sent,) = ask(make(origin_always=True), asked)
    assert sent.payload == PAYLOADS["forwarded-bubble"]
    nonce = teredo.build_trailer_nonce(bytes.fromhex("deadbeef"))
    (sent,) = ask(make(origin_always=True), asked + nonce)
    assert sent.payload == PAYLOADS["forwarded-bubble-with-nonce"]


def test_clients_of_other_servers_get_no_origin() -> None:
    strange = address(OTHER_END, RELAY_END.ip)
    (sent,) = ask(make(origin_always=True), bubble(CLIENT, strange))
    assert (sent.destination, sent.payload) == (OTHER_END, bubble(CLIENT, strange))


def test_trailers_are_kept_and_what_is_none_is_cut() -> None:
    trailers = (
        teredo.build_trailer_nonce(bytes(4)),
        teredo.build_trailer_alternate([PRIVATE_END]),
        teredo.build_trailer_random_port(5),
        bytes([0x41, 2, 0, 0]),  # a later RFC's; clients shall judge
    )
    asked = bubble(OTHER, CLIENT, *trailers)
    (sent,) = ask(make(), asked + b"\x05\x02\x01", OTHER_END)
    assert sent.payload == asked


def test_a_connectivity_test_leaves_as_it_came() -> None:
    machine = make()
    asked = echo(CLIENT, NATIVE)
    trailer = teredo.build_trailer_nonce(bytes(4))
    assert ask(machine, asked + trailer) == []
    assert machine.ipv6_to_deliver() == [asked]
    assert machine.ipv6_to_deliver() == []


def test_the_longest_message_still_passes() -> None:
    machine = make()
    asked = echo(CLIENT, NATIVE, octets=server.LONGEST_MESSAGE - 8)
    ask(machine, asked)
    assert machine.ipv6_to_deliver() == [asked]


def test_tests_of_other_clients_pass() -> None:
    """An echo request to a Teredo address is forwarded like a bubble."""
    asked = echo(OTHER, CLIENT)
    (sent,) = ask(make(), asked, OTHER_END)
    assert (sent.payload, sent.packet) == (asked, TeredoPacket.DATA)


def test_it_answers_echo_requests_itself() -> None:
    (sent,) = ask(make(), echo(CLIENT, SERVER_LOCAL), end=SECONDARY)
    assert (sent.source, sent.destination) == (SECONDARY, CLIENT_END)
    assert sent.payload == echo(SERVER_LOCAL, CLIENT, hop_limit=64, reply=True)


def test_native_packets_have_nobody_here() -> None:
    machine = make()
    machine.send_ipv6(data(NATIVE, CLIENT), 0.0)
    assert machine.drops == {server.NO_HOST: 1}
    assert payloads(machine.datagrams_to_send()) == []


def test_the_largest_datagram_is_forwarded_within_udp() -> None:
    """Trailers are bounded in number, so that the origin's 8 octets never break the limit."""
    longest = bytes([0x80, 255]) + bytes(255)
    room = 65507 - 40
    trailers = (longest * (room // 257)).ljust(room, b"\0")
    (sent,) = ask(make(), bubble(NATIVE, CLIENT, trailers), RELAY_END)
    assert len(sent.payload) == 8 + 40 + teredo.MAX_TRAILERS * 257
    assert len(sent.payload) <= udp.MAX_LENGTH - udp.HEADER_LENGTH
