"""What a block of port 3544 ends, and when."""

from __future__ import annotations

from sensor.schema.words import TeredoPacket
from sensor.wire.ports import TEREDO_PORT
from tests.lab.scenarios.stories import answers, sent, services, told, tunnel
from tests.lab.scenarios.test_trouble import words


def test_a_tunnel_in_use_outlives_the_block_until_it_falls_silent() -> None:
    world, truth = told("block-of-3544")
    read = [("remote", "alice", True), ("bob", "alice", True)]
    silent = [("remote", "alice", False), ("bob", "alice", False)]
    assert answers(truth) == read * 5 + silent
    assert services(truth) == {("alice", 80): "answered"}
    assert tunnel(truth).mappings[0].until is not None
    assert world.watched.home.box.drops["blocked"] > 0


def test_after_the_block_no_server_is_heard_inside() -> None:
    _, truth = told("block-of-3544")
    inside = truth.captures["inside"].labelled
    by_server = [
        frame.number for frame in inside if frame.end is not None and frame.end.port == TEREDO_PORT
    ]
    assert 0 < max(by_server) < len(inside) / 2


def test_an_honest_client_gives_up() -> None:
    world, truth = told("block-obeyed")
    assert words("block-obeyed") == ["qualified", "off-line"]
    assert answers(truth) == [("remote", "alice", True)]
    assert tunnel(truth).state == "off-line"
    after = world.clients[0].client.drops
    assert sum(after.values()) == 0


def test_who_was_always_blocked_is_seen_inside_alone() -> None:
    world, truth = told("block-from-start")
    assert words("block-from-start") == ["off-line"] * len(words("block-from-start"))
    asked = sent("block-from-start", "alice", TeredoPacket.ROUTER_SOLICITATION)
    assert len(asked) == len(truth.captures["inside"].labelled) > 3
    assert truth.captures["outside"].labelled == ()
    assert truth.captures["outside"].frames > 0
    assert world.clients[0].had == []
