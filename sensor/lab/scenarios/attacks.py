"""Stories of attackers who are after the set-up of a client: its server, and what that says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from sensor.lab.deviants import forgery
from sensor.lab.deviants.chance import StuckChance
from sensor.lab.machine import Datagram
from sensor.lab.network.behaviour import CONE, PORT_RESTRICTED
from sensor.lab.network.host import Host
from sensor.lab.scenarios.attackers import (
    MALLORY,
    Wiretap,
    fire,
    mapped,
    own_end,
    rogue_infrastructure,
    server_end,
    until_refresh,
)
from sensor.lab.scenarios.home import ClientParty
from sensor.lab.scenarios.noted import NotedClient
from sensor.lab.scenarios.premises import Neighbour
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import OTHER_SERVER, SERVER, SERVER_NAME, World
from sensor.lab.teredo.settings import ClientSettings
from sensor.lab.teredo.style import OWN
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire.ports import DNS_PORT


def rogue_server(world: World) -> None:
    """A resolver names the attacker's server; its relay reads what the client says to natives."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    rogue = rogue_infrastructure(world)
    world.name(SERVER_NAME, rogue.server.primary)
    alice, native = home.client("alice", server=rogue.server.primary), world.remote("native")
    native.serve(80)
    native.serve_udp(30_003, b"no such name")
    Neighbour(alice.host, world).resolve(SERVER_NAME)
    world.wait(1)
    alice.start()
    world.wait(3)
    alice.fetch(native, 80)
    alice.ask(native, 30_003, b"name?")
    world.wait(20)


def forged_advertisements(world: World) -> None:
    """Advertisements nobody asked for; and, while the server is silent, wrong answers."""
    home = world.home("home", CONE)
    world.watch(home)
    alice, mallory = home.client("alice"), world.stranger("mallory")
    alice.start()
    world.wait(3)
    fire(mallory, _wrong_advertisements(alice, mallory), gap=0.2)
    until_refresh(world, alice)
    world.server.fall_silent()
    world.wait(1)
    fire(mallory, _wrong_advertisements(alice, mallory), gap=0.2)
    world.wait(5)
    world.server.come_back()
    world.wait(10)


def _wrong_advertisements(alice: ClientParty, mallory: Host) -> Iterator[Datagram]:
    """From a stranger and in the server's name; of either server; with wrong nonces and none."""
    for source in (server_end(mallory.address), server_end(SERVER)):
        for server in (SERVER, OTHER_SERVER):
            for nonce in (None, b"not this"):
                yield forgery.advertised(
                    source,
                    mapped(alice),
                    alice.client.link_local,
                    server,
                    own_end(mallory),
                    nonce,
                )


def advertisement_taken(world: World) -> None:
    """A client that sends no nonce takes the first answer that has its server's address."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice = home.client("alice", style=replace(OWN, authenticates=False))
    mallory, remote = world.stranger("mallory"), world.remote("remote")
    alice.serve(80)
    alice.start()
    world.wait(3)
    remote.fetch(alice, 80)
    until_refresh(world, alice)
    world.server.fall_silent()
    world.wait(1)
    asking = alice.client.link_local
    lie = forgery.advertised(
        server_end(SERVER), mapped(alice), asking, SERVER, own_end(mallory), None
    )
    fire(mallory, [lie], gap=1.0)
    world.wait(5)
    world.server.come_back()
    remote.fetch(alice, 80)
    world.wait(40)


def forged_origin(world: World) -> None:
    """Bubbles in the server's name make a client knock at whose end their origin tells."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice = home.client("alice")
    mallory, victim = world.stranger("mallory"), world.stranger("victim")
    alice.start()
    world.wait(3)
    origins = [
        *(Endpoint(victim.address, port) for port in (DNS_PORT, 123, 1_900, 5_060, 11_211)),
        Endpoint(alice.host.address, 80),
        mapped(alice),
    ]
    fire(mallory, (_told(alice, origin) for origin in origins), gap=0.1)
    world.wait(5)


def _told(alice: ClientParty, origin: Endpoint) -> Datagram:
    """A bubble that the server seems to have forwarded for somebody at ``origin``."""
    inner = MALLORY, alice.address
    return forgery.bubble(server_end(SERVER), mapped(alice), inner, origin=origin)


def shared_nonce(world: World) -> None:
    """Two clones of one machine draw the same nonces; and an old answer is replayed."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    wiretap = Wiretap(world)

    def clone(settings: ClientSettings, _: Random) -> NotedClient:
        return NotedClient(settings, world.chance("image"))

    alice, bob = home.client("alice", machine=clone), home.client("bob", machine=clone)
    mallory = world.stranger("mallory")
    alice.start()
    world.wait(3)
    bob.start()
    world.wait(3)
    until_refresh(world, alice)
    world.server.fall_silent()
    world.wait(1)
    fire(mallory, [_replayed(wiretap, alice)], gap=1.0)
    world.wait(2)
    world.server.come_back()
    world.wait(10)


def _replayed(wiretap: Wiretap, alice: ClientParty) -> Datagram:
    """The first answer of the server once more, to where the client is now."""
    first = wiretap.payloads(TeredoPacket.ROUTER_ADVERTISEMENT, "server")[0]
    return Datagram(server_end(SERVER), mapped(alice), first, TeredoPacket.ROUTER_ADVERTISEMENT)


def stuck_nonce(world: World) -> None:
    """All nonces of a client are one: an answer of before its NAT was switched off is good."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    wiretap = Wiretap(world)

    def stuck(settings: ClientSettings, _: Random) -> NotedClient:
        return NotedClient(settings, StuckChance(f"{world.seed}/stuck"))

    alice, mallory = home.client("alice", machine=stuck), world.stranger("mallory")
    alice.start()
    world.wait(3)
    home.rebind()
    world.wait(32)
    until_refresh(world, alice)
    world.server.fall_silent()
    world.wait(1)
    fire(mallory, [_replayed(wiretap, alice)], gap=1.0)
    world.wait(2)
    world.server.come_back()
    world.wait(40)


ATTACKS = (
    Scenario(
        "rogue-server", "an attacker's server leads its clients to an eavesdropping relay", 300,
        rogue_server,
    ),
    Scenario(
        "forged-advertisements", "advertisements of a stranger, and in the server's name", 301,
        forged_advertisements,
    ),
    Scenario(
        "advertisement-taken", "a client without nonces takes a forged advertisement", 302,
        advertisement_taken,
    ),
    Scenario(
        "forged-origin", "forged origins make a client knock at third parties", 303, forged_origin
    ),
    Scenario(
        "shared-nonce", "two clients with one nonce, and a replayed answer", 304, shared_nonce
    ),
    Scenario(
        "stuck-nonce", "a nonce that never changes makes a replay succeed", 305, stuck_nonce
    ),
)  # fmt: skip
