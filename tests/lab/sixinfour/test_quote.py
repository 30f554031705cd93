"""What ICMPv4 errors say, whoever wrote them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.inner.refusal import BAD_CHECKSUM, MALFORMED, Refused
from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour import quote
from sensor.lab.sixinfour.refusal import NO_ERROR, NOT_SENT, QUOTES_TOO_LITTLE
from sensor.wire import icmpv4, ipv4
from tests.lab.sixinfour.ends import FAR, LOCAL, NEAR, REMOTE, ROUTER_ON_THE_WAY, carried
from tests.lab.sixinfour.ends import error_about as about
from tests.lab.teredo.parties import data

SENT = carried(data(NEAR, FAR), LOCAL, REMOTE)


def refused(packet: OuterPacket) -> str:
    with pytest.raises(Refused) as caught:
        quote.read(packet)
    return str(caught.value)


def icmp(message: bytes) -> OuterPacket:
    return OuterPacket(ROUTER_ON_THE_WAY, LOCAL, icmpv4.PROTOCOL, message)


def test_an_error_says_which_packet_and_where_it_went() -> None:
    assert quote.read(about(SENT)) == quote.Quote(None, REMOTE, SENT.payload)


def test_only_one_code_is_about_the_mtu() -> None:
    assert quote.read(about(SENT, icmpv4.UNREACHABLE, 4, mtu=1_400)).mtu == 1_400
    assert quote.read(about(SENT, icmpv4.UNREACHABLE, 3, mtu=1_400)).mtu is None
    assert quote.read(about(SENT, icmpv4.TIME_EXCEEDED, 4, mtu=1_400)).mtu is None


@pytest.mark.parametrize(
    "kind", [icmpv4.ECHO_REPLY, icmpv4.SOURCE_QUENCH, icmpv4.REDIRECT, icmpv4.PARAMETER_PROBLEM]
)
def test_other_messages_are_of_no_use(kind: int) -> None:
    assert refused(about(SENT, kind)) == NO_ERROR


def test_a_damaged_message_is_not_believed() -> None:
    sent = about(SENT)
    damaged = sent.payload[:-1] + bytes([sent.payload[-1] ^ 1])
    assert refused(sent._replace(payload=damaged)) == BAD_CHECKSUM


def test_octets_that_are_no_ipv4_packet_are_malformed() -> None:
    assert refused(icmp(icmpv4.build(3, 1, bytes(4), b""))) == MALFORMED
    assert refused(icmp(icmpv4.build(3, 1, bytes(4), SENT.payload))) == MALFORMED
    assert refused(icmp(b"\xff\xff")) == MALFORMED


def test_padding_and_extensions_behind_the_quote_are_no_part_of_it() -> None:
    """RFC 4884: at least 128 octets, zeros behind a shorter packet, then what routers add."""
    outer = ipv4.build(LOCAL, REMOTE, 41, SENT.payload)
    extension = bytes.fromhex("2000dfff")
    rest = bytes([0, 128 // 4, 0, 0])
    long = ipv4.build(LOCAL, REMOTE, 41, data(NEAR, FAR, bytes(200)))[:128]
    for quoted in (outer, long):
        message = icmpv4.build(3, 1, rest, quoted.ljust(128, b"\0") + extension)
        assert quote.read(icmp(message)).inner == quoted[20:]


def test_only_the_first_fragment_tells_of_its_inner_packet() -> None:
    first = ipv4.build(LOCAL, REMOTE, 41, SENT.payload, more_fragments=True)
    later = ipv4.build(LOCAL, REMOTE, 41, SENT.payload, fragment_offset=1_024)
    assert quote.read(icmp(icmpv4.build_error(3, 1, first))).inner == SENT.payload
    assert refused(icmp(icmpv4.build_error(3, 1, later))) == NOT_SENT


def test_a_quoted_length_is_not_believed_beyond_what_is_there() -> None:
    outer = bytearray(ipv4.build(LOCAL, REMOTE, 41, SENT.payload))
    outer[2:4] = b"\xff\xff"
    assert quote.read(icmp(icmpv4.build_error(3, 1, bytes(outer)))).inner == SENT.payload
    outer[2:4] = b"\0\0"  # as segmentation offload leaves it, on no packet that was sent
    assert refused(icmp(icmpv4.build_error(3, 1, bytes(outer)))) == QUOTES_TOO_LITTLE


def test_a_quote_of_another_version_tells_no_host() -> None:
    sent = SENT._replace(payload=b"\x45" + SENT.payload[1:])
    assert refused(about(sent)) == QUOTES_TOO_LITTLE


@given(
    st.binary(max_size=120),
    st.binary(max_size=60),
    st.sampled_from(sorted(icmpv4.ERRORS)),
    st.binary(min_size=4, max_size=4),
    st.booleans(),
)
def test_a_quote_is_always_an_ipv6_header_at_least_or_refused(
    octets: bytes, head: bytes, kind: int, rest: bytes, real: bool
) -> None:
    start = ipv4.build(LOCAL, REMOTE, 41, head + octets) if real else head
    for message in (icmpv4.build(kind, 4, rest, start + octets), octets):
        try:
            found = quote.read(icmp(message))
        except Refused:
            continue
        assert found.inner[0] >> 4 == 6
        assert len(found.inner) >= 40
        assert found.destination == REMOTE
