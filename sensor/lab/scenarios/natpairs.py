"""Two clients behind NATs of all kinds try to reach each other (RFC 6081 section 3, figure 1)."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from sensor.lab.network.behaviour import (
    ADDRESS_RESTRICTED,
    CONE,
    PORT_PRESERVING,
    PORT_RESTRICTED,
    SEQUENTIAL,
    SYMMETRIC,
    NatBehaviour,
)
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import World

_FIRST_SEED = 100


class Side(NamedTuple):
    name: str
    behaviour: NatBehaviour


class Pair(NamedTuple):
    """``extended``: with the extensions of RFC 6081; ``works``: data passes in the end."""

    left: Side
    right: Side
    extended: bool
    works: bool


_CONE = Side("cone", CONE)
_ADDRESS = Side("address-restricted", ADDRESS_RESTRICTED)
_PORT = Side("port-restricted", PORT_RESTRICTED)
_SYMMETRIC = Side("symmetric", SYMMETRIC)
_PRESERVING = Side("port-preserving", PORT_PRESERVING)
_SEQUENTIAL = Side("sequential", SEQUENTIAL)

PAIRS = (
    # RFC 4380 alone
    Pair(_CONE, _CONE, extended=False, works=True),
    Pair(_CONE, _ADDRESS, extended=False, works=True),
    Pair(_CONE, _PORT, extended=False, works=True),
    Pair(_ADDRESS, _ADDRESS, extended=False, works=True),
    Pair(_ADDRESS, _PORT, extended=False, works=True),
    Pair(_PORT, _PORT, extended=False, works=True),
    # symmetric NAT support (section 5.2)
    Pair(_SYMMETRIC, _CONE, extended=True, works=True),
    Pair(_PRESERVING, _CONE, extended=True, works=True),
    Pair(_SEQUENTIAL, _CONE, extended=True, works=True),
    Pair(_SYMMETRIC, _ADDRESS, extended=True, works=True),
    Pair(_PRESERVING, _ADDRESS, extended=True, works=True),
    Pair(_SEQUENTIAL, _ADDRESS, extended=True, works=True),
    # and port-preserving symmetric NAT support (section 5.4)
    Pair(_PRESERVING, _PORT, extended=True, works=True),
    Pair(_PRESERVING, _PRESERVING, extended=True, works=True),
    # nothing helps
    Pair(_SYMMETRIC, _PORT, extended=True, works=False),
    Pair(_SYMMETRIC, _SYMMETRIC, extended=True, works=False),
    Pair(_SEQUENTIAL, _SEQUENTIAL, extended=True, works=False),
)


def meet(pair: Pair, world: World) -> None:
    """Each side reads the other's page, the watched one first."""
    left = world.home("left", pair.left.behaviour)
    right = world.home("right", pair.right.behaviour)
    world.watch(left)
    alice = left.client("alice", symmetric=pair.extended)
    bob = right.client("bob", symmetric=pair.extended)
    alice.serve(80)
    bob.serve(443)
    alice.start()
    bob.start()
    world.wait(5)
    alice.fetch(bob, 443)
    world.wait(20)
    bob.fetch(alice, 80)
    world.wait(20)


def _scenario(number: int, pair: Pair) -> Scenario:
    told = "meet" if pair.works else "cannot meet"
    with_what = "RFC 6081" if pair.extended else "RFC 4380 alone"
    return Scenario(
        name=f"pair-{pair.left.name}-{pair.right.name}",
        about=f"{pair.left.name} and {pair.right.name} NATs {told} with {with_what}",
        seed=_FIRST_SEED + number,
        story=partial(meet, pair),
    )


NAT_PAIRS = tuple(_scenario(number, pair) for number, pair in enumerate(PAIRS))
