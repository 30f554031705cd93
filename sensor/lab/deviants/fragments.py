"""IPv4 fragments as a host makes them, honestly or so that two readers read two packets.

RFC 791 lets a receiver choose between fragments that claim the same octets. Linux and our hosts
choose neither; here is one that keeps what came first, as some stacks did.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.lab.machine import OuterPacket
from sensor.lab.network.host import Host
from sensor.lab.network.packet import Label, Packet
from sensor.lab.network.reassembly import UNREADABLE
from sensor.lab.network.segment import Segment
from sensor.schema.words import TeredoPacket
from sensor.wire import ipv4
from sensor.wire.cursor import Cursor

UNIT = 8  # octets that offsets are counted in
DATAGRAMS = 16  # half done at once; one more forgets the oldest

EVICTED = "fragments-evicted"

# Another port and sequence number than those that it hides.
_DECOY = bytes.fromhex("c35001bb00000000")

# What is meant for servers stays whole.
_CUT = frozenset({TeredoPacket.DATA, TeredoPacket.NONE})


class Piece(NamedTuple):
    """Octets of an IPv4 payload, ``offset`` octets from its start; ``more`` follow behind them."""

    offset: int
    data: bytes
    more: bool


class Cut(NamedTuple):
    """A payload in pieces, in the order in which they are sent."""

    pieces: tuple[Piece, ...]
    flawed: bool = False


Cutter = Callable[[bytes], Cut]


def fitting(size: int) -> Cutter:
    """Pieces of at most ``size`` octets, a multiple of 8, as a narrow link wants them."""

    def cut(payload: bytes) -> Cut:
        offsets = range(0, len(payload), size)
        pieces = (Piece(at, payload[at : at + size], at + size < len(payload)) for at in offsets)
        return Cut(tuple(pieces))

    return cut


def overlapping(at: int) -> Cutter:
    """Eight octets ``at`` some place, first what they are, then something else.

    What ends there or before is sent whole.
    """

    def cut(payload: bytes) -> Cut:
        between, rest = at + UNIT, at + 2 * UNIT
        if len(payload) <= rest:
            return Cut((Piece(0, payload, more=False),))
        decoy = Piece(at, _DECOY + payload[between:rest], more=True)
        pieces = Piece(0, payload[:between], True), decoy, Piece(rest, payload[rest:], False)
        return Cut(pieces, flawed=True)

    return cut


class FirstWins:
    """Puts fragments together; an octet that came once is not changed by what comes later."""

    def __init__(self, drops: Counter[str]) -> None:
        self._drops = drops
        self._datagrams: OrderedDict[tuple[object, ...], _Datagram] = OrderedDict()

    def add(self, octets: bytes) -> bytes | None:
        """The whole packet that a packet is or completes, else None; DecodeError for damage."""
        cursor = Cursor(octets)
        header = ipv4.parse(cursor)
        if not header.more_fragments and not header.fragment_offset:
            return octets
        data = cursor.take(header.total_length - header.header_length)
        key = header.source, header.destination, header.protocol, header.identification
        datagram = self._datagrams.get(key) or self._begin(key)
        if not datagram.add(header, data):
            return None
        del self._datagrams[key]
        return ipv4.build(
            header.source, header.destination, header.protocol, bytes(datagram.data),
            ttl=header.ttl, identification=header.identification, tos=header.tos,
        )  # fmt: skip

    def _begin(self, key: tuple[object, ...]) -> _Datagram:
        if len(self._datagrams) >= DATAGRAMS:
            self._datagrams.popitem(last=False)
            self._drops[EVICTED] += 1
        self._datagrams[key] = _Datagram()
        return self._datagrams[key]


class _Datagram:
    """No larger than offsets reach, some 72 KiB."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._known = bytearray()
        self._end: int | None = None

    def add(self, header: ipv4.IPv4Header, data: bytes) -> bool:
        """Whether it is whole now, and fits a packet."""
        end = header.fragment_offset + len(data)
        self._reach(end)
        for at, octet in enumerate(data, header.fragment_offset):
            if not self._known[at]:
                self.data[at], self._known[at] = octet, 1
        if not header.more_fragments and self._end is None:
            self._end = end
        whole = self._end is not None and all(self._known[: self._end])
        if whole:
            del self.data[self._end :]
        return whole and len(self.data) <= ipv4.MAX_TOTAL_LENGTH - ipv4.MIN_HEADER_LENGTH

    def _reach(self, end: int) -> None:
        missing = bytes(max(0, end - len(self.data)))
        self.data += missing
        self._known += missing


class FragmentingHost(Host):
    """Sends what its tunnels carry in pieces; of what comes in pieces the first ones win."""

    def __init__(
        self, name: str, segment: Segment, addresses: Sequence[bytes], rng: Random, cut: Cutter
    ) -> None:
        super().__init__(name, segment, addresses, rng)
        self._cut = cut
        self._pieces = FirstWins(self.drops)

    def send_packet(self, packet: OuterPacket, label: Label | None = None) -> None:
        if label is None or label.packet not in _CUT:
            super().send_packet(packet, label)
            return
        pieces, flawed = self._cut(packet.payload)
        identification = self._next_identification()
        for number, piece in enumerate(pieces, 1):
            octets = ipv4.build(
                packet.source, packet.destination, packet.protocol, piece.data, ttl=packet.ttl,
                identification=identification, tos=packet.tos, more_fragments=piece.more,
                fragment_offset=piece.offset,
            )  # fmt: skip
            completes = label._replace(flawed=flawed) if number == len(pieces) else None
            self.interface.send(Packet(octets, completes))

    def _receive(self, packet: Packet) -> None:
        try:
            whole = self._pieces.add(packet.octets)
        except DecodeError:
            self.drops[UNREADABLE] += 1
            return
        if whole is not None:
            super()._receive(packet._replace(octets=whole))
