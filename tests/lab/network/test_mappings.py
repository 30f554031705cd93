"""The table of a NAT: its ports, its lifetimes, its limits."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from sensor.lab.network import mappings as module
from sensor.lab.network.behaviour import (
    CONE,
    PORT_PRESERVING,
    PORT_RESTRICTED,
    SEQUENTIAL,
    SYMMETRIC,
    Dependence,
    NatBehaviour,
    PortChoice,
)
from sensor.lab.network.mappings import (
    FILTERED,
    FIRST_PORT,
    HISTORY_FORGOTTEN,
    ICMP_LIFETIME,
    NO_MAPPING,
    NO_PORT,
    PERMIT_EVICTED,
    PERMITS,
    TABLE_FULL,
    TCP_LIFETIME,
    Mapping,
    Mappings,
    seen_by,
)
from sensor.lab.network.rewrite import Flow
from sensor.schema.records import Endpoint
from sensor.wire import icmpv4, tcp, udp

OUTSIDE = bytes([203, 0, 113, 2])
REMOTE = Endpoint(bytes([198, 51, 100, 1]), 3544)


def inside(number: int) -> Endpoint:
    return Endpoint(bytes([10, 0, 0, 1 + number]), 5000)


def remote(number: int) -> Endpoint:
    return Endpoint(REMOTE.ip, 1 + number)


class Table:
    """The table with its counters, and the two directions of UDP."""

    def __init__(self, behaviour: NatBehaviour, seed: int = 1) -> None:
        self.drops: Counter[str] = Counter()
        self.table = Mappings(OUTSIDE, behaviour, Random(seed), self.drops)

    def out(
        self, source: Endpoint, to: Endpoint = REMOTE, now: float = 0.0, protocol: int = 17
    ) -> Mapping | None:
        return self.table.outbound(Flow(protocol, source, to), now)

    def made(self, source: Endpoint, to: Endpoint = REMOTE, now: float = 0.0) -> Mapping:
        mapping = self.out(source, to, now)
        assert mapping is not None
        return mapping

    def back(self, mapping: Mapping, came_from: Endpoint = REMOTE, now: float = 0.0) -> bool:
        flow = Flow(mapping.protocol, came_from, mapping.outside)
        return self.table.inbound(flow, now) is mapping


@pytest.mark.parametrize(
    ("protocol", "lifetime"),
    [(udp.PROTOCOL, 120.0), (tcp.PROTOCOL, TCP_LIFETIME), (icmpv4.PROTOCOL, ICMP_LIFETIME)],
)
def test_idle_mappings_end_when_their_time_is_over(protocol: int, lifetime: float) -> None:
    nat = Table(PORT_RESTRICTED)
    mapping = nat.out(inside(0), protocol=protocol)
    assert mapping is not None
    assert nat.back(mapping, now=lifetime - 0.1)
    assert not nat.back(mapping, now=lifetime)
    assert (mapping.ended, nat.drops[NO_MAPPING]) == (lifetime, 1)
    assert nat.out(inside(0), now=lifetime, protocol=protocol) is not mapping


def test_outbound_packets_keep_a_mapping_and_inbound_ones_only_by_choice() -> None:
    for refreshes, lives in ((False, False), (True, True)):
        nat = Table(replace(PORT_RESTRICTED, inbound_refreshes=refreshes))
        mapping = nat.made(inside(0))
        assert nat.made(inside(0), now=100.0) is mapping
        assert nat.back(mapping, now=219.0)
        assert nat.back(mapping, now=330.0) is lives


def test_a_filter_forgets_whom_nothing_was_sent_to_for_long() -> None:
    nat = Table(PORT_RESTRICTED)
    mapping = nat.made(inside(0), remote(1))
    nat.made(inside(0), remote(2), now=100.0)
    assert not nat.back(mapping, remote(1), now=150.0)
    assert nat.back(mapping, remote(2), now=150.0)
    assert nat.drops[FILTERED] == 1


def test_a_full_table_makes_no_more_until_something_expires() -> None:
    nat = Table(replace(PORT_RESTRICTED, limit=3))
    first = [nat.made(inside(number)) for number in range(3)]
    assert nat.out(inside(3)) is None
    assert nat.made(inside(1), now=60.0) is first[1]
    assert nat.drops[TABLE_FULL] == 1
    nat.made(inside(3), now=130.0)
    assert len(nat.table) == 2


def test_a_scan_overflows_the_permits_of_one_mapping() -> None:
    nat = Table(PORT_RESTRICTED)
    mapping = nat.made(inside(0), remote(0))
    for number in range(1, PERMITS + 10):
        nat.made(inside(0), remote(number))
    assert len(mapping.permits) == PERMITS
    assert nat.drops[PERMIT_EVICTED] == 10
    assert [nat.back(mapping, remote(number)) for number in (9, 10)] == [False, True]


def test_permits_that_are_used_stay_while_others_give_way() -> None:
    nat = Table(PORT_RESTRICTED)
    mapping = nat.made(inside(0), remote(0))
    for number in range(1, PERMITS):
        nat.made(inside(0), remote(number))
    nat.made(inside(0), remote(0))
    assert nat.drops[PERMIT_EVICTED] == 0
    nat.made(inside(0), remote(PERMITS))
    assert [nat.back(mapping, remote(number)) for number in (0, 1)] == [True, False]


def test_no_port_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PORTS", 4)
    nat = Table(SYMMETRIC)
    ports = {nat.made(inside(0), remote(number)).outside.port for number in range(4)}
    assert ports == set(range(FIRST_PORT, FIRST_PORT + 4))
    assert nat.out(inside(0), remote(4)) is None
    assert nat.drops[NO_PORT] == 1


def test_what_was_is_remembered_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HISTORY", 5)
    nat = Table(PORT_RESTRICTED)
    made = [nat.made(inside(0), now=200.0 * number) for number in range(8)]
    assert list(nat.table.all(1600.0)) == made[3:]
    assert nat.drops[HISTORY_FORGOTTEN] == 3
    assert [mapping.ended for mapping in made] == [200.0 * number + 120.0 for number in range(8)]


def test_sequential_ports_follow_each_other_and_wrap() -> None:
    nat = Table(SEQUENTIAL)
    ports = [nat.made(inside(0), remote(number)).outside.port for number in range(10)]
    assert [after - before for before, after in itertools.pairwise(ports)] == [1] * 9
    nat.table._last_port = 65_535
    assert nat.made(inside(1)).outside.port == FIRST_PORT


def test_preserved_ports_collide_between_hosts_and_between_remotes() -> None:
    """T-28: such a NAT looks like a cone until two hosts share a port."""
    shared = Table(replace(CONE, ports=PortChoice.PRESERVING))
    assert shared.made(inside(0)).outside.port == 5000
    assert shared.made(inside(1)).outside.port != 5000
    symmetric = Table(PORT_PRESERVING)
    first = symmetric.made(inside(0), remote(0))
    second = symmetric.made(inside(0), remote(1))
    assert (first.outside.port, second.outside.port == 5000) == (5000, False)
    assert symmetric.made(inside(0), remote(2), now=121.0).outside.port == 5000


def test_protocols_do_not_share_ports() -> None:
    nat = Table(replace(CONE, ports=PortChoice.PRESERVING))
    ports = {nat.made(inside(0)).outside.port}
    mapping = nat.out(inside(1), protocol=tcp.PROTOCOL)
    assert mapping is not None
    assert ports == {mapping.outside.port}


def test_forgetting_ends_all_at_once() -> None:
    nat = Table(SEQUENTIAL)
    before = [nat.made(inside(number), now=1.0) for number in range(3)]
    nat.table.forget(2.0)
    assert [mapping.ended for mapping in before] == [2.0] * 3
    assert not nat.back(before[0], now=2.0)
    assert nat.made(inside(0), now=2.0).outside != before[0].outside
    assert len(nat.table) == 1


def test_finding_makes_nothing() -> None:
    nat = Table(PORT_RESTRICTED)
    flow = Flow(udp.PROTOCOL, inside(0), REMOTE)
    assert nat.table.find_inside(flow, 0.0) is None
    mapping = nat.made(inside(0))
    assert nat.table.find_inside(flow, 119.0) is mapping
    assert nat.table.find(udp.PROTOCOL, mapping.outside, 120.0) is None


def test_what_of_a_remote_end_matters() -> None:
    seen = [seen_by(dependence, REMOTE) for dependence in Dependence]
    assert seen == [None, Endpoint(REMOTE.ip, 0), REMOTE]
