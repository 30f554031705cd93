"""Innocents do what attackers do, for reasons of their own, and reach what they want."""

from __future__ import annotations

from collections import Counter

import pytest

from sensor.lab.scenarios.companions import (
    COMPANIONS,
    CONSOLE_PORT,
    CONSOLES,
    FRIENDS,
    PHONES,
    READERS,
)
from sensor.lab.scenarios.company import SERVER
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.teredo.relay import BUBBLE_TRIALS
from sensor.schema.words import TeredoPacket
from sensor.wire import teredo
from sensor.wire.addresses import parse_teredo, sixtofour
from tests.lab.scenarios.stories import BY_NAME, answers, sent, services, told, tunnel


@pytest.mark.parametrize("scenario", COMPANIONS, ids=lambda scenario: scenario.name)
def test_each_is_against_attacks_that_exist_and_gets_what_it_wants(scenario: Scenario) -> None:
    assert scenario.against
    assert set(scenario.against) <= set(BY_NAME)
    _, truth = told(scenario.name)
    assert truth.tries
    assert all(tried.whole for tried in truth.tries)
    assert all(capture.frames < 500 for capture in truth.captures.values())


def test_no_frame_of_theirs_is_flawed() -> None:
    for scenario in COMPANIONS:
        _, truth = told(scenario.name)
        assert not any(frame.flawed for each in truth.captures.values() for frame in each.labelled)


def test_who_roams_has_another_address_and_another_mapping() -> None:
    _, truth = told("roaming")
    before, after = tunnel(truth, "laptop"), tunnel(truth, "laptop-moved")
    assert (before.state, after.state) == ("stopped", "qualified")
    assert before.addresses[0].mapped.ip != after.addresses[0].mapped.ip
    assert before.inside.port == after.inside.port
    met = [parse_teredo(peer.address) for peer in tunnel(truth, "bob").peers if peer.address]
    assert len({found.ip for found in met if found}) == 2


def test_a_carriers_clients_share_one_address_and_no_nonce() -> None:
    _, truth = told("crowded-carrier")
    mapped = {each.addresses[0].mapped for each in truth.tunnels}
    assert len(mapped) == PHONES
    assert len({end.ip for end in mapped}) == 1
    assert len(services(truth)) == 3
    asked = Counter(
        teredo.parse(octets).authentications[0].nonce
        for each in truth.tunnels
        for _, octets in sent("crowded-carrier", each.name, TeredoPacket.ROUTER_SOLICITATION)
    )
    assert max(asked.values()) == 1


def test_a_console_meets_all_others_from_its_port() -> None:
    _, truth = told("console")
    ours = tunnel(truth, "home-console")
    assert {each.inside.port for each in truth.tunnels} == {CONSOLE_PORT}
    assert len({met.end for met in ours.peers}) == CONSOLES
    times = [met.at for met in ours.peers]
    assert max(times) - min(times) < 3_000_000_000
    assert {port for _, port in services(truth)} == {CONSOLE_PORT}


def test_a_companys_laptop_talks_with_its_company_alone() -> None:
    _, truth = told("direct-access")
    laptop = tunnel(truth, "laptop")
    assert set(laptop.servers) == {SERVER, SERVER[:3] + bytes([SERVER[3] + 1])}
    assert {met.end.ip for met in laptop.relays} == {SERVER}
    for packet in (TeredoPacket.DATA, TeredoPacket.CONNECTIVITY_TEST):
        for frame, octets in sent("direct-access", "laptop", packet):
            assert frame.destination is not None
            assert frame.destination.ip == SERVER
            assert sixtofour(octets[24:40]) == SERVER


def test_who_chats_meets_as_many_as_a_scanner_would() -> None:
    world, truth = told("chatty")
    alice = tunnel(truth)
    assert len({met.end for met in alice.peers}) == FRIENDS
    assert dict(world.clients[0].client.drops) == {}
    assert answers(truth)[0] == ("friend-0", "alice", True)


def test_a_server_answers_twice_and_late_and_the_client_keeps_its_address() -> None:
    world, truth = told("server-maintenance")
    alice = tunnel(truth)
    assert len(alice.addresses) == 1
    assert alice.state == "qualified"
    assert world.clients[0].client.drops["unsolicited-advertisement"] >= 1
    assert world.clients[0].client.drops["nonce"] >= 1
    asked = Counter(
        octets for _, octets in sent(
            "server-maintenance", "alice", TeredoPacket.ROUTER_SOLICITATION
        )
    )  # fmt: skip
    assert max(asked.values()) >= 2
    answered = Counter(
        octets for _, octets in sent(
            "server-maintenance", "server", TeredoPacket.ROUTER_ADVERTISEMENT
        )
    )  # fmt: skip
    assert max(answered.values()) >= 2


def test_who_is_gone_is_called_in_vain() -> None:
    _, truth = told("departed")
    calls = sent("departed", "server", TeredoPacket.BUBBLE, "outside")
    assert len(calls) == 1 + BUBBLE_TRIALS
    assert len(truth.exposures[0].openings) == READERS
    assert any(frame.quoted for frame in truth.captures["inside"].labelled)
    assert tunnel(truth).state == "stopped"
