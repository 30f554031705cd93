"""Runs each scenario once, and the sensor once for each vantage of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sensor.decode.settings import DecodeSettings
from sensor.frames import ReadFrame, read_frames
from sensor.lab.scenarios.account import FILES
from sensor.lab.scenarios.catalogue import SCENARIOS
from sensor.lab.scenarios.run import run
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.truth import Truth
from sensor.pipeline import Replay, Source
from sensor.schema.records import ExposureRecord, SensorRecord, TunnelRecord
from sensor.schema.words import Anomaly, Kind, Vantage
from sensor.track.settings import DEFAULT_ZONES, Network, TrackSettings, Zone
from sensor.wire.addresses import is_private
from tests.endtoend.knowable import VANTAGES, Sides, View
from tests.track.rows import latest

DEEP = 4  # tunnels inside a tunnel
JOINED = "joined"  # closed as a view of another tunnel

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
each_vantage = pytest.mark.parametrize("sides", VANTAGES, ids="+".join)
each_side = pytest.mark.parametrize("side", FILES)


@dataclass(frozen=True)
class Told:
    """What the sensor says of a scenario from one vantage."""

    view: View
    tunnels: list[TunnelRecord]
    exposures: list[ExposureRecord]
    ledger: SensorRecord
    limits_hit: dict[str, int]

    @property
    def teredo(self) -> list[TunnelRecord]:
        """Teredo's tunnels, but for those that others carry."""
        return [each for each in self.tunnels if each.kind is Kind.TEREDO and each.parent is None]

    @property
    def links(self) -> list[TunnelRecord]:
        """Tunnels of other kinds, but for those that others carry."""
        return [each for each in self.tunnels if each.kind is not Kind.TEREDO and not each.parent]

    def outermost(self, tunnel: str) -> TunnelRecord:
        """The tunnel that carries all those around one, by its id; or itself."""
        (found,) = (each for each in self.tunnels if each.id == tunnel)
        return found if found.parent is None else self.outermost(found.parent)

    @property
    def nested(self) -> list[TunnelRecord]:
        return [each for each in self.tunnels if each.parent is not None]


class Stage:
    """``folder`` keeps what the scenarios wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._truths: dict[str, Truth] = {}
        self._told: dict[tuple[str, Sides], Told] = {}

    def truth(self, scenario: Scenario) -> Truth:
        if scenario.name not in self._truths:
            self._truths[scenario.name] = run(scenario, self.folder)
        return self._truths[scenario.name]

    def path(self, scenario: Scenario, side: str) -> str:
        return str(self.folder / scenario.name / FILES[side])

    def told(self, scenario: Scenario, sides: Sides) -> Told:
        key = scenario.name, sides
        if key not in self._told:
            self._told[key] = self.tell(scenario, sides)
        return self._told[key]

    def tell(
        self, scenario: Scenario, sides: Sides, *, named: bool = False, configured: bool = True
    ) -> Told:
        """What is said now; ``named`` tells the sensor which side each capture is of.

        ``configured`` tells it what an operator of the watched place knows.
        """
        truth = self.truth(scenario)
        sources = [
            Source(self.path(scenario, side), Vantage[side.upper()] if named else Vantage.UNKNOWN)
            for side in sides
        ]
        settings = track_settings(truth) if configured else TrackSettings()
        replay = Replay(sources, decode_settings(truth), settings)
        changes = list(replay.changes())
        assert replay.damages == []
        ledger = changes[-1].record
        assert isinstance(ledger, SensorRecord)
        tunnels = latest(changes, TunnelRecord).values()
        return Told(
            View(truth, sides),
            [tunnel for tunnel in tunnels if tunnel.closed_reason != JOINED],
            list(latest(changes, ExposureRecord).values()),
            ledger,
            replay.limits_hit,
        )

    def read(self, scenario: Scenario, side: str) -> Iterable[ReadFrame]:
        """The frames of one capture with what the decoder says of each."""
        settings = decode_settings(self.truth(scenario))
        return read_frames([self.path(scenario, side)], settings, TrackSettings(), [])

    def too_deep(self, scenario: Scenario, side: str) -> set[int]:
        """Frames of which the sensor says that they hold more layers than it looks into.

        It may say so of those alone that hold many tunnels.
        """
        labelled = self.truth(scenario).captures[side].labelled
        deep = {frame.number for frame in labelled if len(frame.within) >= DEEP}
        found = {
            frame.number
            for frame in (self.read(scenario, side) if deep else ())
            if any(row.anomalies & Anomaly.TOO_MANY_LAYERS for row in frame.rows)
        }
        assert found <= deep
        return found


def decode_settings(truth: Truth) -> DecodeSettings:
    """With the 6rd domains of the watched place."""
    return DecodeSettings(sixrd=truth.sixrd)


def track_settings(truth: Truth) -> TrackSettings:
    """With the networks of the watched place, where they are public, and its 6rd domains.

    And, for tunnels other than Teredo's, which tell of no mapping, with its public addresses.
    """
    own = [Network(ip, bits) for ip, bits in truth.networks if not is_private(ip)]
    zones = (*DEFAULT_ZONES, Zone("campus", tuple(own))) if own else DEFAULT_ZONES
    others = any(capture.links for capture in truth.captures.values())
    pools = tuple(Network(ip, 32) for ip in truth.pools) if others else ()
    return TrackSettings(zones=zones, nat_pools=pools, sixrd=truth.sixrd)
