"""Every evasion is received: what nobody receives evades nobody."""

from __future__ import annotations

from functools import partial

import pytest

from sensor.lab.deviants.fragments import FragmentingHost, fitting
from sensor.lab.network.host import Host
from sensor.lab.scenarios import evasion
from sensor.lab.scenarios.evasion import CHAINS, CONFIGURED_NESTS, MOVED, NESTED_SERVICE, NESTS
from sensor.lab.scenarios.run import tell
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import ipv4, ipv6, teredo
from sensor.wire.cursor import Cursor
from sensor.wire.ports import TEREDO_PORT
from tests.lab.scenarios.stories import BY_NAME, answers, sent, services, told, tunnel

DATA = TeredoPacket.DATA
BOTH_WAYS = [("bob", "alice", True), ("alice", "bob", True)]


@pytest.mark.parametrize(
    ("name", "tries"),
    [
        ("trailing-junk", [("native", "alice", True), ("alice", "native", True)]),
        ("auth-on-data", BOTH_WAYS),
        ("doubled-origin", BOTH_WAYS),
        ("hop-limit-zero", BOTH_WAYS),
        ("moved-port", BOTH_WAYS),
        ("moved-port-midstream", BOTH_WAYS[::-1]),
        ("snapped-96", [("remote", "alice", True)]),
        ("snapped-64", [("remote", "alice", True)]),
        ("irc-behind-hop-by-hop", [("remote", "alice", True)]),
        ("fragment-overlap", [("remote", "alice", True)]),
        ("fragment-overlap-teredo", [("bob", "alice", True)]),
    ],
)
def test_all_that_is_asked_is_answered_whole(name: str, tries: list[tuple[str, str, bool]]) -> None:
    assert answers(told(name)[1]) == tries


def test_all_that_a_client_sends_has_junk_behind() -> None:
    _, truth = told("trailing-junk")
    for packet in TeredoPacket:
        payloads = [octets for _, octets in sent("trailing-junk", "alice", packet)]
        assert all(teredo.parse(octets).unparsed for octets in payloads)
    flawed = {frame.sender for frame in truth.captures["inside"].labelled if frame.flawed}
    assert flawed == {"alice"}
    assert tunnel(truth).state == "qualified"


def test_indicators_are_in_front_of_all_data() -> None:
    for _, octets in sent("auth-on-data", "alice", DATA):
        assert len(teredo.parse(octets).authentications) == 1
    for _, octets in sent("doubled-origin", "bob", DATA):
        assert len(teredo.parse(octets).origins) == 2


def test_hop_limits_are_zero_on_all_data_and_on_nothing_else() -> None:
    _, truth = told("hop-limit-zero")
    limits = {
        frame.packet: {ipv6.parse(Cursor(octets)).hop_limit for _, octets in sent(*asked)}
        for frame in truth.captures["inside"].labelled
        if frame.packet in (DATA, TeredoPacket.BUBBLE)
        for asked in [("hop-limit-zero", "alice", frame.packet)]
    }
    assert limits == {DATA: {0}, TeredoPacket.BUBBLE: {21}}


def test_nothing_moved_uses_the_port_of_teredo() -> None:
    for name in ("moved-port", "moved-port-midstream"):
        for capture in told(name)[1].captures.values():
            ends = [end for frame in capture.labelled for end in (frame.end, frame.destination)]
            assert TEREDO_PORT not in {end.port for end in ends if end is not None}
    asked = sent("moved-port", "alice", TeredoPacket.ROUTER_SOLICITATION)
    assert {frame.destination and frame.destination.port for frame, _ in asked} == {MOVED}


def test_who_comes_late_sees_data_alone() -> None:
    _, truth = told("moved-port-midstream")
    for capture in truth.captures.values():
        assert {frame.packet for frame in capture.labelled} == {DATA}


@pytest.mark.parametrize("name", ["snapped-96", "snapped-64"])
def test_a_cut_capture_is_of_a_whole_story(name: str) -> None:
    world, truth = told(name)
    assert services(truth) == {("alice", 80): "answered"}
    longest = max(len(frame.octets) for frame in world.watched.inside.frames)
    assert longest > 1_000


def test_a_chain_of_each_kind_opens_a_service() -> None:
    _, truth = told("inner-extension-chains")
    assert services(truth) == {("alice", 8_000 + n): "answered" for n in range(len(CHAINS))}
    seen: set[tuple[int, ...]] = set()
    for _, octets in sent("inner-extension-chains", "bob", DATA):
        cursor = Cursor(octets)
        seen.add(ipv6.walk_extensions(ipv6.parse(cursor).next_header, cursor).headers)
    assert {tuple(each.kind for each in chain) for chain in CHAINS} <= seen


@pytest.mark.parametrize(
    ("name", "nests"), [("deep-nesting", NESTS), ("deep-nesting-6in4", CONFIGURED_NESTS)]
)
def test_services_are_opened_through_every_nest(
    name: str, nests: tuple[tuple[Kind, ...], ...]
) -> None:
    _, truth = told(name)
    assert services(truth) == {
        ("alice", NESTED_SERVICE + number): "answered" for number in range(len(nests))
    }
    within = [frame.within for frame in truth.captures["outside"].labelled if frame.within]
    assert within == [kinds for kinds in nests for _ in ("question", "answer")]


def test_every_irc_segment_is_behind_a_hop_by_hop_header() -> None:
    world, truth = told("irc-behind-hop-by-hop")
    assert services(truth) == {("alice", 6_667): "answered"}
    for frame in world.watched.outside.frames:
        cursor = Cursor(frame.octets, 14)
        ipv4.parse(cursor)
        assert ipv6.parse(cursor).next_header == ipv6.HOP_BY_HOP


@pytest.mark.parametrize("name", ["fragment-overlap", "fragment-overlap-teredo"])
def test_only_a_host_that_keeps_what_came_first_is_reached(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert services(told(name)[1]) == {("alice", 80): "answered"}
    flawed = [frame for frame in told(name)[1].captures["inside"].labelled if frame.flawed]
    assert len(flawed) > 5

    class Strict(FragmentingHost):
        """Takes no fragments that contradict each other."""

        _receive = Host._receive

    monkeypatch.setattr(evasion, "ALL_TAKEN", partial(Strict, cut=fitting(1_480)))
    _, truth = tell(BY_NAME[name])
    assert services(truth) == {}
    assert not any(whole for _, _, whole in answers(truth))
