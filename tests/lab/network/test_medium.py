"""What a medium does to packets on their way."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest

from sensor.lab.network.clock import Clock
from sensor.lab.network.medium import DOWN, HELD, LOST, Faults, Interface
from sensor.lab.network.packet import Packet
from sensor.lab.network.segment import Segment
from sensor.wire import ipv4
from sensor.wire.addresses import packed

A, B = packed("192.0.2.1"), packed("192.0.2.2")
COUNT = 200


class Pair:
    """Two interfaces on a segment; what the second gets, with times."""

    def __init__(self, seed: int = 7) -> None:
        self.clock = Clock()
        self.segment = Segment("net", self.clock, Random(seed), latency=0.01)
        self.a = self.segment.attach("a", [A], lambda _: None)
        self.b = self.segment.attach("b", [B], self._take)
        self.arrived: list[tuple[float, int]] = []

    def _take(self, packet: Packet) -> None:
        number = int.from_bytes(packet.octets[ipv4.MIN_HEADER_LENGTH :])
        self.arrived.append((round(self.clock.now, 6), number))

    def send(self, count: int = COUNT, apart: float = 0.001) -> list[int]:
        for number in range(count):
            octets = ipv4.build(A, B, 253, number.to_bytes(2))
            self.clock.after(number * apart, partial(self.a.send, Packet(octets)))
        self.clock.run(self.clock.now + count * apart + 1.0)
        return [number for _, number in self.arrived]


def test_without_faults_all_arrive_in_order_after_the_latency() -> None:
    pair = Pair()
    assert pair.send(3, apart=1.0) == [0, 1, 2]
    assert [time for time, _ in pair.arrived] == [0.01, 1.01, 2.01]


@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
def test_lost_packets_are_counted(chance: float) -> None:
    pair = Pair()
    pair.segment.faults = Faults(loss=chance)
    got = pair.send()
    assert len(got) == COUNT - pair.segment.drops[LOST]
    assert abs(pair.segment.drops[LOST] - chance * COUNT) < 25


def test_doubled_packets_come_twice() -> None:
    pair = Pair()
    pair.segment.faults = Faults(doubling=1.0)
    assert pair.send(3) == [0, 0, 1, 1, 2, 2]


def test_reordered_packets_are_overtaken_and_none_is_lost() -> None:
    pair = Pair()
    pair.segment.faults = Faults(reordering=0.2)
    got = pair.send()
    assert got != sorted(got)
    assert sorted(got) == list(range(COUNT))
    late = [time - number * 0.001 - 0.01 for time, number in pair.arrived]
    assert {round(delay, 6) for delay in late} == {0.0, HELD}


def test_delay_is_bounded() -> None:
    pair = Pair()
    pair.segment.faults = Faults(delay=0.3)
    pair.send()
    late = [time - number * 0.001 - 0.01 for time, number in pair.arrived]
    assert min(late) >= -1e-6
    assert 0.2 < max(late) <= 0.3


def test_faults_may_begin_and_end() -> None:
    pair = Pair()
    pair.segment.faults = Faults(loss=1.0)
    pair.send(5)
    pair.segment.faults = Faults()
    assert pair.send(5) == [0, 1, 2, 3, 4]


def test_the_same_seed_has_the_same_faults() -> None:
    def run(seed: int) -> list[tuple[float, int]]:
        pair = Pair(seed)
        pair.segment.faults = Faults(0.2, 0.2, 0.2, 0.2)
        pair.send()
        return pair.arrived

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_an_interface_that_is_down_neither_sends_nor_hears() -> None:
    pair = Pair()
    pair.b.up = False
    assert pair.send(2) == []
    pair.b.up, pair.a.up = True, False
    assert pair.send(3) == []
    assert pair.segment.drops[DOWN] == 5


def test_hardware_addresses_are_local_unicast_and_all_different() -> None:
    clock = Clock()
    segments = [Segment(name, clock, Random(1)) for name in ("one", "two")]
    macs = [
        Interface(segment, name, [ip], lambda _: None).mac
        for segment in segments
        for name in ("x", "y")
        for ip in (A, B)
    ]
    assert len(set(macs)) == 8
    assert all(len(mac) == 6 and mac[0] & 3 == 2 for mac in macs)
