"""What strangers reach by protocol 41, and what they do not."""

from __future__ import annotations

from sensor.lab.scenarios.intruders import BARE_HOSTS, PROBED
from sensor.lab.sixinfour.refusal import NOT_CONFIGURED
from sensor.schema.words import Kind
from tests.lab.scenarios.linked import embedded, ends, host, kinds, senders
from tests.lab.scenarios.stories import services, told


def test_of_all_probed_addresses_one_unwraps_and_those_of_other_hosts_refuse() -> None:
    _, truth = told("sixinfour-probe")
    found = kinds("sixinfour-probe", "outside")
    assert found == {"6to4": PROBED + 1, "quoted": BARE_HOSTS}
    assert senders("sixinfour-probe", "inside")["gullible"] == 1
    assert len(ends("sixinfour-probe", "inside")) == PROBED
    assert services(truth) == {}, "it only pinged"
    assert len(embedded("sixinfour-probe", "outside", Kind.SIXTOFOUR)) == PROBED + 1


def test_a_user_refuses_strangers_but_not_one_with_the_brokers_address() -> None:
    world, truth = told("broker-forged")
    assert host(world, "alice").node.machine.drops == {NOT_CONFIGURED: 3}
    assert len(ends("broker-forged", "outside")) == 2
    assert services(truth) == {("alice", 80): "answered"}
    (opened,) = truth.exposures[0].openings
    assert opened.by == "victim"
    assert [tried.by for tried in truth.tries] == ["alice"]


def test_who_answers_for_a_host_opens_nothing() -> None:
    world, truth = told("answered-for")
    assert services(truth) == {("alice", 445): "attempted"}
    (alice,) = world.tunnelled
    assert alice.stack.tcp.drops == {"silent": 1}
    assert senders("answered-for", "inside") == {"alice": 1, "broker": 1, "stranger": 2}


def test_sources_of_the_site_come_from_outside() -> None:
    world, truth = told("source-inside")
    assert senders("source-inside", "outside") == {"router": 1, "broker": 1, "stranger": 2}
    flawed = [frame.flawed for frame in truth.captures["inside"].labelled]
    assert flawed == [False, False, False, True], "nobody may send such a routing header any more"
    printer, camera = world.tunnelled
    assert printer.stack.drops["no-listener"] == 1, "which a routing header asks to send on"
    assert camera.stack.drops == {}
    assert services(truth) == {}
