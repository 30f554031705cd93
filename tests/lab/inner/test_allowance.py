"""What strangers provoke is bounded, and comes back with time."""

from __future__ import annotations

from sensor.lab.inner.allowance import Allowance


def test_a_burst_is_bounded_by_the_rate() -> None:
    allowance = Allowance(3)
    assert [allowance.take(5.0) for _ in range(5)] == [True, True, True, False, False]


def test_time_fills_it_up_to_the_rate_and_no_further() -> None:
    allowance = Allowance(2)
    assert [allowance.take(0.0) for _ in range(3)] == [True, True, False]
    assert [allowance.take(0.5) for _ in range(2)] == [True, False]
    assert [allowance.take(1_000.0) for _ in range(3)] == [True, True, False]
