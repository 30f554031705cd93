"""Random bytes and random damage: a capture gives frames or a CaptureError, and ends."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from .build import (
    FRAMES,
    KUZNETZOV,
    NANOSECONDS,
    block,
    damaged,
    enhanced,
    interface,
    obsolete,
    option,
    pcap,
    pcapng,
    read,
    section,
    simple,
    write,
)

RICH = (
    section()
    + interface(options=option(2, b"eth0") + option(9, b"\x09") + option(0, b""))
    + enhanced(b"a" * 61, 5, options=option(1, b"comment"))
    + simple(b"b" * 7)
    + block(5, bytes(12))
    + section(">")
    + interface(">", snaplen=40)
    + obsolete(b"c" * 9, order=">")
    + simple(b"d" * 30, order=">")
)
SEEDS = {
    "pcap": pcap(),
    "pcap-big": pcap(order=">", magic=NANOSECONDS),
    "pcap-patched": pcap(magic=KUZNETZOV),
    "pcapng": pcapng(),
    "pcapng-rich": RICH,
    "gzip": gzip.compress(pcap(), mtime=0),
}


def check(path: Path) -> None:
    """Ends, raises nothing else, and gives the same whatever the size of the arena."""
    outcome = read(path, 64)
    assert [frame.number for frame in outcome.frames] == list(range(1, len(outcome.frames) + 1))
    larger = read(path, 4096)
    assert larger.frames == outcome.frames
    assert str(larger.error) == str(outcome.error)
    if outcome.error is not None:
        assert outcome.error.frame in (0, len(outcome.frames) + 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SEEDS)
def test_mutated_captures(tmp_path: Path, seed: int, kind: str) -> None:
    dice = random.Random(f"{seed} {kind}")
    errors = 0
    for _ in range(400):
        path = write(tmp_path, damaged(SEEDS[kind], dice))
        check(path)
        errors += read(path).error is not None
    assert errors > 40  # the mutations do damage


@pytest.mark.parametrize("kind", SEEDS)
def test_random_bytes_after_a_sound_start(tmp_path: Path, seed: int, kind: str) -> None:
    dice = random.Random(f"{seed} {kind} start")
    for _ in range(100):
        start = SEEDS[kind][: dice.choice((4, 12, 24, 28, 48))]
        check(write(tmp_path, start + dice.randbytes(dice.randint(0, 200))))


def test_random_bytes(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(200):
        path = write(tmp_path, dice.randbytes(dice.randint(0, 100)))
        outcome = read(path)
        assert outcome.frames == []
        assert outcome.error is not None


def test_the_seeds_are_sound(tmp_path: Path) -> None:
    counts = {kind: len(read(write(tmp_path, content)).frames) for kind, content in SEEDS.items()}
    assert counts == dict.fromkeys(SEEDS, len(FRAMES)) | {"pcapng-rich": 4}
    assert all(read(write(tmp_path, content)).error is None for content in SEEDS.values())
