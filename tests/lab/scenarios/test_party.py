"""What people with IPv6 hosts do, and what came of it."""

from __future__ import annotations

import pytest

from sensor.lab.network.connection import Outcome
from sensor.lab.scenarios.party import PAGE, request, response
from sensor.lab.scenarios.world import World
from sensor.wire import icmpv6, tcp, udp


def test_a_request_is_answered_when_it_is_whole() -> None:
    asked = request("[2001:db8::1]:80")
    assert all(response(asked[:cut], PAGE) is None for cut in range(len(asked)))
    head, _, page = (response(asked, PAGE) or b"").partition(b"\r\n\r\n")
    assert page == PAGE
    assert f"Content-Length: {len(PAGE)}".encode() in head


def test_a_page_takes_more_than_one_segment() -> None:
    assert len(PAGE) > 2 * 1_220


@pytest.fixture(scope="module")
def world() -> World:
    """A reader tries all that a server may do."""
    world = World(1)
    server, reader = world.remote("server"), world.remote("reader")
    server.serve(80, b"page")
    server.serve_udp(53, b"answer")
    server.hide(25)
    reader.fetch(server)
    reader.fetch(server, 22)
    reader.fetch(server, 25)
    reader.ask(server, 53, b"?")
    reader.ask(server, 54, b"?")
    reader.ping(server)
    world.wait(200)
    return world


def test_what_was_tried_is_kept(world: World) -> None:
    (server, reader) = world.remotes
    assert {(tried.by, tried.whom) for tried in world.tries} == {("reader", "server")}
    assert [(tried.transport, tried.service.port, tried.answered) for tried in world.tries] == [
        (tcp.PROTOCOL, 80, True),
        (tcp.PROTOCOL, 22, False),
        (tcp.PROTOCOL, 25, False),
        (udp.PROTOCOL, 53, True),
        (udp.PROTOCOL, 54, False),
        (icmpv6.PROTOCOL, 0, True),
    ]
    assert {tried.service.ip for tried in world.tries} == {server.address}
    assert all(tried.at == 0.0 for tried in world.tries)
    assert reader.address != server.address


def test_only_what_was_answered_is_whole(world: World) -> None:
    assert all(tried.whole is tried.answered for tried in world.tries)


def test_a_hidden_port_says_nothing(world: World) -> None:
    asked = world.tries[2].asked
    assert getattr(asked, "outcome", None) is Outcome.TIMED_OUT
