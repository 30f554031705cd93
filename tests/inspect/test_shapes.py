"""Every shape of tunnel, carrier, quotation, fragment and link type against a real Wireshark."""

from __future__ import annotations

import copy
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensor.inspect.crosscheck import Comparison, Difference
from sensor.inspect.layers import Layers
from sensor.inspect.wireshark import packets
from tests.capture import build
from tests.inspect.agreement import LinkFrame, agreement, mixed_capture
from tests.inspect.shapes import SHAPES, Row


def frames() -> list[LinkFrame]:
    return [frame for shape in SHAPES.values() for frame in shape.frames]


def numbered() -> Iterator[tuple[int, str, Row | None]]:
    """Number, shape and row of every frame."""
    named = [(name, row) for name, shape in SHAPES.items() for row in shape.rows]
    for number, (name, row) in enumerate(named, start=1):
        yield number, name, row


def rows() -> list[Row]:
    return [copy.deepcopy(row) | {"frame": number} for number, _, row in numbered() if row]


NUMBERS: dict[str, list[int]] = defaultdict(list)
for _number, _name, _ in numbered():
    NUMBERS[_name].append(_number)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory, tshark: Path) -> Comparison:
    return agreement(tmp_path_factory.mktemp("shapes"), frames(), rows(), tshark)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_wireshark_reads_what_the_row_says(comparison: Comparison, name: str) -> None:
    shape, numbers = SHAPES[name], NUMBERS[name]
    found = {found.name: found.reason for found in comparison.differences if found.frame in numbers}
    assert found == shape.reasons
    undecoded = [number for number in comparison.undecoded if number in numbers]
    assert bool(undecoded) == shape.undecoded
    assert bool(set(comparison.unseen).intersection(numbers)) == shape.unseen


def test_every_row_was_compared_or_not_decoded(comparison: Comparison) -> None:
    assert comparison.unexplained == []
    assert comparison.compared + len(comparison.undecoded) == len(rows())
    assert len(comparison.undecoded) == sum(shape.undecoded for shape in SHAPES.values())


def changed(value: Any) -> Any:
    """Another value of the same sort."""
    if isinstance(value, dict):
        return {key: changed(inside) for key, inside in value.items()}
    if isinstance(value, str):
        return "2001:db8::bad" if ":" in value else "192.0.2.222"
    return value + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "end"),
    [("outer", "source"), ("outer", "destination"), ("inner", "source"), ("inner", "destination")],
)
def test_a_wrong_end_is_found_in_every_shape(
    comparison: Comparison, tmp_path: Path, tshark: Path, group: str, end: str
) -> None:
    wrong = rows()
    for row in wrong:
        if group in row:
            row[group][end] = changed(row[group][end])
    found = agreement(tmp_path, frames(), wrong, tshark)
    expected = {
        row["frame"]
        for row in wrong
        # Of a row of no tunnel, Wireshark may tell nothing.
        if group in row and row["frame"] not in comparison.undecoded and row["kind"] != "none"
    }
    excused = excuses(comparison, f"{group}.{end}.")
    assert {difference.frame for difference in found.unexplained} >= expected - excused


def excuses(comparison: Comparison, end: str) -> set[int]:
    """Frames in which that very end differs anyway, with a reason."""
    return {found.frame for found in comparison.differences if found.name.startswith(end)}


@pytest.mark.slow
def test_damaged_frames_harm_nothing(tmp_path: Path, tshark: Path, seed: int) -> None:
    """Whatever Wireshark makes of them, its layers are read without an error."""
    dice = random.Random(seed)
    damaged = [
        (link_type, build.damaged(data, dice)) for link_type, data in dice.choices(frames(), k=500)
    ]
    capture = mixed_capture(tmp_path / "damaged.pcapng", damaged)
    found = [Layers(packet.layers) for packet in packets(str(capture), str(tshark))]
    assert len(found) == len(damaged)
    values = [layers.values(networks) for layers in found for networks in (None, 2)]
    assert any(layers.stops_in_redirect for layers in found)
    assert any(layers.stops_at_extension for layers in found)
    assert any(layers.takes_address_for_control_word for layers in found)
    assert any(layers.takes_ayiya_for_ipv6(1) for layers in found)
    assert {"outer.source.ip", "inner.source.ip", "stack"} <= set().union(*values)


@pytest.mark.slow
def test_a_wrong_carrier_is_found(tmp_path: Path, tshark: Path) -> None:
    number, _, row = next(found for found in numbered() if found[1] == "carrier: vxlan")
    assert row is not None
    wrong = row | {"frame": 1, "stack": ["ethernet", "ipv4", "udp", "geneve", "ipv4", "ipv6"]}
    found = agreement(tmp_path, frames()[number - 1 : number], [wrong], tshark)
    assert found.differences == [
        Difference(1, "stack", "ipv4 geneve ipv4 ipv6", "ipv4 vxlan ipv4 ipv6", None)
    ]
