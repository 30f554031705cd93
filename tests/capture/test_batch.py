from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from sensor.capture.batch import batch_of


def test_frames_come_back_as_they_went_in() -> None:
    batch = batch_of([b"abc", b"", b"defgh"], linktype=101, times=[5, -1, 3], source=2)
    assert len(batch) == 3
    assert [batch.frame(i) for i in range(3)] == [b"abc", b"", b"defgh"]
    assert batch.times.tolist() == [5, -1, 3]
    assert batch.linktypes.tolist() == [101, 101, 101]
    assert batch.wire.tolist() == [3, 0, 5]
    assert (batch.first_frame, batch.source) == (1, 2)


def test_no_frames_make_an_empty_batch() -> None:
    assert len(batch_of([])) == 0


def test_times_default_to_zero() -> None:
    assert batch_of([b"a", b"b"]).times.tolist() == [0, 0]


def test_a_frame_is_a_copy() -> None:
    batch = batch_of([b"abc"])
    copy = batch.frame(0)
    batch.arena[:] = 0
    assert copy == b"abc"
    assert batch.frame(0) == bytes(3)


def test_a_slice_is_a_view_that_keeps_frame_numbers() -> None:
    batch = batch_of([b"a", b"bb", b"ccc", b"dddd"])
    part = batch.slice(1, 3)
    assert [part.frame(i) for i in range(len(part))] == [b"bb", b"ccc"]
    assert part.first_frame == 2
    assert part.slice(1, 2).first_frame == 3
    assert np.shares_memory(part.arena, batch.arena)
    assert np.shares_memory(part.times, batch.times)


def test_a_slice_past_the_end_is_shorter() -> None:
    assert len(batch_of([b"a", b"bb"]).slice(1, 9)) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"offsets": np.array([0, -1])}, "row 1 lies outside"),
        ({"offsets": np.array([0, 3])}, "row 1 lies outside"),
        ({"offsets": np.array([1 << 62, 0])}, "row 0 lies outside"),
        ({"captured": np.array([1, -1])}, "row 1 lies outside"),
        ({"captured": np.array([5, 1])}, "row 0 lies outside"),
        ({"captured": np.array([(1 << 63) - 1, 1])}, "row 0 lies outside"),
        ({"times": np.array([1])}, "column times"),
        ({"offsets": np.array([0.0, 1.0])}, "column offsets"),
        ({"linktypes": np.array([1, 1], dtype=np.int64)}, "column linktypes"),
        ({"arena": np.zeros(4, dtype=np.int8)}, "one row of bytes"),
        ({"arena": np.zeros((2, 2), dtype=np.uint8)}, "one row of bytes"),
    ],
)
def test_columns_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    batch = batch_of([b"ab", b"cd"])
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(batch, **changes)
