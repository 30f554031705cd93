"""The story of a provider that gives its customers IPv6 by 6rd (RFC 5969)."""

from __future__ import annotations

from sensor.lab.network.host import Host
from sensor.lab.network.raw_node import RawNode
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import World
from sensor.lab.sixinfour.settings import SixRdSettings
from sensor.lab.sixinfour.sixrd import SixRdEdge, SixRdRelay
from sensor.schema.words import Kind
from sensor.wire.addresses import SixRdDomain, packed

# 198.18.0.0/16 shares what is not embedded, so that each customer has a /48.
PREFIX, PREFIX_LENGTH, SHARED = packed("3fff:600::"), 32, 16
SERVER_BEHIND = 0x10  # a host in a customer's first network


class Customer:
    """A customer's edge, its prefix noted as formed from its address."""

    def __init__(self, world: World, host: Host, domain: SixRdDomain) -> None:
        settings = SixRdSettings(host.address, domain)
        self.machine = SixRdEdge(settings, world.chance(f"{host.name}-end"))
        self.node = RawNode(self.machine, host)
        note(world, host.address, domain)

    def address(self, number: int) -> bytes:
        """One of its own prefix."""
        return (int.from_bytes(self.machine.prefix[0]) | number).to_bytes(16)

    def probe(self, world: World) -> None:
        """Ask whether the relay is alive (RFC 5969 section 8)."""
        self.machine.probe(world.clock.now)
        self.node.settle()


def note(world: World, ip: bytes, domain: SixRdDomain) -> None:
    """What a domain gives an IPv4 address embeds it."""
    prefix, bits = domain.delegate(ip)
    world.formed.note(prefix, Kind.SIXRD, ip, bits)


def provider(world: World) -> None:
    """Three customers: to one another, to the Internet and back, and is the relay alive?"""
    access, core = world.campus("access"), world.campus("core")
    world.watch(access)
    border = core.host("border")
    domain = SixRdDomain(PREFIX, PREFIX_LENGTH, SHARED, (border.address,))
    world.sixrd.append(domain)
    note(world, border.address, domain)
    leading = SixRdRelay(SixRdSettings(border.address, domain), world.chance("border-end"))
    world.provider(RawNode(leading, border), (PREFIX, PREFIX_LENGTH)).start()
    alice, bob, carol = (
        Customer(world, access.host(name), domain) for name in ("alice", "bob", "carol")
    )
    desk = world.tunnel_host(alice.node, place=access)
    phone = world.tunnel_host(bob.node, place=access)
    network = world.gateway(carol.node, access)
    server = network.host("server", carol.address(SERVER_BEHIND))
    desk.start()
    phone.start()
    network.start()
    remote = world.remote("remote")
    server.serve(80)
    phone.serve(8_080)
    remote.serve(443)
    alice.probe(world)
    desk.fetch(remote, 443)
    world.wait(5)
    desk.fetch(phone, 8_080)
    remote.fetch(server, 80)
    world.wait(5)
    remote.fetch(phone, 22)
    carol.probe(world)
    world.wait(10)


SIXRD = (
    Scenario(
        "sixrd-provider", "customers of a provider's 6rd and its relay", 420, provider,
        against=("sixtofour-spoof",),
    ),
)  # fmt: skip
