"""What is built: results of every kind, checks of bounds, hints that change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jit.project import COMPLAINT, Project

pytestmark = pytest.mark.slow


KERNEL = """
from typing import NamedTuple
import numpy as np
from sensor.jit import bound, compiled, entry, fixed, inlined, pointer_to, prefetch, word_at

class State(NamedTuple):
    numbers: np.ndarray
    rows: np.ndarray

ROW = np.dtype([("count", "i8"), ("kind", "u1")])

def example(*others):
    return (State(np.zeros(1, np.int64), np.zeros(1, ROW)), *others)

@compiled
def add(state, place, number):
    state.numbers[place] += number
    state.rows[place].count += number
    state.rows[place].kind = 7

@entry(lambda: example(0, 0))
def nothing(state, place, number):
    add(state, place, number)

@entry(lambda: example(0, 0))
def unchecked(state, place, number):
    rows = pointer_to(state.rows)
    row = rows[place]
    row.count -= number
    rows[place + 1].kind = 9

@entry(lambda: example(0, False))
def one(state, place, twice):
    prefetch(state.rows, place, 0)
    prefetch(pointer_to(state.numbers), 1 << 40, 0)
    number = pointer_to(state.numbers)[place]
    return number * 2 if twice else number

@entry(lambda: example(0))
def three(state, number):
    return number, -number, state.numbers[0]

@inlined
def signed(word):
    return np.int64(word)

@entry(lambda: (np.zeros(1, np.uint8), 0))
def word(octets, at):
    return signed(word_at(octets, at))

@entry(lambda: (np.zeros(1, np.uint8),))
def clear(octets):
    octets[:] = 5
    return octets.size
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("built"))
    (made.folder / "sensor/decode/kernel.py").write_text(KERNEL)
    return made


def evaluated(project: Project, program: str) -> list[str]:
    start = "from sensor.decode.kernel import *\n"
    start += "state = State(np.zeros(4, np.int64), np.zeros(4, ROW))\n"
    return project.run(start + program).splitlines()


def test_results_of_every_kind(project: Project) -> None:
    program = """
print(nothing(state, 2, 40), nothing(fixed(state), 2, 2))
print(one(state, 2, False), one(state, 2, True), type(one(state, 2, True)).__name__)
print(three(state, 1 << 62))
print(state.rows[2].item())
unchecked(state, 2, 40)
print(state.rows[2].item(), state.rows[3].item())
octets = np.zeros(100_003, np.uint8)
print(clear(octets), octets.min(), octets.max())
"""
    assert evaluated(project, program) == [
        "None None",
        "42 84 int",
        f"({1 << 62}, {-(1 << 62)}, 0)",
        "(42, 7)",
        "(2, 7) (0, 9)",
        "100003 5 5",
    ]


BOUND = """
add_two = bound(nothing, state, 2)
print(add_two(40), add_two(2), state.rows[2].item())
scaled = bound(one, state)
print(scaled(2, False), scaled(2, True), bound(three, state)(7), bound(three, state, 5)())
"""


def test_arguments_laid_out_once(project: Project) -> None:
    told = ["None None (42, 7)", "42 84 (7, -7, 0) (5, -5, 0)"]
    assert evaluated(project, BOUND) == told


def test_bound_arguments_are_looked_at(project: Project) -> None:
    program = """
import gc
for wrong in (state[:1], State(state.rows, state.numbers), state.numbers):
    try:
        bound(nothing, wrong)
    except TypeError:
        print("refused")
add = bound(nothing, state)
for words in ((), (1,), (1, 2, 3)):
    try:
        add(*words)
    except TypeError:
        print("refused")
try:
    add(4, 1)
except IndexError as error:
    print(error)
add = bound(nothing, State(np.zeros(4, np.int64), np.zeros(4, ROW)))
gc.collect()
add(2, 1)  # in arrays that nothing else keeps
"""
    told = ["refused"] * 6 + ["nothing left an array (status 1)"]
    assert evaluated(project, program) == told


def test_no_array_is_left(project: Project) -> None:
    program = """
for place in (3, 4, 1 << 40, -5):
    try:
        nothing(state, place, 1)
        print("within")
    except IndexError as error:
        print(error)
"""
    told = "nothing left an array (status 1)"
    assert evaluated(project, program) == ["within", told, told, told]


WORDS = """
octets = np.arange(40, dtype=np.uint8)
for size in (40, 9, 8, 7, 0):
    for at in (0, 1, 31, 32, 33, -1, -8, 1 << 62):
        try:
            found = word(octets[:size], at)
            assert found == int.from_bytes(octets[at : at + 8].tobytes(), "little")
            print("read", size, at)
        except IndexError:
            pass
"""


def test_a_word_is_read_anywhere_within(project: Project) -> None:
    within = ["read 40 0", "read 40 1", "read 40 31", "read 40 32"]
    within += ["read 9 0", "read 9 1", "read 8 0"]
    assert evaluated(project, WORDS) == within
    start = "from sensor.decode.kernel import *\n"
    assert project.run(start + WORDS, NUMBA_DISABLE_JIT="1").splitlines() == within


def test_other_arguments_are_refused(project: Project) -> None:
    program = """
for wrong in (state[:1], State(state.rows, state.numbers), state.numbers):
    try:
        nothing(wrong, 0, 1)
    except TypeError:
        print("refused")
"""
    assert evaluated(project, program) == ["refused"] * 3


def test_uncompiled_it_does_the_same(project: Project) -> None:
    program = """
import os
from sensor.decode.kernel import *
state = State(np.zeros(4, np.int64), np.zeros(4, ROW).view(np.recarray))
nothing(fixed(state), 2, 42)
unchecked(state, 2, 2)
print(one(state, 2, True), *three(state, 5), state.rows[2].item(), state.rows[3].item())
"""
    expected = "84 5 -5 0 (40, 7) (0, 9)"
    assert project.run(program) == expected
    assert project.run(program, NUMBA_DISABLE_JIT="1") == expected


def test_a_result_that_is_no_word_is_refused(tmp_path: Path) -> None:
    project = Project(tmp_path)
    source = "from sensor.jit import entry\n@entry(lambda: (0,))\ndef limit(x):\n    return x / 2\n"
    (project.folder / "sensor/decode/kernel.py").write_text(source)
    told = project.run(COMPLAINT)
    assert told.startswith("sensor.decode.kernel cannot be compiled for this machine (exit 1): ")
    assert told.endswith("TypeError: an entry returns float64")
