"""The compiled decoder says the same of every generated frame as its specification."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from sensor.capture.batch import FrameBatch

from ..decode.twins import Twins, batch_from, cuts
from ..hostile.corpus import Whole
from .frames import Generated, generated
from .limits import limits
from .lookalikes import datagrams, natives, noise
from .made import SETTINGS, TIME

BATCH = 2_000
NOISE = 100_000
EACH = 100


@pytest.fixture(scope="module")
def twins() -> Twins:
    return Twins(SETTINGS)


def batches(frames: Iterator[Whole]) -> Iterator[FrameBatch]:
    while found := list(islice(frames, BATCH)):
        yield at_time(batch_from(found))


def at_time(batch: FrameBatch) -> FrameBatch:
    """At the time whose clock the generated headers have."""
    return replace(batch, times=np.full(len(batch), TIME, dtype=np.int64))


def whole(frame: Generated) -> Whole:
    return Whole(frame.name, frame.data, frame.link_type)


@pytest.mark.slow
def test_every_generated_frame_gives_the_same_rows(twins: Twins) -> None:
    rows = sum(map(twins.compare, batches(map(whole, generated()))))
    assert rows >= len(generated())


def test_frames_beyond_a_limit_give_the_same_rows(twins: Twins) -> None:
    assert sum(map(twins.compare, batches(map(whole, limits())))) > 0


@pytest.mark.slow
def test_a_frame_of_every_sort_cut_anywhere_gives_the_same_rows(twins: Twins) -> None:
    rows = sum(twins.compare(at_time(cuts(whole(frame)))) for frame in one_of_each())
    assert rows > len(generated())


def one_of_each() -> list[Generated]:
    """The first frame of each family, of each carrier, and of each evasion of each family."""
    found: dict[str, Generated] = {}
    for frame in generated():
        title, _, where = frame.name.rpartition(" | ")
        found.setdefault(title.partition(":")[0], frame)
        found.setdefault(f"in {where}", frame)
    return list(found.values())


def test_look_alikes_give_the_same_rows(twins: Twins, seed: int) -> None:
    print(f"seed {seed}")
    frames = [*datagrams(seed, EACH), *natives()]
    for batch in batches(Whole(name, data, link_type) for name, link_type, data in frames):
        twins.compare(batch)
    assert len(frames) > 8 * EACH


@pytest.mark.slow
def test_noise_gives_the_same_rows(twins: Twins, seed: int) -> None:
    print(f"seed {seed}")
    wholes = (Whole(name, data, link) for name, link, data in noise(seed, NOISE))
    assert sum(map(twins.compare, batches(wholes))) > 0
