"""Whom an impostor deceives, and who sees through it."""

from __future__ import annotations

from sensor.lab.scenarios.attackers import ATTACKERS_PORT
from sensor.lab.scenarios.impostors import GUESSES, IMPOSTORS
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import icmpv6
from tests.lab.scenarios.stories import answers, sent, services, told, tunnel


def drops(name: str) -> dict[str, int]:
    """What the client did not take."""
    return dict(told(name)[0].clients[0].client.drops)


def test_each_story_is_short() -> None:
    for scenario in IMPOSTORS:
        _, truth = told(scenario.name)
        assert all(capture.frames < 500 for capture in truth.captures.values())


def test_claims_from_another_place_are_refused_and_forged_ones_delivered() -> None:
    _, truth = told("mapped-spoof")
    assert drops("mapped-spoof") == {"mapping-differs": 40}
    ends = truth.captures["inside"].ends("mallory")
    (bob,) = truth.captures["outside"].ends("bob")
    assert ends == (Endpoint(ends[0].ip, ATTACKERS_PORT), bob)
    # Three echo requests were believed: the peer hears answers to what it never asked.
    replies = [
        octets
        for _, octets in sent("mapped-spoof", "alice", TeredoPacket.DATA)
        if octets[6] == icmpv6.PROTOCOL and octets[40] == icmpv6.ECHO_REPLY
    ]
    assert len(replies) == 3
    assert services(truth) == {("bob", 80): "answered"}


def test_a_guessed_nonce_moves_no_peer() -> None:
    _, truth = told("takeover")
    assert drops("takeover") == {"mapping-differs": GUESSES}
    assert answers(truth) == [("alice", "bob", True)] * 2
    assert len({met.end for met in tunnel(truth).peers}) == 1


def test_a_guessed_nonce_moves_no_client_of_a_relay() -> None:
    world, truth = told("relay-takeover")
    assert world.relay.node.machine.drops["mapping-differs"] == GUESSES
    assert answers(truth) == [("remote", "alice", True)] * 2
    assert truth.captures["inside"].ends("mallory") == ()
    assert len(truth.captures["outside"].ends("mallory")) == 1


def test_a_nonce_that_was_heard_moves_it() -> None:
    _, truth = told("takeover-by-ear")
    assert drops("takeover-by-ear") == {}
    assert answers(truth) == [("alice", "bob", True), ("alice", "bob", False)]
    (mallory,) = truth.captures["outside"].ends("mallory")
    assert {met.end for met in tunnel(truth).peers} >= {mallory}
    stolen = [
        frame
        for frame, _ in sent("takeover-by-ear", "alice", TeredoPacket.DATA)
        if frame.destination == mallory
    ]
    assert stolen
