"""Frames of which the snap length left less than was sent."""

from __future__ import annotations

from collections.abc import Iterator

from .carriers import carrier
from .evasions import own_proof
from .frames import EVADING, Generated, framed
from .kinds import kinds
from .made import Tunnel

CUTS = ("of its last octet", "behind the inner header")
_SETUP = ("router-solicitation", "router-advertisement")


def cut_frames(cut: str) -> Iterator[tuple[Tunnel, Generated, int]]:
    """Each tunnel that something beside the octets cut away proves, and how many these are."""
    for tunnel in filter(own_proof, kinds()):
        behind = len(tunnel.inside.packet) - 40 + len(tunnel.tail)
        missing = 1 if cut == CUTS[0] else behind
        if not 0 < missing <= behind or (missing > 1 and says_it_late(tunnel)):
            continue
        if tunnel.teredo == "router-advertisement" and says_it_late(tunnel):
            continue  # its prefix is the last that it says
        made = tunnel.made()
        for around in map(carrier, EVADING):
            frame = framed(tunnel, made, around)
            if frame is not None:
                yield tunnel, frame, missing + around.trailer


def says_it_late(tunnel: Tunnel) -> bool:
    """Whether what is behind the inner header tells what the packet is."""
    setup = tunnel.teredo in _SETUP and "server-equals-outer" not in tunnel.reasons
    return setup or tunnel.name == "6bed4 solicitation"
