"""Frames cut at every length: less is seen, nothing else, and never with more confidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.decode.scalar import Frame, decode_frame
from sensor.decode.settings import DecodeSettings
from sensor.schema.rows import Observation
from sensor.schema.words import Anomaly, Confidence, Kind

from .corpus import Whole, captured, carried, generated

SETTINGS = DecodeSettings()
# What the inner header and the layers around it say, be the rest there or not.
KEPT = (
    "kinds",
    "depth",
    "inner_offset",
    "inner_length",
    "inner_source",
    "inner_destination",
    "hop_limit",
    "flow_label",
    "outer_version",
    "outer_transport",
    "outer_source",
    "outer_destination",
    "outer_source_port",
    "outer_destination_port",
    "outer_id",
    "vlan",
    "has_auth",
    "auth_offset",
    "nonce",
    "has_origin",
    "origin_ip",
    "origin_port",
)
INNER = frozenset(name for name in KEPT if name.startswith(("inner_", "hop_", "flow_")))


def rows_of(whole: Whole, size: int) -> list[Observation]:
    frame = Frame(whole.data[:size], whole.link_type, len(whole.data))
    return decode_frame(frame, SETTINGS)[1]


def check(whole: Whole) -> None:
    """Cut one frame at every length and compare its rows with those of the whole."""
    expected = rows_of(whole, len(whole.data))
    for size in range(len(whole.data) + 1):
        found = rows_of(whole, size)
        where = f"{whole.name}, cut to {size} bytes"
        legible = sum(0 < row.inner_offset <= size - 40 for row in expected)
        assert len(found) >= legible, where
        for i, row in enumerate(found):
            compare(row, expected[i] if i < len(expected) else None, size, where)


def compare(row: Observation, complete: Observation | None, size: int, where: str) -> None:
    assert row.captured_length == size, where
    if complete is None:  # what follows shows that it was no packet at all
        header_alone = row.kind == Kind.AYIYA and not row.inner_length
        assert row.confidence == Confidence.WEAK or header_alone, where
        return
    assert row.wire_length == complete.wire_length, where
    assert row.confidence <= complete.confidence, where
    for name in KEPT:
        if name in INNER and not row.inner_length:
            continue  # its header tells a tunnel by itself, of which the packet is cut off
        if name == "kinds" and row.confidence == Confidence.WEAK:
            assert row.kind in (complete.kind, Kind.IP6_IN_UDP), where
        else:
            assert getattr(row, name) == getattr(complete, name), (where, name)
    assert row.anomalies & ~complete.anomalies in (0, Anomaly.TRUNCATED), where


@pytest.mark.parametrize("whole", generated() + carried(), ids=lambda whole: whole.name)
def test_generated_frames(whole: Whole) -> None:
    check(whole)


@pytest.mark.slow
def test_captured_frames(captures: Path) -> None:
    for whole in captured(captures):
        check(whole)
