"""Rows of `sensor decode` against what Wireshark's dissectors read in the same frames."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from sensor.capture.files import CaptureFile
from sensor.errors import CaptureError, OutputError
from sensor.inspect.layers import (
    COMPARED_LAYERS,
    EMBEDDED_FIELDS,
    NETWORK_LAYERS,
    ROLES,
    TEREDO_FIELDS,
    Layers,
    Values,
    networks_before,
)
from sensor.inspect.reasons import Row, known_reason
from sensor.inspect.tshark import Ending, never
from sensor.inspect.wireshark import find_tshark, packets

DIFFERENCES_KEPT = 10_000  # with a known reason, and as many without


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that the two read differently; None: absent. ``reason`` where it is known."""

    frame: int
    name: str
    ours: str | None
    wireshark: str | None
    reason: str | None


@dataclass(slots=True)
class Comparison:
    """What came of one capture.

    ``undecoded`` are frames with a row in which Wireshark sees no tunnel, ``unseen`` frames in
    which Wireshark alone sees one. ``known`` and ``unknown`` count the differences with and without
    a reason; of either sort, DIFFERENCES_KEPT are listed.
    """

    compared: int = 0
    undecoded: list[int] = field(default_factory=list)
    unseen: list[int] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    known: int = 0
    unknown: int = 0

    @property
    def unexplained(self) -> list[Difference]:
        return [found for found in self.differences if found.reason is None]


def cross_check(
    path: str,
    rows: Iterable[Row],
    tshark: str | None = None,
    stopped: Callable[[], bool] = never,
) -> Comparison:
    """Compare the rows of one capture, in file order, with Wireshark's fields.

    ConfigError without tshark, or for a capture that it cannot read though we can; OutputError
    unless it has read the whole capture and ended as it should, and every row was of one of its
    frames; KeyboardInterrupt once ``stopped``.
    """
    walk = packets(path, find_tshark(tshark), stopped)
    referee = _Referee(rows)
    with closing(walk):
        ending = referee.judge(walk)
    _check_end(path, referee.seen, ending)
    if referee.row is not None:
        raise OutputError(
            f"{path}: the row of frame {referee.row['frame']} was not compared: out of order, or"
            " the capture changed meanwhile"
        )
    return referee.comparison


def _check_end(path: str, seen: int, ending: Ending) -> None:
    """OutputError if tshark left frames out, or ended badly without damage in the capture."""
    frames, damaged = _count(path)
    if seen < frames or (seen > frames and not damaged) or not _forgiven(ending, damaged):
        raise OutputError(
            f"{path}: tshark ended after {seen} of {frames} frames: {ending.text};"
            " run it again, and if that repeats, try another version of tshark"
        )


def _forgiven(ending: Ending, damaged: bool) -> bool:
    """At damage that we have met too, tshark complains: it then ends, but not by a signal."""
    return ending.status == 0 or (damaged and ending.status > 0)


def _count(path: str) -> tuple[int, bool]:
    """Frames up to the end of a capture or its first damage, and whether there is damage."""
    count = 0
    try:
        with CaptureFile(path) as capture:
            for batch in capture.batches():
                count += len(batch)
    except CaptureError:
        return count, True  # whoever made the rows has met it too, and tells
    return count, False


class _Referee:
    """Rows on the one side, Wireshark's packets on the other."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.comparison = Comparison()
        self.seen = 0
        self._rows = iter(rows)
        self.row = next(self._rows, None)  # the next to be compared

    def judge(self, walk: Generator[Any, None, Ending]) -> Ending:
        """Compare packet by packet; how tshark ended."""
        while True:
            try:
                packet = next(walk)
            except StopIteration as end:
                ending: Ending = end.value
                return ending
            self.seen += 1
            layers = Layers(packet.layers)
            if self.row is not None and self.row["frame"] == self.seen:
                self._compare(self.row, layers)
                self.row = next(self._rows, None)
            elif layers.sees_tunnel:
                self.comparison.unseen.append(self.seen)

    def _compare(self, row: Row, layers: Layers) -> None:
        if not layers.tunnels and row["kind"] != "none":
            self.comparison.undecoded.append(row["frame"])
            return
        self.comparison.compared += 1
        if not layers.tunnels:  # neither found one: there is nothing to differ in
            return
        ours, theirs = _ours(row), layers.values(_networks_before_teredo(row))
        ours["stack"] = _stack(row, theirs["stack"].split())
        for name in sorted(ours.keys() | theirs.keys()):
            values = ours.get(name), theirs.get(name)
            if values[0] != values[1]:
                reason = known_reason(row, name, values, layers)
                self._keep(Difference(row["frame"], name, *values, reason))

    def _keep(self, difference: Difference) -> None:
        found, known = self.comparison, difference.reason is not None
        found.known += known
        found.unknown += not known
        if (found.known if known else found.unknown) <= DIFFERENCES_KEPT:
            found.differences.append(difference)


# our values


def _ours(row: Row) -> Values:
    outer = row.get("outer", {})
    values = _ends("outer", outer) | _ends("inner", row.get("inner", {}))
    if "transport" in outer:  # without, what the packet carries was not looked for
        values["outer.transport"] = outer["transport"]
    if "inner" in row:
        values["inner.hop_limit"] = str(row["inner"]["hop_limit"])
    if "quoted" in row:
        values["quoted"] = str(row["quoted"])
    teredo = row.get("teredo", {})
    for group in ("auth", "origin"):
        for name, value in teredo.get(group, {}).items():
            values[f"teredo.{group}.{name}"] = str(value)
    for role in ROLES.keys() & teredo.keys():
        for name in TEREDO_FIELDS:
            values[f"teredo.{role}.{name}"] = str(teredo[role][name])
    for found in row.get("embedded", ()):
        if found["scheme"] in EMBEDDED_FIELDS:
            values[f"embedded.{found['scheme']}.{found['address']}"] = found["ip"]
    return values


def _ends(group: str, ends: Mapping[str, Mapping[str, Any]]) -> Values:
    return {
        f"{group}.{role}.{name}": str(value)
        for role in ROLES.keys() & ends.keys()
        for name, value in ends[role].items()
    }


def _stack(row: Row, theirs: Sequence[str]) -> str:
    """The layers that are compared; what is behind Wireshark's last tunnel is not.

    It ends at the same IP header, so that a layer too many stands where it is.
    """
    left = sum(name in NETWORK_LAYERS for name in theirs)
    ours: list[str] = []
    for name in row["stack"]:
        network = name in NETWORK_LAYERS
        if not left and (network or theirs[-1] in NETWORK_LAYERS):
            break
        if name in COMPARED_LAYERS:
            ours.append(name)
        left -= network
    return " ".join(ours)


def _networks_before_teredo(row: Row) -> int | None:
    """How many IP headers stand in front of the Teredo that a row tells of; None: it is the first.

    The outermost tunnel's kind may be known from its flow alone, and is then not in the stack.
    """
    if row["kind"] == "teredo" or "teredo" not in row["stack"]:
        return None
    return networks_before(row["stack"], "teredo")
