"""Scans, floods, loops and reflection: how much of what they send has an effect."""

from __future__ import annotations

from sensor.lab.deviants import forgery
from sensor.lab.deviants.scanner import FLAGS
from sensor.lab.deviants.weak_server import ENDLESS, ROUNDS
from sensor.lab.network.tap import Tap
from sensor.lab.scenarios.attackers import fire, server_end
from sensor.lab.scenarios.floods import (
    BLOCK,
    FLOOD,
    FORGED_PEERS,
    PORTS,
    REFLECTED,
    weak_server,
)
from sensor.lab.scenarios.world import OTHER_SERVER, World
from sensor.lab.teredo.reception import ANSWERS_A_SECOND
from sensor.lab.teredo.relay import BUBBLE_TRIALS
from sensor.lab.teredo.settings import PeerLimits
from sensor.schema.words import TeredoPacket
from sensor.wire.addresses import TeredoAddress, parse_teredo
from sensor.wire.ports import TEREDO_PORT
from tests.lab.scenarios.stories import answers, sent, services, told, tunnel


def drops(name: str) -> dict[str, int]:
    """What the client did not take."""
    return dict(told(name)[0].clients[0].client.drops)


# scans


def test_a_scanner_tries_every_port_up_to_the_right_one() -> None:
    _, truth = told("address-scan")
    end = tunnel(truth).addresses[0].mapped
    tried = [
        frame.destination
        for frame, _ in sent("address-scan", "server", TeredoPacket.BUBBLE, "outside")
        if frame.destination and frame.destination.ip == end.ip
    ]
    # Port 0 is nobody's: the server sends nothing there.
    assert [each.port for each in tried[: end.port]] == list(range(1, end.port + 1))
    assert len(tried) < PORTS


def test_then_the_flags_and_then_it_reads_the_page() -> None:
    _, truth = told("address-scan")
    guesses = sent("address-scan", "scanner", TeredoPacket.DATA)
    found = parse_teredo(tunnel(truth).addresses[0].address)
    assert found is not None
    assert found.flags in FLAGS
    assert FLAGS.index(found.flags) < len(guesses) <= len(FLAGS)
    assert services(truth) == {("alice", 80): "answered"}
    assert answers(truth) == [("burglar", "alice", True)]
    world, _ = told("address-scan")
    assert [each.name for each in world.remotes] == ["burglar"]


def test_the_nat_lets_in_one_bubble_of_all() -> None:
    inside = sent("address-scan", "server", TeredoPacket.BUBBLE)
    assert len([octets for _, octets in inside if len(octets) == 48]) <= 3


def test_who_wants_its_whole_address_is_not_found() -> None:
    _, truth = told("scan-in-vain")
    assert drops("scan-in-vain") == {"destination": 1}
    assert len(sent("scan-in-vain", "server", TeredoPacket.BUBBLE, "outside")) == BLOCK
    assert sent("scan-in-vain", "alice", TeredoPacket.BUBBLE, "outside") == []
    assert sent("scan-in-vain", "scanner", TeredoPacket.DATA, "outside") == []
    assert truth.tries == ()


# floods


def test_a_flood_is_answered_to_a_limit() -> None:
    limited = drops("bubble-flood")["answers-limited"]
    assert len(sent("bubble-flood", "mallory", TeredoPacket.BUBBLE)) == FLOOD
    assert ANSWERS_A_SECOND <= FLOOD - limited <= ANSWERS_A_SECOND * 3
    assert tunnel(told("bubble-flood")[1]).state == "qualified"


def test_more_peers_than_there_is_room_for_put_each_other_out() -> None:
    _, truth = told("peer-flood")
    assert drops("peer-flood") == {"peer-evicted": FORGED_PEERS - PeerLimits().peers}
    ends = truth.captures["inside"].ends("mallory")
    assert len(ends) == FORGED_PEERS
    assert sent("peer-flood", "alice", TeredoPacket.BUBBLE) == []


# loops and reflection


def test_one_server_refuses_to_feed_itself_and_one_never_ends() -> None:
    world, truth = told("server-self-loop")
    assert world.server.node.machine.drops == {"loop": 1}
    assert [frame.sender for frame in truth.captures["outside"].labelled] == ["mallory"] * 2
    for frame in truth.captures["outside"].labelled:
        assert frame.end == frame.destination
        assert frame.end is not None
        assert frame.end.port == TEREDO_PORT


def test_a_server_sends_an_answer_and_a_bubble_to_who_asked_for_neither() -> None:
    _, truth = told("server-reflection")
    for packet in (TeredoPacket.ROUTER_ADVERTISEMENT, TeredoPacket.BUBBLE):
        reflected = sent("server-reflection", "server", packet)
        assert len(reflected) == REFLECTED
    refusals = [frame for frame in truth.captures["outside"].labelled if frame.quoted]
    assert len(refusals) == 2 * REFLECTED
    assert {frame.sender for frame in refusals} == {"victim"}
    assert truth.tunnels == ()


def test_a_relay_sends_bubbles_and_no_data_to_who_is_named() -> None:
    world, truth = told("relay-reflection")
    assert {frame.packet for frame in truth.captures["outside"].labelled} == {TeredoPacket.BUBBLE}
    assert len(sent("relay-reflection", "relay", TeredoPacket.BUBBLE)) == REFLECTED * BUBBLE_TRIALS
    drops = world.relay.node.machine.drops
    assert drops["not-reached"] == REFLECTED
    assert (drops["loop"], drops["ipv4-not-global"]) == (1, 1)
    assert truth.tunnels == ()


def test_the_weak_servers_loop_is_on_no_wire() -> None:
    world = World(1)
    weak, ear, mallory = weak_server(world), Tap(world.internet), world.stranger("mallory")
    end = server_end(OTHER_SERVER)
    itself = TeredoAddress(end.ip, 0, end.port, end.ip, False).build()
    fire(mallory, [forgery.echo(end, end, (itself, itself))], gap=1.0)
    world.wait(1)
    assert weak.rounds == ROUNDS
    assert weak.drops == {ENDLESS: 1}
    assert len(ear.frames) == 1
