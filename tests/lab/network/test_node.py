"""Machines get the sockets, the timers and the IPv6 side that they were promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from random import Random

import pytest

from sensor.errors import SensorError
from sensor.lab.machine import Datagram, Event, Outbox
from sensor.lab.network.clock import EVENTS, Clock
from sensor.lab.network.host import Host
from sensor.lab.network.native import Native
from sensor.lab.network.node import NO_HOST, Node
from sensor.lab.network.packet import Label
from sensor.lab.network.segment import Segment
from sensor.lab.network.stack6 import Stack6
from sensor.lab.network.tap import Tap
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire.addresses import packed

OURS, THEIRS = Endpoint(packed("192.0.2.1"), 40_000), Endpoint(packed("192.0.2.2"), 40_001)
SECOND = Endpoint(OURS.ip, 50_000)
GROUP = Endpoint(packed("224.0.0.253"), 3544)
OUR_ADDRESS, THEIR_ADDRESS = packed("2001::a"), packed("2001::b")
NATIVE = packed("2001:db8::1")


class Pipe:
    """A tunnel to one other end; says when its timer went off, every 10 s from its start."""

    def __init__(self, own: Endpoint, other: Endpoint) -> None:
        self.drops: Counter[str] = Counter()
        self.ends: Collection[Endpoint] = (own,)
        self.heard: list[tuple[bytes, Endpoint, Endpoint]] = []
        self.timer: float | None = None
        self.again: float = 10.0
        self._outbox = Outbox()
        self._own, self._other = own, other

    def start(self, now: float) -> None:
        self.timer = now + self.again
        self._outbox.events.append(Event("started", f"at {now}"))

    def stop(self, now: float) -> None:
        self.ends, self.timer = (), None

    def receive_datagram(
        self, payload: bytes, source: Endpoint, destination: Endpoint, now: float
    ) -> None:
        self.heard.append((payload, source, destination))
        if payload.startswith(b"\x60"):
            self._outbox.packets.append(payload)

    def send_ipv6(self, packet: bytes, now: float) -> None:
        datagram = Datagram(self._own, self._other, packet, TeredoPacket.DATA)
        self._outbox.datagrams.append(datagram)

    def handle_timer(self, now: float) -> None:
        self.timer = now + self.again
        self._outbox.events.append(Event("timer", f"at {now}"))

    def get_timer(self) -> float | None:
        return self.timer

    def datagrams_to_send(self) -> list[Datagram]:
        return self._outbox.take_datagrams()

    def ipv6_to_deliver(self) -> list[bytes]:
        return self._outbox.take_packets()

    def next_event(self) -> Event | None:
        return self._outbox.take_event()

    def discover(self) -> None:
        datagram = Datagram(self._own, GROUP, b"anybody", TeredoPacket.BUBBLE, ttl=1)
        self._outbox.datagrams.append(datagram)


class AddressedPipe(Pipe):
    """A tunnel that gives its host an address."""

    address: bytes | None = None


class Net:
    """Two pipes to each other, the first one with an address."""

    def __init__(self, limit: int = EVENTS) -> None:
        self.clock = Clock(limit)
        self.segment = Segment("net", self.clock, Random(1))
        self.pipe, self.other_pipe = AddressedPipe(OURS, THEIRS), Pipe(THEIRS, OURS)
        hosts = [
            Host(name, self.segment, [end.ip], Random(name))
            for name, end in (("ours", OURS), ("theirs", THEIRS))
        ]
        self.node, self.other = Node(self.pipe, hosts[0]), Node(self.other_pipe, hosts[1])
        self.stack = Stack6("ours", self.clock, Random(4))
        self.other_stack = Stack6("theirs", self.clock, Random(5), [THEIR_ADDRESS])
        self.tap = Tap(self.segment)

    def start(self) -> None:
        self.pipe.address = OUR_ADDRESS
        self.node.carry(self.stack)
        self.other.carry(self.other_stack)
        self.node.start()
        self.other.start()

    def settle(self, seconds: float = 1.0) -> None:
        self.clock.run(self.clock.now + seconds)


def test_two_hosts_talk_through_their_machines() -> None:
    net = Net()
    net.start()
    net.other_stack.tcp.serve(80, lambda request: b"re " + request)
    asked = net.stack.ping(THEIR_ADDRESS)
    page = net.stack.tcp.connect(THEIR_ADDRESS, 80, b"GET")
    net.settle()
    assert len(asked.answers) == 1
    assert page.received == b"re GET"
    labels = {frame.label for frame in net.tap.frames}
    data = TeredoPacket.DATA
    assert labels == {Label(Kind.TEREDO, data, name) for name in ("ours", "theirs")}


def test_a_machine_with_an_address_numbers_its_host_and_others_do_not() -> None:
    net = Net()
    net.start()
    assert net.stack.addresses == [OUR_ADDRESS]
    assert net.other_stack.addresses == [THEIR_ADDRESS]
    net.pipe.address = None
    net.settle(10.0)
    assert net.stack.addresses == []


def test_timers_go_off_when_they_are_due() -> None:
    net = Net()
    net.node.start()
    net.settle(25.0)
    assert [(time, event.what) for time, event in net.node.events] == [
        (0.0, "started"),
        (10.0, "timer"),
        (20.0, "timer"),
    ]


def test_a_timer_that_was_put_off_does_not_go_off() -> None:
    net = Net()
    net.node.start()
    net.settle(5.0)
    net.pipe.timer = 17.0
    net.node.send_ipv6(b"x")
    net.settle(20.0)
    assert [time for time, event in net.node.events if event.what == "timer"] == [17.0]


def test_a_machine_whose_timer_never_rests_is_stopped() -> None:
    net = Net(limit=1_000)
    net.pipe.again = 0.0
    net.node.start()
    with pytest.raises(SensorError, match="goes round for ever"):
        net.settle()


def test_it_listens_where_the_machine_says_and_nowhere_else() -> None:
    net = Net()
    net.node.start()
    sender = net.other.host

    def told(end: Endpoint) -> bool:
        before = len(net.pipe.heard)
        sender.send_udp(b"hello", THEIRS, end)
        net.settle(0.1)
        return net.pipe.heard[before:] == [(b"hello", THEIRS, end)]

    assert (told(OURS), told(SECOND)) == (True, False)
    net.pipe.ends = (SECOND,)
    net.node.send_ipv6(b"x")
    assert (told(OURS), told(SECOND)) == (False, True)
    net.node.stop()
    assert (told(OURS), told(SECOND)) == (False, False)


def test_discovery_reaches_all_on_the_segment_with_one_hop_to_live() -> None:
    net = Net()
    net.start()
    net.pipe.discover()
    net.node.send_ipv6(b"x")
    net.settle()
    assert net.other_pipe.heard[0] == (b"anybody", OURS, GROUP)
    assert net.tap.frames[0].octets[14 + 8] == 1
    assert net.tap.frames[0].label == Label(Kind.TEREDO, TeredoPacket.BUBBLE, "ours")


def test_a_relay_bridges_to_the_native_internet() -> None:
    net = Net()
    native = Native(net.clock, Random(1))
    remote = Stack6("remote", net.clock, Random(2), [NATIVE])
    native.host(remote)
    net.start()
    net.other.bridge(native, (packed("2001::"), 32))
    asked = [net.stack.ping(NATIVE), remote.ping(OUR_ADDRESS)]
    net.settle()
    assert [len(one.answers) for one in asked] == [1, 1]


def test_a_host_relay_tunnels_only_what_is_under_its_prefix() -> None:
    net = Net()
    native = Native(net.clock, Random(1))
    remote = Stack6("remote", net.clock, Random(2), [NATIVE])
    native.host(remote)
    host = Stack6("host", net.clock, Random(6), [packed("2001:db8::2")])
    native.host(host)
    net.start()
    net.other.carry(host, (packed("2001::"), 32))
    asked = [host.ping(NATIVE), host.ping(OUR_ADDRESS)]
    net.settle()
    assert [len(one.answers) for one in asked] == [1, 1]
    assert len([frame for frame in net.tap.frames if frame.label]) == 2


def test_packets_for_nobody_are_counted() -> None:
    net = Net()
    net.node.start()
    net.other.host.send_udp(b"\x60 packet", THEIRS, OURS)
    net.settle()
    assert net.node.drops[NO_HOST] == 1
