"""Every check of an advertisement has its word, and what servers in use do passes."""

from __future__ import annotations

import hmac

import pytest

from sensor.lab.inner.refusal import HOP_LIMIT, Refused
from sensor.lab.teredo import solicitation as words
from sensor.lab.teredo.arrival import read_arrival
from sensor.lab.teredo.authentication import digest
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.solicitation import Advertised, check, solicit
from sensor.lab.teredo.style import OWN, WINDOWS_XP, Style
from sensor.schema.records import Endpoint
from sensor.schema.words import NatType
from sensor.wire import addresses, icmpv6, ipv6, teredo
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor
from tests.lab.teredo.world import (
    LOCAL,
    MAPPED,
    NATIVE,
    PUBLIC,
    RELAY,
    SECOND,
    SERVER,
    advertisement,
    link,
)

# Protocol vectors: what Miredo's client sends and its server of 203.0.113.1 answers.
RS = bytes.fromhex(
    "6000000000083afffe800000000000000000ffffffffffff"
    "ff02000000000000000000000000000285007d3700000000"
)
RA = bytes.fromhex(
    "00010000010203040506070800" "000063bf34ff8ef5"
    "6000000000383afffe800000000000008000f22734ff8efefe800000000000000000ffffffffffff"
    "8600954c0000000000000000000007d0"
    "03044040ffffffffffffffff0000000020010000cb0071010000000000000000"
    "0501000000000500"
)  # fmt: skip
GOOD = Advertised(MAPPED, addresses.TEREDO_PREFIX)
NONCE_OF_THE_QUESTION = b"question"  # replaced by the one that was sent
SECRETS = {"identifier": b"me", "secret": b"between us"}


def answer(
    made: Link,
    payload: bytes,
    source: Endpoint = SERVER,
    *,
    server: Endpoint = SERVER,
    cone: bool = False,
) -> Advertised:
    """What the client makes of a payload that answers its solicitation."""
    sent = solicit(made, server, cone)
    nonce = teredo.parse(sent.payload).authentications
    if nonce:
        payload = payload.replace(NONCE_OF_THE_QUESTION, nonce[0].nonce)
    arrival = read_arrival(payload, source, LOCAL)
    message = arrival.message()
    assert message is not None
    return check(made, sent, arrival, message.body)


def told(made: Link, **wrong: object) -> bytes:
    """A good answer to any solicitation of ``made``, but for what ``wrong`` says."""
    sent = solicit(made, SERVER, False)
    mapped = wrong.pop("mapped", MAPPED)
    chosen = {"nonce": NONCE_OF_THE_QUESTION} | wrong
    return advertisement(sent.payload, mapped, **chosen)  # type: ignore[arg-type]


def test_the_solicitation_is_miredos_octet_for_octet() -> None:
    sent = solicit(link(), SERVER, False)
    assert sent.payload == bytes.fromhex("00010000") + sent.nonce + b"\0" + RS
    bare = solicit(link(Style(authenticates=False)), SERVER, False)
    assert bare.payload == RS


def test_xp_tells_its_former_mapping() -> None:
    made = link(WINDOWS_XP)
    made.mapped, made.nat = Endpoint(packed("70.55.215.234"), 3797), NatType.CONE
    payload = solicit(made, SERVER, True).payload
    assert payload.endswith(bytes.fromhex("01020000000000008000f12ab9c82815"))
    assert len(payload) == 77
    made.mapped = None
    assert len(solicit(made, SERVER, True).payload) == 61


def test_miredos_advertisement_is_taken() -> None:
    server = Endpoint(packed("203.0.113.1"), 3544)
    made = link(server=server.ip)
    sent = solicit(made, server, False)._replace(nonce=bytes(range(1, 9)))
    arrival = read_arrival(RA, server, LOCAL)
    message = arrival.message()
    assert message is not None
    expected = Advertised(Endpoint(packed("203.0.113.10"), 40_000), addresses.TEREDO_PREFIX)
    assert check(made, sent, arrival, message.body) == expected


def test_an_answer_may_come_from_either_address() -> None:
    for source in (SERVER, SECOND):
        made = link()
        assert answer(made, told(made), source) == GOOD


def test_the_second_address_may_be_advertised_if_it_was_asked() -> None:
    made = link()
    other = told(made, server=SECOND.ip)
    assert answer(made, other, SECOND, server=SECOND) == GOOD
    with pytest.raises(Refused, match=f"^{words.PREFIX_SERVER}$"):
        answer(made, other, SECOND, server=SERVER)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"origin": False}, words.NO_ORIGIN),
        ({"mapped": LOCAL}, words.ORIGIN_NOT_GLOBAL),
        ({"mapped": Endpoint(PUBLIC, 0)}, words.ORIGIN_NOT_GLOBAL),
        ({"destination": packed("fe80::1")}, words.ADVERTISEMENT_DESTINATION),
        ({"count": 0}, words.PREFIX_COUNT),
        ({"count": 2}, words.PREFIX_COUNT),
        ({"length": 48}, words.PREFIX_LENGTH),
        ({"prefix": packed("2001:db8::")[:4]}, words.PREFIX),
        ({"prefix": addresses.LEGACY_TEREDO_PREFIX}, words.PREFIX),
        ({"server": RELAY.ip}, words.PREFIX_SERVER),
        ({"nonce": bytes(8)}, words.NONCE),
        ({"authenticated": False}, words.NO_AUTHENTICATION),
        ({"confirmation": 1}, words.CONFIRMATION),
        ({"hop_limit": 254}, HOP_LIMIT),
    ],
    ids=str,
)
def test_each_check_refuses_with_its_word(wrong: dict[str, object], word: str) -> None:
    made = link()
    with pytest.raises(Refused, match=f"^{word}$"):
        answer(made, told(made, **wrong))


@pytest.mark.parametrize("source", [RELAY, Endpoint(SERVER.ip, 3545)], ids=str)
def test_only_the_server_advertises(source: Endpoint) -> None:
    made = link()
    with pytest.raises(Refused, match=f"^{words.ADVERTISEMENT_SOURCE}$"):
        answer(made, told(made), source)


def test_a_cone_shows_only_in_an_answer_from_the_other_address() -> None:
    made = link(WINDOWS_XP)
    source = made.link_local(cone=True)
    good = told(made, destination=source)
    assert answer(made, good, SECOND, cone=True) == GOOD
    with pytest.raises(Refused, match=f"^{words.ADVERTISEMENT_SOURCE}$"):
        answer(made, good, SERVER, cone=True)


def test_the_former_prefix_is_taken_by_those_who_use_it() -> None:
    made = link(WINDOWS_XP)
    payload = told(made, prefix=addresses.LEGACY_TEREDO_PREFIX)
    assert answer(made, payload).prefix == addresses.LEGACY_TEREDO_PREFIX


def test_who_sent_no_authentication_ignores_any() -> None:
    made = link(Style(authenticates=False))
    assert answer(made, told(made, nonce=b"leftover")) == GOOD


def test_damaged_options_are_refused() -> None:
    made = link()
    sent = solicit(made, SERVER, False)
    source = addresses.build_server_link_local(SERVER.ip)
    body = bytes(12) + b"\x03\x00"
    message = icmpv6.build(source, sent.source, icmpv6.ROUTER_ADVERTISEMENT, 0, body)
    packet = ipv6.build(source, sent.source, icmpv6.PROTOCOL, message, hop_limit=255)
    payload = teredo.build_authentication(sent.nonce) + teredo.build_origin(*MAPPED) + packet
    with pytest.raises(Refused, match=f"^{words.OPTIONS}$"):
        check(made, sent, read_arrival(payload, SERVER, LOCAL), body)


def secured(payload: bytes, secret: bytes) -> bytes:
    """An advertisement with a digest as a server with ``secret`` makes it."""
    parsed = teredo.parse(payload)
    header = parsed.authentications[0]
    rest = payload[13:]
    value = hmac.digest(secret, header.nonce + b"\0" + rest, "sha1")
    return teredo.build_authentication(header.nonce, identifier=b"me", value=value) + rest


def test_a_secured_solicitation_proves_who_sent_it() -> None:
    made = link(Style(authenticates=False), **SECRETS)
    sent = solicit(made, SERVER, False)
    header = teredo.parse(sent.payload).authentications[0]
    assert header.identifier == b"me"
    covered = sent.nonce + b"\0" + RS
    assert header.value == hmac.digest(b"between us", covered, "sha1")
    assert header.value == digest(b"between us", sent.nonce, 0, b"", RS)


@pytest.mark.parametrize("secret", [b"between us", b"guessed"])
def test_a_secured_client_takes_its_own_servers_answer_only(secret: bytes) -> None:
    made = link(OWN, **SECRETS)
    sent = solicit(made, SERVER, False)
    payload = secured(advertisement(sent.payload, MAPPED), secret)
    arrival = read_arrival(payload, SERVER, LOCAL)
    body = icmpv6.parse(Cursor(arrival.packet, ipv6.HEADER_LENGTH)).body
    if secret == b"between us":
        assert check(made, sent, arrival, body) == GOOD
        return
    with pytest.raises(Refused, match=f"^{words.DIGEST}$"):
        check(made, sent, arrival, body)


def test_an_advertisement_of_a_native_router_is_refused() -> None:
    made = link()
    with pytest.raises(Refused, match=f"^{words.ADVERTISEMENT_DESTINATION}$"):
        answer(made, told(made, destination=NATIVE))
