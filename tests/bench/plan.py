"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """``mixed`` and ``tunnelled`` are numbers of frames, smallest first, ``scattered`` is one.

    ``packets`` is how often each worst packet is repeated, ``keys`` how many addresses each
    pattern has, ``share`` how many frames tshark is given, ``pairs`` how often each of two
    versions is run, ``limit`` the seconds one process may take.
    """

    mixed: tuple[int, ...]
    scattered: int
    tunnelled: tuple[int, ...]
    forged: int
    packets: int
    keys: int
    share: int
    rounds: int
    pairs: int
    starts: int
    limit: float


SHORT = Plan(
    (2_000_000,), 2_000_000, (1_000_000,),
    1_000_000, 300, 500_000, 200_000, 3, 15, 10, 120,
)  # fmt: skip
FULL = Plan(
    (2_000_000, 10_000_000), 2_000_000, (1_000_000, 10_000_000),
    1_000_000, 1_000, 500_000, 1_000_000, 3, 15, 10, 600,
)  # fmt: skip
FEW = 20  # frames of the file that shows what starting costs
