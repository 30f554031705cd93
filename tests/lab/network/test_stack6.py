"""A small IPv6 host answers what it should, and counts the rest."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.network.clock import Clock
from sensor.lab.network.native import Native
from sensor.lab.network.routes import EVERYWHERE
from sensor.lab.network.stack6 import (
    BAD_CHECKSUM,
    NO_ADDRESS,
    NO_LISTENER,
    NO_ROUTE,
    NOT_OURS,
    UNREADABLE,
    Stack6,
)
from sensor.wire import icmpv6, ipv6, udp
from sensor.wire.addresses import packed

A, B, B2 = packed("2001:db8::a"), packed("2001:db8::b"), packed("2001:0:c633:6401::b")


class Net:
    """Two hosts, the second with two addresses."""

    def __init__(self) -> None:
        self.clock = Clock()
        native = Native(self.clock, Random(1))
        self.a = Stack6("a", self.clock, Random(2), [A])
        self.b = Stack6("b", self.clock, Random(3), [B, B2])
        for stack in (self.a, self.b):
            native.host(stack)

    def settle(self) -> None:
        self.clock.run(self.clock.now + 1.0)


def test_echo() -> None:
    net = Net()
    asked = [net.a.ping(address) for address in (B, B2, packed("2001:db8::c"))]
    net.settle()
    assert [len(one.answers) for one in asked] == [1, 1, 0]


def test_udp_services() -> None:
    net = Net()
    net.b.serve_udp(7, lambda payload: payload[::-1] if payload else None)
    answered, silent, closed = (
        net.a.ask(B, port, payload) for port, payload in ((7, b"abc"), (7, b""), (8, b"abc"))
    )
    net.settle()
    assert [payload for _, payload in answered.answers] == [b"cba"]
    assert (silent.answers, silent.refused) == ([], False)
    assert (closed.answers, closed.refused) == ([], True)


def test_an_error_about_an_echo_request_is_noted() -> None:
    net = Net()
    sent: list[bytes] = []
    net.a.route((B, 128), sent.append)
    asked = net.a.ping(B)
    error = icmpv6.build_error(B2, A, icmpv6.UNREACHABLE, 0, sent[0])
    net.a.receive(ipv6.build(B2, A, icmpv6.PROTOCOL, error))
    assert asked.refused


def test_other_icmp_and_errors_about_others_are_let_be() -> None:
    net = Net()
    asked = net.a.ask(B, 7, b"")
    segment = ipv6.build(A, B, 6, bytes(20))
    for message in (
        icmpv6.build(B, A, 135, 0, bytes(20)),
        icmpv6.build_error(B, A, icmpv6.UNREACHABLE, 4, segment),
    ):
        net.a.receive(ipv6.build(B, A, icmpv6.PROTOCOL, message))
    assert not asked.refused
    assert net.a.drops.total() == 0


def test_errors_fit_the_smallest_packet_that_every_path_carries() -> None:
    net = Net()
    sent: list[bytes] = []
    net.b.route(EVERYWHERE, sent.append)
    net.b.receive(ipv6.build(A, B, udp.PROTOCOL, udp.build(A, B, 1, 2, bytes(1200))))
    assert len(sent[0]) == 1280
    assert sent[0][40:42] == bytes([icmpv6.UNREACHABLE, 4])


def test_the_nearest_own_address_is_the_source() -> None:
    net = Net()
    sent: list[bytes] = []
    net.b.route(EVERYWHERE, sent.append)
    for address in (A, packed("2001:0:1:2::3")):
        net.b.ping(address)
    assert [packet[8:24] for packet in sent] == [B, B2]


def test_without_address_or_route_nothing_is_sent() -> None:
    clock = Clock()
    stack = Stack6("lonely", clock, Random(1))
    stack.ping(A)
    stack.ask(A, 1, b"")
    stack.addresses = [B]
    stack.ping(A)
    stack.ping(B)
    assert stack.drops == {NO_ADDRESS: 2, NO_ROUTE: 2}


def test_what_is_not_for_it_or_damaged_is_counted() -> None:
    net = Net()
    datagram = udp.build(A, B, 1, 2, b"x")
    packets = [
        ipv6.build(A, packed("2001:db8::c"), udp.PROTOCOL, datagram),
        ipv6.build(A, B, udp.PROTOCOL, datagram[:-1] + b"y"),
        ipv6.build(A, B, udp.PROTOCOL, udp.build(A, B, 1, 2, b"x", checksum=False)),
        ipv6.build(A, B, icmpv6.PROTOCOL, bytes([128, 0, 0, 0])),
        ipv6.build(A, B, udp.PROTOCOL, datagram)[:-1],
        ipv6.build(A, B, udp.PROTOCOL, b"cut"),
        ipv6.build(A, B, ipv6.NO_NEXT_HEADER, b""),
    ]
    for packet in packets:
        net.b.receive(packet)
    assert net.b.drops == {NOT_OURS: 1, BAD_CHECKSUM: 3, UNREADABLE: 2, NO_LISTENER: 1}


@given(st.sampled_from([6, 17, 58, 59, 0, 44]), st.binary(max_size=60), st.booleans())
def test_hostile_packets_raise_nothing(protocol: int, payload: bytes, bare: bool) -> None:
    net = Net()
    if protocol == icmpv6.PROTOCOL and payload:
        payload = icmpv6.build(A, B, payload[0], 0, payload[1:])
    net.b.receive(payload if bare else ipv6.build(A, B, protocol, payload))
    net.settle()
    assert net.a.drops.total() <= 1
