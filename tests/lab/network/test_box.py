"""What NAT boxes and routers have in common."""

from __future__ import annotations

from random import Random

import pytest

from sensor.lab.network.box import NO_HOPS, NOT_FORWARDED, Box
from sensor.lab.network.clock import Clock
from sensor.lab.network.firewall import BLOCKED
from sensor.lab.network.packet import Packet
from sensor.lab.network.segment import Segment
from sensor.lab.network.tap import Tap
from sensor.wire import icmpv4, ipv4, udp
from sensor.wire.addresses import packed

INSIDE_IP, OUTSIDE_IP = packed("192.168.0.1"), packed("203.0.113.2")
A, B = packed("192.168.0.2"), packed("198.51.100.1")


class Hole(Box):
    """Keeps what it would send out, and forwards nothing in."""

    def __init__(self, inside: Segment, outside: Segment, identification: int) -> None:
        super().__init__("hole", inside, outside, INSIDE_IP, OUTSIDE_IP, identification)
        self.kept: list[Packet] = []

    def _from_inside(self, packet: Packet) -> None:
        if self._ends_here(packet.octets[16:20]):
            self.drops[NOT_FORWARDED] += 1
        else:
            self._forward(packet, self.inside, self.kept.append)

    def _from_outside(self, packet: Packet) -> None:
        self.drops[NOT_FORWARDED] += 1


class Place:
    """A box with somebody inside, and a tap on that side."""

    def __init__(self, identification: int = 1) -> None:
        self.clock = Clock()
        inside, outside = (Segment(name, self.clock, Random(1)) for name in ("in", "out"))
        self.box = Hole(inside, outside, identification)
        self.sender = inside.attach("sender", [A], lambda _: None)
        self.tap = Tap(inside, beside=self.sender)

    def send(self, octets: bytes) -> list[bytes]:
        """What comes back."""
        self.sender.send(Packet(octets))
        self.clock.run(self.clock.now + 1.0)
        answers = [frame.octets[14:] for frame in self.tap.frames[1:]]
        self.tap.frames.clear()
        return answers


def test_it_is_the_gateway_of_its_inside_and_takes_a_hop() -> None:
    place = Place()
    assert place.send(ipv4.build(A, B, 41, b"data", ttl=9)) == []
    assert place.box.kept == [Packet(ipv4.build(A, B, 41, b"data", ttl=8))]


@pytest.mark.parametrize("destination", ["192.168.0.1", "224.0.0.1", "255.255.255.255"])
def test_what_ends_here(destination: str) -> None:
    place = Place()
    assert place.send(ipv4.build(A, packed(destination), 41, b"")) == []
    assert (place.box.kept, place.box.drops) == ([], {NOT_FORWARDED: 1})


def test_its_own_packets_are_numbered_round_the_corner() -> None:
    place = Place(0xFFFF)
    answers = [place.send(ipv4.build(A, B, 41, b"", ttl=1)) for _ in range(2)]
    assert [answer[4:6] for (answer,) in answers] == [b"\xff\xff", b"\x00\x00"]
    assert {answer[20] for (answer,) in answers} == {icmpv4.TIME_EXCEEDED}


@pytest.mark.parametrize(
    "octets",
    [
        ipv4.build(A, B, udp.PROTOCOL, b"later", ttl=1, fragment_offset=8),
        ipv4.build(A, B, icmpv4.PROTOCOL, icmpv4.build_error(3, 3, bytes(28)), ttl=0),
    ],
    ids=["later-fragment", "error"],
)
def test_about_these_it_keeps_silent(octets: bytes) -> None:
    place = Place()
    assert place.send(octets) == []
    assert (place.box.kept, place.box.drops) == ([], {NO_HOPS: 1})


def test_a_first_fragment_that_went_too_far_is_told() -> None:
    first = ipv4.build(A, B, udp.PROTOCOL, bytes(8), ttl=1, more_fragments=True)
    assert len(Place().send(first)) == 1


def test_the_firewall_is_asked_after_the_hops() -> None:
    place = Place()
    place.box.firewall.block(53)
    datagram = udp.build(A, B, 1, 53, b"")
    assert place.send(ipv4.build(A, B, udp.PROTOCOL, datagram)) == []
    assert len(place.send(ipv4.build(A, B, udp.PROTOCOL, datagram, ttl=1))) == 1
    assert (place.box.kept, place.box.drops) == ([], {BLOCKED: 1, NO_HOPS: 1})
