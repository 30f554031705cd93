"""Ends, addresses and packets for tests of endpoints that speak UDP, and how two of them talk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sensor.lab.machine import Datagram, Event, Machine
from sensor.schema.records import Endpoint
from sensor.wire import udp
from sensor.wire.addresses import packed
from sensor.wire.ipv6 import build

INSIDE = Endpoint(packed("192.168.1.7"), 40_000)
PUBLIC = Endpoint(packed("203.0.113.5"), 40_001)
OTHER = Endpoint(packed("198.51.100.9"), 1_234)
SERVER = Endpoint(packed("192.0.2.1"), 5_072)

ALICE = packed("2001:db8:1::2")
BROKER = packed("2001:db8:1::1")
NATIVE = packed("2001:db8:80::80")


class Client(Machine, Protocol):
    """A machine that gives its host an address."""

    @property
    def address(self) -> bytes | None: ...


def data(source: bytes, destination: bytes, content: bytes = b"hello") -> bytes:
    """A UDP datagram in IPv6."""
    datagram = udp.build(source, destination, 1_024, 8_080, content)
    return build(source, destination, udp.PROTOCOL, datagram)


def events(machine: Machine) -> list[Event]:
    return list(iter(machine.next_event, None))


def hand(sent: Iterable[Datagram], to: Machine, now: float, nat: dict[Endpoint, Endpoint]) -> None:
    """Bring datagrams to the other side; ``nat`` translates ends both ways."""
    for each in sent:
        to.receive_datagram(
            each.payload,
            nat.get(each.source, each.source),
            nat.get(each.destination, each.destination),
            now,
        )


class Pair:
    """A client behind a NAT and its server, whose datagrams all arrive at once.

    ``sent`` are all of them in order, as who sent them saw them.
    """

    def __init__(self, client: Client, server: Machine, now: float = 0.0) -> None:
        self.client = client
        self.server = server
        self.now = now
        self.sent: list[Datagram] = []
        self.nat = {INSIDE: PUBLIC, PUBLIC: INSIDE}

    def start(self) -> None:
        self.server.start(self.now)
        self.client.start(self.now)
        self.settle()

    def settle(self) -> None:
        """Exchange what there is until both are silent."""
        for _ in range(50):
            asked, told = self.client.datagrams_to_send(), self.server.datagrams_to_send()
            if not asked and not told:
                return
            self.sent += asked + told
            hand(asked, self.server, self.now, self.nat)
            hand(told, self.client, self.now, self.nat)
        raise AssertionError("they never fall silent")

    def wait(self, seconds: float) -> None:
        """Time passes; each timer rings when it is due."""
        end = self.now + seconds
        for _ in range(1_000):
            dues = [due for m in (self.client, self.server) if (due := m.get_timer()) is not None]
            if min(dues, default=end + 1) > end:
                self.now = end
                return
            self.now = max(self.now, min(dues))
            self.client.handle_timer(self.now)
            self.server.handle_timer(self.now)
            self.settle()
        raise AssertionError("their timers never rest")

    def up(self, packet: bytes) -> list[bytes]:
        """What the server's native side gets of a packet that the client's host sends."""
        self.client.send_ipv6(packet, self.now)
        self.settle()
        return self.server.ipv6_to_deliver()

    def down(self, packet: bytes) -> list[bytes]:
        """What the client's host gets of a packet of the server's native side."""
        self.server.send_ipv6(packet, self.now)
        self.settle()
        return self.client.ipv6_to_deliver()
