"""Fragments put together again, as the host that they are for does it (RFC 791, RFC 815)."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.wire import ipv4
from sensor.wire.cursor import Cursor

# Half done at once: one more forgets the oldest. With 64 KiB each that is 4 MiB.
DATAGRAMS = 64
LIFETIME = 30.0  # seconds from the first fragment; what Linux gives them

UNREADABLE = "unreadable"
DATAGRAM_EVICTED = "fragments-evicted"
TIMED_OUT = "fragments-timed-out"
OVERLAPPING = "fragments-overlapping"
INCONSISTENT = "fragments-inconsistent"  # no data, no multiple of 8, or beyond the last one
TOO_LONG = "fragments-too-long"
DOUBLED = "fragment-doubled"
OF_DISCARDED = "fragment-of-discarded"

_UNIT = 8  # octets that offsets are counted in

Key = tuple[bytes, bytes, int, int]


class Reassembler:
    """Whole packets from fragments; whatever is lost on the way is counted in ``drops``.

    Of a datagram whose fragments overlap nothing is kept, as in Linux: whoever looks on could have
    put together another one. Nor is what still comes of it taken (RFC 5722 section 4, which is
    about IPv6). A fragment that comes twice is no overlap.
    """

    def __init__(self, drops: Counter[str]) -> None:
        self._drops = drops
        self._datagrams: dict[Key, _Datagram] = {}  # oldest first

    def __len__(self) -> int:
        return len(self._datagrams)

    def add(self, octets: bytes, now: float) -> bytes | None:
        """The whole IPv4 packet that ``octets`` is, or completes; else None.

        ``now`` in seconds, never going back. Damaged ones are counted, never raised about.
        """
        try:
            header = ipv4.parse(Cursor(octets))
            if not header.more_fragments and not header.fragment_offset:
                return octets
            fragment = _fragment(octets, header)
        except DecodeError:
            self._drops[UNREADABLE] += 1
            return None
        self._expire(now)
        key = header.source, header.destination, header.protocol, header.identification
        return self._take(fragment, key, now)

    def _take(self, fragment: _Fragment, key: Key, now: float) -> bytes | None:
        datagram = self._datagrams.get(key) or self._make(key, now)
        refusal = datagram.add(fragment)
        if refusal is not None:
            self._drops[refusal] += 1
        if not datagram.complete:
            return None
        del self._datagrams[key]
        return datagram.whole()

    def _make(self, key: Key, now: float) -> _Datagram:
        if len(self) >= DATAGRAMS:
            self._datagrams.pop(next(iter(self._datagrams)))
            self._drops[DATAGRAM_EVICTED] += 1
        datagram = self._datagrams[key] = _Datagram(now)
        return datagram

    def _expire(self, now: float) -> None:
        late = [key for key, held in self._datagrams.items() if now - held.since >= LIFETIME]
        for key in late:
            if not self._datagrams.pop(key).discarded:
                self._drops[TIMED_OUT] += 1


class _Fragment(NamedTuple):
    """Data from octet ``start`` to ``end`` of a datagram; ``last`` if no more is behind it."""

    header: bytes
    data: bytes
    start: int
    last: bool

    @property
    def end(self) -> int:
        return self.start + len(self.data)

    @property
    def units(self) -> range:
        """What it covers, the last one perhaps in part."""
        return range(self.start // _UNIT, -(-self.end // _UNIT))


def _fragment(octets: bytes, header: ipv4.IPv4Header) -> _Fragment:
    """DecodeError if it is cut, or its header does not sum (RFC 1122 section 3.2.1.2)."""
    if not ipv4.header_checksum_ok(octets):
        raise DecodeError("wrong IPv4 header checksum", 10)
    cursor = Cursor(octets)
    raw_header = cursor.take(header.header_length)
    data = cursor.take(header.total_length - header.header_length)
    return _Fragment(raw_header, data, header.fragment_offset, not header.more_fragments)


class _Datagram:
    """What is there of one datagram: no two pieces share an octet, none is beyond the end.

    ``since`` is when its first fragment came, in seconds.
    """

    __slots__ = ("_end", "_header", "_held", "_pieces", "_reach", "_units", "discarded", "since")

    def __init__(self, now: float) -> None:
        self.since = now
        self.discarded = False
        self._header = bytes(ipv4.MIN_HEADER_LENGTH)  # until the fragment comes that has it
        self._pieces: dict[int, bytes] = {}
        self._units: set[int] = set()
        self._held = 0  # octets
        self._reach = 0  # how far the pieces go
        self._end: int | None = None  # how far they shall go, once the last one told

    @property
    def complete(self) -> bool:
        return self._held == self._end

    def add(self, fragment: _Fragment) -> str | None:
        """Keep a fragment, or tell why not."""
        if self.discarded:
            return OF_DISCARDED
        refusal = self._refusal(fragment)
        if refusal is None:
            self._keep(fragment)
        elif refusal != DOUBLED:
            self._discard()
        return refusal

    def whole(self) -> bytes:
        """The packet, with the header of the fragment that it begins with."""
        header = ipv4.parse(Cursor(self._header))
        data = b"".join(self._pieces[start] for start in sorted(self._pieces))
        return ipv4.build(
            header.source, header.destination, header.protocol, data,
            ttl=header.ttl, identification=header.identification,
            dont_fragment=header.dont_fragment, tos=header.tos,
            options=self._header[ipv4.MIN_HEADER_LENGTH :],
        )  # fmt: skip

    def _refusal(self, fragment: _Fragment) -> str | None:
        if self._pieces.get(fragment.start) == fragment.data:
            return DOUBLED
        if self._contradicts(fragment):
            return INCONSISTENT
        header = self._header if fragment.start else fragment.header
        if len(header) + max(self._reach, fragment.end) > ipv4.MAX_TOTAL_LENGTH:
            return TOO_LONG
        return None if self._units.isdisjoint(fragment.units) else OVERLAPPING

    def _contradicts(self, fragment: _Fragment) -> bool:
        """Whether its length does not go with what it says, or with what is there."""
        short = fragment.end < self._reach if fragment.last else len(fragment.data) % _UNIT > 0
        beyond = self._end is not None and fragment.end > self._end
        return not fragment.data or short or beyond

    def _keep(self, fragment: _Fragment) -> None:
        self._pieces[fragment.start] = fragment.data
        self._units.update(fragment.units)
        self._held += len(fragment.data)
        self._reach = max(self._reach, fragment.end)
        if not fragment.start:
            self._header = fragment.header
        if fragment.last:
            self._end = fragment.end

    def _discard(self) -> None:
        """Keep no data; the entry stays for what still comes."""
        self.discarded = True
        self._pieces.clear()
        self._units.clear()
