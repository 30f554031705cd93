"""What the sensor is to reach, and whether the figures of one benchmark reach it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .plan import FEW, Plan
from .results import Measured, Missing, Results
from .tools import HELP, OURS, SURICATA, TCPDUMP, TSHARK

MEBIBYTE = 1 << 20
RANDOM = "random"
_LARGE = 10_000_000


@dataclass(frozen=True)
class Goal:
    """``figure`` is None where it could not be had, for the reason ``why``."""

    name: str
    wanted: float
    at_most: bool
    unit: str
    figure: float | None
    why: str = ""

    @property
    def reached(self) -> bool | None:
        if self.figure is None:
            return None
        return self.figure <= self.wanted if self.at_most else self.figure >= self.wanted


def judge(results: Results, plan: Plan) -> list[Goal]:
    """Every goal that can be judged by what this plan measures."""
    judged = _Judge(results, plan)
    judged.peers()
    judged.memory()
    judged.growth()
    judged.start()
    judged.worst()
    return judged.goals


def beyond_start(row: Measured, results: Results) -> float:
    """Seconds for the frames, without what starting costs."""
    return max(row.samples.median - _starting(results), 1e-6)


def _starting(results: Results) -> float:
    return results.find("tunnelled", FEW, OURS.name).samples.median


class _Judge:
    def __init__(self, results: Results, plan: Plan) -> None:
        self.goals: list[Goal] = []
        self._results = results
        self._plan = plan

    def peers(self) -> None:
        for frames in self._plan.mixed:
            over_tcpdump, over_suricata = (1, 50) if frames >= _LARGE else (0.5, 25)
            self._over("mixed", frames, TCPDUMP.name, over_tcpdump)
            self._over("mixed", frames, SURICATA.name, over_suricata)
        self._over("scattered", self._plan.scattered, TCPDUMP.name, 0.5)
        self._over("scattered", self._plan.scattered, SURICATA.name, 25)
        largest = max(self._plan.tunnelled)
        self._over("tunnelled", largest, SURICATA.name, 10)
        self._over("tunnelled", largest, TSHARK, 100)

        def share() -> float:
            return self._forged.rate / self._find("tunnelled", min(self._plan.tunnelled)).rate

        self._least("forged endpoints: frames/s over all-tunnelled's", 0.5, "times", share)

    def memory(self) -> None:
        def state() -> float:
            few = self._find("tunnelled", FEW)
            return (self._forged.samples.resident - few.samples.resident) / MEBIBYTE

        def most() -> float:
            rows = [row for row in self._results.rows if row.tool is OURS and not row.failure]
            if not rows:
                raise Missing("no run succeeded")
            return max(row.samples.resident for row in rows) / MEBIBYTE

        self._most("forged endpoints: memory beyond that of a small file", 128, "MiB", state)
        self._most("memory, maximum resident set of any run", 300, "MiB", most)

    def growth(self) -> None:
        small, large = min(self._plan.mixed), max(self._plan.mixed)
        if small == large:
            return

        def residence() -> float:
            return self._mixed(large).samples.resident / self._mixed(small).samples.resident

        def time() -> float:
            return self._work(self._mixed(large)) / self._work(self._mixed(small))

        name = f"mixed, {large:,} over {small:,} frames"
        self._most(f"{name}: memory", 1.1, "times", residence)
        self._most(f"{name}: time without start", 5.5, "times", time)

    def start(self) -> None:
        def milliseconds(tool: str) -> Callable[[], float]:
            return lambda: self._find("tunnelled", FEW, tool).samples.median * 1000

        self._most("sensor --help", 150, "ms", milliseconds(HELP.name))
        self._most(f"a file of {FEW} frames, cache warm", 1000, "ms", milliseconds(OURS.name))

    def worst(self) -> None:
        def packet() -> float:
            return max(1000 * self._work(row) / row.frames for row in self._variants("packets"))

        def in_kernel() -> float:
            return max(1000 * row.kernel_seconds / row.frames for row in self._variants("packets"))

        def colliding(group: str) -> Callable[[], float]:
            def ratio() -> float:
                rows = self._variants(group)
                (usual,) = (row for row in rows if row.capture.variant == RANDOM)
                return max(map(self._work, rows)) / self._work(usual)

            return ratio

        def linear() -> float:
            quarter = self._find("forged", self._plan.forged // 4)
            return self._work(self._forged) / self._work(quarter)

        self._most("worst constructed packet, kernel", 5, "ms", in_kernel)
        self._most("worst constructed packet, whole process", 5, "ms", packet)
        for group in ("conversations", "endpoints"):
            self._most(f"colliding {group} over random ones", 2, "times", colliding(group))
        self._most("forged endpoints: time for 4 times as many", 4.8, "times", linear)

    @property
    def _forged(self) -> Measured:
        return self._find("forged", self._plan.forged)

    def _mixed(self, frames: int) -> Measured:
        return self._find("mixed", frames)

    def _find(self, group: str, frames: int, tool: str = OURS.name) -> Measured:
        return self._results.find(group, frames, tool)

    def _variants(self, group: str) -> list[Measured]:
        return self._results.variants(group)

    def _work(self, row: Measured) -> float:
        return beyond_start(row, self._results)

    def _over(self, group: str, frames: int, tool: str, wanted: float) -> None:
        def ratio() -> float:
            return self._find(group, frames).rate / self._find(group, frames, tool).rate

        self._least(f"{group} {frames:,}: throughput over {tool}'s", wanted, "times", ratio)

    def _least(self, name: str, wanted: float, unit: str, figure: Callable[[], float]) -> None:
        self._judge(name, wanted, unit, figure, at_most=False)

    def _most(self, name: str, wanted: float, unit: str, figure: Callable[[], float]) -> None:
        self._judge(name, wanted, unit, figure, at_most=True)

    def _judge(
        self, name: str, wanted: float, unit: str, figure: Callable[[], float], at_most: bool
    ) -> None:
        try:
            self.goals.append(Goal(name, wanted, at_most, unit, figure()))
        except Missing as missing:
            self.goals.append(Goal(name, wanted, at_most, unit, None, str(missing)))
