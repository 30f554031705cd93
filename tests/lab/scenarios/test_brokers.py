"""Stories of tunnel brokers come out as they say."""

from __future__ import annotations

import pytest

from tests.lab.scenarios.linked import ends, host, kinds, senders
from tests.lab.scenarios.stories import services, told


@pytest.mark.parametrize("name", ["ayiya", "tsp-udp", "tsp-protocol41"])
def test_a_user_is_read_and_still_is_when_nothing_was_said_for_long(name: str) -> None:
    _, truth = told(name)
    assert services(truth) == {("alice", 80): "answered", ("alice", 22): "refused"}
    assert [tried.whole for tried in truth.tries] == [True, True, False, True]


@pytest.mark.parametrize("name", ["ayiya", "tsp-udp"])
def test_one_pair_of_ends_carries_all_of_it(name: str) -> None:
    world, truth = told(name)
    assert len(ends(name, "inside")) == len(ends(name, "outside")) == 1
    assert "connected" in [event.what for _, event in host(world, "alice").node.events]
    assert {link.client is not None for link in truth.captures["outside"].links} == {True}


def test_tsp_over_tcp_agrees_on_a_tunnel_by_protocol_41() -> None:
    _, truth = told("tsp-protocol41")
    found = kinds("tsp-protocol41", "outside")
    assert found["tsp"] == 7, "each side's words, a segment each"
    assert found["6in4"] > 20
    signalling, tunnel = truth.captures["outside"].links
    assert {end.port for end in tunnel.ends} == {0}
    assert {end.ip for end in signalling.ends} == {end.ip for end in tunnel.ends}
    assert set(senders("tsp-protocol41", "outside")) == {"alice", "broker"}
