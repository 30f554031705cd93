"""Stories of impostors: who claims the address of a peer, or to be where a peer went."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from sensor.lab.deviants import forgery
from sensor.lab.machine import Datagram
from sensor.lab.network.behaviour import CONE, PORT_RESTRICTED
from sensor.lab.scenarios.attackers import Wiretap, fire, mapped, own_end
from sensor.lab.scenarios.home import ClientParty
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import RELAY_SOURCE, SERVER, World
from sensor.lab.teredo.trailers import NONCE_LENGTH
from sensor.schema.records import Endpoint

GUESSES = 20  # of a nonce of 32 bits


def friends(world: World) -> tuple[ClientParty, ClientParty]:
    """Two clients, of whom the watched one has read the other's page."""
    home, other = world.home("home", CONE), world.home("other", PORT_RESTRICTED)
    world.watch(home)
    alice, bob = home.client("alice"), other.client("bob")
    bob.serve(80)
    alice.start()
    bob.start()
    world.wait(3)
    alice.fetch(bob, 80)
    world.wait(3)
    return alice, bob


def mapped_spoof(world: World) -> None:
    """Somebody elsewhere claims to be the peer, or clients that do not exist; then forges IPv4."""
    alice, bob = friends(world)
    mallory, chance = world.stranger("mallory"), world.chance("mallory-claims")
    claims = [forgery.claim(bob.address)] * 5
    claims += [forgery.invented(chance, SERVER) for _ in range(15)]
    fire(mallory, _spoofed(alice, own_end(mallory), claims), gap=0.1)
    world.wait(5)
    truthful = forgery.claim(bob.address)
    fire(mallory, _spoofed(alice, truthful.end, [truthful] * 3), gap=0.1)
    world.wait(5)


def _spoofed(
    alice: ClientParty, source: Endpoint, claims: list[forgery.Claim]
) -> Iterator[Datagram]:
    """A bubble and an echo request of each that somebody pretends to be."""
    for pretended in claims:
        inner = pretended.address, alice.address
        yield forgery.bubble(source, mapped(alice), inner)
        yield forgery.echo(source, mapped(alice), inner)


def takeover(world: World) -> None:
    """A stranger claims to be the new place of a peer, with guessed nonces."""
    alice, bob = friends(world)
    mallory, chance = world.stranger("mallory"), world.chance("mallory-guesses")
    moved = own_end(mallory)
    fire(mallory, _moved(mapped(alice), moved, bob.address, alice.address, chance), gap=0.1)
    world.wait(5)
    alice.fetch(bob, 80)
    world.wait(5)


def takeover_of_relay(world: World) -> None:
    """The same to a relay, which is sent the client's packets: the tap outside is beside it."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home, beside=world.relay.host.interface)
    alice, remote = home.client("alice"), world.remote("remote")
    mallory, chance = world.stranger("mallory"), world.chance("mallory-guesses")
    alice.serve(80)
    alice.start()
    world.wait(3)
    remote.fetch(alice, 80)
    world.wait(3)
    moved = own_end(mallory)
    fire(mallory, _moved(world.relay.end, moved, alice.address, RELAY_SOURCE, chance), gap=0.1)
    world.wait(5)
    remote.fetch(alice, 80)
    world.wait(5)


def _moved(
    target: Endpoint, moved: Endpoint, whose: bytes, inner: bytes, chance: Random
) -> Iterator[Datagram]:
    """Bubbles of a client from where it is not, each with another guess of a nonce."""
    for _ in range(GUESSES):
        nonce = chance.randbytes(NONCE_LENGTH)
        yield forgery.bubble(moved, target, (whose, inner), nonce=nonce)


def takeover_by_ear(world: World) -> None:
    """Who hears the nonce need not guess it: what was for the peer goes to the stranger."""
    home, other = world.home("home", CONE), world.home("other", PORT_RESTRICTED)
    world.watch(home)
    wiretap = Wiretap(world)
    alice, bob = home.client("alice"), other.client("bob")
    mallory = world.stranger("mallory")
    bob.serve(80)
    alice.start()
    bob.start()
    world.wait(3)
    alice.fetch(bob, 80)
    world.wait(0.6)
    moved = own_end(mallory)
    inner = bob.address, alice.address
    lie = forgery.bubble(moved, mapped(alice), inner, nonce=wiretap.nonce("alice"))
    fire(mallory, [lie], gap=1.0)
    world.wait(1)
    alice.fetch(bob, 80)
    world.wait(10)


IMPOSTORS = (
    Scenario(
        "mapped-spoof", "a stranger claims the addresses of other clients", 306, mapped_spoof
    ),
    Scenario("takeover", "a stranger claims to be the new place of a peer", 307, takeover),
    Scenario(
        "relay-takeover", "a stranger claims to be the new place of a client", 308,
        takeover_of_relay,
    ),
    Scenario(
        "takeover-by-ear", "a stranger with the right nonce is taken for a peer", 309,
        takeover_by_ear,
    ),
)  # fmt: skip
