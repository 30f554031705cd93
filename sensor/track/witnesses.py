"""What is remembered of look-ups of tunnels' names."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator

from sensor.schema.witness import Witness
from sensor.track.limits import LOOKUPS_PER_SECOND, SECOND


class Witnesses:
    """Each thing said once, by its first frame; the one not heard for longest makes room."""

    def __init__(self, limit: int) -> None:
        self.limits_hit: Counter[str] = Counter()
        self._limit = limit
        self._kept: OrderedDict[Hashable, Witness] = OrderedDict()
        self._second: int | None = None
        self._read = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Witness]:
        """By time."""
        kept = self._kept.values()
        return iter(sorted(kept, key=lambda found: (found.time, found.source, found.frame)))

    def admits(self, time: int) -> bool:
        """Whether one more message may be read in this second of packet time."""
        second = time // SECOND
        if second != self._second:
            self._second, self._read = second, 0
        if self._read >= LOOKUPS_PER_SECOND:
            self.limits_hit["lookups"] += 1
            return False
        self._read += 1
        return True

    def see(self, witness: Witness) -> None:
        """Remember it, unless that has been said before."""
        key = witness.key
        if key in self._kept:
            self._kept.move_to_end(key)
            return
        if len(self._kept) >= self._limit:
            self.limits_hit["names"] += 1
            self._kept.popitem(last=False)
        self._kept[key] = witness
