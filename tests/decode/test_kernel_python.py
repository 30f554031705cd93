"""The kernel's source, run as plain Python: what is compiled means what it says."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

import sensor.jit
from sensor.capture.batch import FrameBatch, batch_of
from sensor.decode import kernel
from sensor.decode.kernel import Kernel
from sensor.decode.settings import DecodeSettings
from sensor.schema.rows import STACK_LIMIT, TUNNEL_LIMIT
from sensor.wire.addresses import SixRdDomain, packed

from .. import build
from ..hostile.corpus import Whole, carried, generated
from ..hostile.grown import HASHES, grown
from ..hostile.test_kernel import packets
from ..hostile.test_mutation import Mutator, batch_from
from ..modules import again, as_python
from .test_kernel import cut_in_their_transport, deep, domain_of, frames_under, snapped
from .twins import Twins, cuts
from .twins import batch_from as whole_batch

pytestmark = pytest.mark.slow


SETTINGS = DecodeSettings(
    sixrd=(
        SixRdDomain(packed("2001:db8::"), 32, 8, (build.V4A,)),
        SixRdDomain(packed("2a00::"), 96, 0),
    ),
    known_servers=frozenset({build.SERVER[0], build.RELAY[0], build.NATIVE}),
    names=HASHES,
)
MUTATED = 500
GROWN = 1_000


def batches(seed: int) -> list[FrameBatch]:
    """All frames that tests build, and some hundred damaged ones."""
    dice = random.Random(seed)
    frames = generated() + carried() + packets() + grown(dice, GROWN)
    mutator = Mutator(frames, dice)
    damaged = [mutator.draw() for _ in range(MUTATED)]
    found = [whole_batch(frames), batch_from(damaged, dice)]
    # One of each link type, an unknown one, and both indicators.
    cut = list({frame.link_type: frame for frame in generated()}.values())
    cut += [Whole("raw", b"\x60", 101), Whole("unknown", b"\x60", 9999)]
    cut += [frame for frame in generated() if frame.name in ("exchange 1", "odd 0")]
    return found + list(map(cuts, cut + carried()))


def compare_uncompiled(seed: int) -> None:
    """What the test below runs in a process in which nothing is compiled."""
    assert sensor.jit.DISABLED
    assert isinstance(kernel._decode, FunctionType)
    twins = Twins(SETTINGS)
    print(sum(map(twins.compare, batches(seed))))


def test_a_process_that_compiles_nothing_gives_the_same_rows(project_root: Path, seed: int) -> None:
    program = f"from {__name__} import compare_uncompiled; compare_uncompiled({seed})"
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", program],
        cwd=project_root,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > MUTATED


@pytest.fixture(scope="module")
def uncompiled() -> type[Kernel]:
    """The kernel's module once more, as plain Python, where its coverage can be measured."""
    with pytest.MonkeyPatch.context() as patch:
        as_python(patch)
        found: type[Kernel] = again(kernel, "uncompiled_kernel").Kernel
    return found


def test_plain_python_gives_the_same_rows(uncompiled: type[Kernel], seed: int) -> None:
    twins = Twins(SETTINGS, uncompiled)
    assert sum(map(twins.compare, batches(seed + 1))) > MUTATED


def test_plain_python_keeps_the_limits(uncompiled: type[Kernel]) -> None:
    rows = [
        Twins(DecodeSettings(layers=layers, tunnels=layers % 3), uncompiled).compare(
            whole_batch(generated() + carried())
        )
        for layers in range(STACK_LIMIT)
    ]
    assert min(rows) > 0


def test_plain_python_tells_what_a_capture_left_of_a_transport(uncompiled: type[Kernel]) -> None:
    twins = Twins(SETTINGS, uncompiled)
    frames = [frame.data for frame in cut_in_their_transport()]
    assert sum(twins.compare(snapped(frames, octets)) for octets in range(1, 14)) > len(frames)


@pytest.mark.parametrize(("length", "mask"), [(0, 32), (64, 0), (96, 0)])
def test_plain_python_computes_with_domains(
    uncompiled: type[Kernel], length: int, mask: int
) -> None:
    domain = domain_of(length, mask)
    batch = batch_of(frames_under(domain))
    twins = Twins(DecodeSettings(sixrd=(domain,)), uncompiled)
    assert twins.compare(batch) == len(batch)


def test_plain_python_keeps_to_a_full_buffer(
    uncompiled: type[Kernel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(uncompiled.__init__.__globals__, "_FIRST_ROWS", TUNNEL_LIMIT + 1)
    batch = batch_of([deep(TUNNEL_LIMIT)] * 5)
    assert Twins(SETTINGS, uncompiled).compare(batch) == 5 * TUNNEL_LIMIT
