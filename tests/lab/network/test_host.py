"""An IPv4 host answers what it should, and counts the rest."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.network.clock import Clock
from sensor.lab.network.connection import Outcome
from sensor.lab.network.host import BAD_CHECKSUM, NO_LISTENER, Host
from sensor.lab.network.packet import Label, Packet
from sensor.lab.network.reassembly import INCONSISTENT, UNREADABLE
from sensor.lab.network.segment import Segment
from sensor.lab.network.tap import Tap
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import icmpv4, ipv4, udp
from sensor.wire.addresses import packed
from tests.lab.network.places import listen

A, B, B2 = packed("192.0.2.1"), packed("192.0.2.2"), packed("192.0.2.3")
GROUP = Endpoint(packed("224.0.0.253"), 3544)


class Two:
    """Two hosts on a segment, the second with two addresses."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.segment = Segment("net", self.clock, Random(1))
        self.a = Host("a", self.segment, [A], Random(2))
        self.b = Host("b", self.segment, [B, B2], Random(3))
        self.tap = Tap(self.segment)

    def settle(self) -> None:
        self.clock.run(self.clock.now + 5.0)


def test_datagrams_reach_the_end_they_are_for() -> None:
    net = Two()
    ends = [Endpoint(B, 10), Endpoint(B2, 10), GROUP]
    heard = listen(net.b, *ends)
    for end in ends:
        net.a.send_udp(b"x", Endpoint(A, 7), end)
    net.settle()
    assert heard == [(b"x", Endpoint(A, 7), end) for end in ends]
    net.b.unbind(ends[0])
    net.a.send_udp(b"x", Endpoint(A, 7), ends[0])
    net.settle()
    assert len(heard) == 3
    assert net.b.drops[NO_LISTENER] == 1


def test_nobody_complains_about_a_broadcast() -> None:
    net = Two()
    net.segment.broadcast = packed("192.0.2.255")
    net.a.send_udp(b"x", Endpoint(A, 7), Endpoint(net.segment.broadcast, 137))
    net.settle()
    assert net.b.drops[NO_LISTENER] == 1
    assert len(net.tap.frames) == 1


def test_identifications_count_up_and_time_to_live_is_64_unless_told() -> None:
    net = Two()
    for ttl in (64, 64, 1):
        net.a.send_udp(b"x", Endpoint(A, 7), GROUP, ttl=ttl)
    headers = [frame.octets[14:34] for frame in net.tap.frames]
    numbers = [int.from_bytes(header[4:6]) for header in headers]
    assert [number - numbers[0] & 0xFFFF for number in numbers] == [0, 1, 2]
    assert [header[8] for header in headers] == [64, 64, 1]


def test_services_and_questions() -> None:
    net = Two()
    net.b.serve_udp(53, lambda query: query[::-1] if query else None)
    first = net.a.ask(Endpoint(B2, 53), b"abc")
    silent = net.a.ask(Endpoint(B, 53), b"")
    closed = net.a.ask(Endpoint(B, 54), b"abc")
    net.settle()
    assert [payload for _, payload in first.answers] == [b"cba"]
    assert (silent.answers, silent.refused) == ([], False)
    assert (closed.answers, closed.refused) == ([], True)


def test_echo_requests_are_answered_from_the_address_they_came_to() -> None:
    net = Two()
    asked = net.a.ping(B2)
    net.settle()
    assert len(asked.answers) == 1
    assert net.tap.frames[1].octets[26:34] == B2 + A


def test_an_error_about_an_echo_request_is_noted() -> None:
    net = Two()
    asked = net.a.ping(B)
    request = net.tap.frames[0].octets[14:]
    error = icmpv4.build_error(icmpv4.UNREACHABLE, 1, request)
    net.b.send(A, icmpv4.PROTOCOL, error)
    net.settle()
    assert asked.refused


def test_other_icmp_and_errors_about_others_are_let_be() -> None:
    net = Two()
    asked = net.a.ask(Endpoint(B, 53), b"")
    header = net.tap.frames[0].octets[14:34]
    segment = header[:9] + bytes([6]) + header[10:] + bytes(8)
    net.b.serve_udp(53, lambda _: None)
    net.b.send(A, icmpv4.PROTOCOL, icmpv4.build(13, 0, bytes(4), bytes(12)))
    net.b.send(A, icmpv4.PROTOCOL, icmpv4.build_error(icmpv4.UNREACHABLE, 3, segment))
    net.settle()
    assert not asked.refused
    assert net.a.drops.total() == 0


def test_tcp_over_ipv4() -> None:
    net = Two()
    net.b.tcp.serve(80, lambda request: b"hello " + request)
    page = net.a.tcp.connect(B, 80, b"you")
    net.settle()
    assert (page.outcome, page.received) == (Outcome.ANSWERED, b"hello you")


def test_a_refusal_of_a_tunnel_packet_is_labelled_as_quoting_it() -> None:
    net = Two()
    label = Label(Kind.TEREDO, TeredoPacket.BUBBLE, "a")
    net.a.send_udp(b"x", Endpoint(A, 7), Endpoint(B, 9), label=label)
    net.settle()
    assert [frame.label for frame in net.tap.frames] == [label, label.quoted_by("b")]


def test_damaged_packets_are_counted() -> None:
    net = Two()
    datagram = udp.build(A, B, 1, 2, b"x")
    net.a.send(B, udp.PROTOCOL, datagram[:-1] + b"y")
    net.a.send(B, icmpv4.PROTOCOL, icmpv4.build(8, 0, bytes(4), b"x")[:-1])
    net.a.send(B, udp.PROTOCOL, datagram[:5])
    net.a.send(B, 41, bytes(40))
    net.a.interface.send(Packet(ipv4.build(A, B, udp.PROTOCOL, datagram, more_fragments=True)))
    net.settle()
    assert net.b.drops == {BAD_CHECKSUM: 2, UNREADABLE: 1, NO_LISTENER: 1, INCONSISTENT: 1}


@given(st.binary(max_size=80), st.sampled_from([1, 6, 17, 41]))
def test_hostile_payloads_raise_nothing(payload: bytes, protocol: int) -> None:
    net = Two()
    net.a.send(B, protocol, payload)
    net.a.send(GROUP.ip, protocol, payload)
    net.settle()
    assert net.b.drops.total() + net.b.tcp.drops.total() == 2


def test_fragments_are_put_together_before_anything_else() -> None:
    net = Two()
    label = Label(Kind.TEREDO, TeredoPacket.DATA, "a")
    datagram = udp.build(A, B, 7, 9, bytes(40))
    heard: list[bytes] = []
    net.b.bind(Endpoint(B, 9), lambda payload, *_: heard.append(payload))
    pieces = ((datagram[:24], 0, True, None), (datagram[24:], 24, False, label))
    for data, offset, more, meant in pieces:
        piece = ipv4.build(*(A, B, udp.PROTOCOL, data), more_fragments=more, fragment_offset=offset)
        net.a.interface.send(Packet(piece, meant))
    net.settle()
    assert heard == [bytes(40)]
    assert net.b.drops.total() == 0
