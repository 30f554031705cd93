"""Stories of configured tunnels, 6in4 (RFC 4213), and their honest users."""

from __future__ import annotations

from dataclasses import replace

from sensor.lab.network.behaviour import PORT_RESTRICTED
from sensor.lab.network.host import Host
from sensor.lab.network.raw_node import RawNode
from sensor.lab.network.routes import Prefix
from sensor.lab.scenarios.premises import Premises
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.tunnels import Gateway, Provider, TunnelHost
from sensor.lab.scenarios.visits import visited, watched_home
from sensor.lab.scenarios.world import World
from sensor.lab.sixinfour.peer import Peer
from sensor.lab.sixinfour.settings import LinkSettings, PeerSettings
from sensor.schema.words import Kind
from sensor.wire import sixinfour
from sensor.wire.addresses import packed

# A NAT that lets protocol 41 through, as many a home router's "DMZ" or connection tracker does.
LETS_THROUGH = replace(PORT_RESTRICTED, passes=frozenset({sixinfour.PROTOCOL}))
USER = packed("2001:db8:500:1::2")
USERS: Prefix = (packed("2001:db8:500::"), 48)
OTHER_USER = packed("2001:db8:501:1::2")
OTHER_USERS: Prefix = (packed("2001:db8:501::"), 48)
PRINTER, CAMERA = packed("2001:db8:500:a::10"), packed("2001:db8:500:a::20")
TOO_FEW = LinkSettings(ttl=1)  # hops: the first router ends each packet
IRC_PORT = 6_667


def configured(
    world: World, host: Host, remote: bytes, link: LinkSettings | None = None
) -> RawNode:
    """One end of a tunnel, which has an address of its own there (RFC 4213 section 3.7)."""
    settings = PeerSettings(host.address, remote, link or LinkSettings())
    peer = Peer(settings, world.chance(f"{host.name}-end"))
    world.formed.note(peer.link_local, Kind.SIXOVERFOUR, host.address)
    return RawNode(peer, host)


def broker(world: World, host: Host, user: bytes, prefix: Prefix = USERS) -> Provider:
    """The other end, which leads from a native prefix to the user at an IPv4 address."""
    provider = world.provider(configured(world, host, user), prefix)
    provider.start()
    return provider


def user(world: World, place: Premises, public: bytes | None = None) -> TunnelHost:
    """Alice has a tunnel to a broker, who knows her as ``public``, by default her own address."""
    host, far = place.host("alice"), world.stranger("broker")
    broker(world, far, public or host.address)
    return world.tunnel_host(configured(world, host, far.address), USER, place=place)


def site(world: World, place: Premises) -> Gateway:
    """A router with a tunnel to a broker and a network behind it."""
    host, far = place.host("router"), world.stranger("broker")
    broker(world, far, host.address)
    router = world.gateway(configured(world, host, far.address), place)
    router.start()
    return router


def campus_host(world: World) -> None:
    """A host's page is read from the native Internet, a closed port refuses."""
    campus = world.campus("campus")
    world.watch(campus)
    campus.neighbour("desk").browse(world.site)
    visited(world, user(world, campus))


def behind_nat(world: World) -> None:
    """The same behind a NAT: its first packet out lets those of the broker in."""
    home = watched_home(world, LETS_THROUGH)
    visited(world, user(world, home, home.public))


def campus_router(world: World) -> None:
    """A router with a network behind it: two of its hosts have services, the tunnel ends at it."""
    campus = world.campus("campus")
    world.watch(campus)
    router, remote = site(world, campus), world.remote("remote")
    printer, camera = router.host("printer", PRINTER), router.host("camera", CAMERA)
    printer.serve(80)
    camera.serve(554)
    camera.hide(23)
    remote.fetch(printer, 80)
    world.wait(5)
    remote.fetch(camera, 554)
    remote.fetch(camera, 23)
    printer.ping(remote)
    world.wait(20)


def errors(world: World) -> None:
    """The broker goes away in mid life; another tunnel's packets have too few hops."""
    campus = world.campus("campus")
    world.watch(campus)
    host, far, remote = campus.host("alice"), world.stranger("broker"), world.remote("remote")
    leaving = broker(world, far, host.address)
    alice = world.tunnel_host(configured(world, host, far.address), USER, place=campus)
    near, other = campus.host("bob"), world.stranger("other-broker")
    broker(world, other, near.address, OTHER_USERS)
    bob = world.tunnel_host(
        configured(world, near, other.address, TOO_FEW), OTHER_USER, place=campus
    )
    alice.serve(80)
    alice.start()
    bob.start()
    remote.fetch(alice, 80)
    bob.ping(remote)
    world.wait(10)
    leaving.node.stop()
    alice.ping(remote)
    world.wait(3)
    alice.ask(remote, 30_001, b"are you there?")
    world.wait(5)


def honest_user(world: World) -> None:
    """A broker's user talks on IRC, reads pages, answers those who measure whether it is up."""
    campus = world.campus("campus")
    world.watch(campus)
    alice = user(world, campus)
    alice.start()
    irc, news, monitor = (world.remote(name) for name in ("irc", "news", "monitor"))
    irc.serve(IRC_PORT, b":irc.example.net 001 alice :Welcome\r\n")
    news.serve(80)
    alice.fetch(irc, IRC_PORT)
    for _ in range(3):
        monitor.ping(alice)
        alice.fetch(news, 80)
        world.wait(60)


SIXINFOUR = (
    Scenario("sixinfour-campus", "a host's configured tunnel to a broker", 400, campus_host),
    Scenario("sixinfour-nat", "6in4 from behind a NAT that lets it through", 401, behind_nat),
    Scenario(
        "sixinfour-router", "a 6in4 router with a network behind it", 402, campus_router,
        against=("source-inside",),
    ),
    Scenario("sixinfour-errors", "ICMP errors that quote 6in4 packets", 403, errors),
    Scenario(
        "broker-user", "a tunnel broker's honest user", 404, honest_user,
        against=("sixinfour-probe", "irc-behind-hop-by-hop", "broker-forged", "answered-for"),
    ),
)  # fmt: skip
