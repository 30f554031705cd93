"""A second thread that makes things before they are needed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


def ahead(items: Generator[_Item], most: int) -> Generator[_Item]:
    """What ``items`` yields, in order, made in a second thread.

    At most ``most`` exist at a time: the one in use, which its user is done with when asking for
    the next, and those made ahead of it. What ``items`` raises is raised here, in its turn. Closing
    this closes ``items``, and waits until the thread has ended.
    """
    worker = _Worker(items, most)
    thread = Thread(target=worker.work, name="ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(made := worker.made.get(), _End):
            yield made
            del made  # or one more would exist
            worker.turns.put(True)
        if made.error is not None:
            raise made.error
    finally:
        worker.left = True
        worker.turns.put(True)
        thread.join()


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


class _Worker(Generic[_Item]):
    """What both threads share; ``left`` tells the second one that nobody waits any more."""

    def __init__(self, items: Generator[_Item], most: int) -> None:
        self.left = False
        self.turns: SimpleQueue[bool] = SimpleQueue()  # one for each item that may be made
        self.made: SimpleQueue[_Item | _End] = SimpleQueue()
        self._items = items
        for _ in range(most):
            self.turns.put(True)

    def work(self) -> None:
        error = None
        try:
            with closing(self._items):
                self._make()
        except BaseException as raised:
            error = raised
        self.made.put(_End(error))

    def _make(self) -> None:
        while self.turns.get() and not self.left:
            try:
                item = next(self._items)
            except StopIteration:
                return
            self.made.put(item)
            del item
