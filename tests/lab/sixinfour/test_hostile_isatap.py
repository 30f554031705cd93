"""ISATAP under hostile packets: no exception, limits kept, and well again afterwards."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour.isatap import IsatapHost, isatap_address
from sensor.lab.sixinfour.isatap_router import IsatapRouter
from sensor.lab.sixinfour.prefixes import PREFIXES
from sensor.lab.sixinfour.routers import ROUTERS
from sensor.lab.sixinfour.settings import IsatapHostSettings, IsatapRouterSettings
from sensor.schema.words import Kind
from sensor.wire import icmpv4, icmpv6
from sensor.wire.addresses import LINK_LOCAL_PREFIX, is_multicast6, packed
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
    discovery,
    information,
    neighbour,
    outer,
)

HOST, ROUTER, SECOND, OTHER = map(packed, ("10.1.1.2", "10.1.0.1", "10.1.0.2", "10.1.2.3"))
REFRESH = 600.0
# A refresh, or an hour's lifetime of what a forger advertised, is the furthest timer but one.
LONGEST_WAIT = REFRESH

HOST_LOCAL, ROUTER_LOCAL = (isatap_address(LINK_LOCAL_PREFIX, ip) for ip in (HOST, ROUTER))
IPS = [HOST, ROUTER, SECOND, OTHER]
ADDRESSES = [isatap_address(prefix, ip) for prefix in (LINK_LOCAL_PREFIX, PREFIX) for ip in IPS]
CAST = Cast(IPS, ADDRESSES)
steps = st.lists(
    coherent(IPS, ADDRESSES)
    | st.tuples(st.just("hear"), CAST.packets, CAST.ips)
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
    """A host or router whose limits, timer and packets are looked at after each step."""

    def __init__(self, machine: IsatapHost | IsatapRouter, own: bytes) -> None:
        self.machine = machine
        self.own = own
        self.local = isatap_address(LINK_LOCAL_PREFIX, own)
        self.now = 1_000.0
        self.last: OuterPacket | None = None
        machine.start(self.now)
        self.check(most=2)

    def hear(self, packet: bytes, source: bytes) -> None:
        self.machine.receive_packet(outer(source, self.own, packet), self.now)
        self.check(most=1)

    def advertise(
        self,
        ip: bytes,
        said: list[PrefixInformation],
        lifetime: int,
        options: tuple[Option, ...],
    ) -> None:
        source = isatap_address(LINK_LOCAL_PREFIX, ip)
        packet = advertisement(source, self.local, *said, lifetime=lifetime, options=options)
        self.hear(packet, ip)

    def neighbour(self, ip: bytes, kind: int, target: bytes, flags: int, octets: bytes) -> None:
        source = isatap_address(LINK_LOCAL_PREFIX, ip)
        self.hear(neighbour(source, self.local, kind, target, flags, octets), ip)

    def data(self, ip: bytes, destination: bytes) -> None:
        self.hear(data(isatap_address(PREFIX, ip), destination), ip)

    def send(self, packet: bytes) -> None:
        self.machine.send_ipv6(packet, self.now)
        self.check(most=1)

    def complain(self, kind: int, code: int, rest: bytes, length: int, source: bytes) -> None:
        if self.last is not None:
            error = error_about(self.last, kind, code, rest, length)
            self._icmp(error, source)

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
            self.check(most=2)
        raise AssertionError("timers without end")

    def check(self, most: int) -> None:
        sent = self.machine.packets_to_send()
        assert len(sent) <= most
        check_sent(sent, self.own, Kind.ISATAP)
        self.last = sent[-1] if sent else self.last
        assert len(self.machine.ipv6_to_deliver()) <= 1
        if isinstance(self.machine, IsatapHost):
            self._check_host(self.machine)
        else:
            assert self.machine.get_timer() is None

    def _check_host(self, host: IsatapHost) -> None:
        due = host.get_timer()
        assert due is not None
        assert self.now <= due <= self.now + LONGEST_WAIT
        assert len(host._attachment.prefixes) <= PREFIXES
        assert len(host._attachment.routers) <= ROUTERS
        if host.address is not None:
            assert host.address[8:] == isatap_address(PREFIX, HOST)[8:]
            assert not is_multicast6(host.address)


def make_host() -> IsatapHost:
    return IsatapHost(IsatapHostSettings(HOST, (ROUTER, SECOND), REFRESH), Random(1))


def make_router() -> IsatapRouter:
    return IsatapRouter(IsatapRouterSettings(ROUTER, PREFIX), Random(1))


@effort(max_examples=150)
@given(steps)
def test_nothing_that_arrives_harms_a_host(script: list[Any]) -> None:
    victim = Victim(make_host(), HOST)
    for name, *arguments in script:
        getattr(victim, name)(*arguments)
    recovers(victim)


def recovers(victim: Victim) -> None:
    """Once its router alone is heard again, it is used; all else has run out of time."""
    host = victim.machine
    victim.wait(65_536.0)
    victim.last = None
    for _ in range(400):
        victim.wait(2.0)
        if victim.last is not None:
            break
    assert victim.last is not None
    assert victim.last.payload[40] == icmpv6.ROUTER_SOLICITATION
    prefix = information(packed("2001:db8:7::")[:8])
    victim.hear(advertisement(ROUTER_LOCAL, HOST_LOCAL, prefix), ROUTER)
    assert host.address is not None
    host.send_ipv6(data(host.address, NATIVE), victim.now)
    (sent,) = host.packets_to_send()
    assert sent.destination == ROUTER


@effort(max_examples=150)
@given(steps)
def test_nothing_that_arrives_harms_a_router(script: list[Any]) -> None:
    victim = Victim(make_router(), ROUTER)
    for name, *arguments in script:
        getattr(victim, name)(*arguments)
    victim.last = None
    victim.hear(discovery(HOST_LOCAL, ROUTER_LOCAL, icmpv6.ROUTER_SOLICITATION, bytes(4)), HOST)
    last: OuterPacket | None = victim.last
    assert last is not None
    assert last.destination == HOST


@given(CAST.wellformed, CAST.ips)
def test_every_truncation_is_taken_or_refused(packet: bytes, source: bytes) -> None:
    host, router = Victim(make_host(), HOST), Victim(make_router(), ROUTER)
    for end in range(len(packet) + 1):
        for victim in (host, router):
            victim.hear(packet[:end], source)
            victim.send(packet[:end])


@pytest.mark.parametrize("number", range(6))
def test_after_lost_doubled_and_late_packets_everybody_is_well_again(
    number: int, seed: int
) -> None:
    rng, site = Random(seed + number), Site()
    router = site.add(make_router())
    hosts = [
        site.add(IsatapHost(IsatapHostSettings(ip, (ROUTER,), REFRESH), Random(1)))
        for ip in (HOST, OTHER)
    ]
    site.fate = lambda: [
        rng.choice((DELAY, 0.5, 3.0, 9.0)) for _ in range(rng.choice((0, 0, 1, 1, 2)))
    ]
    for _ in range(40):
        site.run(rng.uniform(0.0, 200.0))
        for host, other in (hosts, hosts[::-1]):
            chatter(site, host, other)
    site.fate = lambda: [DELAY]
    site.run(REFRESH + 20.0)
    first, second = hosts
    for destination, listener in ((second.address, second), (NATIVE, router)):
        site.send(first, data(first.address, destination, b"well"))
        site.run(1.0)
        assert listener.got[-1] == data(first.address, destination, b"well")


def chatter(site: Site, host: Member, other: Member) -> None:
    if host.machine.address is not None:
        site.send(host, data(host.address, other.machine.address or NATIVE))
