"""Puts fragmented packets together, in packet-time order, and says what that makes of frames.

Fragments outside any tunnel (of IPv4, or of an IPv6 packet that carries a tunnel) are no traffic
of a tunnel by themselves. The rows of the first one are withheld, and its frame is ``fragment``,
until the packet is whole: then they are dropped, and the frame that completes it gets the rows of
the whole packet. Where it is given up (too old, no room, or no more frames), they come late.

Fragments inside a tunnel are each a packet of that tunnel, and keep their rows; what a first one
shows of a tunnel further inside is ``fragment-incomplete`` even if the rest comes, for its frame
has no more of it. Only where the whole packet tells what the first fragment did not (the innermost
transport, or one more tunnel), the frame that completes it gets the rows of the whole packet in
place of its own. A transport that an earlier frame told is left out of them: it counts once.

What fragments share is told by their own IP header and by the addresses of all that carries them.
VLANs, labels, network identifiers and UDP ports (which may be a hash of what is inside) do not
count, nor which capture a fragment is from: rotated files continue each other.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sensor.capture.batch import FrameBatch
from sensor.decode.assembly import Datagram
from sensor.decode.decoded import Decoded, Run, Whole
from sensor.decode.fragment import Fragment, read_fragment
from sensor.decode.inner import ICMPV6, TCP
from sensor.decode.scalar import Frame, walk_frame
from sensor.decode.settings import DecodeSettings
from sensor.errors import DecodeError
from sensor.schema.rows import OBSERVATION, Observation, Rows, pack, unpack
from sensor.schema.words import Anomaly, Confidence, Reason
from sensor.wire import icmpv6, link
from sensor.wire.cursor import Cursor
from sensor.wire.ports import TSP_PORT

# Where source and destination stand in an IP header.
_ENDS = {link.ETHERTYPE_IPV4: slice(12, 20), link.ETHERTYPE_IPV6: slice(8, 40)}
_NOWHERE = slice(0)
_ECHOES = (icmpv6.ECHO_REQUEST, icmpv6.ECHO_REPLY)


@dataclass(slots=True)
class _Sight:
    """Frame ``index`` of a batch, which has a fragment, and what is known of it so far.

    ``elsewhere`` has the depths of those tunnels whose transport an earlier frame told.
    """

    batch: FrameBatch
    index: int
    frame: Frame
    reason: Reason
    rows: list[Observation]
    whole: Whole | None = None
    elsewhere: frozenset[int] = frozenset()

    def become(self, again: _Sight) -> None:
        """What it is with a whole packet in it."""
        self.frame, self.reason, self.rows = again.frame, again.reason, again.rows
        self.whole, self.elsewhere = again.whole, again.elsewhere

    def around(self, at: int) -> list[Observation]:
        """The tunnels that hold the packet at ``at``."""
        return [row for row in self.rows if row.inner_length and row.inner_offset <= at]

    def mark(self, anomalies: Anomaly, at: int = 0) -> None:
        """What is odd about the packet at ``at``, on the rows inside it or else the one around."""
        if not anomalies:
            return
        last = len(self.rows) - 1
        for i, row in enumerate(self.rows):
            if row.inner_offset >= at or i == last:
                self.rows[i] = row._replace(anomalies=row.anomalies | anomalies)


class _Told(NamedTuple):
    """What rows tell whoever counts tunnels and conversations, which weak rows do not."""

    tunnels: int = 0
    innermost: bool = False  # its transport
    settled: bool = False  # in that there can be no tunnel
    beyond_limit: bool = False  # that there are layers which were not followed
    depths: frozenset[int] = frozenset()  # the tunnels whose transport is told

    def adds_to(self, before: _Told) -> bool:
        """Whether it may say more than ``before``, which without a transport said too little."""
        return (
            not before.innermost
            or self.tunnels > before.tunnels
            or self.beyond_limit > before.beyond_limit
        )


_NOTHING = _Told()


def _told(rows: Sequence[Observation]) -> _Told:
    """What ``rows`` tell; the outermost may be weak, for a flow that was learned."""
    believed = [row for row in rows if row.confidence > Confidence.WEAK]
    return _Told(
        tunnels=len(believed),
        innermost=any(row.has_transport for row in (believed or rows)[-1:]),
        settled=any(_holds_none(row) for row in believed[-1:]),
        beyond_limit=any(row.anomalies & Anomaly.TOO_MANY_LAYERS for row in rows),
        depths=frozenset(row.depth for row in believed if row.has_transport),
    )


def _holds_none(row: Observation) -> bool:
    """Whether a row tells a transport that carries no tunnel: then nobody need look for one."""
    if not row.has_transport:
        return False
    if row.inner_transport == ICMPV6:
        return row.icmp_type in _ECHOES
    ports = (row.inner_source_port, row.inner_destination_port)
    return row.inner_transport == TCP and TSP_PORT not in ports


@dataclass(slots=True)
class _Entry:
    """A datagram with what waits for it.

    ``first`` is the frame of the first fragment while its rows are withheld. Inside a tunnel none
    are, but ``told`` says what they are.
    """

    datagram: Datagram
    first: _Sight | None = None
    told: _Told = _NOTHING
    charged: int = 0  # of the octets held

    @property
    def octets(self) -> int:
        return self.datagram.octets + (len(self.first.frame.data) if self.first else 0)


class Reassembly:
    """See the module; ``take`` every batch in packet-time order, then ``finish``.

    ``waiting`` has source and number of each frame whose rows are withheld.
    """

    def __init__(self, settings: DecodeSettings) -> None:
        self.limits_hit: Counter[str] = Counter()  # by the names that people set them by
        self.waiting: set[tuple[int, int]] = set()
        self._settings = settings
        self._limits = settings.fragments
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()  # oldest first
        self._octets = 0
        self._late: deque[Run] = deque()

    def take(self, batch: FrameBatch, decoded: Decoded) -> Iterator[Run]:
        """The frames of a batch in their order, as they are after what fragments tell.

        Where packets are given up, late runs come between: before the frame at whose time they are
        too old, behind the one that takes their room. So no result depends on where batches end.
        """
        if not self._entries and not len(decoded.fragments):
            yield Run(batch, decoded, {})
            return
        edits = _Edits(batch, decoded)
        seen = 0
        for i, at in decoded.fragments.tolist():
            yield from self._expire(edits, seen, i + 1)
            sight = edits.sight(i)
            self._follow(sight, at)
            edits.settle(i, sight)
            seen = i + 1
            yield from self._flush(edits, seen)
        yield from self._expire(edits, seen, len(batch))
        if edits.start < len(batch):
            yield edits.run(len(batch))

    def finish(self) -> Iterator[Run]:
        """There are no more frames: what waits is given up."""
        while self._entries:
            self._give_up_oldest()
        yield from self._take_late()

    # giving up

    def _expire(self, edits: _Edits, start: int, stop: int) -> Iterator[Run]:
        """Give up what is too old at the time of a frame from ``start`` up to ``stop``."""
        times, limit = edits.batch.times, self._limits.idle_ns
        while self._entries and start < stop:
            oldest = next(iter(self._entries.values())).datagram.time
            if edits.last - oldest <= limit and oldest - edits.first <= limit:
                return  # young at any time of the batch
            # What lies far ahead is too old as well: a clock was set back.
            if abs(int(times[start]) - oldest) > limit:
                self._give_up_oldest()
                yield from self._flush(edits, start)
            elif (start := start + 1) < stop:
                # No difference: those of 64 bits may not fit into 64 bits.
                later = times[start:stop]
                old = (later < oldest - limit) | (later > oldest + limit)
                start = start + int(np.argmax(old)) if old.any() else stop

    def _flush(self, edits: _Edits, stop: int) -> Iterator[Run]:
        """Where something comes late, the frames before ``stop`` come before it."""
        if self._late:
            if edits.start < stop:
                yield edits.run(stop)
            yield from self._take_late()

    def _take_late(self) -> Iterator[Run]:
        while self._late:
            run = self._late.popleft()
            self.waiting.discard((run.batch.source, run.batch.first_frame))
            yield run

    def _give_up_oldest(self) -> _Entry:
        entry = self._close(next(iter(self._entries)))
        self._release(entry)
        return entry

    def _make_room(self, limit: str) -> None:
        if not self._give_up_oldest().datagram.lost:
            self.limits_hit[limit] += 1

    def _release(self, entry: _Entry) -> None:
        """The rows that were withheld come late."""
        sight = entry.first
        if sight is None:
            return
        entry.first = None
        sight.mark(entry.datagram.anomalies | Anomaly.FRAGMENT_INCOMPLETE)
        reasons = np.array([sight.reason], dtype=np.uint8)
        whole = {sight.frame.number: sight.whole} if sight.whole else {}
        self._late.append(Run(sight.batch, Decoded(pack(sight.rows), reasons), whole, late=True))

    # datagrams

    def _open(self, key: bytes, time: int) -> _Entry:
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= self._limits.datagrams:
                self._make_room("fragmented_datagrams")
            entry = self._entries[key] = _Entry(Datagram(time))
        return entry

    def _close(self, key: bytes) -> _Entry:
        entry = self._entries.pop(key)
        self._octets -= entry.charged
        return entry

    def _charge(self, entry: _Entry) -> None:
        """Count the octets held anew; what was first has to go where there are too many."""
        self._octets += entry.octets - entry.charged
        entry.charged = entry.octets
        while self._octets > self._limits.octets:
            self._make_room("fragment_octets")

    # one frame

    def _follow(self, sight: _Sight, at: int) -> None:
        """The fragment at ``at``, and where that makes a packet whole, the fragment in this one."""
        following: int | None = at
        while following is not None:
            following = self._join(sight, following)

    def _join(self, sight: _Sight, at: int) -> int | None:
        """Take one fragment; where a whole packet now stands in its place, the next one in it.

        Every next one lies further on in the frame.
        """
        try:
            fragment = read_fragment(sight.frame.data, at)
        except DecodeError:
            return None
        around = sight.around(at)
        key = fragment.key + _ends(sight.frame, at, around)
        entry = self._open(key, sight.frame.time)
        agrees = self._add(entry.datagram, fragment, sight.frame.number)
        packet = entry.datagram.whole()
        if entry.datagram.lost:
            self._release(entry)
        if around and fragment.offset == 0 and agrees:
            told = _told(sight.rows)
            entry.told = told if told.adds_to(entry.told) else entry.told
        if packet is not None:
            self._close(key)
            if entry.first is not None:
                self.waiting.discard((entry.first.batch.source, entry.first.frame.number))
            if not entry.told.settled:
                again, following = self._completed(sight, at, packet, entry)
                if not around or following is not None or _told(again.rows).adds_to(entry.told):
                    sight.become(again)
                    return following
        if around:
            sight.mark(entry.datagram.anomalies, at)
        else:
            self._withhold(sight, entry, fragment.offset == 0, agrees)
        if packet is None:
            self._charge(entry)
        return None

    def _add(self, datagram: Datagram, fragment: Fragment, frame: int) -> bool:
        """Whether the fragment agrees with those before."""
        if datagram.lost:
            return True
        if len(datagram.frames) < self._limits.fragments:
            return datagram.add(fragment, frame)
        self.limits_hit["fragments_per_datagram"] += 1
        datagram.lose()
        return True

    def _withhold(self, sight: _Sight, entry: _Entry, first: bool, agrees: bool) -> None:
        """Outside any tunnel a fragment has no rows for now.

        But those of a first fragment stand where the packet is lost already, and where another
        first fragment, which says something else, is withheld.
        """
        if first and (entry.datagram.lost or (entry.first is not None and not agrees)):
            sight.mark(entry.datagram.anomalies)
            return
        if first and entry.first is None:
            entry.first = replace(sight, batch=_alone(sight.batch, sight.index), index=0)
            self.waiting.add((sight.batch.source, sight.frame.number))
        sight.reason, sight.rows, sight.whole = Reason.FRAGMENT, [], None

    def _completed(
        self, sight: _Sight, at: int, packet: bytes, entry: _Entry
    ) -> tuple[_Sight, int | None]:
        """The frame with the whole packet instead of the fragment at ``at``, and the next one."""
        frames = set(entry.datagram.frames).union(sight.whole.frames if sight.whole else ())
        whole = Whole(sight.frame.data[:at] + packet, at, tuple(sorted(frames)))
        frame = replace(sight.frame, data=whole.data, whole_at=at)
        reason, rows, following = walk_frame(frame, self._settings)
        elsewhere = sight.elsewhere | (entry.told.depths - _told(sight.rows).depths)
        for depth in elsewhere.intersection(range(len(rows))):
            rows[depth] = rows[depth]._replace(has_transport=0)
        again = _Sight(sight.batch, sight.index, frame, reason, rows, whole, elsewhere)
        again.mark(entry.datagram.anomalies, at)
        return again, following


class _Edits:
    """A batch whose frames are changed one after another, and handed out up to where it is said."""

    def __init__(self, batch: FrameBatch, decoded: Decoded) -> None:
        self.batch = batch
        self.start = 0  # of what was not handed out yet
        self.first, self.last = int(batch.times.min()), int(batch.times.max())
        self._rows = decoded.rows
        self._reasons = decoded.reasons.copy()
        self._frames = decoded.rows["frame"].astype(np.int64) - batch.first_frame
        self._changed: dict[int, _Sight] = {}

    def sight(self, i: int) -> _Sight:
        """Frame ``i`` as the decoder saw it."""
        frame = Frame(
            data=self.batch.frame(i),
            link_type=int(self.batch.linktypes[i]),
            wire_length=int(self.batch.wire[i]),
            number=self.batch.first_frame + i,
            time=int(self.batch.times[i]),
            source=self.batch.source,
        )
        first, last = self._places(i, i + 1)
        rows = unpack(self._rows[first:last]) if first < last else []
        return _Sight(self.batch, i, frame, Reason(int(self._reasons[i])), rows)

    def settle(self, i: int, sight: _Sight) -> None:
        self._reasons[i] = sight.reason
        self._changed[i] = sight

    def run(self, stop: int) -> Run:
        """The frames before ``stop`` that were not handed out yet."""
        batch, reasons = self.batch.slice(self.start, stop), self._reasons[self.start : stop]
        at, end = self._places(self.start, stop)
        parts: list[Rows] = []
        whole: dict[int, Whole] = {}
        for i, sight in self._changed.items():
            first, last = self._places(i, i + 1)
            parts.append(self._rows[at:first])
            parts.append(pack(sight.rows) if sight.rows else self._rows[:0])
            at = last
            if sight.whole is not None:
                whole[sight.frame.number] = sight.whole
        parts.append(self._rows[at:end])
        self._changed, self.start = {}, stop
        rows = parts[0] if len(parts) == 1 else _joined(parts)
        return Run(batch, Decoded(rows, reasons), whole)

    def _places(self, start: int, stop: int) -> tuple[int, int]:
        """Which rows are of the frames ``start`` up to ``stop``."""
        return int(self._frames.searchsorted(start)), int(self._frames.searchsorted(stop))


def _joined(parts: Sequence[Rows]) -> Rows:
    """As one; ``np.concatenate`` compares all fields of all parts before."""
    octets = bytearray().join(part.tobytes() for part in parts)
    return np.frombuffer(octets, dtype=OBSERVATION)


def _alone(batch: FrameBatch, i: int) -> FrameBatch:
    """A batch of one frame, with octets of its own."""
    columns = ("captured", "wire", "times", "linktypes", "interfaces", "positions")
    one = batch.slice(i, i + 1)
    return FrameBatch(
        arena=np.frombuffer(bytearray(batch.frame(i)), dtype=np.uint8),
        offsets=np.zeros(1, dtype=np.int64),
        first_frame=one.first_frame,
        source=one.source,
        **{name: getattr(one, name).copy() for name in columns},
    )


def _ends(frame: Frame, at: int, around: Sequence[Observation]) -> bytes:
    """The addresses of what carries the packet at ``at``: its outermost packet and all tunnels.

    Nothing else before it is the same in every fragment: identifications, lengths, checksums and
    sequence numbers differ.
    """
    ends = [
        row.outer_source + row.outer_destination + row.inner_source + row.inner_destination
        for row in around
    ]
    cursor = Cursor(frame.data)
    try:
        protocol = link.parse(frame.link_type, cursor).protocol
    except DecodeError:
        return b"".join(ends)
    outermost = frame.data[cursor.position : at]
    return b"".join([outermost[_ENDS.get(protocol, _NOWHERE)], *ends])
