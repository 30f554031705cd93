"""A 6over4 link comes to life by multicast."""

from __future__ import annotations

from sensor.lab.scenarios.sixoverfour import PREFIX
from sensor.schema.words import Kind
from tests.lab.scenarios.linked import embedded, ends, host, kinds
from tests.lab.scenarios.stories import answers, services, told

ROUTER, ALICE, BOB = (f"192.168.1.{number}" for number in (20, 21, 22))
ALL_NODES, ALL_ROUTERS = "239.192.0.1", "239.192.0.2"


def test_hosts_find_their_router_and_each_other_by_groups() -> None:
    world, truth = told("sixoverfour-lan")
    met = ends("sixoverfour-lan", "inside")
    assert {ROUTER, ALL_NODES} in met
    assert {ALICE, ALL_ROUTERS} in met
    assert {ALICE, BOB} in met
    assert host(world, "alice").address.startswith(PREFIX)
    assert services(truth) == {("alice", 80): "answered", ("bob", 8_080): "answered"}
    assert [whole for _, _, whole in answers(truth)] == [True, True]


def test_link_local_addresses_embed_their_hosts() -> None:
    found = embedded("sixoverfour-lan", "inside", Kind.SIXOVERFOUR)
    assert found["fe80::c0a8:115"] == ALICE


def test_nothing_of_it_leaves_the_site() -> None:
    assert kinds("sixoverfour-lan", "outside") == {}
    assert told("sixoverfour-lan")[1].captures["outside"].frames > 0
