"""A table of the clients that a broker or concentrator speaks with, within limits.

Whoever forges addresses can begin with any number of them. So those that settled nothing go
first, the oldest of them, and never for a stranger those that did.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

from sensor.lab.inner.refusal import Refused

BEGUN = 60.0  # seconds that one who has not settled anything may be silent

CLIENTS_FULL = "clients-full"
CLIENT_EVICTED = "client-evicted"


class Client(Protocol):
    """One that was heard of last at a time, in seconds."""

    heard: float


K = TypeVar("K", bound=Hashable)
C = TypeVar("C", bound=Client)


class Clients(Generic[K, C]):
    """At most ``limit`` clients by key; those that settled may be silent for ``silence``."""

    def __init__(self, limit: int, silence: float, drops: Counter[str]) -> None:
        self._limit = limit
        self._drops = drops
        # Whoever was heard of is moved to the end, so that the first was silent longest.
        self._begun: OrderedDict[K, C] = OrderedDict()
        self._settled: OrderedDict[K, C] = OrderedDict()
        self._tables = ((self._begun, BEGUN), (self._settled, silence))

    def __len__(self) -> int:
        return len(self._begun) + len(self._settled)

    def get(self, key: K) -> C | None:
        return self._settled.get(key) or self._begun.get(key)

    def begin(self, key: K, client: C) -> C | None:
        """Enter a new one; who went for it. Refused if all there may be have settled."""
        evicted = self._evict() if len(self) >= self._limit else None
        self._begun[key] = client
        return evicted

    def _evict(self) -> C:
        if not self._begun:
            raise Refused(CLIENTS_FULL)
        self._drops[CLIENT_EVICTED] += 1
        return self._begun.popitem(last=False)[1]

    def settle(self, key: K) -> None:
        self._settled[key] = self._begun.pop(key)

    def heard(self, key: K, now: float) -> None:
        table = self._settled if key in self._settled else self._begun
        table[key].heard = now
        table.move_to_end(key)

    def remove(self, key: K) -> None:
        self._begun.pop(key, None)
        self._settled.pop(key, None)

    def due(self) -> float | None:
        """When the next one has been silent for too long."""
        times = [next(iter(table.values())).heard + wait for table, wait in self._tables if table]
        return min(times, default=None)

    def take_silent(self, now: float) -> list[C]:
        """Those that were silent for too long, who are no longer in the table."""
        gone: list[C] = []
        for table, wait in self._tables:
            while table and next(iter(table.values())).heard + wait <= now:
                gone.append(table.popitem(last=False)[1])
        return gone
