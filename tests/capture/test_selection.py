"""Frames that are wanted, as runs of a batch."""

from __future__ import annotations

import pytest

from sensor.capture.batch import batch_of
from sensor.capture.selection import EVERYTHING, Selection

FRAMES = [bytes([i]) * i for i in range(1, 8)]
BATCH = batch_of(FRAMES, times=[10, 20, 30, 25, 40, 50, 60])


def runs(selection: Selection) -> list[list[int]]:
    """Numbers of the frames in each run."""
    return [[part.first_frame + i for i in range(len(part))] for part in selection.kept(BATCH)]


def test_a_batch_all_of_which_is_wanted_stays_as_it_is() -> None:
    assert list(EVERYTHING.kept(BATCH)) == [BATCH]
    assert list(Selection(count=1).kept(BATCH)) == [BATCH], "counting is for who knows the others"


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(start=25), [[3, 4, 5, 6, 7]]),
        (Selection(start=26), [[3], [5, 6, 7]]),
        (Selection(end=30), [[1, 2], [4]]),
        (Selection(start=20, end=40), [[2, 3, 4]]),
        (Selection(end=10), []),
        (Selection(start=61), []),
        (Selection(keep=lambda frame, linktype, wire: wire % 2 == 1), [[1], [3], [5], [7]]),
        (Selection(start=30, keep=lambda frame, linktype, wire: frame[0] < 6), [[3], [5]]),
    ],
)
def test_runs_of_neighbours_are_kept(selection: Selection, expected: list[list[int]]) -> None:
    assert runs(selection) == expected


def test_only_frames_within_the_times_are_looked_at() -> None:
    seen: list[bytes] = []

    def keep(frame: bytes, linktype: int, wire: int) -> bool:
        seen.append(frame)
        return False

    assert runs(Selection(start=20, end=26, keep=keep)) == []
    assert seen == [FRAMES[1], FRAMES[3]]


@pytest.mark.parametrize(("end", "over"), [(None, False), (60, True), (61, False), (10, True)])
def test_a_frame_at_the_end_says_that_it_is_over(end: int | None, over: bool) -> None:
    assert Selection(end=end).is_over(BATCH) is over
