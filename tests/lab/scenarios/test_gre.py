"""Stories of GRE come out as they say."""

from __future__ import annotations

from sensor.lab.gre.endpoint import KEY_DIFFERS
from sensor.wire.addresses import text
from tests.lab.scenarios.linked import ends, host
from tests.lab.scenarios.stories import answers, services, told


def test_a_host_is_read_through_it() -> None:
    _, truth = told("gre-plain")
    assert ends("gre-plain", "outside") == [{"198.18.1.21", "192.0.2.130"}]
    assert services(truth) == {("alice", 80): "answered", ("alice", 22): "refused"}


def test_keys_tell_two_tunnels_between_the_same_ends_apart() -> None:
    _, truth = told("gre-keyed")
    links = truth.captures["outside"].links
    assert sorted(link.key or 0 for link in links) == [7, 8]
    assert links[0].ends == links[1].ends
    opened = {(text(each.address), each.state.text) for each in truth.exposures}
    assert opened == {("2001:db8:607::10", "answered"), ("2001:db8:608::10", "answered")}
    assert all(whole for _, _, whole in answers(truth))


def test_a_nat_that_lets_it_through_changes_one_end() -> None:
    world, truth = told("gre-over-nat")
    assert ends("gre-over-nat", "inside") == [{"192.168.1.21", "192.0.2.130"}]
    assert ends("gre-over-nat", "outside") == [{"203.0.113.7", "192.0.2.130"}]
    assert services(truth)["alice", 80] == "answered"
    assert host(world, "alice").node.machine.drops[KEY_DIFFERS] == 0
