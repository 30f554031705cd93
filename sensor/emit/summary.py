"""The last word on every tunnel and exposure of an observation."""

from __future__ import annotations

from collections.abc import Sequence

from sensor.schema.records import (
    Change,
    ExposureRecord,
    SensorRecord,
    TunnelRecord,
)
from sensor.schema.witness import Witness
from sensor.schema.words import SEVERITIES, ExposureState


class Summary:
    """Collects changes; keeps one record per tunnel and exposure, the newest."""

    def __init__(self) -> None:
        self._tunnels: dict[str, TunnelRecord] = {}
        self._exposures: dict[str, ExposureRecord] = {}
        self.sensor: SensorRecord | None = None
        self.witnesses: Sequence[Witness] = ()  # look-ups of tunnels' names, by time

    def add(self, change: Change) -> None:
        match change.record:
            case TunnelRecord() as tunnel:
                self._tunnels[tunnel.id] = tunnel
            case ExposureRecord() as exposure:
                self._exposures[exposure.id] = exposure
            case SensorRecord() as sensor:
                self.sensor = sensor

    @property
    def tunnels(self) -> list[TunnelRecord]:
        """By first packet; those that turned out to be another view of a tunnel are left out."""
        own = (tunnel for tunnel in self._tunnels.values() if tunnel.closed_reason != "joined")
        return sorted(own, key=lambda tunnel: (tunnel.first_seen, tunnel.id))

    @property
    def exposures(self) -> list[ExposureRecord]:
        """The strongest first."""
        return sorted(
            self._exposures.values(), key=lambda found: (-found.state, found.state_since, found.id)
        )

    @property
    def answered(self) -> list[ExposureRecord]:
        return [found for found in self.exposures if found.state is ExposureState.ANSWERED]

    def worst(self) -> int:
        """Place of the worst severity in ``SEVERITIES``; -1 without any exposure."""
        return max((SEVERITIES.index(found.state.severity) for found in self.exposures), default=-1)
