"""Stories of messages that hide in a tunnel, and of innocent traffic that looks like it."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from sensor.lab.deviants.channels import (
    Authentications,
    BubbleBodies,
    Channel,
    FlowLabels,
    HopLimits,
    NonceTrailers,
    SolicitationNonces,
    Trailers,
)
from sensor.lab.deviants.covert import Hearer, Teller
from sensor.lab.deviants.disguise import Disguise
from sensor.lab.deviants.labelling import StableLabels
from sensor.lab.network.behaviour import (
    ADDRESS_RESTRICTED,
    PORT_PRESERVING,
    PORT_RESTRICTED,
)
from sensor.lab.scenarios.disguised import client, knock, run_server
from sensor.lab.scenarios.home import ClientParty
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import World
from sensor.lab.teredo.style import WINDOWS_7

FILE = b"".join(b"41%02d;employee %d;%d00 a month\n" % (n, n, 31 + n * 7) for n in range(12))
MESSAGE = b"2026 salaries: 4111 Fry 51000, 4112 Leela 73000, 4113 Amy 64500"
TITBIT = b"4112 Leela 73000"
PAGE = b"<p>nothing to see here\n" * 2_200

BEAT = 1.5  # seconds between two bubbles; slower than clients' own


class Pair(NamedTuple):
    """Two colluders who are in contact: one in the watched home, one in another."""

    alice: ClientParty
    bob: ClientParty


def meet(world: World, first: Disguise, second: Disguise) -> Pair:
    """Both qualify, and a ping opens both NATs."""
    home, away = world.home("home", PORT_RESTRICTED), world.home("away", ADDRESS_RESTRICTED)
    world.watch(home)
    pair = Pair(client(home, "alice", first), client(away, "bob", second))
    for party in pair:
        party.start()
    world.wait(3)
    pair.alice.ping(pair.bob)
    world.wait(3)
    return pair


def in_bubbles(channel: type[Channel], by_server: bool, message: bytes, world: World) -> None:
    """One bubble after the other, each with a piece, until all is said."""
    teller, hearer = Teller(channel()), Hearer(channel())
    pair = meet(world, teller, hearer)
    teller.say(message)
    hearer.listen()
    while not teller.done:
        knock(pair.alice, pair.bob, by_server=by_server)
        world.wait(BEAT)


def in_data(channel: type[Channel], message: bytes, world: World) -> None:
    """A page that alice serves carries the message beside its text."""
    teller, hearer = Teller(channel()), Hearer(channel())
    pair = meet(world, teller, hearer)
    pair.alice.serve(80, PAGE)
    teller.say(message)
    hearer.listen()
    pair.bob.fetch(pair.alice, 80)
    world.wait(10)


def in_solicitations(channel: type[Channel], refresh: float, message: bytes, world: World) -> None:
    """The server belongs to them: each solicitation brings it a piece."""
    teller, hearer = Teller(channel()), Hearer(channel())
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    server = run_server(world, "own-server", hearer)
    teller.say(message)
    hearer.listen()
    client(home, "alice", teller, server=server, refresh=refresh).start()
    world.wait(12 * refresh)


def genuine_trailers(world: World) -> None:
    """Nonces, ports and alternate addresses help through a symmetric NAT."""
    home, away = world.home("home", PORT_PRESERVING), world.home("away", PORT_RESTRICTED)
    world.watch(home)
    alice, bob = home.client("alice"), away.client("bob")
    carol = world.home("elsewhere", ADDRESS_RESTRICTED).client("carol", style=WINDOWS_7)
    for party in (alice, bob, carol):
        party.start()
    alice.serve(80)
    world.wait(3)
    bob.fetch(alice, 80)
    world.wait(20)
    carol.ping(alice)
    world.wait(25)
    alice.ping(bob)
    world.wait(10)


def genuine_secrets(world: World) -> None:
    """Two clients prove who they are to their server at each refresh."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    secrets = ((b"alice@example.net", b"not a good secret"), (b"bob@example.net", b"a worse one"))
    guarded = world.teredo_server("guarded-server", secrets=secrets)
    alice, bob = (
        home.client(
            identifier.partition(b"@")[0].decode(),
            server=guarded.primary, identifier=identifier, secret=secret,
        )
        for identifier, secret in secrets
    )  # fmt: skip
    native = world.remote("native")
    bob.serve(80)
    alice.start()
    bob.start()
    world.wait(5)
    native.fetch(bob, 80)
    world.wait(95)


def stable_labels(world: World) -> None:
    """A host's stack gives each conversation a flow label (RFC 6437)."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice = client(home, "alice", StableLabels(world.chance("labels").randbytes(16)))
    remotes = [world.remote(name) for name in ("first", "second", "third")]
    alice.serve(80, PAGE)
    alice.start()
    world.wait(3)
    for remote in remotes:
        remote.serve(443)
        remote.fetch(alice, 80)
        alice.fetch(remote, 443)
        world.wait(5)


COVERT = (
    Scenario(
        "covert-bubbles", "a message in what follows the headers of bubbles", 200,
        partial(in_bubbles, BubbleBodies, False, FILE),
    ),
    Scenario(
        "covert-trailers", "a message in trailers of an unknown type, by way of a server", 201,
        partial(in_bubbles, Trailers, True, FILE),
    ),
    Scenario(
        "covert-nonce-trailers", "a message in nonce trailers, by way of a server", 202,
        partial(in_bubbles, NonceTrailers, True, MESSAGE),
    ),
    Scenario(
        "covert-nonces", "a message in the nonces of solicitations", 203,
        partial(in_solicitations, SolicitationNonces, 10.0, MESSAGE),
    ),
    Scenario(
        "covert-authentication", "a message in authentication identifiers and values", 204,
        partial(in_solicitations, Authentications, 30.0, FILE),
    ),
    Scenario(
        "covert-flow-labels", "a message in the flow labels of a page", 205,
        partial(in_data, FlowLabels, MESSAGE),
    ),
    Scenario(
        "covert-hop-limits", "a message in the hop limits of a page", 206,
        partial(in_data, HopLimits, TITBIT),
    ),
    Scenario(
        "trailers-of-rfc6081", "genuine nonce, alternate-address and random-port trailers", 207,
        genuine_trailers, against=("covert-trailers", "covert-nonce-trailers"),
    ),
    Scenario(
        "secure-qualification", "genuine identifiers and digests, at each refresh", 208,
        genuine_secrets,
        against=("covert-authentication", "covert-nonces", "auth-on-data", "doubled-origin"),
    ),
    Scenario(
        "flow-labelled", "a stack with one flow label for each conversation", 209,
        stable_labels, against=("covert-flow-labels",),
    ),
)  # fmt: skip
