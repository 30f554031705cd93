"""The stories of exposed services come out as they say."""

from __future__ import annotations

import pytest

from sensor.lab.scenarios.party import PAGE
from tests.lab.scenarios.stories import answers, services, told


@pytest.mark.parametrize(
    ("name", "opened"),
    [
        ("web-server", {("printer", 80): "answered", ("printer", 22): "refused"}),
        ("refused-port", {("alice", 22): "refused"}),
        ("silent-port", {("alice", 445): "attempted"}),
        ("udp-service", {("alice", 30_001): "answered", ("alice", 30_002): "refused"}),
        ("many-remotes", {("alice", 8_080): "answered"}),
        ("outbound-only", {}),
        ("two-hosts", {("bob", 80): "answered"}),
        ("ordinary", {}),
    ],
)
def test_services_are_opened_as_told(name: str, opened: dict[tuple[str, int], str]) -> None:
    assert services(told(name)[1]) == opened


def test_the_printers_page_is_read_whole_twice() -> None:
    world, _ = told("web-server")
    pages = [
        getattr(tried.asked, "received", b"")
        for tried in world.tries
        if (tried.by, tried.service.port) == ("reader", 80)
    ]
    assert [page.endswith(PAGE) for page in pages] == [True, True]


def test_the_printer_is_gone_in_the_end() -> None:
    world, truth = told("web-server")
    assert [tunnel.state for tunnel in truth.tunnels] == ["stopped"]
    assert world.clients[0].client.address is None


def test_there_is_ordinary_traffic_around_the_web_server() -> None:
    _, truth = told("web-server")
    inside = truth.captures["inside"]
    assert inside.frames - len(inside.labelled) > len(inside.labelled) // 2


def test_who_only_opens_is_answered() -> None:
    _, truth = told("outbound-only")
    assert answers(truth) == [("alice", "native", True)] * 3


def test_two_hosts_have_two_servers() -> None:
    _, truth = told("two-hosts")
    first, second = (tunnel.servers[0] for tunnel in truth.tunnels)
    assert first != second


def test_an_ordinary_home_has_no_frame_of_a_tunnel() -> None:
    _, truth = told("ordinary")
    assert [capture.labelled for capture in truth.captures.values()] == [(), ()]
