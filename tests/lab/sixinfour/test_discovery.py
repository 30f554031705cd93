"""Messages of Neighbour Discovery: what is one, and what is none that may be believed."""

from __future__ import annotations

import pytest

from sensor.lab.inner.refusal import BAD_CHECKSUM, HOP_LIMIT, MALFORMED, Refused
from sensor.lab.sixinfour.discovery import (
    Neighbour,
    build_neighbour,
    link_layer,
    read,
    solicited_node,
)
from sensor.wire import icmpv6, ipv6
from sensor.wire.addresses import packed
from sensor.wire.icmpv6 import Option
from tests.lab.sixinfour.site import NATIVE, advertisement, data, discovery, neighbour

ONE, TWO = packed("fe80::1"), packed("fe80::2")
NODE = packed("ff02::1:ff00:2")
PLACE = Option(icmpv6.OPTION_SOURCE_LINK_LAYER, bytes(2) + bytes([10, 0, 0, 1]))


@pytest.mark.parametrize(
    "packet",
    [
        data(ONE, TWO),
        discovery(ONE, TWO, icmpv6.ECHO_REQUEST, bytes(4)),
        discovery(ONE, TWO, 138, bytes(4)),
        ipv6.build(ONE, TWO, icmpv6.PROTOCOL, b""),
    ],
)
def test_other_packets_are_none(packet: bytes) -> None:
    assert read(packet) is None


@pytest.mark.parametrize(
    ("packet", "word"),
    [
        (discovery(ONE, TWO, 133, bytes(4), hop_limit=254), HOP_LIMIT),
        (discovery(ONE, TWO, 133, bytes(4), code=1), MALFORMED),
        (discovery(ONE, TWO, 133, bytes(4))[:-1] + b"\1", BAD_CHECKSUM),
        (ipv6.build(ONE, TWO, icmpv6.PROTOCOL, b"\x85", hop_limit=255), BAD_CHECKSUM),
        (ipv6.build(ONE, TWO, icmpv6.PROTOCOL, b"\x85\0", hop_limit=255), BAD_CHECKSUM),
    ],
)
def test_what_was_passed_on_or_damaged_is_refused(packet: bytes, word: str) -> None:
    with pytest.raises(Refused, match=word):
        read(packet)


def test_a_cut_message_whose_sum_is_right_is_refused() -> None:
    """Three octets can sum up as any message does."""
    for low in range(256):
        for high in range(256):
            octets = bytes([133, high, low])
            packet = ipv6.build(ONE, TWO, icmpv6.PROTOCOL, octets, hop_limit=255)
            with pytest.raises(Refused) as refused:
                read(packet)
            if str(refused.value) == MALFORMED:
                return
    raise AssertionError("no sum is right")


def test_a_neighbour_message_is_read_as_it_was_built() -> None:
    told = Neighbour(0xE0, NATIVE, (PLACE,))
    packet = build_neighbour(ONE, TWO, icmpv6.NEIGHBOUR_ADVERTISEMENT, told)
    found = read(packet)
    assert found is not None
    assert (found.source, found.destination) == (ONE, TWO)
    assert found.neighbour() == told
    assert link_layer(told.options, icmpv6.OPTION_SOURCE_LINK_LAYER) == PLACE.data
    assert link_layer(told.options, 2) is None


@pytest.mark.parametrize(
    "packet",
    [
        discovery(ONE, TWO, 135, bytes(4)),
        discovery(ONE, TWO, 135, bytes(19)),
        discovery(ONE, TWO, 135, b""),
        neighbour(ONE, TWO, 135, NODE),
        neighbour(ONE, TWO, 135, TWO, options=b"\1\0"),
        neighbour(ONE, TWO, 135, TWO, options=b"\1\2" + bytes(6)),
        neighbour(bytes(16), TWO, 135, TWO),
        neighbour(bytes(16), NODE, 135, TWO, options=PLACE.build()),
    ],
)
def test_bad_neighbour_messages_are_refused(packet: bytes) -> None:
    found = read(packet)
    assert found is not None
    with pytest.raises(Refused, match=MALFORMED):
        found.neighbour()


def test_who_looks_for_duplicates_has_no_address() -> None:
    found = read(neighbour(bytes(16), NODE, 135, TWO))
    assert found is not None
    assert found.neighbour().target == TWO


@pytest.mark.parametrize(
    "packet",
    [
        discovery(ONE, TWO, 133, b""),
        discovery(ONE, TWO, 133, bytes(4) + b"\1\0"),
        discovery(bytes(16), TWO, 133, bytes(4) + PLACE.build()),
    ],
)
def test_bad_solicitations_are_refused(packet: bytes) -> None:
    found = read(packet)
    assert found is not None
    with pytest.raises(Refused, match=MALFORMED):
        found.router_solicitation()


def test_bad_advertisements_are_refused() -> None:
    for packet in (discovery(ONE, TWO, 134, bytes(11)), discovery(ONE, TWO, 134, bytes(14))):
        found = read(packet)
        assert found is not None
        with pytest.raises(Refused, match=MALFORMED):
            found.router_advertisement()
    found = read(advertisement(ONE, TWO, lifetime=77))
    assert found is not None
    assert found.router_advertisement().router_lifetime == 77


def test_the_group_of_an_address() -> None:
    assert solicited_node(packed("2001:db8::12:3456")) == packed("ff02::1:ff12:3456")
