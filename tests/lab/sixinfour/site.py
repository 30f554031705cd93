"""An IPv4 network in virtual time, and what the tests of ISATAP and 6over4 say on it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import Protocol

from sensor.lab.machine import Event, OuterPacket, RawMachine
from sensor.wire import icmpv6, sixinfour, udp
from sensor.wire import ipv6 as ip6
from sensor.wire.addresses import packed
from sensor.wire.icmpv6 import PrefixInformation, RouterAdvertisement

PREFIX = packed("2001:db8:15:a::")[:8]
NATIVE = packed("2001:db8:80::80")
DELAY = 0.01  # seconds from one machine to another


class Speaker(RawMachine, Protocol):
    """A machine with IPv6 addresses of its own."""

    @property
    def link_local(self) -> bytes: ...

    @property
    def address(self) -> bytes | None: ...


class Member:
    """A machine, and all that came out of it."""

    def __init__(self, machine: Speaker) -> None:
        self.machine = machine
        self.sent: list[OuterPacket] = []
        self.got: list[bytes] = []
        self.told: list[Event] = []

    @property
    def words(self) -> list[str]:
        return [event.what for event in self.told]

    @property
    def address(self) -> bytes:
        assert self.machine.address is not None
        return self.machine.address


class Site:
    """Machines that hear each other; ``fate`` has the delays of a packet's copies."""

    def __init__(self) -> None:
        self.now = 0.0
        self.members: list[Member] = []
        self.fate: Callable[[], list[float]] = lambda: [DELAY]
        self._due: list[tuple[float, int, Member, OuterPacket]] = []
        self._count = count()

    def add(self, machine: Speaker) -> Member:
        member = Member(machine)
        self.members.append(member)
        machine.start(self.now)
        self._drain(member)
        return member

    def send(self, member: Member, packet: bytes) -> None:
        member.machine.send_ipv6(packet, self.now)
        self._drain(member)

    def stop(self, member: Member) -> None:
        member.machine.stop(self.now)
        self._drain(member)
        self.members.remove(member)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(100_000):
            if not self._step(end):
                self.now = end
                return
        raise AssertionError("timers without end")

    def _step(self, end: float) -> bool:
        timers = [(m.machine.get_timer(), n) for n, m in enumerate(self.members)]
        due, first = min(((t, n) for t, n in timers if t is not None), default=(end + 1, 0))
        if self._due and self._due[0][0] <= min(due, end):
            self.now, _, member, packet = heapq.heappop(self._due)
            member.machine.receive_packet(packet, self.now)
        elif due <= end:
            self.now, member = max(self.now, due), self.members[first]
            member.machine.handle_timer(self.now)
        else:
            return False
        self._drain(member)
        return True

    def _drain(self, member: Member) -> None:
        machine = member.machine
        member.got += machine.ipv6_to_deliver()
        while (event := machine.next_event()) is not None:
            member.told.append(event)
        for packet in machine.packets_to_send():
            member.sent.append(packet)
            for other in self.members:
                if other is not member and packet.destination in listening(other.machine):
                    for delay in self.fate():
                        entry = (self.now + delay, next(self._count), other, packet)
                        heapq.heappush(self._due, entry)


def listening(machine: RawMachine) -> set[bytes]:
    """The IPv4 addresses and groups that a machine is at."""
    groups: set[bytes] = set(getattr(machine, "groups", ()))
    return {*machine.addresses, *groups}


def data(source: bytes, destination: bytes, content: bytes = b"hello") -> bytes:
    """A UDP datagram in IPv6."""
    datagram = udp.build(source, destination, 1024, 8080, content)
    return ip6.build(source, destination, udp.PROTOCOL, datagram)


def discovery(
    source: bytes, destination: bytes, kind: int, body: bytes, hop_limit: int = 255, code: int = 0
) -> bytes:
    """An ICMPv6 message in IPv6."""
    message = icmpv6.build(source, destination, kind, code, body)
    return ip6.build(source, destination, icmpv6.PROTOCOL, message, hop_limit=hop_limit)


def neighbour(
    source: bytes,
    destination: bytes,
    kind: int,
    target: bytes,
    flags: int = 0,
    options: bytes = b"",
) -> bytes:
    """A neighbour solicitation or advertisement."""
    return discovery(source, destination, kind, bytes([flags, 0, 0, 0]) + target + options)


def information(
    prefix: bytes = PREFIX,
    *,
    bits: int = 64,
    flags: int = 0xC0,
    valid: int = 2_592_000,
    preferred: int = 604_800,
) -> PrefixInformation:
    return PrefixInformation(bits, flags, valid, preferred, prefix.ljust(16, b"\0"))


def advertisement(
    source: bytes,
    destination: bytes,
    *prefixes: PrefixInformation,
    lifetime: int = 1_800,
    hop_limit: int = 255,
    options: tuple[icmpv6.Option, ...] = (),
) -> bytes:
    said = RouterAdvertisement(64, 0, lifetime, 0, 0, prefixes, None, options)
    message = icmpv6.build_router_advertisement(source, destination, said)
    return ip6.build(source, destination, icmpv6.PROTOCOL, message, hop_limit=hop_limit)


def outer(source: bytes, destination: bytes, packet: bytes) -> OuterPacket:
    """An IPv6 packet as it comes in from the network."""
    return OuterPacket(source, destination, sixinfour.PROTOCOL, packet)


def kinds_of(sent: list[OuterPacket]) -> list[int | None]:
    """The ICMPv6 types of inner packets, None for other protocols."""
    return [p.payload[40] if p.payload[6] == icmpv6.PROTOCOL else None for p in sent]
