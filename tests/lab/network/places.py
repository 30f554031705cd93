"""Small networks that tests of the virtual network build on."""

from __future__ import annotations

from random import Random

from sensor.lab.network.behaviour import NatBehaviour
from sensor.lab.network.clock import Clock
from sensor.lab.network.host import Host
from sensor.lab.network.nat import NatBox
from sensor.lab.network.segment import Segment
from sensor.schema.records import Endpoint
from sensor.wire import gre, sixinfour
from sensor.wire.addresses import packed

NAT_IP = packed("203.0.113.2")
INSIDE_IP = packed("192.168.0.2")
OTHER_IP = packed("192.168.0.3")
GATEWAY_IP = packed("192.168.0.1")
# The prober outside: two addresses, each with two ports, as RFC 5780 asks of a STUN server.
FIRST_IP = packed("198.51.100.1")
SECOND_IP = packed("198.51.100.2")
PROBES = [Endpoint(ip, port) for ip in (FIRST_IP, SECOND_IP) for port in (3478, 3479)]
LOCAL_PORT = 41_658

Received = list[tuple[bytes, Endpoint, Endpoint]]


def listen(host: Host, *ends: Endpoint) -> Received:
    """Collects (payload, source, destination) of what comes to the ends."""
    received: Received = []
    for end in ends:
        host.bind(end, lambda *what: received.append(what))
    return received


def take_quietly(host: Host) -> None:
    """Let a host have the protocols that need no ports, so that it does not complain of them."""
    for protocol in (sixinfour.PROTOCOL, gre.PROTOCOL):
        host.listen(protocol, lambda _: None)


class Home:
    """A host and its neighbour behind a NAT, and a prober with four ends on the Internet."""

    def __init__(self, behaviour: NatBehaviour, seed: int = 1) -> None:
        self.clock = Clock()
        self.inside = Segment("home", self.clock, Random(f"{seed}/home"))
        self.internet = Segment("internet", self.clock, Random(f"{seed}/internet"), 0.01)
        self.nat = NatBox(
            "nat",
            self.inside,
            self.internet,
            GATEWAY_IP,
            NAT_IP,
            behaviour,
            Random(f"{seed}/nat"),
        )
        self.host = Host("host", self.inside, [INSIDE_IP], Random(f"{seed}/host"))
        self.other = Host("other", self.inside, [OTHER_IP], Random(f"{seed}/other"))
        self.prober = Host("prober", self.internet, [FIRST_IP, SECOND_IP], Random(f"{seed}/p"))
        self.end = Endpoint(INSIDE_IP, LOCAL_PORT)
        for host in (self.host, self.other, self.prober):
            take_quietly(host)
        self.heard = listen(self.host, self.end)
        self.probed = listen(self.prober, *PROBES)

    def settle(self) -> None:
        self.clock.run(self.clock.now + 1.0)

    def mapped(self, probe: Endpoint, end: Endpoint | None = None) -> Endpoint:
        """The outside endpoint that a datagram from ``end`` to ``probe`` arrives from."""
        self.probed.clear()
        host = self.other if end and end.ip == OTHER_IP else self.host
        host.send_udp(b"who am I", end or self.end, probe)
        self.settle()
        assert [what[2] for what in self.probed] == [probe]
        return self.probed[0][1]

    def let_in(self, mapped: Endpoint) -> set[Endpoint]:
        """Which of the prober's ends get a datagram through to the inside host."""
        self.heard.clear()
        for probe in PROBES:
            self.prober.send_udp(b"are you there", probe, mapped)
        self.settle()
        assert {what[2] for what in self.heard} <= {self.end}
        return {what[1] for what in self.heard}
