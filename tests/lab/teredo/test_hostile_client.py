"""Whatever arrives, and however late: no exception, limits kept, and well again afterwards."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from sensor.lab.machine import Datagram
from sensor.lab.teredo.attempts import REPEATS
from sensor.lab.teredo.client import Client
from sensor.lab.teredo.discovery import GROUP
from sensor.lab.teredo.ports import PORTS_OPEN
from sensor.lab.teredo.settings import PeerLimits
from sensor.lab.teredo.style import MIREDO, OWN, WINDOWS_7, WINDOWS_XP
from sensor.schema.records import Endpoint
from sensor.wire import addresses, icmpv6, ipv6, teredo
from sensor.wire.addresses import packed
from tests.lab.teredo.parties import data
from tests.lab.teredo.world import (
    DELAY,
    LOCAL,
    MAPPED,
    NATIVE,
    PUBLIC,
    RELAY,
    SECOND,
    SERVER,
    Nat,
    World,
    address_of,
    advertisement,
    client_settings,
)

LIMITS = PeerLimits(peers=8, queued_packets=3, queued_octets=2_000)
# To one indirect bubble: to its sender, its random port, four alternates, and its server.
MOST_A_STEP = 7
LONGEST_WAIT = 300.0  # seconds: no timer of a client is further away
NEIGHBOUR = Endpoint(packed("192.168.0.3"), 41_000)
ENDS = [SERVER, SECOND, RELAY, MAPPED, NEIGHBOUR, Endpoint(packed("203.0.113.9"), 60_000)]

ends = st.sampled_from(ENDS)
styles = st.sampled_from([OWN, WINDOWS_7, WINDOWS_XP, MIREDO])
sources = st.one_of(
    st.sampled_from([NATIVE, packed("fe80::1"), addresses.ALL_NODES, bytes(16)]),
    st.builds(address_of, ends, st.sampled_from([0, 0x8000, 0x1234])),
    st.binary(min_size=16, max_size=16),
)
trailers = st.lists(
    st.one_of(
        st.builds(teredo.build_trailer_nonce, st.binary(min_size=4, max_size=4)),
        st.builds(teredo.build_trailer_random_port, st.integers(0, 65_535)),
        st.builds(teredo.build_trailer_alternate, st.lists(ends, min_size=1, max_size=4)),
        st.builds(teredo.build_trailer_neighbour_discovery, st.integers(0, 1)),
        st.binary(max_size=6),
    ),
    max_size=3,
)
indicators = st.sampled_from(
    [b"", teredo.build_authentication(bytes(8)), *(teredo.build_origin(*end) for end in ENDS)]
)
# What a step does, and what it does it with.
steps = st.lists(
    st.one_of(
        st.tuples(st.just("bubble"), indicators, sources, trailers, ends),
        st.tuples(st.just("data"), indicators, sources, st.binary(max_size=50), ends),
        st.tuples(st.just("noise"), st.binary(max_size=120), ends, st.booleans()),
        st.tuples(st.just("advertise"), ends, ends, st.booleans()),
        st.tuples(st.just("echo"), ends, st.integers(0, 70)),
        st.tuples(st.just("send"), sources, st.integers(0, 1_300)),
        st.tuples(st.just("wait"), st.floats(0, 120)),
    ),
    max_size=40,
)


def is_solicitation(payload: bytes) -> bool:
    return teredo.parse(payload).header.destination == addresses.ALL_ROUTERS


class Victim:
    """A client, what it sent last, and a check after every step."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.now = 0.0
        self.sent: list[bytes] = []
        client.start(self.now)
        self.check()

    def own(self) -> bytes:
        return self.client.address or address_of(MAPPED)

    def give(self, payload: bytes, source: Endpoint, end: Endpoint = LOCAL) -> None:
        self.client.receive_datagram(payload, source, end, self.now)
        sent = self.client.datagrams_to_send()
        assert len(sent) <= MOST_A_STEP
        self.remember(sent)

    def remember(self, sent: list[Datagram]) -> None:
        self.sent = (self.sent + [datagram.payload for datagram in sent])[-50:]

    def bubble(self, front: bytes, source: bytes, behind: list[bytes], end: Endpoint) -> None:
        bubble = teredo.build_bubble(source, self.own())
        self.give(front + bubble + b"".join(behind), end)

    def data(self, front: bytes, source: bytes, octets: bytes, end: Endpoint) -> None:
        self.give(front + data(source, self.own(), octets), end)

    def noise(self, octets: bytes, end: Endpoint, to_group: bool) -> None:
        self.give(octets, end, GROUP if to_group else LOCAL)

    def advertise(self, mapped: Endpoint, source: Endpoint, doubled: bool) -> None:
        """An answer to whatever it sent last that reads like a solicitation."""
        for payload in reversed(self.sent):
            if is_solicitation(payload):
                for _ in range(1 + doubled):
                    self.give(advertisement(payload, mapped), source)
                return

    def echo(self, source: Endpoint, damage: int) -> None:
        """Its last request comes back as a reply, a bit of it wrong or none."""
        for payload in reversed(self.sent):
            if payload[40:41] == bytes([icmpv6.ECHO_REQUEST]):
                body = bytearray(payload[44:])
                if damage < len(body):
                    body[damage] ^= 1
                target, own = payload[24:40], payload[8:24]
                reply = icmpv6.build(target, own, icmpv6.ECHO_REPLY, 0, bytes(body))
                self.give(ipv6.build(target, own, icmpv6.PROTOCOL, reply), source)
                return

    def send(self, destination: bytes, length: int) -> None:
        self.client.send_ipv6(data(self.own(), destination, bytes(length)), self.now)

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(10_000):
            due = self.client.get_timer()
            if due is None or due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            self.client.handle_timer(self.now)
            self.check()
        raise AssertionError("timers without end")

    def check(self) -> None:
        client = self.client
        self.remember(client.datagrams_to_send())
        client.ipv6_to_deliver()
        due = client.get_timer()
        assert due is not None
        assert due <= self.now + LONGEST_WAIT
        assert len(client.ends) <= 2 + PORTS_OPEN
        assert len(client._peers) <= LIMITS.peers
        assert len(client._attempts) <= LIMITS.peers
        assert all(len(peer.trials) <= 1 + REPEATS for peer in client._peers.all())
        assert client._peers.queued_octets <= LIMITS.queued_octets
        assert (client.state == "qualified") is (client.address is not None)


@effort(max_examples=150)
@given(styles, steps, st.booleans())
def test_nothing_that_arrives_harms_the_client(
    style: object, script: list[tuple[object, ...]], searching: bool
) -> None:
    settings = client_settings(
        style,  # type: ignore[arg-type]
        limits=LIMITS,
        local_discovery=True,
        interval_port=40_001 if searching else None,
    )
    victim = Victim(Client(settings, Random(3)))
    for name, *arguments in script:
        getattr(victim, str(name))(*arguments)
        victim.check()
    recovers(victim)


def recovers(victim: Victim) -> None:
    """Once the server alone is heard again it is qualified within two rounds of trials."""
    for _ in range(60):
        victim.sent.clear()
        victim.wait(4.0)
        for payload in victim.sent:
            if is_solicitation(payload):
                cone = teredo.parse(payload).header.source[8] & 0x80
                victim.give(advertisement(payload, MAPPED), SECOND if cone else SERVER)
        victim.check()
    assert victim.client.state == "qualified"
    assert victim.client.mapped == MAPPED


@pytest.mark.parametrize("number", range(6))
def test_after_lost_doubled_and_late_datagrams_everybody_is_well_again(
    number: int, seed: int
) -> None:
    rng, world = Random(seed + number), World()
    peers = [Nat(PUBLIC), Nat(packed("203.0.113.9"), "address", symmetric=False)]
    hosts = [
        world.add(nat, Endpoint(LOCAL.ip, 40_000 + n), local_discovery=True)
        for n, nat in enumerate(peers)
    ]
    world.fate = lambda: [
        rng.choice((DELAY, 0.5, 3.0, 9.0)) for _ in range(rng.choice((0, 0, 1, 1, 2)))
    ]
    for _ in range(40):
        world.run(rng.uniform(0.0, 30.0))
        for host, other in (hosts, hosts[::-1]):
            if host.client.address is not None:
                target = other.client.address or NATIVE
                world.send(host, data(host.address, target, rng.randbytes(20)))
    world.fate = lambda: [DELAY]
    world.run(700.0)  # past a retry, and past the silence that four bubbles in vain impose
    first, second = hosts
    world.send(first, data(first.address, second.address, b"well"))
    world.run(1.0)
    assert second.got[-1] == data(first.address, second.address, b"well")
    world.send(first, data(first.address, NATIVE, b"well"))
    world.run(1.0)
    assert first.sent[-1].destination == RELAY
