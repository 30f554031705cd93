"""Pieces of packets: honest ones, and those that two readers read differently."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.lab.deviants.fragments import (
    DATAGRAMS,
    EVICTED,
    Cut,
    FirstWins,
    FragmentingHost,
    Piece,
    fitting,
    overlapping,
)
from sensor.lab.machine import OuterPacket
from sensor.lab.network.clock import Clock
from sensor.lab.network.packet import Label, Packet
from sensor.lab.network.segment import Segment
from sensor.lab.network.tap import Tap
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import ipv4, sixinfour
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor

HERE, THERE = packed("198.51.100.7"), packed("198.51.100.8")
TEXT = bytes(range(256)) * 2
LABEL = Label(Kind.SIXINFOUR, TeredoPacket.NONE, "here")


def octets(piece: Piece, identification: int = 7) -> bytes:
    return ipv4.build(
        HERE, THERE, sixinfour.PROTOCOL, piece.data,
        identification=identification, more_fragments=piece.more, fragment_offset=piece.offset,
    )  # fmt: skip


def assembled(cut: Cut, order: list[int] | None = None) -> bytes | None:
    """What a host that keeps the first octets reads."""
    reader = FirstWins(Counter())
    pieces = [cut.pieces[at] for at in order] if order else cut.pieces
    *_, whole = [reader.add(octets(piece)) for piece in pieces]
    return None if whole is None else whole[ipv4.MIN_HEADER_LENGTH :]


def test_fitting_pieces_are_in_order_and_the_last_one_is_shorter() -> None:
    pieces = fitting(200)(TEXT).pieces
    assert [(len(piece.data), piece.offset, piece.more) for piece in pieces] == [
        (200, 0, True), (200, 200, True), (112, 400, False),
    ]  # fmt: skip
    assert not fitting(200)(TEXT).flawed


@given(st.integers(1, 64), st.binary(min_size=1, max_size=600), st.randoms(use_true_random=False))
def test_honest_pieces_come_together_in_any_order(units: int, text: bytes, chance: Random) -> None:
    cut = fitting(units * 8)(text)
    order = list(range(len(cut.pieces)))
    chance.shuffle(order)
    assert assembled(cut, order) == text


def test_contradicting_pieces_are_read_as_the_first_ones_say() -> None:
    cut = overlapping(40)(TEXT)
    assert cut.flawed
    assert assembled(cut) == TEXT
    first, decoy, _ = cut.pieces
    assert decoy.offset == 40 < len(first.data)
    assert decoy.data[:8] != first.data[40:48]
    assert assembled(cut, [1, 0, 2]) != TEXT


def test_what_ends_before_the_overlap_is_sent_whole() -> None:
    assert overlapping(40)(TEXT[:56]) == Cut((Piece(0, TEXT[:56], more=False),))


def test_whole_packets_are_handed_on_as_they_are() -> None:
    whole = octets(Piece(0, TEXT, more=False))
    assert FirstWins(Counter()).add(whole) == whole


def test_only_so_many_datagrams_are_half_done_at_once() -> None:
    drops: Counter[str] = Counter()
    reader = FirstWins(drops)
    first, last = fitting(256)(TEXT).pieces
    for number in range(DATAGRAMS + 1):
        assert reader.add(octets(first, number)) is None
    assert drops == {EVICTED: 1}
    assert reader.add(octets(last, 0)) is None, "the oldest one is forgotten"
    assert reader.add(octets(last, DATAGRAMS)) is not None


def test_a_datagram_that_is_too_long_is_never_whole() -> None:
    reader = FirstWins(Counter())
    long = bytes(60_000)
    assert reader.add(octets(Piece(0, long, more=True))) is None
    assert reader.add(octets(Piece(60_000, long, more=False))) is None
    assert reader.add(octets(Piece(0, b"", more=True))) is None


@given(st.lists(st.tuples(st.integers(0, 12), st.binary(max_size=40), st.booleans()), max_size=12))
def test_hostile_pieces_do_no_harm(pieces: list[tuple[int, bytes, bool]]) -> None:
    reader = FirstWins(Counter())
    for units, data, more in pieces:
        whole = reader.add(octets(Piece(units * 8, data, more)))
        assert whole is None or len(whole) <= 20 + 12 * 8 + 40


@given(st.binary(max_size=80))
def test_hostile_octets_are_read_or_refused(data: bytes) -> None:
    reader = FirstWins(Counter())
    try:
        whole = reader.add(b"\x45" + data)
    except DecodeError:
        return
    assert whole is None or whole.startswith(b"\x45")


class Wire:
    """Two hosts, the first of which cuts what its tunnels carry."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.segment = Segment("wire", self.clock, Random(1))
        cut = fitting(200)
        self.here = FragmentingHost("here", self.segment, [HERE], Random(2), cut)
        self.there = FragmentingHost("there", self.segment, [THERE], Random(3), cut)
        self.tap = Tap(self.segment)
        self.heard: list[OuterPacket] = []
        self.there.listen(sixinfour.PROTOCOL, self.heard.append)

    def send(self, label: Label | None) -> None:
        packet = OuterPacket(HERE, THERE, sixinfour.PROTOCOL, TEXT)
        self.here.send_packet(packet, label)
        self.clock.run(self.clock.now + 1)


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_a_host_sends_pieces_and_another_one_reads_the_whole(wire: Wire) -> None:
    wire.send(LABEL)
    assert [frame.label for frame in wire.tap.frames] == [None, None, LABEL]
    headers = [ipv4.parse(Cursor(frame.octets, 14)) for frame in wire.tap.frames]
    assert len({header.identification for header in headers}) == 1
    assert [packet.payload for packet in wire.heard] == [TEXT]


@pytest.mark.parametrize("label", [None, LABEL._replace(packet=TeredoPacket.BUBBLE)])
def test_what_carries_nothing_stays_whole(wire: Wire, label: Label | None) -> None:
    wire.send(label)
    assert [frame.label for frame in wire.tap.frames] == [label]
    assert [packet.payload for packet in wire.heard] == [TEXT]


def test_damaged_pieces_are_counted(wire: Wire) -> None:
    wire.there.interface.receive(Packet(octets(Piece(0, TEXT, more=True))[:100]))
    assert wire.there.drops == {"unreadable": 1}
