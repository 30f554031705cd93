"""Machines that speak IPv4 itself get the protocols that they were promised."""

from __future__ import annotations

from random import Random

from sensor.lab.machine import OuterPacket
from sensor.lab.network.clock import Clock
from sensor.lab.network.host import NO_LISTENER, Host
from sensor.lab.network.packet import Label
from sensor.lab.network.raw_node import RawNode
from sensor.lab.network.segment import Segment
from sensor.lab.network.stack6 import Stack6
from sensor.lab.network.tap import Tap
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import icmpv4, ipv4
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor
from tests.lab.network.pipes import RawPipe

PROTOCOL = 41
OURS, THEIRS = packed("192.0.2.1"), packed("192.0.2.2")
OUR_ADDRESS, THEIR_ADDRESS = packed("2001:db8::a"), packed("2001:db8::b")


class Net:
    """Two pipes to each other, and an IPv6 host at each end."""

    def __init__(self) -> None:
        self.clock = Clock()
        segment = Segment("net", self.clock, Random(1))
        self.tap = Tap(segment)
        self.ours = Host("ours", segment, [OURS], Random(2))
        self.theirs = Host("theirs", segment, [THEIRS], Random(3))
        self.pipe, self.other_pipe = RawPipe(OURS, THEIRS), RawPipe(THEIRS, OURS)
        self.node, self.other = RawNode(self.pipe, self.ours), RawNode(self.other_pipe, self.theirs)
        self.stack = Stack6("ours", self.clock, Random(4), [OUR_ADDRESS])
        self.other_stack = Stack6("theirs", self.clock, Random(5), [THEIR_ADDRESS])
        self.node.carry(self.stack)
        self.other.carry(self.other_stack)

    def settle(self) -> None:
        self.clock.run(self.clock.now + 1.0)


def test_two_hosts_talk_through_their_machines() -> None:
    net = Net()
    net.node.start()
    net.other.start()
    asked = net.stack.ping(THEIR_ADDRESS)
    net.settle()
    assert len(asked.answers) == 1
    assert [frame.label for frame in net.tap.frames] == [
        Label(Kind.SIXINFOUR, TeredoPacket.NONE, name) for name in ("ours", "theirs")
    ]


def test_the_outer_header_is_what_the_machine_says_and_told_what_came() -> None:
    net = Net()
    net.node.start()
    net.other.start()
    net.node.send_ipv6(b"packet")
    net.settle()
    header = ipv4.parse(Cursor(net.tap.frames[0].octets, 14))
    assert (header.protocol, header.ttl, header.tos, header.dont_fragment) == (41, 17, 0xB8, True)
    (heard,) = net.other_pipe.heard
    assert heard == OuterPacket(OURS, THEIRS, PROTOCOL, b"packet", Kind.NONE, 17, 0xB8, True)


def test_who_takes_no_such_protocol_says_so_and_the_machine_hears_it() -> None:
    net = Net()
    net.node.start()
    net.node.send_ipv6(bytes(40))
    net.settle()
    assert net.theirs.drops == {NO_LISTENER: 1}
    (error,) = net.pipe.heard
    assert (error.protocol, error.payload[:2]) == (icmpv4.PROTOCOL, b"\x03\x02")
    sent, told = (frame.label for frame in net.tap.frames)
    assert sent is not None
    assert told == sent.quoted_by("theirs")


def test_all_machines_of_a_host_hear_and_one_that_stopped_no_more() -> None:
    net = Net()
    second = RawPipe(THEIRS, packed("192.0.2.3"))
    more = RawNode(second, net.theirs)
    for node in (net.node, net.other, more):
        node.start()
    net.node.send_ipv6(b"one")
    net.settle()
    net.other.stop()
    net.node.send_ipv6(b"two")
    net.settle()
    assert [packet.payload for packet in net.other_pipe.heard] == [b"one"]
    assert [packet.payload for packet in second.heard] == [b"one", b"two"]
    assert net.theirs.drops.total() == 0
