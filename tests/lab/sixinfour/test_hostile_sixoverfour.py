"""6over4 under hostile packets: no exception, limits kept, and well again afterwards."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour.advertising import BETWEEN, INTERVAL
from sensor.lab.sixinfour.neighbours import NEIGHBOURS, QUEUED
from sensor.lab.sixinfour.prefixes import PREFIXES
from sensor.lab.sixinfour.routers import ROUTERS
from sensor.lab.sixinfour.settings import SixOverFourSettings
from sensor.lab.sixinfour.sixoverfour import SixOverFour
from sensor.schema.words import Kind
from sensor.wire import icmpv4, icmpv6
from sensor.wire.addresses import ALL_NODES, LINK_LOCAL_PREFIX, is_multicast6, packed
from sensor.wire.icmpv6 import Option, PrefixInformation
from tests.lab.sixinfour.forgers import Cast, check_sent, coherent, error_about
from tests.lab.sixinfour.site import (
    DELAY,
    NATIVE,
    PREFIX,
    Member,
    Site,
    advertisement,
    data,
    information,
    neighbour,
    outer,
)

HOST, ROUTER, SECOND, OTHER = map(packed, ("10.1.1.2", "10.1.0.1", "10.1.0.2", "10.1.2.3"))
NODES_GROUP, ROUTERS_GROUP = packed("239.192.0.1"), packed("239.192.0.2")
LONGEST_LIFETIME = 65_535.0
FEW_AT_ONCE = 2 + NEIGHBOURS  # packets of one timer: its own messages, and a word to each asked


def address_of(prefix: bytes, ip: bytes) -> bytes:
    return prefix + bytes(4) + ip


IPS = [HOST, ROUTER, SECOND, OTHER]
ADDRESSES = [
    packed("ff02::1:ff01:102"),
    *(address_of(prefix, ip) for prefix in (LINK_LOCAL_PREFIX, PREFIX) for ip in IPS),
]
CAST = Cast(IPS, ADDRESSES)
destinations = st.sampled_from([None, None, NODES_GROUP, ROUTERS_GROUP, packed("239.192.1.2")])
steps = st.lists(
    coherent(IPS, ADDRESSES)
    | st.tuples(st.just("hear"), CAST.packets, CAST.ips, destinations)
    | st.tuples(st.just("hear_neighbour"), st.sampled_from([ROUTER, SECOND, OTHER]), CAST.packets)
    | st.tuples(st.just("send"), CAST.packets)
    | st.tuples(
        st.just("complain"),
        st.sampled_from([3, 11, 12, 0]),
        st.integers(0, 5),
        st.binary(min_size=4, max_size=4),
        st.integers(0, 120),
        CAST.ips,
    )
    | st.tuples(st.just("noise"), st.binary(max_size=80), CAST.ips)
    | st.tuples(st.just("wait"), st.sampled_from([0.0, 1.0, 4.0, 90.0, 700.0])),
    max_size=30,
)


class Victim:
    """A machine whose limits, timer and packets are looked at after each step."""

    def __init__(self, machine: SixOverFour, own: bytes) -> None:
        self.machine = machine
        self.own = own
        self.local = address_of(LINK_LOCAL_PREFIX, own)
        self.now = 1_000.0
        self.sent: list[OuterPacket] = []
        machine.start(self.now)
        self.check(most=1)

    def hear(self, packet: bytes, source: bytes, group: bytes | None) -> None:
        self.machine.receive_packet(outer(source, group or self.own, packet), self.now)
        self.check(most=QUEUED + 1)

    def hear_neighbour(self, source: bytes, packet: bytes) -> None:
        """What a neighbour sends itself, which passes more of the checks."""
        group = is_multicast6(packet[24:40])
        to = bytes([239, 192]) + packet[38:40] if group else self.own
        self.hear(packet, source, to)

    def advertise(
        self,
        ip: bytes,
        said: list[PrefixInformation],
        lifetime: int,
        options: tuple[Option, ...],
    ) -> None:
        source = address_of(LINK_LOCAL_PREFIX, ip)
        packet = advertisement(source, self.local, *said, lifetime=lifetime, options=options)
        self.hear_neighbour(ip, packet)

    def neighbour(self, ip: bytes, kind: int, target: bytes, flags: int, octets: bytes) -> None:
        source = address_of(LINK_LOCAL_PREFIX, ip)
        self.hear_neighbour(ip, neighbour(source, self.local, kind, target, flags, octets))

    def data(self, ip: bytes, destination: bytes) -> None:
        self.hear_neighbour(ip, data(address_of(PREFIX, ip), destination))

    def send(self, packet: bytes) -> None:
        self.machine.send_ipv6(packet, self.now)
        self.check(most=1)

    def complain(self, kind: int, code: int, rest: bytes, length: int, source: bytes) -> None:
        if self.sent:
            self._icmp(error_about(self.sent[-1], kind, code, rest, length), source)

    def noise(self, octets: bytes, source: bytes) -> None:
        self._icmp(octets, source)

    def _icmp(self, octets: bytes, source: bytes) -> None:
        packet = OuterPacket(source, self.own, icmpv4.PROTOCOL, octets)
        self.machine.receive_packet(packet, self.now)
        self.check(most=0)

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(1_000):
            due = self.machine.get_timer()
            if due is None or due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            self.machine.handle_timer(self.now)
            self.check(most=FEW_AT_ONCE)
        raise AssertionError("timers without end")

    def check(self, most: int) -> None:
        machine = self.machine
        sent = machine.packets_to_send()
        assert len(sent) <= most
        check_sent(sent, self.own, Kind.SIXOVERFOUR)
        self.sent = (self.sent + sent)[-20:]
        assert len(machine.ipv6_to_deliver()) <= NEIGHBOURS * QUEUED
        due = machine.get_timer()
        assert due is not None
        assert self.now <= due <= self.now + LONGEST_LIFETIME
        assert len(machine._neighbours) <= NEIGHBOURS
        assert machine._neighbours.queued <= NEIGHBOURS * QUEUED
        assert len(machine._attachment.prefixes) <= PREFIXES
        assert len(machine._attachment.routers) <= ROUTERS
        if machine.address is not None:
            assert machine.address[8:] == bytes(4) + self.own


def make(ip: bytes, prefix: bytes | None = None) -> SixOverFour:
    return SixOverFour(SixOverFourSettings(ip, prefix), Random(1))


@effort(max_examples=150)
@given(steps)
def test_nothing_that_arrives_harms_a_host(script: list[Any]) -> None:
    victim = Victim(make(HOST), HOST)
    for name, *arguments in script:
        getattr(victim, name)(*arguments)
    recovers(victim)


def recovers(victim: Victim) -> None:
    """Once its router alone is heard again, it is used; all else has run out of time."""
    host, local = victim.machine, address_of(LINK_LOCAL_PREFIX, ROUTER)
    victim.wait(LONGEST_LIFETIME)
    victim.sent.clear()
    victim.wait(700.0)
    assert victim.sent[-1].payload[40] == icmpv6.ROUTER_SOLICITATION
    place = (Option(1, bytes(2) + ROUTER),)
    said = advertisement(local, ALL_NODES, information(packed("2001:db8:7::")[:8]), options=place)
    victim.hear(said, ROUTER, NODES_GROUP)
    assert host.address is not None
    host.send_ipv6(data(host.address, NATIVE), victim.now)
    (sent,) = host.packets_to_send()
    assert sent.destination == ROUTER


@effort(max_examples=150)
@given(steps)
def test_nothing_that_arrives_harms_a_router(script: list[Any]) -> None:
    victim = Victim(make(ROUTER, PREFIX), ROUTER)
    for name, *arguments in script:
        getattr(victim, name)(*arguments)
        assert victim.machine.address == address_of(PREFIX, ROUTER)
    victim.sent.clear()
    victim.wait(INTERVAL[1] + BETWEEN)
    assert NODES_GROUP in [packet.destination for packet in victim.sent]


@given(CAST.wellformed, st.sampled_from([ROUTER, OTHER]))
def test_every_truncation_is_taken_or_refused(packet: bytes, source: bytes) -> None:
    host, router = Victim(make(HOST), HOST), Victim(make(ROUTER, PREFIX), ROUTER)
    for end in range(len(packet) + 1):
        for victim in (host, router):
            victim.hear_neighbour(source, packet[:end])
            victim.send(packet[:end])


@pytest.mark.parametrize("number", range(6))
def test_after_lost_doubled_and_late_packets_everybody_is_well_again(
    number: int, seed: int
) -> None:
    rng, site = Random(seed + number), Site()
    router = site.add(make(ROUTER, PREFIX))
    hosts = [site.add(make(ip)) for ip in (HOST, OTHER)]
    site.fate = lambda: [
        rng.choice((DELAY, 0.5, 3.0, 9.0)) for _ in range(rng.choice((0, 0, 1, 1, 2)))
    ]
    for _ in range(40):
        site.run(rng.uniform(0.0, 200.0))
        for host, other in (hosts, hosts[::-1]):
            chatter(site, host, other)
    site.fate = lambda: [DELAY]
    site.run(700.0)
    first, second = hosts
    for destination, listener in ((second.address, second), (NATIVE, router)):
        site.send(first, data(first.address, destination, b"well"))
        site.run(1.0)
        assert listener.got[-1] == data(first.address, destination, b"well")


def chatter(site: Site, host: Member, other: Member) -> None:
    if host.machine.address is not None:
        site.send(host, data(host.address, other.machine.address or NATIVE))
