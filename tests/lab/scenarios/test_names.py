"""Who answers when a host asks for its ISATAP router."""

from __future__ import annotations

from sensor.lab.network.behaviour import PORT_RESTRICTED
from sensor.lab.scenarios.isatap import PREFIX, ROGUE_PREFIX
from sensor.lab.scenarios.names import (
    LLMNR_GROUP,
    Responder,
    by_dns,
    by_llmnr,
    by_netbios,
)
from sensor.lab.scenarios.world import World
from sensor.schema.records import Endpoint
from sensor.wire import dns
from sensor.wire.addresses import packed
from sensor.wire.ports import LLMNR_PORT, NETBIOS_PORT
from tests.lab.scenarios.linked import ends, host, kinds
from tests.lab.scenarios.stories import answers, services, told

ALICE, BOB, STRANGER = (f"192.168.1.{number}" for number in (20, 21, 22))


def test_a_stranger_becomes_the_router_of_both_who_asked() -> None:
    world, truth = told("isatap-names")
    assert ends("isatap-names", "inside") == [{ALICE, STRANGER}, {BOB, STRANGER}]
    assert host(world, "alice").address.startswith(ROGUE_PREFIX)
    assert host(world, "bob").address.startswith(ROGUE_PREFIX)
    assert services(truth) == {("alice", 80): "answered"}
    assert [whole for _, _, whole in answers(truth)] == [True, True, True]
    assert kinds("isatap-names", "outside") == {}


def test_where_names_are_honest_the_sites_own_router_is_used() -> None:
    world, truth = told("isatap-names-honest")
    assert ends("isatap-names-honest", "inside") == [{ALICE, BOB}]
    assert host(world, "alice").address.startswith(PREFIX)
    assert services(truth) == {}
    assert answers(truth) == [("alice", "remote", True)]


def test_each_service_answers_for_names_that_somebody_has() -> None:
    world = World(1)
    home = world.home("home", PORT_RESTRICTED)
    asking, printer = home.host("asking"), home.host("printer")
    Responder(printer, home, {"printer": printer.address})
    world.name("known.example.net", packed("192.0.2.99"))
    assert by_llmnr(world, asking, "printer") == printer.address
    assert by_netbios(world, home, asking, "printer") == printer.address
    assert by_dns(world, asking, "known.example.net") == packed("192.0.2.99")
    assert by_llmnr(world, asking, "isatap") is None
    assert by_netbios(world, home, asking, "isatap") is None
    assert by_dns(world, asking, "isatap.example.net") is None


def test_answers_and_noise_are_not_answered() -> None:
    world = World(1)
    home = world.home("home", PORT_RESTRICTED)
    asking, printer = home.host("asking"), home.host("printer")
    Responder(printer, home, {"printer": printer.address})
    answer = dns.build_response(1, "printer", dns.TYPE_A, [asking.address])
    broadcast = home.network + b"\xff"
    for payload in (answer, b"", b"\xff" * 40):
        for end in (Endpoint(LLMNR_GROUP, LLMNR_PORT), Endpoint(broadcast, NETBIOS_PORT)):
            asked = asking.ask(end, payload)
            world.wait(1)
            assert asked.answers == []
