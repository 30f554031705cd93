"""Stories of strangers who send protocol 41 into a network."""

from __future__ import annotations

from typing import NamedTuple

from sensor.lab.deviants.prober import Prober, ProberSettings
from sensor.lab.network.host import Host
from sensor.lab.network.raw_node import RawNode
from sensor.lab.scenarios import sixtofour
from sensor.lab.scenarios.infrastructure import NativeParty
from sensor.lab.scenarios.injections import answer, echo, inject, opening, routed_echo
from sensor.lab.scenarios.premises import FIRST_HOST
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.sixinfour import (
    CAMERA,
    PRINTER,
    USER,
    broker,
    configured,
)
from sensor.lab.scenarios.tunnels import TunnelHost
from sensor.lab.scenarios.world import World
from sensor.schema.words import Kind
from sensor.wire.addresses import build_sixtofour

PROBED = 32  # addresses, of which a dozen have hosts
BARE_HOSTS = 11


def probed(world: World) -> None:
    """A stranger tries protocol 41 at every address of a campus; one host unwraps and answers."""
    campus = world.campus("campus")
    world.watch(campus)
    gullible = world.tunnel_host(sixtofour.router(world, campus.host("gullible")), place=campus)
    for number in range(BARE_HOSTS):
        campus.host(f"host-{number}")
    targets = tuple(campus.network + bytes([FIRST_HOST + number]) for number in range(PROBED))
    for ip in targets[BARE_HOSTS + 1 :]:  # the whole network is routed, hosts or none
        campus.box.announce(ip)
    host = world.stranger("prober")
    for ip in (host.address, *targets):
        world.formed.note(build_sixtofour(ip), Kind.SIXTOFOUR, ip)
    prober = Prober(ProberSettings(host.address, targets), world.chance("prober-end"))
    gullible.start()
    RawNode(prober, host).start()
    world.wait(10)


class Attacked(NamedTuple):
    """A host of a campus with a configured tunnel, and the two IPv4 ends of that."""

    alice: TunnelHost
    host: Host
    far: Host


def broker_and_user(world: World) -> Attacked:
    """Somebody with a broker, on a campus that is looked at."""
    campus = world.campus("campus")
    world.watch(campus)
    host, far = campus.host("alice"), world.stranger("broker")
    broker(world, far, host.address)
    alice = world.tunnel_host(configured(world, host, far.address), USER, place=campus)
    return Attacked(alice, host, far)


def acquainted(world: World, alice: TunnelHost) -> tuple[NativeParty, Host]:
    """Who is to be blamed, once the tunnel has been used with him, and who will be behind it."""
    alice.start()
    victim, stranger = world.remote("victim"), world.stranger("stranger")
    alice.ping(victim)
    world.wait(2)
    return victim, stranger


def forged(world: World) -> None:
    """A user takes packets from his broker's address alone, which a stranger can forge."""
    alice, host, far = broker_and_user(world)
    alice.serve(80)
    victim, stranger = acquainted(world, alice)
    for _ in range(3):
        inject(stranger, echo(victim.address, USER), host.address, Kind.SIXINFOUR)
        world.wait(1)
    inject(stranger, opening(victim.address, USER, 80), host.address, Kind.SIXINFOUR, far.address)
    world.wait(5)


def answered_for(world: World) -> None:
    """A stranger asks a service that nobody runs, and answers himself in the host's name."""
    alice, host, far = broker_and_user(world)
    alice.hide(445)
    victim, stranger = acquainted(world, alice)
    for inner in (opening(victim.address, USER, 445), answer(USER, victim.address, 445)):
        inject(stranger, inner, host.address, Kind.SIXINFOUR, far.address)
        world.wait(0.1)
    world.wait(5)


def source_inside(world: World) -> None:
    """From outside come packets with sources of the site itself, and with a routing header.

    A stranger forges the IPv4 address of the site's broker; to its printer they seem to come from
    its camera, or ask to be sent on to it.
    """
    campus = world.campus("campus")
    world.watch(campus)
    host, far = campus.host("router"), world.stranger("broker")
    broker(world, far, host.address)
    router = world.gateway(configured(world, host, far.address), campus)
    printer, camera = router.host("printer", PRINTER), router.host("camera", CAMERA)
    router.start()
    remote, stranger = world.remote("remote"), world.stranger("stranger")
    printer.ping(remote)
    world.wait(2)
    within = echo(camera.address, printer.address)
    inject(stranger, within, host.address, Kind.SIXINFOUR, far.address)
    world.wait(1)
    routed = routed_echo(remote.address, printer.address, camera.address)
    inject(stranger, routed, host.address, Kind.SIXINFOUR, far.address, flawed=True)
    world.wait(5)


INTRUDERS = (
    Scenario("sixinfour-probe", "who of a campus unwraps protocol 41?", 405, probed),
    Scenario("broker-forged", "6in4 from others than the configured broker", 406, forged),
    Scenario("answered-for", "a stranger answers in the name of whom he asks", 408, answered_for),
    Scenario("source-inside", "6in4 from outside with sources of the site", 407, source_inside),
)
