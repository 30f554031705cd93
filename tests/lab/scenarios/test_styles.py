"""Each style looks on the wire as the implementation it imitates."""

from __future__ import annotations

import itertools

import pytest

from sensor.schema.words import NatType, TeredoPacket
from sensor.wire import icmpv6, ipv6, teredo
from sensor.wire.addresses import LEGACY_TEREDO_PREFIX, packed
from sensor.wire.cursor import Cursor
from sensor.wire.ports import TEREDO_PORT
from tests.lab.scenarios.stories import answers, sent, told, tunnel

SOLICITATION = TeredoPacket.ROUTER_SOLICITATION
TEST = TeredoPacket.CONNECTIVITY_TEST
BUBBLE = TeredoPacket.BUBBLE
CONE = packed("fe80::8000:ffff:ffff:fffd")


def inner(payload: bytes) -> ipv6.IPv6Header:
    return teredo.parse(payload).header


def message(payload: bytes) -> bytes:
    """The ICMPv6 message in an IPv6 packet."""
    return payload[teredo.parse(payload).ipv6_offset + ipv6.HEADER_LENGTH :]


@pytest.mark.parametrize(
    ("name", "source", "length"),
    [
        ("windows-like", "fe80::ffff:ffff:fffe", 61),
        ("miredo-like", "fe80::ffff:ffff:ffff", 61),
        ("xp-like-cone", "fe80::8000:ffff:ffff:fffd", 61),
        ("xp-like-restricted", "fe80::8000:ffff:ffff:fffd", 61),
    ],
)
def test_the_first_solicitation(name: str, source: str, length: int) -> None:
    _, first = sent(name, "alice", SOLICITATION)[0]
    assert inner(first).source == packed(source)
    assert inner(first).hop_limit == 255
    assert len(first) == length


def test_xp_tells_its_former_mapping_when_it_has_one() -> None:
    _, refresh = sent("xp-like-cone", "alice", SOLICITATION)[-1]
    assert len(refresh) == 77
    (option,) = icmpv6.parse_router_solicitation(
        icmpv6.parse(Cursor(message(refresh))).body
    ).options
    mapped = icmpv6.mapped_from_option(option)
    (had,) = tunnel(told("xp-like-cone")[1]).addresses
    assert mapped is not None
    assert (mapped.ip, mapped.port) == had.mapped


def test_xp_asks_for_a_cone_first() -> None:
    _, cone = told("xp-like-cone")
    assert tunnel(cone).concluded is NatType.CONE
    sources = {inner(payload).source for _, payload in sent("xp-like-cone", "alice", SOLICITATION)}
    assert sources == {CONE}
    _, restricted = told("xp-like-restricted")
    assert tunnel(restricted).concluded is NatType.RESTRICTED
    asked = [inner(p).source for _, p in sent("xp-like-restricted", "alice", SOLICITATION)]
    assert asked[:4] == [CONE] * 3 + [packed("fe80::ffff:ffff:fffd")]


@pytest.mark.parametrize("name", ["xp-like-cone", "xp-like-restricted"])
def test_xp_has_the_former_prefix_and_flags_that_mean_something(name: str) -> None:
    _, truth = told(name)
    (had,) = tunnel(truth).addresses
    assert had.address.startswith(LEGACY_TEREDO_PREFIX)
    assert had.address[8:10] == (b"\x80\x00" if name == "xp-like-cone" else b"\x00\x00")


def test_windows_tests_with_four_octets_at_hop_limit_21() -> None:
    ((_, test),) = sent("windows-like", "alice", TEST)
    assert (inner(test).payload_length, inner(test).hop_limit, len(test)) == (12, 21, 52)


def test_miredo_tests_with_a_digest_at_hop_limit_128() -> None:
    ((_, test),) = sent("miredo-like", "alice", TEST)
    assert (inner(test).payload_length, inner(test).hop_limit, len(test)) == (26, 128, 66)


def test_miredo_asks_one_server_every_thirty_seconds() -> None:
    world, truth = told("miredo-like")
    assert len(tunnel(truth).servers) == 1
    assert tunnel(truth).concluded is NatType.UNKNOWN
    times = [
        world.watched.inside.frames[frame.number - 1].time
        for frame, _ in sent("miredo-like", "alice", SOLICITATION)
    ]
    gaps = [round(after - before, 6) for before, after in itertools.pairwise(times)]
    assert len(gaps) == 2
    assert set(gaps) == {30.0}


def test_bubbles_of_miredo_have_no_hops_left_and_those_of_windows_21() -> None:
    for name, hops in (("miredo-like", 0), ("windows-like", 21)):
        limits = {inner(payload).hop_limit for _, payload in sent(name, "alice", BUBBLE)}
        assert limits == {hops}


def test_others_refresh_when_they_like() -> None:
    world, _ = told("windows-like")
    times = [
        world.watched.inside.frames[frame.number - 1].time
        for frame, _ in sent("windows-like", "alice", SOLICITATION)
    ]
    gaps = [after - before for before, after in itertools.pairwise(times[1:])]
    assert len(set(gaps)) == len(gaps) > 1
    assert all(22.5 <= gap <= 30.0 for gap in gaps)


@pytest.mark.parametrize(
    "name", ["windows-like", "miredo-like", "xp-like-cone", "xp-like-restricted"]
)
def test_each_of_them_reads_and_is_read(name: str) -> None:
    _, truth = told(name)
    assert answers(truth) == [("alice", "native", True), ("native", "alice", True)]


def test_without_extensions_a_symmetric_nat_ends_it() -> None:
    world, truth = told("symmetric-off-line")
    assert tunnel(truth).state == "off-line"
    texts = [event.text for _, event in world.clients[0].node.events]
    assert any("Unsupported symmetric NAT" in text for text in texts)


@pytest.mark.parametrize("name", ["symmetric", "port-preserving"])
def test_with_them_it_qualifies_and_reads_and_is_read(name: str) -> None:
    _, truth = told(name)
    assert tunnel(truth).state == "qualified"
    assert tunnel(truth).concluded is NatType.SYMMETRIC
    assert answers(truth) == [("alice", "native", True), ("native", "alice", True)]


def test_who_knows_the_secret_is_answered() -> None:
    _, truth = told("secured")
    assert tunnel(truth).state == "qualified"
    for _, payload in sent("secured", "alice", SOLICITATION):
        (authentication,) = teredo.parse(payload).authentications
        assert authentication.identifier == b"alice@example.net"
        assert len(authentication.value) == 20


def test_a_second_port_finds_the_interval_out() -> None:
    world, truth = told("interval")
    assert len(tunnel(truth).ends) == 2
    assert "interval" in {event.what for _, event in world.clients[0].node.events}


def test_trailers_of_windows_stand_in_its_order() -> None:
    found = [
        tuple(trailer.type for trailer in teredo.parse(payload).trailers)
        for frame, payload in sent("pair-port-preserving-port-restricted", "alice", BUBBLE)
        if frame.destination is not None and frame.destination.port == TEREDO_PORT
    ]
    assert found[0] == (
        teredo.TRAILER_NONCE,
        teredo.TRAILER_ALTERNATE_ADDRESS,
        teredo.TRAILER_RANDOM_PORT,
    )
