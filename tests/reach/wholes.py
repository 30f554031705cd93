"""Frames whose inner packet was put together from fragments, and is longer than its carrier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .carriers import carrier
from .frames import Generated, framed
from .kinds import kinds
from .made import Tunnel, tcp6

_SHORT, _LONG = bytes(1200), bytes(2400)


def wholes() -> Iterator[tuple[Tunnel, Generated, int]]:
    """Each kind around TCP, with the offset of the inner packet.

    The sums of carriers stay right: what the length adds to them, the inner sum takes away.
    """
    for tunnel in kinds():
        if tunnel.inside.layers != ("tcp",):
            continue
        ends = (tunnel.inside.source[0], tunnel.inside.destination[0])
        carried, whole = tcp6(*ends, _SHORT), tcp6(*ends, _LONG)
        shorter = replace(tunnel, inside=carried)
        frame = framed(shorter, shorter.made(), carrier("ethernet"))
        if frame is not None:
            at = frame.data.index(carried.packet)
            yield tunnel, frame._replace(data=frame.data[:at] + whole.packet), at
