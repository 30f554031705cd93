"""A router between a site and the Internet."""

from __future__ import annotations

from random import Random

import pytest

from sensor.lab.network.box import NO_HOPS, NOT_FORWARDED
from sensor.lab.network.clock import Clock
from sensor.lab.network.connection import Outcome
from sensor.lab.network.firewall import BLOCKED
from sensor.lab.network.host import Host
from sensor.lab.network.medium import NO_SUCH_HOST
from sensor.lab.network.packet import Label, Packet
from sensor.lab.network.router import Router
from sensor.lab.network.segment import Segment
from sensor.lab.network.tap import Tap
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import icmpv4, ipv4, udp
from sensor.wire.addresses import packed
from tests.lab.network.places import FIRST_IP, PROBES, listen, take_quietly

SITE_IP, HIDDEN_IP = packed("192.0.2.2"), packed("192.0.2.3")
INSIDE_IP, OUTSIDE_IP = packed("192.0.2.1"), packed("203.0.113.7")
END = Endpoint(SITE_IP, 3544)
LABEL = Label(Kind.SIXINFOUR, TeredoPacket.NONE, "host")


class Site:
    """A host that its router announces, one that it does not, and a prober on the Internet."""

    def __init__(self, seed: int = 1) -> None:
        self.clock = Clock()
        self.inside = Segment("site", self.clock, Random(1))
        self.internet = Segment("internet", self.clock, Random(2), 0.01)
        self.router = Router(
            "router", self.inside, self.internet, INSIDE_IP, OUTSIDE_IP, Random(seed)
        )
        self.router.announce(SITE_IP)
        self.host = Host("host", self.inside, [SITE_IP], Random(4))
        self.hidden = Host("hidden", self.inside, [HIDDEN_IP], Random(5))
        self.prober = Host("prober", self.internet, [FIRST_IP], Random(6))
        take_quietly(self.prober)
        self.heard = listen(self.host, END)
        self.probed = listen(self.prober, *PROBES[:2])

    def settle(self) -> None:
        self.clock.run(self.clock.now + 1.0)


def test_packets_pass_both_ways_with_their_own_addresses() -> None:
    site = Site()
    site.host.send_udp(b"out", END, PROBES[0])
    site.prober.send_udp(b"in", PROBES[1], END)
    site.settle()
    assert site.probed == [(b"out", END, PROBES[0])]
    assert site.heard == [(b"in", PROBES[1], END)]
    assert site.router.drops == {}


def test_only_announced_addresses_are_led_to() -> None:
    site = Site()
    site.prober.send_udp(b"in", PROBES[0], Endpoint(HIDDEN_IP, 9))
    site.settle()
    assert site.internet.drops == {NO_SUCH_HOST: 1}
    site.router.announce(HIDDEN_IP)
    echo = site.prober.ping(HIDDEN_IP)
    site.settle()
    assert len(echo.answers) == 1


def test_ordinary_traffic_passes() -> None:
    site = Site()
    site.host.tcp.serve(80, lambda request: b"200 " + request)
    page = site.prober.tcp.connect(SITE_IP, 80, b"GET /")
    refused = site.prober.ask(Endpoint(SITE_IP, 9), b"discard")
    site.clock.run(5.0)
    assert (page.outcome, page.received) == (Outcome.ANSWERED, b"200 GET /")
    assert refused.refused


@pytest.mark.parametrize(
    "fragment",
    [
        ipv4.build(SITE_IP, FIRST_IP, 41, b"whole", dont_fragment=True),
        ipv4.build(SITE_IP, FIRST_IP, 41, bytes(8), more_fragments=True),
        ipv4.build(SITE_IP, FIRST_IP, 41, b"end", fragment_offset=8),
        ipv4.build(SITE_IP, FIRST_IP, udp.PROTOCOL, b"cut"),
        ipv4.build(packed("10.9.8.7"), FIRST_IP, 47, b"from anywhere"),
    ],
    ids=["whole", "first", "later", "damaged", "spoofed"],
)
def test_whatever_it_is_only_the_hops_change(fragment: bytes) -> None:
    site = Site()
    tap = Tap(site.internet)
    site.host.interface.send(Packet(fragment, LABEL))
    site.settle()
    (frame,) = tap.frames
    octets = frame.octets[14 : 14 + len(fragment)]
    assert frame.label == LABEL
    assert ipv4.header_checksum_ok(octets)
    assert octets[8] == fragment[8] - 1
    assert octets[:8] + octets[12:] == fragment[:8] + fragment[12:]


def test_the_last_hop_is_told_to_the_sender() -> None:
    site = Site()
    taps = Tap(site.inside), Tap(site.internet)
    site.host.send_udp(b"out", END, PROBES[0], ttl=1, label=LABEL)
    site.prober.send_udp(b"in", PROBES[0], END, ttl=1)
    site.settle()
    errors = [tap.frames[1] for tap in taps]
    assert [error.octets[14 + 20] for error in errors] == [icmpv4.TIME_EXCEEDED] * 2
    assert errors[0].octets[26:34] == INSIDE_IP + SITE_IP
    assert errors[1].octets[26:34] == OUTSIDE_IP + FIRST_IP
    assert errors[0].label == LABEL._replace(sender="router", quoted=True)
    numbers = [int.from_bytes(error.octets[18:20]) for error in errors]
    assert numbers[1] == (numbers[0] + 1) % 65_536
    assert (site.probed, site.heard, site.router.drops) == ([], [], {NO_HOPS: 2})


@pytest.mark.parametrize(
    "destination", ["192.0.2.1", "203.0.113.7", "224.0.0.253", "255.255.255.255"]
)
def test_what_is_not_for_others_is_not_forwarded(destination: str) -> None:
    site = Site()
    octets = ipv4.build(SITE_IP, packed(destination), 41, b"")
    tap = Tap(site.internet)
    site.host.interface.send(Packet(octets))
    site.settle()
    assert (tap.frames, site.router.drops) == ([], {NOT_FORWARDED: 1})


@pytest.mark.parametrize("destination", ["203.0.113.7", "224.0.0.253"])
def test_nor_is_it_from_outside(destination: str) -> None:
    site = Site()
    tap = Tap(site.inside)
    site.prober.send(packed(destination), 41, b"")
    site.settle()
    assert (tap.frames, site.router.drops) == ([], {NOT_FORWARDED: 1})


def test_a_packet_for_a_host_that_is_gone_goes_round_nowhere() -> None:
    site = Site()
    site.host.interface.addresses[0] = packed("192.0.2.9")
    site.prober.send(SITE_IP, 41, b"")
    site.hidden.send(SITE_IP, 41, b"")
    site.settle()
    assert site.inside.drops == {NO_SUCH_HOST: 1}
    assert site.internet.drops == {NO_SUCH_HOST: 1}


def test_a_blocked_port_is_the_one_outside() -> None:
    site = Site()
    site.router.firewall.block(END.port)
    site.host.send_udp(b"out", END, PROBES[0])
    site.prober.send_udp(b"in", PROBES[0], END)
    site.settle()
    assert (len(site.probed), len(site.heard)) == (1, 1)
    site.router.firewall.block(PROBES[0].port)
    site.host.send_udp(b"out", END, PROBES[0])
    site.prober.send_udp(b"in", PROBES[0], END)
    site.settle()
    assert (len(site.probed), len(site.heard)) == (1, 1)
    assert site.router.drops == {BLOCKED: 2}
