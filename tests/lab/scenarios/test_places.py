"""Where the stories are looked at, and which way packets go."""

from __future__ import annotations

import pytest

from sensor.schema.words import NatType, TeredoPacket
from tests.lab.scenarios.stories import answers, services, told, tunnel


@pytest.mark.parametrize(
    "name",
    [
        "relay-side",
        "host-relay",
        "carrier-grade",
        "local-discovery",
        "hairpin",
        "alternate-addresses",
    ],
)
def test_pages_are_read_whole(name: str) -> None:
    assert all(whole for *_, whole in answers(told(name)[1]))


def test_beside_the_relay_its_own_frames_are_seen_alone() -> None:
    world, truth = told("relay-side")
    relay = world.relay.end
    for frame in truth.captures["outside"].labelled:
        assert relay in (frame.end, frame.destination)
    packets = {frame.packet for frame in truth.captures["outside"].labelled}
    assert TeredoPacket.ROUTER_SOLICITATION not in packets


def test_a_host_with_a_relay_needs_no_other() -> None:
    world, truth = told("host-relay")
    senders = {frame.sender for frame in truth.captures["outside"].labelled}
    assert senders == {"alice", "server", "native-4"}
    (remote,) = world.remotes
    assert {relay.end for relay in tunnel(truth).relays} == {getattr(remote, "end", None)}


def test_two_levels_are_passed() -> None:
    _, truth = told("carrier-grade")
    inside, outside = (truth.captures[side].ends("alice") for side in ("inside", "outside"))
    assert inside == (tunnel(truth).inside,)
    assert outside == (tunnel(truth).mappings[0].public,)


def test_of_two_nats_the_symmetric_one_decides() -> None:
    _, truth = told("symmetric-carrier")
    assert tunnel(truth).concluded is NatType.SYMMETRIC
    assert len({mapping.public for mapping in tunnel(truth).mappings}) == 2


def test_between_two_nats_homes_look_like_hosts() -> None:
    world, truth = told("between-nats")
    assert services(truth) == {("alice", 80): "answered", ("bob", 22): "refused"}
    for name in ("alice", "bob"):
        (end,) = truth.captures["inside"].ends(name)
        assert end.ip[:2] == bytes([100, 64])
        assert end.ip in [home.box.outside.addresses[0] for home in world.places]
        assert tunnel(truth, name).watched


@pytest.mark.parametrize("name", ["local-discovery", "alternate-addresses"])
def test_neighbours_that_find_each_other_use_their_own_network(name: str) -> None:
    _, truth = told(name)
    outside = [frame.packet for frame in truth.captures["outside"].labelled]
    inside = [frame.packet for frame in truth.captures["inside"].labelled]
    assert TeredoPacket.DATA in inside
    assert TeredoPacket.DATA not in outside
    assert {peer.end.ip[:2] for peer in tunnel(truth).peers} == {bytes([192, 168])}


def test_a_nat_that_sends_packets_back_shows_them_twice_inside() -> None:
    _, truth = told("hairpin")
    public = tunnel(truth).mappings[0].public
    inside = truth.captures["inside"]
    assert inside.ends("alice") == (tunnel(truth).inside, public)
    assert TeredoPacket.DATA not in [frame.packet for frame in truth.captures["outside"].labelled]
