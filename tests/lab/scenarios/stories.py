"""Stories told once for all tests that look at them."""

from __future__ import annotations

import functools

from sensor.lab.scenarios.catalogue import SCENARIOS
from sensor.lab.scenarios.run import tell
from sensor.lab.scenarios.truth import ExposureTruth, Labelled, Truth, TunnelTruth
from sensor.lab.scenarios.world import World
from sensor.schema.words import TeredoPacket
from sensor.wire import ipv4, link, udp
from sensor.wire.cursor import Cursor

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@functools.cache
def told(name: str) -> tuple[World, Truth]:
    """A scenario of the catalogue, and the truth about it."""
    return tell(BY_NAME[name])


def tunnel(truth: Truth, name: str = "alice") -> TunnelTruth:
    return next(tunnel for tunnel in truth.tunnels if tunnel.name == name)


def services(truth: Truth) -> dict[tuple[str, int], str]:
    """How far each service of a client was opened."""
    return {(each.tunnel, each.port): each.state.text for each in truth.exposures}


def exposure(truth: Truth, port: int) -> ExposureTruth:
    return next(each for each in truth.exposures if each.port == port)


def answers(truth: Truth) -> list[tuple[str, str, bool]]:
    """Who asked whom, and whether all was said."""
    return [(tried.by, tried.whom, tried.whole) for tried in truth.tries]


def sent(
    name: str, sender: str, packet: TeredoPacket, side: str = "inside"
) -> list[tuple[Labelled, bytes]]:
    """The UDP payloads that somebody sent for a purpose."""
    world, truth = told(name)
    frames = world.watched.taps[side].frames
    return [
        (frame, payload(frames[frame.number - 1].octets))
        for frame in truth.captures[side].labelled
        if (frame.sender, frame.packet) == (sender, packet)
    ]


def payload(frame: bytes) -> bytes:
    """Of a datagram in an Ethernet frame."""
    cursor = Cursor(frame)
    link.parse(link.LINKTYPE_ETHERNET, cursor)
    ipv4.parse(cursor)
    header = udp.parse(cursor)
    return cursor.take(header.length - udp.HEADER_LENGTH)
