"""What the sensor says of each scenario is what is true of it, as far as it can be known."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

from sensor.lab.scenarios.scenario import Scenario
from sensor.schema.records import Endpoint, ExposureRecord, Scope, TunnelRecord
from sensor.schema.words import Anomaly, Kind, Vantage
from tests.endtoend.knowable import INSIDE, STATES, Seen, Sides, View
from tests.endtoend.stage import (
    Stage,
    Told,
    each_scenario,
    each_side,
    each_vantage,
)

SECOND = 1_000_000_000
DEEPEST = 5  # tunnels inside each other that are always told
# What a story is made to overflow; a scan of a NAT's ports is seen on its outside alone.
FLOODED = {"address-scan": "promotions", "bubble-flood": "notices", "peer-flood": "peers"}
UNSCOPED = Scope(Vantage.UNKNOWN, both_directions=True, midstream=False)

Record = TypeVar("Record", TunnelRecord, ExposureRecord)


@each_scenario
@each_side
def test_every_frame_is_what_its_maker_meant(stage: Stage, scenario: Scenario, side: str) -> None:
    labelled = stage.truth(scenario).captures[side].labelled
    said = {frame.number: frame.rows for frame in stage.read(scenario, side) if frame.rows}
    meant = {frame.number: frame for frame in labelled if not frame.cut}
    view = View(stage.truth(scenario), (side,))
    assert said.keys() == meant.keys()
    for number, frame in meant.items():
        rows = said[number]
        names = view.names(frame)
        if len(names) > DEEPEST and rows[-1].anomalies & Anomaly.TOO_MANY_LAYERS:
            assert len(rows) >= DEEPEST
            names = names[: len(rows)]
        assert tuple(Kind(row.kind) for row in rows) == names
        assert rows[0].teredo_packet in view.packets(frame)
        assert rows[0].quoted == frame.quoted


@each_scenario
@each_vantage
def test_tunnelled_frames_are_counted_exactly(
    stage: Stage, scenario: Scenario, sides: Sides
) -> None:
    told = stage.told(scenario, sides)
    captures = [stage.truth(scenario).captures[side] for side in sides]
    tunnelled = [frame for capture in captures for frame in capture.labelled if not frame.quoted]
    frames = [frame for frame in tunnelled if not frame.cut]
    assert told.ledger.read == sum(capture.frames for capture in captures)
    assert told.ledger.tunnelled + told.ledger.copies == len(frames)
    # A router changes but the time to live: seen on both sides of it, a packet is a mirrored copy.
    if told.view.public and len(sides) > 1:
        assert told.ledger.copies == sum(not frame.quoted for frame in captures[-1].labelled)
    else:
        assert told.ledger.copies <= sum(frame.doubled for frame in frames)
    assert told.ledger.unreadable == len(tunnelled) - len(frames)
    kinds = Counter(told.view.names(frame)[0].text for frame in frames)
    assert set(told.ledger.kinds) == set(kinds)
    assert all(count <= kinds[kind] for kind, count in told.ledger.kinds.items())
    assert sum(told.ledger.kinds.values()) == told.ledger.tunnelled


@each_scenario
@each_vantage
def test_limits_are_hit_by_floods_alone(stage: Stage, scenario: Scenario, sides: Sides) -> None:
    hit = stage.told(scenario, sides).limits_hit
    unseen = scenario.name == "address-scan" and sides == (INSIDE,)
    flooded = {FLOODED[scenario.name]} if scenario.name in FLOODED else set()
    assert set(hit) == (set() if unseen else flooded)


@each_scenario
@each_vantage
def test_the_tunnels_are_those_that_exist(stage: Stage, scenario: Scenario, sides: Sides) -> None:
    told = stage.told(scenario, sides)
    found = Counter(tunnel.client for tunnel in told.teredo)
    assert all(count == 1 for count in found.values())
    known = {seen.end for seen in told.view.tunnels()}
    doubtful = told.view.doubtful()
    assert known - doubtful <= set(found)
    for tunnel in told.teredo:
        assert tunnel.client in known | doubtful or unanswered(tunnel, told.view)


def unanswered(tunnel: TunnelRecord, view: View) -> bool:
    """Whoever is sent well-formed packets may be a client; no more is said until it answers."""
    said = tunnel.state == "discovered" and not tunnel.scope.both_directions
    return said and tunnel.client in view.ends()


def _seen(told: Told) -> list[tuple[TunnelRecord, Seen]]:
    """Each tunnel with what it is; others are another test's concern."""
    known = {seen.end: seen for seen in told.view.tunnels()}
    return [(tunnel, known[tunnel.client]) for tunnel in told.teredo if tunnel.client in known]


@each_scenario
@each_vantage
def test_inside_hosts_are_named_where_they_show(
    stage: Stage, scenario: Scenario, sides: Sides
) -> None:
    told = stage.told(scenario, sides)
    for tunnel, seen in _seen(told):
        inside = tunnel.inside
        host = None if inside is None or inside.ip is None else Endpoint(inside.ip, inside.port)
        assert host in told.view.inside_hosts(seen)
        if told.view.from_inside:
            assert inside is not None
            assert inside.mac == told.view.mac(seen)


@each_scenario
@each_vantage
def test_who_qualified_is_told(stage: Stage, scenario: Scenario, sides: Sides) -> None:
    told = stage.told(scenario, sides)
    for tunnel, seen in _seen(told):
        expected = told.view.qualified(seen)
        if expected is not None:
            assert (tunnel.state == "qualified") is expected


@each_scenario
@each_vantage
def test_the_side_it_was_seen_from_is_told(stage: Stage, scenario: Scenario, sides: Sides) -> None:
    told = stage.told(scenario, sides)
    for tunnel, seen in _seen(told):
        expected = told.view.vantages(seen)
        assert tunnel.scope.vantage in expected


@each_scenario
@each_vantage
def test_naming_the_sides_changes_nothing_else(
    stage: Stage, scenario: Scenario, sides: Sides
) -> None:
    named, told = stage.tell(scenario, sides, named=True), stage.told(scenario, sides)
    assert [_unscoped(tunnel) for tunnel in named.tunnels] == [
        _unscoped(tunnel) for tunnel in told.tunnels
    ]
    assert [_unscoped(each) for each in named.exposures] == [
        _unscoped(each) for each in told.exposures
    ]


def _unscoped(record: Record) -> Record:
    return record._replace(scope=UNSCOPED)


@each_scenario
@each_vantage
def test_servers_and_mappings_are_the_clients(
    stage: Stage, scenario: Scenario, sides: Sides
) -> None:
    told = stage.told(scenario, sides)
    for tunnel, seen in _seen(told):
        assert tunnel.teredo is not None
        assert tunnel.teredo.server == seen.tunnel.servers[0]
        assert tunnel.teredo.mapped in told.view.mapped(seen)
        said = [(change.before, change.after) for change in tunnel.teredo.mapping_changes]
        changes = told.view.changes(seen)
        assert set(said) <= set(changes)
        if told.view.changes_known(seen):
            assert said == changes


@each_scenario
@each_vantage
def test_nat_types_are_right_or_unknown(stage: Stage, scenario: Scenario, sides: Sides) -> None:
    told = stage.told(scenario, sides)
    for tunnel, seen in _seen(told):
        assert tunnel.teredo is not None
        assert tunnel.teredo.nat_type in told.view.nat_types(seen)


@each_scenario
@each_vantage
def test_relays_are_those_that_were_met(stage: Stage, scenario: Scenario, sides: Sides) -> None:
    told = stage.told(scenario, sides)
    said: dict[str, set[Endpoint]] = {}
    for tunnel, seen in _seen(told):
        assert tunnel.teredo is not None
        said.setdefault(seen.tunnel.name, set()).update(tunnel.teredo.relays)
    for truth in stage.truth(scenario).tunnels:
        relays = said.get(truth.name, set())
        assert relays <= told.view.relays(truth)
        if truth.watched and told.view.relays_known(truth):
            assert relays == told.view.relays(truth)


@each_scenario
@each_vantage
def test_exposures_are_those_that_happened(stage: Stage, scenario: Scenario, sides: Sides) -> None:
    told = stage.told(scenario, sides)
    known = told.view.exposures()
    sure = told.view.exposures(stage.too_deep(scenario, told.view.side))
    found = {(each.address, each.transport, each.port): each for each in told.exposures}
    assert len(found) == len(told.exposures)
    assert sure.keys() <= found.keys() <= known.keys()
    for key, exposure in found.items():
        truth = known[key]
        assert exposure.state is STATES[truth.state]
        assert set(exposure.remotes) == {opening.remote.ip for opening in truth.openings}
        assert exposure.remotes_count == len(exposure.remotes)
        # A first packet that is lost on its way may be seen a second before one that arrives.
        assert abs(exposure.first_seen - min(opening.at for opening in truth.openings)) <= SECOND
        assert exposure.remote in {opening.remote for opening in truth.openings}


@each_scenario
@each_vantage
def test_what_is_said_of_an_exposure_fits_its_tunnel_and_its_proofs(
    stage: Stage, scenario: Scenario, sides: Sides
) -> None:
    told = stage.told(scenario, sides)
    tunnels = {tunnel.id: tunnel for tunnel in told.tunnels}
    files = {stage.path(scenario, side): side for side in sides}
    for exposure in told.exposures:
        tunnel = tunnels[exposure.tunnel_id]
        assert (exposure.client, exposure.tunnel_kind) == (tunnel.client, tunnel.kind)
        assert exposure.inside == tunnel.inside
        assert exposure.evidence
        for proof in exposure.evidence:
            labelled = told.view.truth.captures[files[proof.capture]].labelled
            assert proof.frame in {frame.number for frame in labelled}


@each_scenario
@each_vantage
def test_exposed_hosts_are_the_tunnels(stage: Stage, scenario: Scenario, sides: Sides) -> None:
    told = stage.told(scenario, sides)
    tunnels = {tunnel.id: seen for tunnel, seen in _seen(told)}
    for exposure in told.exposures:
        carrier = told.outermost(exposure.tunnel_id)
        if carrier.kind is not Kind.TEREDO:
            continue
        seen = tunnels[carrier.id]
        inside = exposure.inside
        host = None if inside is None or inside.ip is None else Endpoint(inside.ip, inside.port)
        assert host in told.view.inside_hosts(seen)
        assert exposure.mapped in told.view.holes(seen)
        truth = told.view.exposures()[exposure.address, exposure.transport, exposure.port]
        assert truth.tunnel == seen.tunnel.name
