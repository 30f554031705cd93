"""Answers to pings and to Neighbour Unreachability Detection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.inner.refusal import BAD_CHECKSUM, HOP_LIMIT, MALFORMED, Refused
from sensor.lab.sixinfour.reachability import answer
from sensor.wire import checksum, icmpv6, ipv6
from sensor.wire.addresses import UNSPECIFIED, packed
from sensor.wire.cursor import Cursor
from tests.lab.teredo.parties import data, echo

OWN = packed("fe80::cb00:7105")
ASKING = packed("fe80::c633:6407")


def solicitation(
    target: bytes = OWN,
    *,
    source: bytes = ASKING,
    hop_limit: int = 255,
    code: int = 0,
    options: bytes = b"",
) -> bytes:
    body = bytes(4) + target + options
    message = icmpv6.build(source, OWN, icmpv6.NEIGHBOUR_SOLICITATION, code, body)
    return ipv6.build(source, OWN, icmpv6.PROTOCOL, message, hop_limit=hop_limit)


def read(packet: bytes | None) -> tuple[ipv6.IPv6Header, icmpv6.Message]:
    assert packet is not None
    header = ipv6.parse(Cursor(packet))
    octets = packet[ipv6.HEADER_LENGTH :]
    pseudo = checksum.pseudo_ipv6(header.source, header.destination, 58, len(octets))
    assert checksum.verify(pseudo, octets)
    return header, icmpv6.parse(Cursor(octets))


def refused(packet: bytes) -> str:
    with pytest.raises(Refused) as caught:
        answer(packet, OWN)
    return str(caught.value)


def test_a_ping_is_answered_with_what_it_carried() -> None:
    header, message = read(answer(echo(ASKING, OWN, octets=56), OWN))
    assert (header.source, header.destination, header.hop_limit) == (OWN, ASKING, 64)
    assert message.type == icmpv6.ECHO_REPLY
    assert icmpv6.parse_echo(message.body) == icmpv6.Echo(1, 2, bytes(56))


@pytest.mark.parametrize("options", [b"", bytes.fromhex("0101020304050607")])
def test_a_solicitation_is_answered_without_a_link_layer_address(options: bytes) -> None:
    header, message = read(answer(solicitation(options=options), OWN))
    assert (header.source, header.destination, header.hop_limit) == (OWN, ASKING, 255)
    assert message.type == icmpv6.NEIGHBOUR_ADVERTISEMENT
    assert message.body == bytes.fromhex("40000000") + OWN


@pytest.mark.parametrize(
    "packet",
    [
        data(ASKING, OWN),
        echo(ASKING, OWN, reply=True),
        ipv6.build(ASKING, OWN, icmpv6.PROTOCOL, b""),
        ipv6.build(ASKING, OWN, ipv6.NO_NEXT_HEADER, b""),
    ],
)
def test_all_else_is_the_hosts(packet: bytes) -> None:
    assert answer(packet, OWN) is None


def test_what_a_router_handed_on_solicits_nothing() -> None:
    assert refused(solicitation(hop_limit=254)) == HOP_LIMIT


@pytest.mark.parametrize(
    "packet",
    [
        solicitation(ASKING),
        solicitation(OWN[:15]),
        solicitation(code=1),
        solicitation(source=UNSPECIFIED),
        echo(UNSPECIFIED, OWN),
        ipv6.build(ASKING, OWN, icmpv6.PROTOCOL, bytes([icmpv6.ECHO_REQUEST])),
    ],
)
def test_bad_questions_get_no_answer(packet: bytes) -> None:
    assert refused(packet) == MALFORMED


@pytest.mark.parametrize("packet", [echo(ASKING, OWN), solicitation()])
def test_damaged_questions_get_no_answer(packet: bytes) -> None:
    assert refused(packet[:-1] + bytes([packet[-1] ^ 1])) == BAD_CHECKSUM


@given(st.sampled_from([128, 135, 136, 1]), st.binary(max_size=40), st.booleans(), st.booleans())
def test_an_answer_is_whole_and_sums_correctly_or_there_is_none(
    kind: int, body: bytes, summed: bool, near: bool
) -> None:
    message = icmpv6.build(ASKING, OWN, kind, 0, body) if summed else bytes([kind]) + body
    packet = ipv6.build(ASKING, OWN, icmpv6.PROTOCOL, message, hop_limit=255 if near else 3)
    try:
        reply = answer(packet, OWN)
    except Refused:
        return
    if reply is not None:
        header, said = read(reply)
        assert (header.source, header.destination) == (OWN, ASKING)
        assert said.type == kind + 1
        assert len(reply) <= max(len(packet), 64)
