from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator

import pytest

from sensor.ahead import ahead

PATIENCE = 30.0  # seconds until a test that waits has failed


class Items:
    """Numbers, and what became of the generator that yields them."""

    def __init__(self, count: int, error: BaseException | None = None) -> None:
        self.made = 0
        self.closed = False
        self.threads: set[int] = set()
        self._count = count
        self._error = error

    def __call__(self) -> Generator[int]:
        try:
            for number in range(self._count):
                self.threads.add(threading.get_ident())
                self.made += 1
                yield number
            if self._error:
                raise self._error
        finally:
            self.closed = True


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def wait_for_idleness(items: Items) -> None:
    """Until the second thread has made all that it may."""
    made = -1
    while made != items.made:
        made = items.made
        time.sleep(0.05)


@pytest.mark.parametrize("most", [1, 2, 5, 1000])
@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_all_come_in_order_from_another_thread(count: int, most: int) -> None:
    items = Items(count)
    assert list(ahead(items(), most)) == list(range(count))
    assert items.closed
    assert threading.get_ident() not in items.threads
    assert len(items.threads) <= 1


@pytest.mark.parametrize("error", [OSError("cut"), MemoryError(), KeyboardInterrupt()])
def test_an_error_comes_in_its_turn(error: BaseException) -> None:
    taken = ahead(Items(3, error)(), 5)
    assert [next(taken) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(type(error)) as caught:
        next(taken)
    assert caught.value is error
    assert next(taken, None) is None


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 2, 4])
def test_no_more_exist_at_a_time_than_allowed(most: int) -> None:
    items = Items(20)
    for number in (taken := ahead(items(), most)):
        if number < 3:
            wait_for_idleness(items)
            assert items.made == number + most
    taken.close()


def test_leaving_early_closes_the_items_too() -> None:
    items = Items(1000)
    taken = ahead(items(), 3)
    assert next(taken) == 0
    taken.close()
    assert items.closed
    assert items.made <= 4


def test_a_user_that_fails_ends_the_thread() -> None:
    items = Items(1000)

    def use() -> None:
        for _ in ahead(items(), 3):
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        use()
    assert items.closed


def test_what_is_made_can_be_used_while_the_next_one_is_waited_for() -> None:
    gate = threading.Event()

    def slow() -> Generator[str]:
        yield "first"
        assert gate.wait(PATIENCE)
        yield "second"

    taken = ahead(slow(), 2)
    assert next(taken) == "first"
    gate.set()
    assert list(taken) == ["second"]


def test_closing_waits_for_the_one_being_made() -> None:
    started, gate = threading.Event(), threading.Event()
    ended = []

    def slow() -> Generator[int]:
        try:
            yield 1
            started.set()
            assert gate.wait(PATIENCE)
            yield 2
        finally:
            ended.append(True)

    taken = ahead(slow(), 2)
    next(taken)
    assert started.wait(PATIENCE)
    threading.Timer(0.05, gate.set).start()
    taken.close()
    assert ended


def test_nothing_is_made_before_it_is_asked_for() -> None:
    items = Items(3)
    taken = ahead(items(), 3)
    taken.close()
    assert items.made == 0
