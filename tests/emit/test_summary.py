from __future__ import annotations

import pytest

from sensor.emit.summary import Summary
from sensor.schema.records import Change, ExposureRecord, FlowRecord, SensorRecord, TunnelRecord
from sensor.schema.words import SEVERITIES, ExposureState
from tests.emit.factory import EXPOSURE, FLOW, LEDGER, TUNNEL


def summary_of(*records: TunnelRecord | ExposureRecord | FlowRecord | SensorRecord) -> Summary:
    summary = Summary()
    for record in records:
        summary.add(Change("any", 0, 0, 0, record))
    return summary


def test_the_newest_record_of_a_subject_counts() -> None:
    grown = TUNNEL._replace(packets=99)
    closed = EXPOSURE._replace(closed_reason="tunnel-closed")
    summary = summary_of(TUNNEL, EXPOSURE, grown, closed)
    assert summary.tunnels == [grown]
    assert summary.exposures == [closed]


def test_tunnels_come_by_their_first_packet() -> None:
    later = TUNNEL._replace(id="000000", first_seen=TUNNEL.first_seen + 1)
    twin = TUNNEL._replace(id="ffffff")
    assert summary_of(later, twin, TUNNEL).tunnels == [TUNNEL, twin, later]


def test_another_view_of_a_tunnel_is_left_out() -> None:
    other = TUNNEL._replace(id="bbbbbb")
    summary = summary_of(other, TUNNEL, other._replace(state="closed", closed_reason="joined"))
    assert summary.tunnels == [TUNNEL]


def test_an_idle_tunnel_is_kept() -> None:
    assert len(summary_of(TUNNEL._replace(state="closed", closed_reason="idle")).tunnels) == 1


def test_the_strongest_exposure_comes_first() -> None:
    states = list(ExposureState)
    records = [EXPOSURE._replace(id=state.text, state=state) for state in states]
    summary = summary_of(*records)
    assert [found.state for found in summary.exposures] == sorted(states, reverse=True)
    assert [found.state for found in summary.answered] == [ExposureState.ANSWERED]


@pytest.mark.parametrize("state", ExposureState)
def test_worst_is_the_place_of_a_severity(state: ExposureState) -> None:
    low = EXPOSURE._replace(id="low", state=ExposureState.REFUSED)
    worst = summary_of(low, EXPOSURE._replace(state=state)).worst()
    assert SEVERITIES[worst] == state.severity


def test_without_exposures_nothing_is_bad() -> None:
    assert summary_of().worst() == -1
    assert summary_of(TUNNEL, FLOW, LEDGER).worst() == -1


def test_the_ledger_is_kept() -> None:
    assert summary_of(TUNNEL, FLOW).sensor is None
    assert summary_of(LEDGER, TUNNEL).sensor == LEDGER
