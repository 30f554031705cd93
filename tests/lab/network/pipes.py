"""Two machines that are a tunnel to each other, on hosts of the virtual network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from random import Random

from sensor.lab.machine import Datagram, Event, Outbox, OuterPacket
from sensor.lab.network.clock import EVENTS, Clock
from sensor.lab.network.host import Host
from sensor.lab.network.node import Node
from sensor.lab.network.segment import Segment
from sensor.lab.network.stack6 import Stack6
from sensor.lab.network.tap import Tap
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import sixinfour
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

    def keep_alive(self) -> None:
        datagram = Datagram(self._own, self._other, b"", TeredoPacket.NONE, kind=Kind.NONE)
        self._outbox.datagrams.append(datagram)


class AddressedPipe(Pipe):
    """A tunnel that gives its host an address."""

    address: bytes | None = None


class RawPipe:
    """A tunnel by protocol 41 to one other IPv4 address."""

    protocols = (sixinfour.PROTOCOL,)

    def __init__(self, own: bytes, other: bytes) -> None:
        self.drops: Counter[str] = Counter()
        self.addresses = (own,)
        self.heard: list[OuterPacket] = []
        self.other = other
        self._outbox = Outbox()

    def start(self, now: float) -> None: ...

    def stop(self, now: float) -> None: ...

    def receive_packet(self, packet: OuterPacket, now: float) -> None:
        self.heard.append(packet)
        if packet.protocol == sixinfour.PROTOCOL:
            self._outbox.packets.append(packet.payload)

    def send_ipv6(self, packet: bytes, now: float) -> None:
        ends = self.addresses[0], self.other
        outer = OuterPacket(
            *ends, sixinfour.PROTOCOL, packet, Kind.SIXINFOUR, ttl=17, tos=0xB8, dont_fragment=True
        )
        self._outbox.outer.append(outer)

    def handle_timer(self, now: float) -> None: ...

    def get_timer(self) -> float | None:
        return None

    def packets_to_send(self) -> list[OuterPacket]:
        return self._outbox.take_outer()

    def ipv6_to_deliver(self) -> list[bytes]:
        return self._outbox.take_packets()

    def next_event(self) -> Event | None:
        return None


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
