"""Stories of packets that go round between two kinds of tunnels (RFC 6324)."""

from __future__ import annotations

from functools import partial

from sensor.lab.deviants.loop import CarelessRelay, CarelessRouter
from sensor.lab.network.raw_node import RawNode
from sensor.lab.scenarios import isatap, sixtofour
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import World
from sensor.lab.sixinfour.isatap import isatap_address
from sensor.lab.sixinfour.isatap_router import IsatapRouter
from sensor.lab.sixinfour.settings import IsatapRouterSettings
from sensor.schema.words import Kind
from sensor.wire import icmpv6
from sensor.wire.addresses import build_sixtofour
from sensor.wire.icmpv6 import Echo

HOPS = 255
_PING = Echo(1, 1, bytes(range(32)))


def sent_round(kind: type[IsatapRouter], world: World) -> None:
    """An attacker's packet seems to come from an ISATAP host at the 6to4 relay's address.

    It goes to the 6to4 address of the ISATAP router: the relay wraps it for that one, who unwraps
    it and, where it does not look closer, sends it back to the relay.
    """
    campus = world.campus("campus")
    world.watch(campus)
    relay = sixtofour.relay(world, anycast=False, kind=CarelessRelay).node.host.address
    host = campus.host("router")
    isatap.note(world, host.address, isatap.PREFIX)
    machine = kind(IsatapRouterSettings(host.address, isatap.PREFIX), world.chance("router-end"))
    world.provider(RawNode(machine, host), (isatap.PREFIX + bytes(8), isatap.PREFIX_BITS)).start()
    source = isatap_address(isatap.PREFIX, relay)
    destination = build_sixtofour(host.address)
    world.formed.note(source, Kind.ISATAP, relay)
    world.formed.note(destination, Kind.SIXTOFOUR, host.address)
    attacker = world.remote("attacker")
    ping = icmpv6.build_echo_request(source, destination, _PING)
    attacker.stack.send(source, destination, icmpv6.PROTOCOL, ping, hop_limit=HOPS)
    world.wait(30)


LOOPS = (
    Scenario(
        "rfc6324-loop", "a packet goes round between two kinds of tunnels", 433,
        partial(sent_round, CarelessRouter),
    ),
    Scenario(
        "rfc6324-protected", "the same where the router looks closer", 434,
        partial(sent_round, IsatapRouter), against=("rfc6324-loop",),
    ),
)  # fmt: skip
