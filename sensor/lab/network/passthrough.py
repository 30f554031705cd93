"""The table of a NAT for protocols without ports: one inside host for each remote address."""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

from sensor.lab.network.mappings import HISTORY, HISTORY_FORGOTTEN, NO_MAPPING, TABLE_FULL
from sensor.lab.network.rewrite import Flow
from sensor.schema.records import Endpoint

LIFETIME = 600.0  # seconds idle; what Linux gives protocols that it knows nothing of

PASSAGE_TAKEN = "passage-taken"  # another inside host talks to that remote address


class Passage(NamedTuple):
    """An inside host that has a protocol with a remote address to itself, ``since`` in seconds."""

    protocol: int
    inside: bytes
    remote: bytes
    since: float


class Passthrough:
    """At most ``limit`` passages at once; flows are from ``rewrite.read``, their ports 0.

    Packets of both directions keep a passage, as in Linux.
    """

    def __init__(self, outside_ip: bytes, limit: int, drops: Counter[str]) -> None:
        self._outside = Endpoint(outside_ip, 0)
        self._limit = limit
        self._drops = drops
        self._passages: dict[tuple[int, bytes], Passage] = {}
        self._refreshed: dict[tuple[int, bytes], float] = {}
        self._history: deque[Passage] = deque()

    def __len__(self) -> int:
        return len(self._passages)

    @property
    def all(self) -> tuple[Passage, ...]:
        """Those that are and those that were, oldest first."""
        return tuple(self._history)

    def outbound(self, flow: Flow, now: float) -> Endpoint | None:
        """What a packet from inside gets as its source; None if it may not pass."""
        passage = self._find(flow.protocol, flow.destination.ip, now) or self._open(flow, now)
        if passage is None:
            return None
        if passage.inside != flow.source.ip:
            self._drops[PASSAGE_TAKEN] += 1
            return None
        self._refreshed[passage.protocol, passage.remote] = now
        return self._outside

    def inbound(self, flow: Flow, now: float) -> Endpoint | None:
        """What a packet from outside gets as its destination; None if it may not pass."""
        inside = self.find(flow.reverse, now)
        if inside is None:
            self._drops[NO_MAPPING] += 1
        else:
            self._refreshed[flow.protocol, flow.source.ip] = now
        return inside

    def find(self, flow: Flow, now: float) -> Endpoint | None:
        """Who inside sends what the outside sees as ``flow``."""
        passage = self._find(flow.protocol, flow.destination.ip, now)
        if passage is None or flow.source != self._outside:
            return None
        return Endpoint(passage.inside, 0)

    def find_inside(self, flow: Flow, now: float) -> Endpoint | None:
        """What the outside sees as the source of ``flow`` from inside, opening nothing."""
        passage = self._find(flow.protocol, flow.destination.ip, now)
        if passage is None or passage.inside != flow.source.ip:
            return None
        return self._outside

    def forget(self) -> None:
        """Lose all of them, as a box that was switched off and on."""
        self._passages.clear()
        self._refreshed.clear()

    def _open(self, flow: Flow, now: float) -> Passage | None:
        if len(self) >= self._limit:
            self._sweep(now)
        if len(self) >= self._limit:
            self._drops[TABLE_FULL] += 1
            return None
        passage = Passage(flow.protocol, flow.source.ip, flow.destination.ip, now)
        self._passages[passage.protocol, passage.remote] = passage
        self._remember(passage)
        return passage

    def _remember(self, passage: Passage) -> None:
        if len(self._history) == HISTORY:
            self._drops[HISTORY_FORGOTTEN] += 1
            self._history.popleft()
        self._history.append(passage)

    def _find(self, protocol: int, remote: bytes, now: float) -> Passage | None:
        """The living passage with a remote address."""
        key = protocol, remote
        if key in self._passages and now - self._refreshed[key] >= LIFETIME:
            del self._passages[key], self._refreshed[key]
        return self._passages.get(key)

    def _sweep(self, now: float) -> None:
        for protocol, remote in list(self._passages):
            self._find(protocol, remote, now)
