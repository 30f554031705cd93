"""One IP packet of which fragments have come: its octets, and where they contradict each other.

Of overlapping fragments the octets that came first stay, and so does the end that was told first.
Hosts differ in what they keep (and RFC 5722 has them drop such IPv6 packets), so no choice is
right for all of them; with this one nobody can change afterwards what was seen already, and the
anomaly ``fragment-overlap`` says that a host may have read something else. Exact duplicates, which
mirrored captures are full of, are silent. A fragment that others follow, but that does not end at
a multiple of eight octets, counts up to the last such multiple, as in Linux: ``length-mismatch``.
"""

from __future__ import annotations

from bisect import bisect_right

from sensor.decode.fragment import UNIT, Fragment, longest_payload, whole_packet
from sensor.schema.words import Anomaly

# What a piece, or the number of a frame, takes in memory beside octets: objects, places in lists.
_OVERHEAD = 128


class Datagram:
    """Pieces of one packet that do not overlap; ``time`` is that of the first fragment to come.

    ``frames`` are the numbers of those that brought a fragment. ``lost`` says that it can never be
    put together: its octets are gone, and later fragments of it need only be recognised.
    """

    def __init__(self, time: int) -> None:
        self.time = time
        self.frames: list[int] = []
        self.anomalies = Anomaly(0)
        self.lost = False
        self._header: bytes | None = None  # of the first fragment
        self._end: int | None = None  # of the payload, once a last fragment has told
        self._starts: list[int] = []
        self._pieces: list[bytes] = []
        self._covered = 0

    @property
    def octets(self) -> int:
        """How much memory it takes."""
        return self._covered + _OVERHEAD * (len(self._pieces) + len(self.frames))

    def lose(self) -> None:
        self.lost = True
        self.frames, self._starts, self._pieces, self._covered = [], [], [], 0

    def add(self, fragment: Fragment, frame: int) -> bool:
        """Keep what is new in a fragment; False if it contradicts what came before."""
        self.frames.append(frame)
        if fragment.cut:
            self.lose()
            return True
        payload = fragment.payload
        if fragment.more and len(payload) % UNIT:
            payload = payload[: -(len(payload) % UNIT)]
            self.anomalies |= Anomaly.LENGTH_MISMATCH
        if fragment.offset + len(payload) > longest_payload(fragment.header):
            self.anomalies |= Anomaly.LENGTH_MISMATCH
            self.lose()
        elif not self._agrees(fragment, payload):
            self.anomalies |= Anomaly.FRAGMENT_OVERLAP
            return False
        return True

    def whole(self) -> bytes | None:
        """The packet, once nothing of it is missing; one that would be too long is lost."""
        if self._header is None or self._covered != self._end:
            return None
        if self._covered > longest_payload(self._header):
            self.anomalies |= Anomaly.LENGTH_MISMATCH
            self.lose()
            return None
        return whole_packet(self._header, b"".join(self._pieces))

    def _agrees(self, fragment: Fragment, payload: bytes) -> bool:
        start, end = fragment.offset, fragment.offset + len(payload)
        if start == 0 and self._header is None:
            self._header = fragment.header
        agrees = fragment.more or self._ends_at(end)
        if self._end is not None and end > self._end:
            payload, agrees = payload[: max(0, self._end - start)], False
        return self._hold(start, payload) and agrees

    def _ends_at(self, end: int) -> bool:
        """A last fragment ends here; what lies behind is given up. False if it contradicts."""
        if self._end is not None:
            return self._end == end
        self._end = end
        agrees = True
        while self._starts and self._starts[-1] + len(self._pieces[-1]) > end:
            agrees = False
            start, piece = self._starts.pop(), self._pieces.pop()
            self._covered -= len(piece)
            self._hold(start, piece[: max(0, end - start)])
        return agrees

    def _hold(self, start: int, octets: bytes) -> bool:
        """Keep the octets whose places are still free; False if others differ from those there."""
        agrees, free, end = True, start, start + len(octets)
        new: list[tuple[int, bytes]] = []
        i = max(0, bisect_right(self._starts, start) - 1)
        while i < len(self._starts) and self._starts[i] < end:
            there, piece = self._starts[i], self._pieces[i]
            low, high = max(start, there), min(end, there + len(piece))
            if low < high:
                agrees &= octets[low - start : high - start] == piece[low - there : high - there]
                new.append((free, octets[free - start : low - start]))
                free = high
            i += 1
        new.append((free, octets[free - start :]))
        for at, piece in new:
            if piece:
                i = bisect_right(self._starts, at)
                self._starts.insert(i, at)
                self._pieces.insert(i, piece)
                self._covered += len(piece)
        return agrees
