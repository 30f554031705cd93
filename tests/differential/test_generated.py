"""Every generated frame against Wireshark's dissectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.decode.scalar import Frame, decode_frame
from sensor.emit.rows import Object, row_object
from sensor.inspect.crosscheck import Comparison
from sensor.track.marks import shown
from tests.inspect.agreement import agreement
from tests.reach.frames import Generated, generated
from tests.reach.made import SETTINGS, TIME
from tests.told import tell


def row_of(number: int, frame: Generated) -> Object | None:
    """What ``sensor decode`` says of a frame."""
    data = frame.data
    found = Frame(data, frame.link_type, len(data), number, TIME)
    rows = [row for row in decode_frame(found, SETTINGS)[1] if shown(row)]
    return row_object("generated", rows, data, SETTINGS.sixrd) if rows else None


# How many rows Wireshark 4 does not decode, by kind, and how many values it shows otherwise, by
# reason. Another one may agree in more, never in less.
UNDECODED = Counter(
    {
        "6a44": 304, "6bed4": 102, "6in4": 501, "6over4": 3, "6rd": 3, "6to4": 9, "ayiya": 1017,
        "gre6": 690, "ip6-in-udp": 576, "ipv4-compatible": 3, "isatap": 6, "l2tp6": 279,
        "teredo": 282, "tsp": 1638,
    }
)  # fmt: skip
DIFFERENT = Counter(
    {
        "Wireshark does not decode the former Teredo prefix 3ffe:831f::/32": 168,
        "Wireshark reads what AYIYA carries only if its operation is to forward": 5425,
        "layers beyond the limit are not followed here": 3825,
    }
)


def lines(found: Comparison, undecoded: Counter[str], different: Counter[str]) -> Iterator[str]:
    """What was compared, kind by kind, and why the two differ where they are known to."""
    yield f"{found.compared} rows compared, {len(found.undecoded)} not decoded by Wireshark"
    for kind, count in sorted(undecoded.items()):
        yield f"{count:>7} not decoded: {kind}"
    for reason, count in sorted(different.items()):
        yield f"{count:>7} differ: {reason}"


@pytest.mark.slow
def test_wireshark_agrees_wherever_it_decodes(tmp_path: Path, tshark: Path) -> None:
    frames = generated()
    rows = [row_of(number, frame) for number, frame in enumerate(frames, start=1)]
    present = [row for row in rows if row is not None]
    found = agreement(
        tmp_path, [(frame.link_type, frame.data) for frame in frames], present, tshark
    )
    kinds = {row["frame"]: row["kind"] for row in present}
    undecoded = Counter(kinds[number] for number in found.undecoded)
    different = Counter(str(difference.reason) for difference in found.differences)
    tell("generated frames and Wireshark", lines(found, undecoded, different))
    assert found.unexplained == []
    assert [frames[number - 1].name for number in found.unseen] == []
    assert found.compared + len(found.undecoded) == len(frames)
    assert undecoded <= UNDECODED
    assert different <= DIFFERENT
