"""What the sensor says of tunnels other than Teredo's is what is true of them."""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.truth import LinkTruth
from sensor.schema.records import Endpoint, TunnelRecord
from sensor.schema.words import PORTED, Kind
from tests.endtoend.knowable import STATES, Sides
from tests.endtoend.stage import Stage, Told, each_scenario, each_vantage

DEEPEST = 5  # tunnels inside each other that are always told

# Ends of IPv4 with GRE's key; over UDP and TCP the client's end alone.
Identity: TypeAlias = tuple[frozenset[bytes], int | None] | Endpoint


def said_of(tunnel: TunnelRecord) -> Identity:
    if tunnel.transport in PORTED:
        return tunnel.client
    return frozenset((tunnel.client.ip, tunnel.remote.ip)), tunnel.outer_key


def true_of(link: LinkTruth) -> Identity:
    if any(end.port for end in link.ends):
        assert link.client is not None
        return link.client
    return frozenset(end.ip for end in link.ends), link.key


def pairs(told: Told) -> list[tuple[TunnelRecord, LinkTruth]]:
    """Each tunnel with what it is; others are another test's concern."""
    known = {true_of(link): link for link in told.view.links()}
    found = [(tunnel, known.get(said_of(tunnel))) for tunnel in told.links]
    return [(tunnel, link) for tunnel, link in found if link is not None]


@each_scenario
@each_vantage
def test_the_links_are_those_that_exist(stage: Stage, scenario: Scenario, sides: Sides) -> None:
    told = stage.told(scenario, sides)
    found = Counter(map(said_of, told.links))
    assert all(count == 1 for count in found.values())
    assert set(found) == {true_of(link) for link in told.view.links()}


@each_scenario
@each_vantage
def test_kinds_are_all_that_the_packets_are_of(
    stage: Stage, scenario: Scenario, sides: Sides
) -> None:
    told = stage.told(scenario, sides)
    for tunnel, link in pairs(told):
        shown = told.view.kinds_of(link)
        assert tunnel.kind in shown
        assert {kind for kind in Kind if tunnel.kinds & 1 << kind} == shown


@each_scenario
@each_vantage
def test_embedded_addresses_are_those_that_were_put_in(
    stage: Stage, scenario: Scenario, sides: Sides
) -> None:
    for tunnel, link in pairs(stage.told(scenario, sides)):
        said = {(found.address, found.scheme, found.ip) for found in tunnel.embedded}
        assert said == {(found.address, found.scheme, found.ip) for found in link.embedded}


@each_scenario
@each_vantage
def test_the_inside_end_is_the_watched_networks(
    stage: Stage, scenario: Scenario, sides: Sides
) -> None:
    told = stage.told(scenario, sides)
    for tunnel, link in pairs(told):
        if told.view.shows_hosts(link):
            assert tunnel.inside is not None
            assert tunnel.client == link.client
            assert tunnel.inside.ip == tunnel.client.ip
        else:
            assert tunnel.inside is None or tunnel.inside.ip is None


@each_scenario
@each_vantage
def test_without_a_word_of_its_operator_nothing_wrong_is_said(
    stage: Stage, scenario: Scenario, sides: Sides
) -> None:
    told = stage.tell(scenario, sides, configured=False)
    known = told.view.exposures()
    assert set(map(said_of, told.links)) == {true_of(link) for link in told.view.links()}
    for tunnel, link in pairs(told):
        assert tunnel.inside is None or tunnel.inside.ip in (None, link.client and link.client.ip)
    for exposure in told.exposures:
        truth = known[exposure.address, exposure.transport, exposure.port]
        assert exposure.state <= STATES[truth.state]
    if told.view.from_inside and not told.view.public:  # private ends need no word
        assert len(told.exposures) == len(stage.told(scenario, sides).exposures)


@each_scenario
@each_vantage
def test_what_is_exposed_is_behind_its_own_link(
    stage: Stage, scenario: Scenario, sides: Sides
) -> None:
    told = stage.told(scenario, sides)
    tunnels = {tunnel.id: link for tunnel, link in pairs(told)}
    for exposure in told.exposures:
        carrier = told.outermost(exposure.tunnel_id)
        if carrier.kind is not Kind.TEREDO:
            truth = told.view.exposures()[exposure.address, exposure.transport, exposure.port]
            link = tunnels[carrier.id]
            assert link in told.view.links_of(truth.tunnel)
            assert told.view.leads_out(link)


@each_scenario
@each_vantage
def test_tunnels_in_tunnels_are_named(stage: Stage, scenario: Scenario, sides: Sides) -> None:
    told = stage.told(scenario, sides)
    frames = (frame for side in sides for frame in told.view.truth.captures[side].labelled)
    # Between the same ends, each row of kinds is one tunnel inside another.
    rows = {frame.within[: depth + 1] for frame in frames for depth in range(len(frame.within))}
    parents = {tunnel.id: tunnel for tunnel in told.tunnels}
    found = Counter(_row_of(tunnel, parents) for tunnel in told.nested)
    assert all(count == 1 for count in found.values())
    assert {row for row in rows if len(row) < DEEPEST} <= set(found) <= rows


def _row_of(tunnel: TunnelRecord, parents: dict[str, TunnelRecord]) -> tuple[Kind, ...]:
    """The kinds of the tunnels around one and its own, but for the outermost."""
    if tunnel.parent is None:
        return ()
    return (*_row_of(parents[tunnel.parent], parents), tunnel.kind)
