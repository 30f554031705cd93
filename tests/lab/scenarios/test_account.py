"""The account of a world agrees with what its makers know."""

from __future__ import annotations

from sensor.lab.scenarios.account import EPOCH, moment
from sensor.lab.scenarios.openings import Outcome
from sensor.schema.records import Endpoint
from sensor.schema.words import NatType, TeredoPacket
from sensor.wire.addresses import parse_teredo
from tests.lab.scenarios.stories import exposure, told, tunnel


def test_clocks_start_at_the_epoch() -> None:
    assert moment(0.0) == EPOCH
    assert moment(1.5) - EPOCH == 1_500_000_000


def test_labelled_frames_are_those_that_machines_sent() -> None:
    world, truth = told("web-server")
    for side, tap in world.watched.taps.items():
        capture = truth.captures[side]
        assert capture.frames == len(tap.frames)
        labels = {frame.number: frame.sender for frame in capture.labelled}
        assert labels == {
            number: frame.label.sender
            for number, frame in enumerate(tap.frames, 1)
            if frame.label is not None
        }
        assert 0 < len(labels) < capture.frames, "ordinary traffic has no label"
    assert {"printer", "server", "relay"} == set(labels.values())


def test_ends_are_those_of_the_place() -> None:
    _, truth = told("web-server")
    printer = tunnel(truth, "printer")
    assert truth.captures["inside"].ends("printer") == (printer.inside,)
    (mapping,) = printer.mappings
    assert truth.captures["outside"].ends("printer") == (mapping.public,)


def test_addresses_hold_the_mappings_that_the_nat_gave() -> None:
    _, truth = told("rebound")
    alice = tunnel(truth)
    assert [had.mapped for had in alice.addresses] == [m.public for m in alice.mappings]
    for had in alice.addresses:
        address = parse_teredo(had.address)
        assert address is not None
        assert Endpoint(address.ip, address.port) == had.mapped
    first, second = alice.mappings
    assert first.since < (first.until or 0) <= second.since
    assert second.until is None


def test_two_levels_of_nat_are_one_mapping() -> None:
    world, truth = told("carrier-grade")
    alice = tunnel(truth)
    assert [box.name for box in alice.boxes] == ["home-nat", "carrier-nat"]
    (mapping,) = alice.mappings
    (home,) = world.clients[0].home.boxes[0].mappings
    assert mapping.inside == alice.inside == home.inside
    assert mapping.public.ip == world.places[0].box.outside.addresses[0]
    assert set(alice.macs) == {"home", "carrier"}


def test_what_holds_for_one_remote_end_names_it() -> None:
    _, truth = told("symmetric-off-line")
    alice = tunnel(truth)
    remotes = [mapping.remote for mapping in alice.mappings]
    assert [remote.ip for remote in remotes if remote] == list(alice.servers)
    assert alice.concluded is NatType.SYMMETRIC
    assert alice.addresses == ()


def test_openings_tell_who_when_and_what_came_of_it() -> None:
    world, truth = told("many-remotes")
    opened = exposure(truth, 8_080)
    assert [opening.by for opening in opened.openings] == [
        *(f"remote-{number}" for number in range(5)),
        "remote-0",
    ]
    assert {opening.outcome for opening in opened.openings} == {Outcome.ANSWERED}
    for tried, opening in zip(truth.tries, opened.openings, strict=True):
        assert 0 < opening.at - tried.at < 1_000_000_000
    assert opened.address == world.clients[0].address


def test_relays_and_peers_are_met_once() -> None:
    _, relayed = told("many-remotes")
    assert len({met.end for met in tunnel(relayed).relays}) == 1
    assert len(tunnel(relayed).relays) == 5, "once for each native host behind it"
    _, paired = told("pair-port-restricted-port-restricted")
    bob = tunnel(paired, "bob")
    assert [met.address for met in tunnel(paired).peers] == [bob.addresses[0].address]
    assert [met.end for met in tunnel(paired).peers] == [bob.mappings[0].public]


def test_doubled_frames_are_marked() -> None:
    world, truth = told("bad-line")
    doubled = [frame for frame in truth.captures["inside"].labelled if frame.doubled]
    assert doubled
    frames = world.watched.inside.frames
    for frame in doubled:
        octets = frames[frame.number - 1].octets
        assert octets in [before.octets for before in frames[: frame.number - 1]]
    _, clean = told("web-server")
    assert not any(frame.doubled for frame in clean.captures["inside"].labelled)


def test_errors_about_tunnel_packets_are_quotations() -> None:
    _, truth = told("gone")
    quoted = [frame for frame in truth.captures["inside"].labelled if frame.quoted]
    assert quoted
    assert {frame.sender for frame in quoted} == {"alice"}
    assert {frame.end for frame in quoted} == {None}
    assert {frame.packet for frame in quoted} == {TeredoPacket.DATA}
