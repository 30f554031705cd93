"""A stuck source of chance repeats its octets and nothing else."""

from __future__ import annotations

from sensor.lab.deviants.chance import StuckChance


def test_octets_are_always_the_same_and_numbers_are_not() -> None:
    stuck = StuckChance("a")
    assert {stuck.randbytes(8) for _ in range(10)} == {stuck.randbytes(8)}
    assert len({stuck.getrandbits(32) for _ in range(10)}) == 10


def test_each_length_and_each_seed_has_its_own() -> None:
    stuck = StuckChance("a")
    assert len(stuck.randbytes(4)) == 4
    assert stuck.randbytes(8)[:4] != stuck.randbytes(4)
    assert StuckChance("a").randbytes(8) == StuckChance("a").randbytes(8)
    assert StuckChance("a").randbytes(8) != StuckChance("b").randbytes(8)
