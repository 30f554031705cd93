"""Stories of other implementations, as they look on the wire."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from sensor.lab.network.behaviour import (
    CONE,
    PORT_PRESERVING,
    PORT_RESTRICTED,
    SYMMETRIC,
    NatBehaviour,
)
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import World
from sensor.lab.teredo.style import MIREDO, OWN, WINDOWS_7, WINDOWS_XP, Style


def served(style: Style, behaviour: NatBehaviour, world: World) -> None:
    """A client of one style reads a native page, and is read from."""
    home = world.home("home", behaviour)
    world.watch(home)
    alice, native = home.client("alice", style=style), world.remote("native")
    alice.serve(80)
    native.serve(80)
    alice.start()
    world.wait(20)
    alice.fetch(native, 80)
    world.wait(10)
    native.fetch(alice, 80)
    world.wait(50)


def legacy(behaviour: NatBehaviour, world: World) -> None:
    """Windows XP with the prefix of the 6bone, which its server and relay still have."""
    home = world.home("home", behaviour)
    world.watch(home)
    former = world.legacy_server("former-server")
    alice = home.client("alice", style=WINDOWS_XP, server=former.primary)
    native = world.remote("native")
    alice.serve(80)
    native.serve(80)
    alice.start()
    world.wait(20)
    alice.fetch(native, 80)
    world.wait(10)
    native.fetch(alice, 80)
    world.wait(50)


def unsupported(world: World) -> None:
    """Behind a symmetric NAT RFC 4380 gives up."""
    home = world.home("home", SYMMETRIC)
    world.watch(home)
    alice = home.client("alice", symmetric=False)
    alice.start()
    world.wait(60)


def secured(world: World) -> None:
    """The server answers only who knows a secret."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    identifier, secret = b"alice@example.net", b"not a good secret"
    guarded = world.teredo_server("guarded-server", secrets=((identifier, secret),))
    alice = home.client("alice", server=guarded.primary, identifier=identifier, secret=secret)
    native = world.remote("native")
    alice.serve(80)
    alice.start()
    world.wait(5)
    native.fetch(alice, 80)
    world.wait(20)


def measured(world: World) -> None:
    """A second port finds out how long the NAT keeps mappings (RFC 4380 section 5.2.7)."""
    home = world.home("home", replace(PORT_RESTRICTED, lifetime=75.0))
    world.watch(home)
    alice = home.client("alice", interval_port=40_001)
    alice.start()
    world.wait(300)


STYLES = (
    Scenario(
        "windows-like", "the style of Windows 7 and later", 20,
        partial(served, WINDOWS_7, PORT_RESTRICTED),
    ),
    Scenario(
        "miredo-like", "the style of Miredo", 21,
        partial(served, MIREDO, PORT_RESTRICTED),
    ),
    Scenario(
        "xp-like-cone", "the style of Windows XP behind a cone NAT, 3ffe:831f::/32", 22,
        partial(legacy, CONE),
    ),
    Scenario(
        "xp-like-restricted", "the style of Windows XP behind a restricted NAT", 23,
        partial(legacy, PORT_RESTRICTED),
    ),
    Scenario(
        "symmetric-off-line", "a symmetric NAT without RFC 6081: off-line", 24, unsupported
    ),
    Scenario(
        "symmetric", "a symmetric NAT with RFC 6081: qualified, read and being read", 25,
        partial(served, OWN, SYMMETRIC),
    ),
    Scenario(
        "port-preserving", "a port-preserving symmetric NAT", 26,
        partial(served, OWN, PORT_PRESERVING),
    ),
    Scenario("interval", "how long a mapping lives is found out by a second port", 28, measured),
    Scenario("secured", "secure qualification (RFC 4380 section 5.2.2)", 27, secured),
)  # fmt: skip
