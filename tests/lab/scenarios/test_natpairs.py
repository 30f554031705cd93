"""Which NATs two clients can meet through (RFC 6081 section 3, figure 1)."""

from __future__ import annotations

import pytest

from sensor.lab.scenarios.natpairs import NAT_PAIRS, PAIRS, Pair
from sensor.schema.words import NatType
from tests.lab.scenarios.stories import answers, services, told

NAMED = [(scenario.name, pair) for scenario, pair in zip(NAT_PAIRS, PAIRS, strict=True)]
RESTRICTED = ("cone", "address-restricted", "port-restricted")
SYMMETRIC = ("symmetric", "port-preserving", "sequential")

each_pair = pytest.mark.parametrize(("name", "pair"), NAMED, ids=[name for name, _ in NAMED])


def sides(pair: Pair) -> frozenset[str]:
    return frozenset({pair.left.name, pair.right.name})


@each_pair
def test_pages_are_read_both_ways_where_it_works_and_never_elsewhere(name: str, pair: Pair) -> None:
    _, truth = told(name)
    assert answers(truth) == [("alice", "bob", pair.works), ("bob", "alice", pair.works)]
    opened = {("alice", 80): "answered", ("bob", 443): "answered"} if pair.works else {}
    assert services(truth) == opened


@each_pair
def test_clients_find_their_nats_out(name: str, pair: Pair) -> None:
    _, truth = told(name)
    for tunnel, side in zip(truth.tunnels, (pair.left, pair.right), strict=True):
        symmetric = side.behaviour.symmetric
        assert tunnel.concluded is (NatType.SYMMETRIC if symmetric else NatType.RESTRICTED)
        assert tunnel.state == "qualified"


def test_the_first_rfc_suffices_for_all_that_are_not_symmetric() -> None:
    plain = {sides(pair) for pair in PAIRS if not pair.extended}
    assert plain == {frozenset({one, other}) for one in RESTRICTED for other in RESTRICTED}


def test_extensions_help_where_they_should() -> None:
    helped = {sides(pair) for pair in PAIRS if pair.extended and pair.works}
    cone = {frozenset({one, "cone"}) for one in SYMMETRIC}
    address = {frozenset({one, "address-restricted"}) for one in SYMMETRIC}
    ports = {frozenset({"port-preserving", "port-restricted"}), frozenset({"port-preserving"})}
    assert helped == cone | address | ports


def test_three_must_not_work() -> None:
    assert {sides(pair) for pair in PAIRS if not pair.works} == {
        frozenset({"symmetric", "port-restricted"}),
        frozenset({"symmetric"}),
        frozenset({"sequential"}),
    }


def test_a_port_preserving_nat_costs_an_end_for_the_peer() -> None:
    _, truth = told("pair-port-preserving-port-restricted")
    assert [len(tunnel.ends) for tunnel in truth.tunnels] == [2, 1]
