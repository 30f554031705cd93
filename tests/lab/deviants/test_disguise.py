"""A disguise changes what tunnels send and get, in both directions, and nothing else."""

from __future__ import annotations

from random import Random

import pytest

from sensor.lab.deviants.disguise import Disguise, DisguisedHost, Passing
from sensor.lab.machine import OuterPacket
from sensor.lab.network.clock import Clock
from sensor.lab.network.host import Host
from sensor.lab.network.packet import Label
from sensor.lab.network.segment import Segment
from sensor.lab.network.tap import Tap
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import sixinfour
from sensor.wire.addresses import packed
from tests.lab.network.places import Received, listen

HERE, THERE = Endpoint(packed("198.51.100.7"), 40_001), Endpoint(packed("198.51.100.8"), 40_002)
LABEL = Label(Kind.TEREDO, TeredoPacket.DATA, "here")


class Marked(Disguise):
    """Marks what leaves, and takes the mark off."""

    def leaving(self, passing: Passing) -> Passing:
        return passing.flawed(b"mark" + passing.payload)

    def arriving(self, passing: Passing) -> Passing:
        return passing._replace(payload=passing.payload.removeprefix(b"mark"))


class Wire:
    """Two hosts; the first one wears a disguise."""

    def __init__(self) -> None:
        self.clock = Clock()
        segment = Segment("wire", self.clock, Random(1))
        self.here = DisguisedHost("here", segment, [HERE.ip], Random(2), Marked())
        self.there = Host("there", segment, [THERE.ip], Random(3))
        self.tap = Tap(segment)
        self.heard: Received = listen(self.there, THERE)

    def settle(self) -> None:
        self.clock.run(self.clock.now + 1)


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_datagrams_of_tunnels_are_changed_and_so_are_their_labels(wire: Wire) -> None:
    wire.here.send_udp(b"text", HERE, THERE, label=LABEL)
    wire.settle()
    assert wire.heard == [(b"marktext", HERE, THERE)]
    assert [frame.label for frame in wire.tap.frames] == [LABEL._replace(flawed=True)]


def test_what_is_no_tunnels_is_left_alone(wire: Wire) -> None:
    wire.here.send_udp(b"text", HERE, THERE)
    wire.here.send(THERE.ip, 99, b"text")
    wire.settle()
    assert wire.heard == [(b"text", HERE, THERE)]
    assert [frame.label for frame in wire.tap.frames if frame.octets[23] == 99] == [None]


def test_endpoints_get_datagrams_without_the_disguise(wire: Wire) -> None:
    heard = listen(wire.here, HERE)
    wire.there.send_udp(b"marktext", THERE, HERE)
    wire.there.send_udp(b"text", THERE, HERE)
    wire.settle()
    assert heard == [(b"text", THERE, HERE)] * 2


def test_packets_without_ports_are_changed_both_ways(wire: Wire) -> None:
    out: list[OuterPacket] = []
    back: list[OuterPacket] = []
    wire.there.listen(sixinfour.PROTOCOL, out.append)
    wire.here.listen(sixinfour.PROTOCOL, back.append)
    packet = OuterPacket(HERE.ip, THERE.ip, sixinfour.PROTOCOL, b"text")
    wire.here.send_packet(packet, LABEL)
    wire.there.send(HERE.ip, sixinfour.PROTOCOL, b"marktext")
    wire.settle()
    assert [each.payload for each in out] == [b"marktext"]
    assert [each.payload for each in back] == [b"text"]


def test_who_stops_listening_hears_nothing_more(wire: Wire) -> None:
    heard: list[OuterPacket] = []
    receive = heard.append
    wire.here.listen(sixinfour.PROTOCOL, receive)
    wire.here.close(sixinfour.PROTOCOL, receive)
    wire.there.send(HERE.ip, sixinfour.PROTOCOL, b"text")
    wire.settle()
    assert heard == []
    assert wire.here.drops["no-listener"] == 1


def test_the_plain_disguise_changes_nothing() -> None:
    passing = Passing(b"text", HERE, THERE, LABEL)
    assert Disguise().leaving(passing) == Disguise().arriving(passing) == passing
    assert passing.packet is TeredoPacket.DATA
    assert passing._replace(label=None).packet is TeredoPacket.NONE
