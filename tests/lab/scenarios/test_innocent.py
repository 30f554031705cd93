"""The innocent look like deviants, and are none."""

from __future__ import annotations

import zlib

import pytest

from sensor.lab.scenarios.catalogue import SCENARIOS
from sensor.lab.scenarios.innocent import LONG_PAGE, TRACED_HOPS
from sensor.wire import ipv4, teredo, udp
from sensor.wire.cursor import Cursor
from sensor.wire.ports import TEREDO_PORT
from tests.lab.scenarios.stories import answers, payload, services, told

ETHERNET = 14


def protocols(name: str) -> set[int]:
    frames = told(name)[0].watched.outside.frames
    return {ipv4.parse(Cursor(frame.octets, ETHERNET)).protocol for frame in frames}


@pytest.mark.parametrize("name", ["look-alikes", "vpn"])
def test_they_have_no_tunnel_and_no_frame_of_one(name: str) -> None:
    _, truth = told(name)
    assert [capture.labelled for capture in truth.captures.values()] == [(), ()]
    assert [capture.links for capture in truth.captures.values()] == [(), ()]
    assert not truth.tunnels
    assert not truth.exposures


def test_look_alikes_begin_as_teredo_does_and_go_on_otherwise() -> None:
    payloads = [payload(frame.octets) for frame in told("look-alikes")[0].watched.outside.frames]
    beginnings = {octets[:2] for octets in payloads} | {octets[:1] for octets in payloads}
    assert beginnings >= {b"\0\0", b"\0\1", b"\x60", b"\x6f"}
    assert sum(octets[0] >> 4 == 6 for octets in payloads) > 30
    assert not any(_is_whole(octets) for octets in payloads)


def _is_whole(octets: bytes) -> bool:
    if octets[0] >> 4 != 6 or len(octets) < 40:
        return False
    return int.from_bytes(octets[4:6]) + 40 == len(octets)


def test_some_of_them_are_at_the_port_of_teredo_and_are_answered() -> None:
    world, _ = told("look-alikes")
    ports: list[tuple[int, int]] = []
    for frame in world.watched.inside.frames:
        cursor = Cursor(frame.octets, ETHERNET)
        ipv4.parse(cursor)
        header = udp.parse(cursor)
        ports.append((header.source_port, header.destination_port))
    assert sum(source == TEREDO_PORT for source, _ in ports) > 4
    assert sum(destination == TEREDO_PORT for _, destination in ports) > 4
    assert protocols("look-alikes") == {udp.PROTOCOL}, "nobody refused"


def test_private_networks_are_of_four_protocols() -> None:
    assert protocols("vpn") == {4, 17, 47, 50}


def test_check_sequences_are_right_and_change_nothing() -> None:
    world, truth = told("padded")
    for frame in world.watched.inside.frames:
        assert zlib.crc32(frame.octets[:-4]).to_bytes(4, "little") == frame.octets[-4:]
    assert services(truth) == {
        ("alice", 30_020): "answered", ("alice", 30_021): "answered", ("alice", 80): "answered",
    }  # fmt: skip
    labelled = truth.captures["inside"].labelled
    frames = world.watched.inside.frames
    for each in labelled:
        assert teredo.parse(payload(frames[each.number - 1].octets)).unparsed == 0


def test_long_pages_arrive_in_fragments() -> None:
    world, truth = told("long-pages")
    assert answers(truth) == [("remote", "alice", True), ("carol", "bob", True)]
    pages = [getattr(tried.asked, "received", b"") for tried in world.tries]
    assert all(page.endswith(LONG_PAGE) for page in pages)
    headers = [ipv4.parse(Cursor(f.octets, ETHERNET)) for f in world.watched.outside.frames]
    assert {h.protocol for h in headers if h.more_fragments} == {udp.PROTOCOL, 41}
    assert not any(frame.flawed for frame in truth.captures["outside"].labelled)


def test_innocents_name_attacks_that_exist() -> None:
    names = {scenario.name for scenario in SCENARIOS}
    against = [name for scenario in SCENARIOS for name in scenario.against]
    assert len(against) > 6
    assert set(against) <= names


def test_a_traced_way_shows_every_hop_limit_once() -> None:
    world, truth = told("traced")
    limits = [
        teredo.parse(payload(frame.octets)).header.hop_limit
        for frame in world.watched.inside.frames
        if frame.label is not None and frame.label.sender == "relay"
    ]
    assert [limit for limit in limits if limit <= TRACED_HOPS] == list(range(1, TRACED_HOPS - 1))
    assert not truth.exposures
