"""The truth about tunnels that are not Teredo's, from the packets that their makers labelled."""

from __future__ import annotations

import pytest

from sensor.lab.machine import OuterPacket
from sensor.lab.network.packet import Label
from sensor.lab.scenarios.links import links
from sensor.lab.scenarios.truth import EmbeddedTruth, LinkTruth
from sensor.lab.scenarios.world import World
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import gre, ipv6, sixinfour, udp
from sensor.wire.addresses import build_sixtofour, packed

FAR = packed("2001:db8::1")


class Stage:
    """A campus and somebody outside, who say what a test lets them say."""

    def __init__(self) -> None:
        self.world = World(1)
        campus = self.world.campus("campus")
        self.world.watch(campus)
        self.inside, self.outside = campus.host("inside"), self.world.stranger("outside")
        self.ends = tuple(sorted(Endpoint(host.address, 0) for host in (self.inside, self.outside)))

    def say(self, protocol: int, payload: bytes, kind: Kind, *, back: bool = False) -> None:
        hosts = (self.inside, self.outside)
        sender, receiver = reversed(hosts) if back else hosts
        packet = OuterPacket(sender.address, receiver.address, protocol, payload)
        sender.send_packet(packet, Label(kind, TeredoPacket.NONE, sender.name))

    def links(self, side: str = "inside") -> tuple[LinkTruth, ...]:
        self.world.wait(1)
        return links(self.world, self.world.watched.taps[side])


@pytest.mark.parametrize("side", ["inside", "outside"])
def test_both_directions_are_one_link_with_all_its_kinds(side: str) -> None:
    stage = Stage()
    own = build_sixtofour(stage.inside.address)
    stage.world.formed.note(own, Kind.SIXTOFOUR, stage.inside.address, 48)
    stage.say(sixinfour.PROTOCOL, ipv6.build(own, FAR, 59, b""), Kind.SIXTOFOUR)
    stage.say(sixinfour.PROTOCOL, ipv6.build(FAR, FAR, 59, b""), Kind.SIXINFOUR, back=True)
    (link,) = stage.links(side)
    assert link == LinkTruth(
        kinds=(Kind.SIXINFOUR, Kind.SIXTOFOUR),
        ends=stage.ends,
        client=Endpoint(stage.inside.address, 0),
        key=None,
        senders=("inside", "outside"),
        embedded=(EmbeddedTruth(own, Kind.SIXTOFOUR, stage.inside.address),),
    )


def test_keys_keep_tunnels_apart() -> None:
    stage = Stage()
    for key in (None, 1, 2, 1):
        stage.say(gre.PROTOCOL, gre.build(gre.IPV6, bytes(40), key=key), Kind.GRE6)
    assert [link.key for link in stage.links()] == [None, 1, 2]


def test_over_udp_a_client_with_several_peers_is_one_link() -> None:
    stage = Stage()
    own = Endpoint(stage.inside.address, 40_000)
    for port in (5_072, 5_073):
        payload = udp.build(own.ip, stage.outside.address, own.port, port, b"x")
        stage.say(udp.PROTOCOL, payload, Kind.AYIYA)
    (link,) = stage.links()
    assert link.client == own
    assert {end.port for end in link.ends} == {40_000, 5_072, 5_073}


def test_what_is_teredo_or_cut_or_ordinary_is_no_link() -> None:
    stage = Stage()
    stage.inside.ping(stage.outside.address)
    stage.say(udp.PROTOCOL, bytes(8), Kind.TEREDO)
    assert stage.links() == ()
    stage.say(sixinfour.PROTOCOL, b"\x60", Kind.SIXINFOUR)
    (link,) = stage.links()
    assert link.embedded == ()
