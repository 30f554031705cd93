"""Who gets a packet on a segment."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest

from sensor.lab.network.clock import Clock
from sensor.lab.network.medium import NO_SUCH_HOST
from sensor.lab.network.packet import Packet
from sensor.lab.network.segment import Segment, is_multicast4
from sensor.lab.network.tap import Tap
from sensor.wire import ipv4
from sensor.wire.addresses import packed


class Net:
    """Three interfaces, of which c is the gateway and b has two addresses."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.segment = Segment("net", self.clock, Random(1))
        self.got: list[str] = []
        own = {"a": ["10.0.0.1"], "b": ["10.0.0.2", "10.0.0.3"], "c": ["10.0.0.254"]}
        self.interfaces = {
            name: self.segment.attach(
                name, [packed(text) for text in texts], partial(self._take, name)
            )
            for name, texts in own.items()
        }
        self.segment.gateway = self.interfaces["c"]
        self.segment.broadcast = packed("10.0.0.255")
        self.tap = Tap(self.segment)

    def _take(self, name: str, _: Packet) -> None:
        self.got.append(name)

    def send(self, sender: str, destination: str) -> list[str]:
        octets = ipv4.build(bytes(4), packed(destination), 253, b"")
        self.interfaces[sender].send(Packet(octets))
        self.clock.run(self.clock.now + 1.0)
        return self.got


@pytest.mark.parametrize(
    ("sender", "destination", "got"),
    [
        ("a", "10.0.0.2", ["b"]),
        ("a", "10.0.0.3", ["b"]),
        ("a", "192.0.2.1", ["c"]),
        ("a", "10.0.0.254", ["c"]),
        ("c", "192.0.2.1", []),  # the gateway would send it to itself
        ("a", "10.0.0.1", ["c"]),
        ("b", "224.0.0.253", ["a", "c"]),
        ("a", "10.0.0.255", ["b"]),  # the gateway would pass it on
    ],
)
def test_the_owner_gets_it_else_the_gateway(sender: str, destination: str, got: list[str]) -> None:
    assert Net().send(sender, destination) == got


def test_frames_name_the_next_hop() -> None:
    net = Net()
    for destination in ("10.0.0.2", "192.0.2.1", "224.0.0.253", "239.255.1.2"):
        net.send("a", destination)
    b, c = net.interfaces["b"].mac, net.interfaces["c"].mac
    groups = [bytes.fromhex("01005e0000fd"), bytes.fromhex("01005e7f0102")]
    assert [frame.octets[:6] for frame in net.tap.frames] == [b, c, *groups]
    assert {frame.octets[6:12] for frame in net.tap.frames} == {net.interfaces["a"].mac}


def test_what_nobody_owns_is_counted() -> None:
    net = Net()
    net.segment.gateway = None
    assert net.send("a", "192.0.2.1") == []
    assert net.segment.drops[NO_SUCH_HOST] == 1
    assert len(net.tap.frames) == 1


def test_groups_are_a_sixteenth_of_all_addresses() -> None:
    firsts = [n for n in range(256) if is_multicast4(bytes([n, 0, 0, 1]))]
    assert firsts == list(range(224, 240))
