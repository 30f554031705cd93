"""Stories of attackers who send much, or make others send: scans, floods, reflection, loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from sensor.errors import SensorError
from sensor.lab.deviants import forgery
from sensor.lab.deviants.scanner import GAP, Scanner, ScannerSettings
from sensor.lab.deviants.weak_server import WeakServer
from sensor.lab.machine import Datagram
from sensor.lab.network.behaviour import CONE, PORT_RESTRICTED
from sensor.lab.network.host import Host
from sensor.lab.network.node import Node
from sensor.lab.scenarios.attackers import (
    MALLORY,
    NotedLaxClient,
    fire,
    mapped,
    own_end,
    server_end,
)
from sensor.lab.scenarios.home import ClientParty
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import OTHER_SERVER, SERVER, World
from sensor.lab.teredo.settings import ServerSettings, following
from sensor.lab.teredo.style import MIREDO
from sensor.schema.records import Endpoint
from sensor.wire.addresses import TeredoAddress
from sensor.wire.ports import DNS_PORT, TEREDO_PORT

PORTS, BLOCK = 65_536, 512
FLOOD, FORGED_PEERS, REFLECTED = 2_000, 1_300, 30
_NONCE = b"mallory."


def address_scan(world: World) -> None:
    """A client is found by the port alone, then its flags are guessed, then a page is read."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice = home.client("alice", style=MIREDO, machine=NotedLaxClient)
    alice.serve(80)
    alice.start()
    world.wait(3)
    scanner = _scan(world, alice, range(PORTS))
    world.wait(PORTS * GAP + 10)
    if scanner.found != alice.address:
        raise SensorError("the scan has not found the client")
    world.remote("burglar").fetch(alice, 80)
    world.wait(10)


def scan_in_vain(world: World) -> None:
    """One block of ports, the one that holds its own, of a client that wants its whole address."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice = home.client("alice")
    alice.serve(80)
    alice.start()
    world.wait(3)
    first = mapped(alice).port // BLOCK * BLOCK
    _scan(world, alice, range(first, first + BLOCK))
    world.wait(BLOCK * GAP + 5)


def _scan(world: World, alice: ClientParty, ports: Sequence[int]) -> Scanner:
    host = world.stranger("scanner")
    settings = ScannerSettings(
        local=own_end(host),
        address=MALLORY,
        target=mapped(alice).ip,
        server=SERVER,
        ports=ports,
    )
    scanner = Scanner(settings)
    node = Node(scanner, host)
    node.bridge(world.native, (MALLORY, 128))
    node.start()
    return scanner


def bubble_flood(world: World) -> None:
    """Bubbles in the server's name, of peers that do not exist: more than the client answers."""
    home = world.home("home", CONE)
    world.watch(home)
    alice, mallory = home.client("alice"), world.stranger("mallory")
    alice.start()
    world.wait(3)
    fire(mallory, _indirect(alice, world.chance("mallory-peers")), gap=0.0005)
    world.wait(10)


def _indirect(alice: ClientParty, chance: Random) -> Iterator[Datagram]:
    for _ in range(FLOOD):
        peer = forgery.invented(chance, OTHER_SERVER)
        yield forgery.bubble(server_end(SERVER), mapped(alice), (peer.address, alice.address))


def peer_flood(world: World) -> None:
    """One bubble from each of more peers than the table of the client has room for."""
    home = world.home("home", CONE)
    world.watch(home)
    alice, mallory = home.client("alice"), world.stranger("mallory")
    alice.start()
    world.wait(3)
    chance = world.chance("mallory-peers")
    peers = [forgery.invented(chance, SERVER) for _ in range(FORGED_PEERS)]
    direct = (
        forgery.bubble(peer.end, mapped(alice), (peer.address, alice.address)) for peer in peers
    )
    fire(mallory, direct, gap=0.002)
    world.wait(5)


def server_self_loop(world: World) -> None:
    """A packet from a server's own end to itself, twice over: one refuses it, one goes round."""
    campus = world.campus("campus")
    world.watch(campus)
    weak_server(world)
    mallory = campus.host("mallory")
    fire(mallory, map(_to_itself, (SERVER, OTHER_SERVER)), gap=1.0)
    world.wait(5)


def weak_server(world: World) -> WeakServer:
    """One that is not on its guard against itself."""
    settings = ServerSettings(OTHER_SERVER, following(OTHER_SERVER))
    ends = [settings.primary, settings.secondary]
    host = Host("weak-server", world.internet, ends, world.chance("weak-server"))
    machine = WeakServer(settings, world.chance("weak-server-server"))
    Node(machine, host).start()
    return machine


def _to_itself(server: bytes) -> Datagram:
    own = TeredoAddress(server, 0, TEREDO_PORT, server, False).build()
    return forgery.echo(server_end(server), server_end(server), (own, own))


def server_reflection(world: World) -> None:
    """Forged solicitations, and bubbles to whom a Teredo address names, by way of the server."""
    campus = world.campus("campus")
    world.watch(campus)
    victim, mallory = campus.host("victim"), world.stranger("mallory")
    fire(mallory, _reflected(victim, mallory), gap=0.05)
    world.wait(5)


def _reflected(victim: Host, mallory: Host) -> Iterator[Datagram]:
    for number in range(REFLECTED):
        end = Endpoint(victim.address, DNS_PORT + number)
        yield forgery.solicitation(end, server_end(SERVER), _NONCE)
        named = TeredoAddress(SERVER, 0, end.port, end.ip, False).build()
        yield forgery.bubble(own_end(mallory), server_end(SERVER), (MALLORY, named))


def relay_reflection(world: World) -> None:
    """Native packets to made-up Teredo addresses: the relay sends a few bubbles, and no data."""
    campus = world.campus("campus")
    world.watch(campus)
    victim, attacker = campus.host("victim"), world.remote("attacker")
    victims = [Endpoint(victim.address, DNS_PORT + number) for number in range(REFLECTED)]
    for end in (*victims, world.relay.end, Endpoint(bytes([10, 0, 0, 1]), DNS_PORT)):
        named = TeredoAddress(end.ip, 0, end.port, end.ip, False).build()
        attacker.stack.ask(named, DNS_PORT, bytes(1_000))
        world.wait(0.05)
    world.wait(10)


FLOODS = (
    Scenario(
        "address-scan", "a client's port, then its flags, then its service are found", 320,
        address_scan,
    ),
    Scenario(
        "scan-in-vain", "a client that answers to its whole address alone is not found", 321,
        scan_in_vain,
    ),
    Scenario("bubble-flood", "forged bubbles, more than a client answers", 322, bubble_flood),
    Scenario("peer-flood", "forged peers, more than a client remembers", 323, peer_flood),
    Scenario("server-self-loop", "a packet from a server to itself", 324, server_self_loop),
    Scenario("server-reflection", "a server sends to whom others name", 325, server_reflection),
    Scenario("relay-reflection", "a relay sends to whom an address names", 326, relay_reflection),
)  # fmt: skip
