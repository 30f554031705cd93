"""Default routers: the first that was found is used, until its lifetime ends."""

from __future__ import annotations

from collections import Counter

from sensor.lab.sixinfour.routers import ROUTERS, TOO_MANY, Routers


def test_the_first_is_used_as_long_as_it_lives() -> None:
    routers = Routers(Counter())
    assert routers.first is None
    assert routers.due is None
    assert routers.renew(b"one", 10, 0.0)
    assert routers.renew(b"two", 5, 0.0)
    assert routers.first == b"one"
    assert routers.due == 5.0
    assert routers.renew(b"two", 30, 1.0)
    assert routers.expire(10.0) == [b"one"]
    assert routers.first == b"two"
    assert b"one" not in routers
    routers.remove(b"two")
    assert len(routers) == 0


def test_a_forger_adds_no_more_than_there_is_room_for() -> None:
    drops: Counter[str] = Counter()
    routers = Routers(drops)
    taken = [routers.renew(bytes([n]), 10, 0.0) for n in range(ROUTERS + 2)]
    assert taken == [True] * ROUTERS + [False] * 2
    assert routers.renew(bytes([0]), 20, 0.0)
    assert drops == {TOO_MANY: 2}
    routers.clear()
    assert routers.first is None
