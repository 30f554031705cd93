"""Stories of tunnels that are made to be overlooked, all of them in use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sensor.lab.deviants.disguise import Disguise, DisguisedHost
from sensor.lab.deviants.evasion import InFront, MovedPort, TrailingJunk, ZeroHops
from sensor.lab.deviants.extensions import (
    ATOMIC_FRAGMENT,
    PADDING,
    ROUTER_ALERT,
    SEGMENT_ROUTE,
    SOURCE_ROUTE,
    Chain,
    Extension,
    Plain,
)
from sensor.lab.deviants.fragments import FragmentingHost, fitting, overlapping
from sensor.lab.deviants.nesting import FIRST, SECOND, Nested
from sensor.lab.network.behaviour import ADDRESS_RESTRICTED, PORT_RESTRICTED
from sensor.lab.scenarios.configured import (
    HostMaker,
    configured,
    log_in,
    public_client,
    serve_irc,
)
from sensor.lab.scenarios.disguised import client, run_server
from sensor.lab.scenarios.home import ClientParty
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import SERVER, World
from sensor.schema.words import Kind
from sensor.wire import ipv6, teredo, udp
from sensor.wire.addresses import packed

JUNK = (1, 2, 5, 13, 40, 63, 64, 65, 130)  # octets; the sensor is patient with 64
MOVED = 4_444
NESTED_SERVICE = 30_010
NONCE = bytes.fromhex("0123456789abcdef")
DECOY_IP, DECOY_PORT = packed("198.51.100.99"), 40_099

SIX, GRE, TEREDO, BARE = Kind.SIXINFOUR, Kind.GRE6, Kind.TEREDO, Kind.IP6_IN_UDP


# Sends whole packets, and takes what contradicts itself.
ALL_TAKEN: HostMaker = partial(FragmentingHost, cut=fitting(1_480))


def worn(disguise: Disguise) -> HostMaker:
    """A host that wears it."""
    return partial(DisguisedHost, disguise=disguise)


def colluders(
    world: World, first: Disguise, second: Disguise, server: bytes = SERVER
) -> tuple[ClientParty, ClientParty]:
    """Two clients, each with a web page, in the watched home and in another one; qualified."""
    home, away = world.home("home", PORT_RESTRICTED), world.home("away", ADDRESS_RESTRICTED)
    world.watch(home)
    alice = client(home, "alice", first, server=server)
    bob = client(away, "bob", second, server=server)
    for party in (alice, bob):
        party.serve(80)
        party.start()
    world.wait(3)
    return alice, bob


def read_each_other(make: Callable[[], Disguise], world: World) -> None:
    """Both wear the same disguise."""
    alice, bob = colluders(world, make(), make())
    bob.fetch(alice, 80)
    world.wait(5)
    alice.fetch(bob, 80)
    world.wait(10)


def trailing_junk(world: World) -> None:
    """Everything that a client sends is longer than it says; server, relay and peer do not mind."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice = client(home, "alice", TrailingJunk(world.chance("junk"), JUNK))
    native = world.remote("native")
    alice.serve(80)
    native.serve(80)
    alice.start()
    world.wait(3)
    native.fetch(alice, 80)
    world.wait(5)
    alice.fetch(native, 80)
    world.wait(35)


def moved_port(world: World) -> None:
    """Client, server and peer never use 3544."""
    server = run_server(world, "moved-server", Disguise(), MOVED)
    alice, bob = colluders(world, MovedPort(MOVED), MovedPort(MOVED), server)
    bob.fetch(alice, 80)
    world.wait(5)
    alice.fetch(bob, 80)
    world.wait(35)


def no_setup(world: World) -> None:
    """Who comes late sees data of a moved tunnel and none of its set-up."""
    server = run_server(world, "moved-server", Disguise(), MOVED)
    alice, bob = colluders(world, MovedPort(MOVED), MovedPort(MOVED), server)
    alice.ping(bob)
    world.wait(2)
    world.watch(alice.home)  # what was seen before is forgotten
    bob.fetch(alice, 80)
    world.wait(8)


def snapped(snaplen: int, world: World) -> None:
    """A page is read while the capture keeps the beginnings of frames alone."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home, snaplen=snaplen)
    alice, remote = home.client("alice"), world.remote("remote")
    alice.serve(80)
    alice.start()
    world.wait(3)
    remote.fetch(alice, 80)
    world.wait(20)


CHAINS: tuple[tuple[Extension, ...], ...] = (
    (ROUTER_ALERT,),
    (PADDING,),
    (SOURCE_ROUTE,),
    (SEGMENT_ROUTE,),
    (ATOMIC_FRAGMENT,),
    (ROUTER_ALERT, PADDING, SEGMENT_ROUTE, ATOMIC_FRAGMENT, PADDING),
)


def extension_chains(world: World) -> None:
    """Each time that a peer opens a service, other extension headers stand in front of TCP."""
    chain = Chain()
    alice, bob = colluders(world, Plain(), chain)
    for number, extensions in enumerate(CHAINS):
        chain.extensions = extensions
        alice.serve(8_000 + number)
        bob.fetch(alice, 8_000 + number)
        world.wait(3)


NESTS: tuple[tuple[Kind, ...], ...] = (
    (SIX,),
    (SIX, TEREDO),
    (SIX, GRE, TEREDO),
    (SIX, TEREDO, SIX, GRE, SIX),
    (SIX,) * 12,
)
CONFIGURED_NESTS = ((BARE,), (GRE, BARE), (SIX, GRE, BARE, SIX, SIX, SIX))


def deep_nesting(world: World) -> None:
    """A peer asks services through ever more tunnels inside the tunnel."""
    nested, other = Nested(FIRST, SECOND), Nested(SECOND, FIRST)
    alice, bob = colluders(world, nested, other)
    bob.ping(alice)
    world.wait(2)
    for number, kinds in enumerate(NESTS):
        nested.kinds = other.kinds = kinds
        alice.serve_udp(NESTED_SERVICE + number, b"deep enough")
        bob.ask(alice, NESTED_SERVICE + number, b"how deep?")
        world.wait(3)


def nested_in_configured(world: World) -> None:
    """The same inside a configured tunnel: IPv6 in UDP and GRE that no firewall sees."""
    nested, other = Nested(FIRST, SECOND), Nested(SECOND, FIRST)
    ends = configured(world, worn(nested), worn(other))
    for number, kinds in enumerate(CONFIGURED_NESTS):
        nested.kinds = other.kinds = kinds
        ends.alice.serve_udp(NESTED_SERVICE + number, b"deep enough")
        ends.remote.ask(ends.alice, NESTED_SERVICE + number, b"how deep?")
        world.wait(3)


def hidden_irc(world: World) -> None:
    """An IRC server behind 6in4, a hop-by-hop header in front of every segment."""
    ends = configured(world, worn(Chain(ROUTER_ALERT)), worn(Chain(ROUTER_ALERT)))
    serve_irc(ends.alice)
    log_in(ends.remote, ends.alice)
    world.wait(10)


def overlapped(world: World) -> None:
    """What comes to a host of a campus contradicts itself; it keeps what came first."""
    far = partial(FragmentingHost, cut=overlapping(ipv6.HEADER_LENGTH))
    ends = configured(world, ALL_TAKEN, far)
    ends.alice.serve(80)
    ends.remote.fetch(ends.alice, 80)
    world.wait(10)


def overlapped_datagrams(world: World) -> None:
    """The same over UDP: two Teredo clients without a NAT, one of them in the watched campus."""
    campus, elsewhere = world.campus("campus"), world.campus("elsewhere")
    world.watch(campus)
    cut = overlapping(udp.HEADER_LENGTH + ipv6.HEADER_LENGTH)
    alice = public_client(world, campus, "alice", ALL_TAKEN)
    bob = public_client(world, elsewhere, "bob", partial(FragmentingHost, cut=cut))
    alice.serve(80)
    alice.start()
    bob.start()
    world.wait(3)
    bob.fetch(alice, 80)
    world.wait(10)


EVASION = (
    Scenario("trailing-junk", "octets behind packets that say nothing of them", 220, trailing_junk),
    Scenario(
        "auth-on-data", "authentication headers in front of data, as Miredo takes them", 221,
        partial(read_each_other, lambda: InFront(teredo.build_authentication(NONCE))),
    ),
    Scenario(
        "doubled-origin", "two origin indications in front of data, among colluders", 222,
        partial(read_each_other, lambda: InFront(teredo.build_origin(DECOY_IP, DECOY_PORT) * 2)),
    ),
    Scenario(
        "hop-limit-zero", "data with hop limit 0 from client to client", 223,
        partial(read_each_other, ZeroHops),
    ),
    Scenario("moved-port", "a server, clients and peers without port 3544", 224, moved_port),
    Scenario("moved-port-midstream", "the same, seen only after its set-up", 225, no_setup),
    Scenario("snapped-96", "a capture of 96 octets a frame", 226, partial(snapped, 96)),
    Scenario("snapped-64", "a capture of 64 octets a frame", 227, partial(snapped, 64)),
    Scenario(
        "inner-extension-chains", "extension headers in front of what opens services", 228,
        extension_chains,
    ),
    Scenario("deep-nesting", "up to twelve tunnels inside a tunnel", 229, deep_nesting),
    Scenario(
        "deep-nesting-6in4", "IPv6 in UDP, GRE and 6in4 inside a configured tunnel", 230,
        nested_in_configured,
    ),
    Scenario(
        "irc-behind-hop-by-hop", "an IRC server behind 6in4 and a hop-by-hop header", 231,
        hidden_irc,
    ),
    Scenario(
        "fragment-overlap", "fragments of 6in4 that contradict each other", 232, overlapped
    ),
    Scenario(
        "fragment-overlap-teredo", "fragments of Teredo that contradict each other", 233,
        overlapped_datagrams,
    ),
)  # fmt: skip
