"""Which packets are told of, how much of them, and how often."""

from __future__ import annotations

from collections import Counter

import pytest

from sensor.lab.inner.errors import (
    A_SECOND,
    ABOUT_MULTICAST,
    LONGEST,
    NO_SOURCE,
    NOT_ONE_NODE,
    TOO_MANY,
    Errors,
    is_one_node,
)
from sensor.wire import icmpv6, ipv6, udp
from sensor.wire.addresses import packed, text
from sensor.wire.cursor import Cursor
from tests.lab.teredo.parties import CLIENT, NATIVE, RELAY_LOCAL, RELAY_SOURCE, data, echo


def about(packet: bytes, errors: Errors | None = None, now: float = 0.0) -> bytes | None:
    errors = errors or Errors(RELAY_SOURCE, Counter())
    return errors.about(packet, icmpv6.UNREACHABLE, 3, now)


def icmp(kind: int, *headers: bytes, first: int = icmpv6.PROTOCOL) -> bytes:
    message = icmpv6.build(NATIVE, CLIENT, kind, 0, bytes(4))
    return ipv6.build(NATIVE, CLIENT, first, b"".join(headers) + message)


def test_an_error_quotes_the_packet_to_its_sender() -> None:
    packet = data(NATIVE, CLIENT)
    told = about(packet)
    assert told is not None
    header = ipv6.parse(Cursor(told))
    assert (header.source, header.destination, header.hop_limit) == (RELAY_SOURCE, NATIVE, 64)
    message = icmpv6.parse(Cursor(told, 40))
    assert (message.type, message.code) == (icmpv6.UNREACHABLE, 3)
    assert icmpv6.quoted(message.body) == packet


def test_a_long_packet_is_quoted_in_part() -> None:
    packet = data(NATIVE, CLIENT, bytes(2000))
    told = about(packet)
    assert told is not None
    assert len(told) == LONGEST
    assert icmpv6.quoted(icmpv6.parse(Cursor(told, 40)).body) == packet[: LONGEST - 48]


@pytest.mark.parametrize(
    ("packet", "told"),
    [
        (echo(NATIVE, CLIENT), True),
        (icmp(icmpv6.UNREACHABLE), False),
        (icmp(icmpv6.PARAMETER_PROBLEM), False),
        (icmp(127), False),
        (icmp(icmpv6.REDIRECT), False),
        (icmp(1, ipv6.build_extension(60, 58, b""), first=60), False),
        (icmp(128, ipv6.build_extension(60, 58, b""), first=60), True),
        (ipv6.build(NATIVE, CLIENT, 44, ipv6.build_fragment(17, 1, 0, True) + bytes(8)), True),
        (ipv6.build(NATIVE, CLIENT, 44, ipv6.build_fragment(17, 1, 8, False) + bytes(8)), False),
        (ipv6.build(NATIVE, CLIENT, icmpv6.PROTOCOL, b""), False),
        (ipv6.build(NATIVE, CLIENT, udp.PROTOCOL, b""), True),
    ],
)
def test_errors_redirects_and_later_fragments_are_not_told_of(packet: bytes, told: bool) -> None:
    assert (about(packet) is not None) == told


@pytest.mark.parametrize(
    "source",
    ["ff02::1", "ff0e::5", "::", "::1", "::1.2.3.4", "::ffff:1.2.3.4", text(RELAY_SOURCE)],
)
def test_who_is_not_one_other_node_is_told_nothing(source: str) -> None:
    drops: Counter[str] = Counter()
    errors = Errors(RELAY_SOURCE, drops)
    for _ in range(A_SECOND):
        assert about(data(packed(source), CLIENT), errors) is None
    assert drops == {NOT_ONE_NODE: A_SECOND}
    assert about(data(NATIVE, CLIENT), errors) is not None  # the allowance is whole


@pytest.mark.parametrize("source", ["fe80::1", "2001:db8::80", "fd00::1", "::1:0:0", "::fffe:0:0"])
def test_one_node(source: str) -> None:
    assert is_one_node(packed(source))
    assert about(data(packed(source), CLIENT)) is not None


def test_only_the_mtu_is_told_of_what_went_to_a_group() -> None:
    drops: Counter[str] = Counter()
    errors = Errors(RELAY_SOURCE, drops)
    packet = data(NATIVE, packed("ff0e::5"))
    assert about(packet, errors) is None
    assert drops == {ABOUT_MULTICAST: 1}
    told = errors.about(packet, icmpv6.TOO_BIG, 0, 0.0, parameter=1_280)
    assert told is not None
    assert told[24:40] == NATIVE


def test_only_so_many_a_second() -> None:
    drops: Counter[str] = Counter()
    errors = Errors(RELAY_SOURCE, drops)
    packet = data(NATIVE, CLIENT)
    told = [about(packet, errors, 100.0) for _ in range(A_SECOND + 5)]
    assert sum(error is not None for error in told) == A_SECOND
    assert drops == {TOO_MANY: 5}
    told = [about(packet, errors, 100.5) for _ in range(A_SECOND)]
    assert sum(error is not None for error in told) == A_SECOND // 2


def test_who_has_no_address_to_send_from_sends_none() -> None:
    drops: Counter[str] = Counter()
    assert about(data(NATIVE, CLIENT), Errors(RELAY_LOCAL, drops)) is None
    assert drops == {NO_SOURCE: 1}


def test_who_is_on_the_link_is_told_from_a_link_local_address() -> None:
    told = about(data(NATIVE, CLIENT), Errors(RELAY_LOCAL, Counter(), on_link=True))
    assert told is not None
    assert told[8:40] == RELAY_LOCAL + NATIVE
