"""Frames of any link types against Wireshark, with one run of tshark over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from sensor.inspect.crosscheck import Comparison, cross_check
from sensor.inspect.reasons import Row
from tests.capture.build import enhanced, interface, section

LinkFrame = tuple[int, bytes]  # link type and octets

_TICKS = 1_000  # microseconds between two frames


def mixed_capture(path: Path, frames: Sequence[LinkFrame]) -> Path:
    """A pcapng with one interface for each link type, and the frames a millisecond apart."""
    types = list(dict.fromkeys(link_type for link_type, _ in frames))
    with path.open("wb") as stream:
        stream.write(section())
        for link_type in types:
            stream.write(interface(linktype=link_type))
        for i, (link_type, data) in enumerate(frames, start=1):
            stream.write(enhanced(data, ticks=i * _TICKS, number=types.index(link_type)))
    return path


def agreement(
    folder: Path, frames: Sequence[LinkFrame], rows: Iterable[Row], tshark: Path
) -> Comparison:
    """What Wireshark says of the frames, compared with their rows.

    ``rows`` are the objects that ``sensor decode --format ndjson`` writes, in frame order, of the
    frames that have one; ``frame`` counts from 1.
    """
    capture = mixed_capture(folder / "frames.pcapng", frames)
    return cross_check(str(capture), rows, str(tshark))
