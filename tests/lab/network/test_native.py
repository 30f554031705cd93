"""The native IPv6 Internet delivers to whoever announces."""

from __future__ import annotations

from random import Random

from sensor.lab.network.clock import Clock
from sensor.lab.network.medium import NO_SUCH_HOST
from sensor.lab.network.native import NO_HOPS, UNREADABLE, Native
from sensor.lab.network.packet import Packet
from sensor.lab.network.stack6 import Stack6
from sensor.lab.network.tap import Tap
from sensor.wire import ipv6
from sensor.wire.addresses import packed

A, B, CLIENT = packed("2001:db8::a"), packed("2001:db8::b"), packed("2001:0:c633:6401::7")


class Net:
    """A host, another one, and a relay for Teredo's prefix."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.native = Native(self.clock, Random(1))
        self.a = Stack6("a", self.clock, Random(2), [A])
        self.b = Stack6("b", self.clock, Random(3), [B])
        self.native.host(self.b)
        self.interface = self.native.host(self.a)
        self.relayed: list[Packet] = []
        prefix = (packed("2001::"), 32)
        self.relay = self.native.attach("relay", [prefix], self.relayed.append)
        self.tap = Tap(self.native)

    def send(self, octets: bytes) -> None:
        self.interface.send(Packet(octets))
        self.clock.run(self.clock.now + 1.0)


def test_hosts_reach_each_other_after_the_latency() -> None:
    net = Net()
    asked = net.a.ping(B)
    net.clock.run(1.0)
    assert [round(time, 6) for time, _ in asked.answers] == [0.04]
    assert [frame.octets[12:14] for frame in net.tap.frames] == [b"\x86\xdd"] * 2


def test_teredo_addresses_lead_to_the_relay_with_one_hop_less() -> None:
    net = Net()
    octets = ipv6.build(A, CLIENT, 59, b"", hop_limit=5)
    net.send(octets)
    assert net.relayed == [Packet(ipv6.build(A, CLIENT, 59, b"", hop_limit=4))]


def test_taps_see_the_hop_limit_that_is_true_there() -> None:
    net = Net()
    taps = Tap(net.native, net.interface), Tap(net.native, net.relay)
    net.send(ipv6.build(A, CLIENT, 59, b"", hop_limit=5))
    assert [tap.frames[0].octets[14 + 7] for tap in taps] == [5, 4]


def test_the_last_hop_ends_a_packet() -> None:
    net = Net()
    for hop_limit in (0, 1):
        net.send(ipv6.build(A, CLIENT, 59, b"", hop_limit=hop_limit))
    assert (net.relayed, net.native.drops[NO_HOPS]) == ([], 2)


def test_unknown_addresses_and_the_senders_own_are_counted() -> None:
    net = Net()
    for destination in (packed("2001:db8::c"), A):
        net.send(ipv6.build(A, destination, 59, b""))
    net.send(b"\x60" + bytes(20))
    assert net.native.drops == {NO_SUCH_HOST: 3, UNREADABLE: 1}
