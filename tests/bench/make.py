"""Makes captures, or finds them made: ``python -m tests.bench.make GROUP FRAMES FOLDER``.

Prints one JSON object a capture. A process of its own, because Linux counts a child's memory from
its parent's: the runner holds no arrays.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from . import captures, worst
from .census import Capture, Census, from_json, to_json

# Whatever decides an octet of a capture.
_TRAFFIC: tuple[str, ...] = (
    "draws.py",
    "scripts.py",
    "world.py",
    "layers.py",
    "frames.py",
    "captures.py",
)

_RECIPES: dict[str, Callable[[int], captures.Recipe]] = {
    "mixed": captures.mixed,
    "scattered": captures.scattered,
    "tunnelled": captures.all_tunnelled,
    "forged": captures.forged,
}
_FILE_HEADER, _RECORD_HEADER = 24, 16

_Write = Callable[[str, int, BinaryIO], None]
_Writer = Callable[[BinaryIO], Census]
_VARIANTS: dict[str, tuple[list[str], _Write]] = {
    "packets": (list(worst.PACKETS), worst.write_packets),
    "conversations": (list(worst.CONVERSATIONS), worst.write_conversations),
    "endpoints": (list(worst.ENDPOINTS), worst.write_endpoints),
}


def make(group: str, frames: int, folder: Path) -> list[Capture]:
    """All captures of a group, each of so many frames.

    Groups are mixed, scattered, tunnelled and forged (see ``captures``), packets, conversations
    and endpoints (see ``worst``).
    """
    if group in _RECIPES:
        recipe = _RECIPES[group](frames)
        writers: dict[str, _Writer] = {"": partial(captures.write, recipe)}
        made_by = _digest(_TRAFFIC)
    else:
        names, write = _VARIANTS[group]
        writers = {name: partial(_constructed, write, name, frames) for name in names}
        made_by = _digest([*_TRAFFIC, "worst.py"])
    return [
        _keep(group, frames, variant, folder, made_by, writer)
        for variant, writer in writers.items()
    ]


def _constructed(write: _Write, name: str, frames: int, stream: BinaryIO) -> Census:
    """Every frame of a constructed capture is tunnelled."""
    write(name, frames, stream)
    octets = stream.tell() - _FILE_HEADER - _RECORD_HEADER * frames
    return Census(frames, octets, Counter(constructed=frames))


def _digest(sources: Iterable[str]) -> str:
    found = hashlib.sha256()
    for name in sources:
        found.update((Path(__file__).parent / name).read_bytes())
    return found.hexdigest()


def _keep(
    group: str, frames: int, variant: str, folder: Path, made_by: str, write: _Writer
) -> Capture:
    """The capture in ``folder``, made if it is not there.

    What it holds stands beside it, written last: a capture that was interrupted, or made by
    another generator, is made anew.
    """
    stem = "-".join([group, str(frames), *re.findall(r"\w+", variant)])
    path, beside = folder / f"{stem}.pcap", folder / f"{stem}.json"
    try:
        held, maker = from_json(beside.read_text())
        if maker == made_by and path.exists():
            return replace(held, path=path)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none there, or nothing that was written here
    beside.unlink(missing_ok=True)
    with path.open("wb") as stream:
        capture = Capture(group, variant, path, write(stream))
    beside.write_text(to_json(capture, made_by) + "\n")
    return capture


def main() -> None:
    group, frames, folder = sys.argv[1:]
    for capture in make(group, int(frames), Path(folder)):
        print(to_json(capture, ""))


if __name__ == "__main__":
    main()
