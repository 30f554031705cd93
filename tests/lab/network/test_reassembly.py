"""Fragments become the packet that was cut, or nothing."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.network.reassembly import (
    DATAGRAM_EVICTED,
    DATAGRAMS,
    DOUBLED,
    INCONSISTENT,
    LIFETIME,
    OF_DISCARDED,
    OVERLAPPING,
    TIMED_OUT,
    TOO_LONG,
    UNREADABLE,
    Reassembler,
)
from sensor.wire import ipv4
from sensor.wire.addresses import packed

A, B = packed("192.0.2.1"), packed("192.0.2.2")
DATA = bytes(range(44))


def piece(
    start: int,
    data: bytes,
    *,
    last: bool = False,
    number: int = 7,
    source: bytes = A,
    protocol: int = 41,
    options: bytes = b"",
) -> bytes:
    return ipv4.build(
        source, B, protocol, data, ttl=9, tos=3, identification=number,
        more_fragments=not last, fragment_offset=start, options=options,
    )  # fmt: skip


def whole(data: bytes, *, number: int = 7, source: bytes = A, options: bytes = b"") -> bytes:
    return ipv4.build(source, B, 41, data, ttl=9, tos=3, identification=number, options=options)


def pieces(data: bytes, size: int) -> list[bytes]:
    starts = range(0, len(data), size)
    return [piece(s, data[s : s + size], last=s + size >= len(data)) for s in starts]


class Table:
    """A reassembler with its counters."""

    def __init__(self) -> None:
        self.drops: Counter[str] = Counter()
        self.held = Reassembler(self.drops)

    def add(self, *fragments: bytes, now: float = 0.0) -> list[bytes]:
        """The packets that come out."""
        results = [self.held.add(octets, now) for octets in fragments]
        return [octets for octets in results if octets is not None]


@given(st.binary(min_size=9, max_size=300), st.integers(1, 5), st.randoms(use_true_random=False))
def test_in_any_order_they_become_what_was_cut(data: bytes, units: int, rng: Random) -> None:
    table = Table()
    parts = pieces(data, units * 8)
    rng.shuffle(parts)
    result = table.add(*parts)
    assert result == ([whole(data)] if len(parts) > 1 else parts)
    assert (len(table.held), table.drops) == (0, {})


def test_a_whole_packet_passes_as_it_is() -> None:
    table = Table()
    octets = whole(DATA) + b"what is behind it"
    assert table.add(octets) == [octets]
    assert len(table.held) == 0


def test_the_header_is_that_of_the_beginning() -> None:
    options = b"\x01\x01\x01\x00"
    parts = [piece(16, DATA[16:], last=True), piece(0, DATA[:16], options=options)]
    assert Table().add(*parts) == [whole(DATA, options=options)]


def test_what_is_behind_a_fragment_is_no_part_of_it() -> None:
    assert Table().add(*[part + b"junk" for part in pieces(DATA, 16)]) == [whole(DATA)]


def test_datagrams_do_not_mix() -> None:
    table = Table()
    first = piece(0, DATA[:16])
    others = [
        piece(16, b"number", last=True, number=8),
        piece(16, b"source", last=True, source=B),
        piece(16, b"protocol", last=True, protocol=47),
    ]
    assert table.add(first, *others) == []
    assert len(table.held) == 4
    assert table.add(piece(16, DATA[16:], last=True)) == [whole(DATA)]


def test_a_fragment_that_comes_twice_is_no_overlap() -> None:
    table = Table()
    first, second, third = pieces(DATA, 16)
    assert table.add(first, first, third, third, second) == [whole(DATA)]
    assert table.drops == {DOUBLED: 2}


@pytest.mark.parametrize(
    "evil",
    [
        piece(0, b"x" * 16),
        piece(8, DATA[8:24]),
        piece(8, DATA[8:16]),
        piece(0, DATA[:8]),
        piece(16, DATA[16:48] + bytes(4), last=True),
    ],
    ids=["other-data", "across", "within", "shorter", "over-the-end"],
)
def test_of_what_overlaps_nothing_comes_however_much_follows(evil: bytes) -> None:
    table = Table()
    first, second, third = pieces(DATA, 16)
    assert table.add(first, second, evil) == []
    assert table.drops == {OVERLAPPING: 1}
    assert table.add(third, first, second, third) == []
    assert table.drops == {OVERLAPPING: 1, OF_DISCARDED: 4}
    assert table.add(first, second, third, now=LIFETIME) == [whole(DATA)]
    assert table.drops == {OVERLAPPING: 1, OF_DISCARDED: 4}


@pytest.mark.parametrize(
    "parts",
    [
        [piece(0, b"")],
        [piece(16, b"", last=True)],
        [piece(0, DATA[:9])],
        [piece(16, bytes(4), last=True), piece(16, bytes(8))],
        [piece(16, bytes(4), last=True), piece(24, bytes(8), last=True)],
        [piece(24, bytes(8)), piece(16, bytes(4), last=True)],
    ],
    ids=["empty", "empty-last", "no-unit", "beyond", "two-ends", "end-before-data"],
)
def test_fragments_that_contradict_each_other_or_themselves(parts: list[bytes]) -> None:
    table = Table()
    assert table.add(*parts) == []
    assert table.add(*pieces(DATA, 16)) == []
    assert (table.drops[INCONSISTENT], table.drops[OF_DISCARDED]) == (1, 3)


def test_no_packet_is_longer_than_ip_can_say() -> None:
    data = bytes(65_515)
    assert Table().add(*pieces(data, 32_000)) == [whole(data)]
    for options, parts in ((b"", pieces(data + b"x", 32_000)), (bytes(4), pieces(data, 32_000))):
        for order in (1, -1):
            table = Table()
            first = piece(0, data[:32_000], options=options)
            assert table.add(*[first, *parts[1:]][::order]) == []
            assert table.drops[TOO_LONG] == 1


def test_time_runs_from_the_first_fragment() -> None:
    table = Table()
    first, second, third = pieces(DATA, 16)
    table.add(first)
    assert table.add(second, now=LIFETIME - 1) == []
    assert table.add(third, now=LIFETIME) == []
    assert table.drops == {TIMED_OUT: 1}
    assert table.add(first, second, now=2 * LIFETIME - 1) == [whole(DATA)]


def test_a_flood_makes_the_oldest_give_way() -> None:
    table = Table()
    parts = [pieces(DATA, 24), pieces(DATA, 24)]
    table.add(parts[0][0])
    for number in range(100, 100 + DATAGRAMS):
        table.add(piece(0, DATA[:24], number=number))
    assert len(table.held) == DATAGRAMS
    assert table.drops == {DATAGRAM_EVICTED: 1}
    assert table.add(piece(24, DATA[24:], last=True, number=101)) == [whole(DATA, number=101)]
    assert table.add(parts[0][1]) == []


def test_damaged_ones_are_counted() -> None:
    table = Table()
    fragment = piece(0, DATA[:16])
    wrong_sum = fragment[:8] + b"\x05" + fragment[9:]
    assert table.add(b"", fragment[:19], fragment[:-1], wrong_sum, b"\x60" + fragment[1:]) == []
    assert (len(table.held), table.drops) == (0, {UNREADABLE: 5})


@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),
            st.integers(0, 33),
            st.booleans(),
            st.integers(0, 2),
            st.floats(0.0, 20.0),
        ),
        max_size=40,
    ),
    st.binary(max_size=80),
)
def test_whatever_comes_out_was_put_in(
    story: list[tuple[int, int, bool, int, float]], junk: bytes
) -> None:
    table, now = Table(), 0.0
    for unit, length, last, number, passed in story:
        now += passed
        start = 8 * unit
        # Every fragment tells the same story, so that what comes out can be known.
        octets = piece(start, bytes(range(start, start + length)), last=last, number=number)
        result = table.held.add(octets, now)
        if result is not None:
            data = result[20:]
            assert data == bytes(range(len(data)))
            assert ipv4.header_checksum_ok(result)
        assert table.held.add(junk, now) in (None, junk)
    assert len(table.held) <= 4
