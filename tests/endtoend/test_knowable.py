"""The rules of knowing excuse silence where they must, and nowhere else."""

from __future__ import annotations

import functools

import pytest

from sensor.lab.scenarios.catalogue import SCENARIOS
from sensor.lab.scenarios.run import tell
from sensor.schema.words import NatType, Vantage
from tests.endtoend.knowable import INSIDE, OUTSIDE, VANTAGES, Seen, Sides, View

STORIES = {scenario.name: scenario for scenario in SCENARIOS}
BOTH = (INSIDE, OUTSIDE)


@functools.cache
def view(name: str, sides: Sides) -> View:
    return View(tell(STORIES[name])[1], sides)


def only(name: str, sides: Sides) -> tuple[View, Seen]:
    """A scenario in which one tunnel is known."""
    seen_from = view(name, sides)
    (seen,) = seen_from.tunnels()
    return seen_from, seen


# Stories of which nothing can be said from some places, and why.
NO_TUNNEL = {"ordinary", "look-alikes", "vpn"}
WITHIN_THE_SITE = {"isatap-site", "isatap-names", "isatap-names-honest", "sixoverfour-lan"}
FORGED_ALONE = {"server-self-loop", "server-reflection", "relay-reflection"}
SILENT = {
    **{(name, side): "no tunnel" for name in NO_TUNNEL for side in (INSIDE, OUTSIDE)},
    **{(name, OUTSIDE): "no tunnel leads out" for name in WITHIN_THE_SITE},
    **{(name, side): "nobody answers" for name in FORGED_ALONE for side in (INSIDE, OUTSIDE)},
    **{("snapped-64", side): "all frames are cut" for side in (INSIDE, OUTSIDE)},
    ("block-from-start", OUTSIDE): "nothing gets out",
}


@pytest.mark.parametrize("sides", VANTAGES, ids="+".join)
@pytest.mark.parametrize("name", STORIES)
def test_something_is_known_of_every_scenario_but_for_a_reason(name: str, sides: Sides) -> None:
    seen_from = view(name, sides)
    known = seen_from.tunnels() or seen_from.links()
    assert bool(known) is ((name, seen_from.side) not in SILENT)


@pytest.mark.parametrize("name", STORIES)
def test_inside_every_exposure_is_known_but_to_neighbours(name: str) -> None:
    at_home = {"local-discovery", "alternate-addresses"}
    seen_from = view(name, (INSIDE,))
    watched = {found.port for found in seen_from.truth.exposures if found.watched}
    if name in at_home | WITHIN_THE_SITE or (name, INSIDE) in SILENT:
        assert seen_from.exposures() == {}
    elif name == "sixrd-provider":  # one customer calls another
        assert watched - {port for *_, port in seen_from.exposures()} == {8_080}
    else:
        assert {port for *_, port in seen_from.exposures()} == watched


@pytest.mark.parametrize("name", STORIES)
def test_outside_as_much_is_known(name: str) -> None:
    inside, outside = view(name, (INSIDE,)), view(name, (OUTSIDE,))
    # Two of ours that meet at their own NAT; two clients seen in mid-stream.
    if name in ("hairpin", "moved-port-midstream"):
        assert (len(inside.exposures()), outside.exposures()) == (1, {})
    else:
        assert outside.exposures() == inside.exposures()


def test_a_nat_hides_the_host_unless_it_tells() -> None:
    seen_from, seen = only("web-server", (OUTSIDE,))
    assert seen_from.inside_hosts(seen) == {None}
    assert seen.end != seen.tunnel.inside
    for sides in ((INSIDE,), BOTH):
        seen_from, seen = only("web-server", sides)
        assert seen_from.inside_hosts(seen) == {seen.tunnel.inside}
    telling = view("alternate-addresses", (OUTSIDE,))
    for seen in telling.tunnels():
        assert telling.inside_hosts(seen) == {seen.tunnel.inside}


@pytest.mark.parametrize(
    ("name", "sides", "expected"),
    [
        ("web-server", (INSIDE,), NatType.NOT_SYMMETRIC),
        ("web-server", (OUTSIDE,), NatType.NOT_SYMMETRIC),
        ("xp-like-cone", (OUTSIDE,), NatType.CONE),
        ("xp-like-restricted", (INSIDE,), NatType.RESTRICTED),
        ("xp-like-restricted", (OUTSIDE,), NatType.RESTRICTED),
        ("miredo-like", BOTH, NatType.UNKNOWN),
        ("symmetric", (INSIDE,), NatType.SYMMETRIC),
        ("symmetric", BOTH, NatType.SYMMETRIC),
        ("symmetric-carrier", (INSIDE,), NatType.SYMMETRIC),
        ("relay-side", (OUTSIDE,), NatType.UNKNOWN),
        ("relay-side", BOTH, NatType.NOT_SYMMETRIC),
    ],
)
def test_one_word_is_right_for_a_nat(name: str, sides: Sides, expected: NatType) -> None:
    seen_from, seen = only(name, sides)
    assert seen_from.nat_types(seen) == {expected}


def test_outside_a_symmetric_nat_is_several_tunnels_of_unknown_type() -> None:
    seen_from = view("symmetric", (OUTSIDE,))
    tunnels = seen_from.tunnels()
    assert len(tunnels) == 3, "one for each server address, and for the relay"
    assert all(seen_from.nat_types(seen) == {NatType.UNKNOWN} for seen in tunnels)


def test_outside_the_end_for_a_peer_alone_is_one_of_them() -> None:
    seen_from = view("pair-symmetric-cone", (OUTSIDE,))
    tunnels = seen_from.tunnels()
    assert len(tunnels) == 3, "one for each server address, and for the peer"
    assert {seen.tunnel.watched for seen in tunnels} == {True}
    assert len(seen_from.exposures()) == 1


def test_a_rebound_mapping_is_a_change_inside_and_another_tunnel_outside() -> None:
    inside, seen = only("rebound", (INSIDE,))
    assert len(inside.changes(seen)) == 1
    assert inside.changes_known(seen)
    assert inside.mapped(seen) == {seen.tunnel.addresses[-1].mapped}
    outside = view("rebound", (OUTSIDE,))
    assert len(outside.tunnels()) == 2
    assert not any(outside.changes_known(seen) for seen in outside.tunnels())


def test_who_does_not_see_the_test_cannot_name_the_relay() -> None:
    aside, seen = only("relay-side", (OUTSIDE,))
    assert not aside.relays_known(seen.tunnel)
    assert view("relay-side", BOTH).relays_known(seen.tunnel)
    assert view("web-server", (OUTSIDE,)).relays_known(only("web-server", (OUTSIDE,))[1].tunnel)


def test_who_gave_up_was_not_qualified() -> None:
    seen_from, seen = only("symmetric-off-line", (INSIDE,))
    assert seen_from.qualified(seen) is False
    seen_from, seen = only("symmetric", (INSIDE,))
    assert seen_from.qualified(seen) is True
    outside = view("symmetric-off-line", (OUTSIDE,))
    assert {outside.qualified(seen) for seen in outside.tunnels()} == {None}


def test_the_side_is_what_the_end_shows() -> None:
    expected = {(INSIDE,): Vantage.INSIDE, (OUTSIDE,): Vantage.OUTSIDE, BOTH: Vantage.BOTH}
    for sides, vantage in expected.items():
        for name in ("web-server", "between-nats", "carrier-grade"):
            seen_from = view(name, sides)
            for seen in seen_from.tunnels():
                assert seen_from.vantages(seen) == {vantage}
