"""Every kind with its outermost packet in two fragments."""

from __future__ import annotations

from collections.abc import Iterator

from sensor.wire import ipv4, ipv6

from ..fragments import ipv4_fragments, ipv6_fragments, spans
from .carriers import carrier, ethernet
from .cuts import says_it_late
from .evasions import own_proof
from .frames import Generated, framed
from .kinds import kinds
from .made import TCP, Made, Tunnel

_UNIT = 8
FIRST = 2 * _UNIT  # octets of a payload that tell little: a UDP header and what begins behind it


def pieces() -> Iterator[tuple[Tunnel, Generated, list[bytes]]]:
    """The whole frame, then its fragments; TCP is read a segment at a time, so it is left out."""
    for tunnel, made, whole in _wholes():
        yield tunnel, whole, _cut(made, FIRST)


def first_pieces() -> Iterator[tuple[Tunnel, Generated, bytes]]:
    """The whole frame, and its first fragment where that lacks little and tells enough."""
    for tunnel, made, whole in _wholes():
        inner_header_stays = len(tunnel.inside.packet + tunnel.tail) >= ipv6.HEADER_LENGTH + _UNIT
        if own_proof(tunnel) and inner_header_stays and not says_it_late(tunnel):
            first, _ = _cut(made, (_payload(made) - 1) // _UNIT * _UNIT)
            yield tunnel, whole, first


def _wholes() -> Iterator[tuple[Tunnel, Made, Generated]]:
    for tunnel in kinds():
        made = tunnel.made()
        whole = framed(tunnel, made, carrier("ethernet"))
        if whole is not None and tunnel.protocol != TCP:
            yield tunnel, made, whole


def _payload(made: Made) -> int:
    header = ipv4.MIN_HEADER_LENGTH if made.version == 4 else ipv6.HEADER_LENGTH
    return len(made.packet) - header


def _cut(made: Made, at: int) -> list[bytes]:
    cut = ipv4_fragments if made.version == 4 else ipv6_fragments
    return [ethernet(each) for each in cut(made.packet, spans(_payload(made), at))]
