"""Octets of one datagram: order, overlaps, contradicting ends, and what can never be whole."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.decode.assembly import Datagram
from sensor.decode.fragment import Fragment
from sensor.schema.words import Anomaly
from sensor.wire import ipv4

from ..build import V4A, V4B

HEADER = ipv4.build(V4A, V4B, 17, b"")
OVERLAP, LENGTHS = Anomaly.FRAGMENT_OVERLAP, Anomaly.LENGTH_MISMATCH


def piece(offset: int, payload: bytes, more: bool = True, cut: bool = False) -> Fragment:
    return Fragment(b"", offset, more, HEADER, payload, cut)


def added(*fragments: Fragment) -> Datagram:
    datagram = Datagram(0)
    for frame, fragment in enumerate(fragments, start=1):
        datagram.add(fragment, frame)
    return datagram


def payload_of(datagram: Datagram) -> bytes | None:
    packet = datagram.whole()
    return None if packet is None else packet[len(HEADER) :]


A, B, C, D = (letter * 8 for letter in (b"a", b"b", b"c", b"d"))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_fragments_come_in_any_order(order: tuple[int, ...]) -> None:
    parts = [piece(0, A), piece(8, B + C), piece(24, b"end", more=False)]
    datagram = Datagram(5)
    for i in order:
        assert datagram.whole() is None
        assert datagram.add(parts[i], i + 1)
    assert payload_of(datagram) == A + B + C + b"end"
    assert (datagram.frames, datagram.anomalies) == ([i + 1 for i in order], Anomaly(0))


def test_exact_duplicates_are_silent() -> None:
    parts = [piece(8, B), piece(8, B), piece(16, C, more=False), piece(16, C, more=False)]
    datagram = added(*parts, piece(0, A + B))
    assert payload_of(datagram) == A + B + C
    assert not datagram.anomalies


def test_octets_that_came_first_stay() -> None:
    datagram = added(piece(8, B), piece(24, D, more=False))
    assert not datagram.add(piece(0, A + C + C + D), 3)
    assert payload_of(datagram) == A + B + C + D
    assert datagram.anomalies == OVERLAP
    assert datagram.add(piece(0, A), 4)


def test_the_end_that_was_told_first_stays() -> None:
    datagram = added(piece(8, B, more=False))
    assert not datagram.add(piece(8, B + C, more=False), 2)
    assert not datagram.add(piece(16, C), 3)
    assert not datagram.add(piece(32, D), 4)
    assert datagram.anomalies == OVERLAP
    datagram.add(piece(0, A), 5)
    assert payload_of(datagram) == A + B


def test_octets_behind_the_end_are_given_up() -> None:
    datagram = added(piece(0, A), piece(8, B + C), piece(24, D))
    held = datagram.octets
    assert not datagram.add(piece(8, b"bbbb", more=False), 4)
    assert payload_of(datagram) == A + b"bbbb"
    assert datagram.octets < held


def test_an_odd_length_before_the_end_counts_up_to_a_multiple_of_eight() -> None:
    datagram = added(piece(0, A + b"junk"), piece(8, B, more=False))
    assert payload_of(datagram) == A + B
    assert datagram.anomalies == LENGTHS


def test_fragments_without_octets_add_nothing() -> None:
    datagram = added(piece(0, b""), piece(8, b""), piece(8, B))
    assert payload_of(datagram) is None
    datagram.add(piece(16, b"", more=False), 4)
    datagram.add(piece(0, A), 5)
    assert payload_of(datagram) == A + B
    assert not datagram.anomalies


def test_what_was_cut_is_lost() -> None:
    datagram = added(piece(0, A), piece(8, B, cut=True))
    assert datagram.lost
    assert datagram.whole() is None
    assert (datagram.octets, datagram.anomalies) == (0, Anomaly(0))


@pytest.mark.parametrize("offset", [65_512, 65_528])
def test_what_is_too_long_is_lost(offset: int) -> None:
    datagram = added(piece(offset, A, more=False))
    assert datagram.lost
    assert datagram.anomalies == LENGTHS


def test_what_is_too_long_for_the_first_header_alone_is_lost() -> None:
    longer = ipv4.build(V4A, V4B, 17, b"", options=bytes(40))
    parts = [piece(at, bytes(65_000), more=at == 0) for at in (0,)]
    last = piece(65_000, bytes(515), more=False)
    datagram = added(parts[0]._replace(header=longer), last)
    assert datagram.whole() is None
    assert datagram.lost
    assert datagram.anomalies == LENGTHS
    assert payload_of(added(parts[0], last)) == bytes(65_515)


@given(
    parts=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6), st.integers(0, 3)), max_size=12)
)
def test_it_is_a_map_of_octets_in_which_the_first_stays(parts: list[tuple[int, int, int]]) -> None:
    expected: dict[int, int] = {}
    contradicts = False
    datagram = Datagram(0)
    for unit, units, value in parts:
        octets = bytes([value]) * (8 * units)
        places = range(8 * unit, 8 * (unit + units))
        fits = all(expected.get(place, value) == value for place in places)
        assert datagram.add(piece(8 * unit, octets), 1) == fits
        contradicts |= not fits
        for place in places:
            expected.setdefault(place, value)
    assert bool(datagram.anomalies & OVERLAP) == contradicts
    for place in range(8 * 20):
        if place not in expected:
            datagram.add(piece(place - place % 8, bytes([9]) * 8), 1)
            expected |= dict.fromkeys(range(place, place + 8), 9)
    datagram.add(piece(8 * 20, b"z", more=False), 1)
    assert payload_of(datagram) == bytes(expected[place] for place in range(8 * 20)) + b"z"


def test_memory_is_told_as_it_grows(seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    datagram = Datagram(0)
    before = 0
    for frame in range(100):
        datagram.add(piece(8 * chance.randrange(50), A), frame)
        assert datagram.octets > before
        before = datagram.octets
    datagram.lose()
    assert datagram.octets == 0
