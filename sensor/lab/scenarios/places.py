"""Stories of other places to look from, and of other ways between two ends."""

from __future__ import annotations

from dataclasses import replace

from sensor.lab.network.behaviour import ADDRESS_RESTRICTED, CONE, PORT_RESTRICTED, SYMMETRIC
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import World


def relay_side(world: World) -> None:
    """A page is read while the outside tap is beside the relay, far from the client."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home, beside=world.relay.host.interface)
    alice, remote = home.client("alice"), world.remote("remote")
    alice.serve(80)
    alice.start()
    world.wait(3)
    remote.fetch(alice, 80)
    world.wait(20)


def host_relay(world: World) -> None:
    """A native host with a relay of its own reads a page, and serves one."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice, native = home.client("alice"), world.relaying_remote("native")
    alice.serve(80)
    native.serve(443)
    alice.start()
    world.wait(3)
    native.fetch(alice, 80)
    world.wait(10)
    alice.fetch(native, 443)
    world.wait(10)


def carrier_grade(world: World) -> None:
    """Two NATs one behind the other, looked at outside of both."""
    carrier = world.carrier("carrier", ADDRESS_RESTRICTED)
    home = world.home("home", PORT_RESTRICTED, carrier)
    world.watch(home)
    alice, remote = home.client("alice"), world.remote("remote")
    alice.serve(80)
    alice.start()
    world.wait(3)
    remote.fetch(alice, 80)
    world.wait(20)


def symmetric_carrier(world: World) -> None:
    """The home's NAT is restricted, the carrier's symmetric: together they are symmetric."""
    carrier = world.carrier("carrier", SYMMETRIC)
    home = world.home("home", PORT_RESTRICTED, carrier)
    world.watch(home)
    home.client("alice").start()
    world.wait(40)


def between_nats(world: World) -> None:
    """Two homes of one carrier, looked at from its own network: the inside ends are the homes."""
    carrier = world.carrier("carrier", PORT_RESTRICTED)
    first = world.home("first", CONE, carrier)
    second = world.home("second", PORT_RESTRICTED, carrier)
    world.watch(carrier)
    alice, bob, remote = first.client("alice"), second.client("bob"), world.remote("remote")
    alice.serve(80)
    alice.start()
    bob.start()
    world.wait(3)
    remote.fetch(alice, 80)
    remote.fetch(bob, 22)
    world.wait(20)


def local_discovery(world: World) -> None:
    """Two clients of one network find each other there."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice = home.client("alice", local_discovery=True)
    bob = home.client("bob", local_discovery=True)
    bob.serve(80)
    alice.start()
    bob.start()
    world.wait(5)
    alice.fetch(bob, 80)
    world.wait(20)


def hairpin(world: World) -> None:
    """Two clients behind one NAT that sends packets back in."""
    home = world.home("home", replace(PORT_RESTRICTED, hairpin=True))
    world.watch(home)
    alice, bob = home.client("alice", hairpin=False), home.client("bob", hairpin=False)
    bob.serve(80)
    alice.start()
    bob.start()
    world.wait(5)
    alice.fetch(bob, 80)
    world.wait(20)


def no_hairpin(world: World) -> None:
    """Behind one that does not, the alternate addresses of RFC 6081 help."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice, bob = home.client("alice"), home.client("bob")
    bob.serve(80)
    alice.start()
    bob.start()
    world.wait(5)
    alice.fetch(bob, 80)
    world.wait(20)


PLACES = (
    Scenario("relay-side", "the outside tap is beside the relay", 60, relay_side),
    Scenario("host-relay", "a native host with its own relay", 61, host_relay),
    Scenario("carrier-grade", "two NATs, one behind the other", 62, carrier_grade),
    Scenario("symmetric-carrier", "a symmetric NAT behind another one", 67, symmetric_carrier),
    Scenario("between-nats", "looked at between two NATs", 63, between_nats),
    Scenario("local-discovery", "two clients of one network find each other", 64, local_discovery),
    Scenario("hairpin", "two clients behind one NAT that sends packets back", 65, hairpin),
    Scenario("alternate-addresses", "two clients behind one NAT that does not", 66, no_hairpin),
)
