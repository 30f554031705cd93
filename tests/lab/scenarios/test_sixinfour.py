"""Stories of configured tunnels come out as they say."""

from __future__ import annotations

from sensor.lab.network.asked import Asked
from sensor.lab.network.complaint import HOPS_EXCEEDED, PROTOCOL_UNREACHABLE
from sensor.lab.scenarios.world import World
from sensor.wire import icmpv4, ipv4, link
from sensor.wire.cursor import Cursor
from tests.lab.scenarios.linked import ends, host, kinds
from tests.lab.scenarios.stories import answers, services, told


def test_a_host_of_a_campus_is_read_by_way_of_its_broker() -> None:
    _, truth = told("sixinfour-campus")
    assert services(truth) == {("alice", 80): "answered", ("alice", 22): "refused"}
    assert ends("sixinfour-campus", "inside") == [{"198.18.1.21", "192.0.2.130"}]
    assert kinds("sixinfour-campus", "inside") == kinds("sixinfour-campus", "outside")


def test_a_nat_that_lets_it_through_changes_one_end() -> None:
    world, truth = told("sixinfour-nat")
    assert services(truth) == {("alice", 80): "answered", ("alice", 22): "refused"}
    assert ends("sixinfour-nat", "inside") == [{"192.168.1.21", "192.0.2.130"}]
    assert ends("sixinfour-nat", "outside") == [{"203.0.113.7", "192.0.2.130"}]
    assert world.tries[0].answered, "the first packet out opened the way in"


def test_two_hosts_behind_a_router_are_its_tunnels() -> None:
    _, truth = told("sixinfour-router")
    assert services(truth) == {
        ("router", 80): "answered",
        ("router", 554): "answered",
        ("router", 23): "attempted",
    }
    assert len(ends("sixinfour-router", "outside")) == 1


def errors(world: World, side: str) -> list[tuple[int, int]]:
    """Type and code of each ICMP error."""
    found = []
    for frame in world.watched.taps[side].frames:
        cursor = Cursor(frame.octets)
        link.parse(link.LINKTYPE_ETHERNET, cursor)
        if ipv4.parse(cursor).protocol == icmpv4.PROTOCOL:
            message = icmpv4.parse(cursor)
            found.append((message.type, message.code))
    return found


def test_errors_quote_the_tunnel_and_reach_who_asked() -> None:
    world, truth = told("sixinfour-errors")
    unreachable = (icmpv4.UNREACHABLE, PROTOCOL_UNREACHABLE)
    exceeded = (icmpv4.TIME_EXCEEDED, HOPS_EXCEEDED)
    assert sorted(errors(world, "inside")) == [unreachable, unreachable, exceeded]
    assert errors(world, "outside") == [unreachable, unreachable]
    asked = [tried.asked for tried in world.tries if isinstance(tried.asked, Asked)]
    assert [each.refused for each in asked] == [True, True, True]
    assert kinds("sixinfour-errors", "inside")["quoted"] == 3
    assert services(truth) == {("alice", 80): "answered"}, "before the broker was gone"


def test_an_honest_user_opens_and_is_never_opened_to() -> None:
    world, truth = told("broker-user")
    assert services(truth) == {}
    assert all(whole for _, _, whole in answers(truth))
    assert host(world, "alice").node.machine.drops == {}
