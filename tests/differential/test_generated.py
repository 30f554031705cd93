"""Every generated frame against Wireshark's dissectors."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sensor.decode.scalar import Frame, decode_frame
from sensor.emit.rows import Object, row_object
from sensor.inspect.crosscheck import Comparison
from sensor.track.marks import shown
from tests.inspect.agreement import agreement
from tests.reach.frames import Generated, generated
from tests.reach.made import SETTINGS, TIME


def row_of(number: int, frame: Generated) -> Object | None:
    """What ``sensor decode`` says of a frame."""
    data = frame.data
    found = Frame(data, frame.link_type, len(data), number, TIME)
    rows = [row for row in decode_frame(found, SETTINGS)[1] if shown(row)]
    return row_object("generated", rows, data, SETTINGS.sixrd) if rows else None


def told(found: Comparison, kinds: dict[int, str]) -> str:
    """What was compared, kind by kind, and why the two differ where they are known to."""
    undecoded = Counter(kinds[number] for number in found.undecoded)
    reasons = Counter(difference.reason for difference in found.differences)
    lines = [f"{found.compared} rows compared, {len(found.undecoded)} not decoded by Wireshark"]
    lines += [f"{count:>7} not decoded: {kind}" for kind, count in sorted(undecoded.items())]
    lines += [f"{count:>7} differ: {reason}" for reason, count in sorted(reasons.items(), key=str)]
    return "\n".join(lines)


@pytest.mark.slow
def test_wireshark_agrees_wherever_it_decodes(tmp_path: Path, tshark: Path) -> None:
    frames = generated()
    rows = [row_of(number, frame) for number, frame in enumerate(frames, start=1)]
    present = [row for row in rows if row is not None]
    found = agreement(
        tmp_path, [(frame.link_type, frame.data) for frame in frames], present, tshark
    )
    print(told(found, {row["frame"]: row["kind"] for row in present}))
    assert found.unexplained == []
    assert [frames[number - 1].name for number in found.unseen] == []
    assert found.compared > len(frames) // 2
