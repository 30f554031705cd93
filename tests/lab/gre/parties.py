"""Both ends of a GRE tunnel."""

from __future__ import annotations

from random import Random
from typing import Any

from sensor.lab.gre.endpoint import GreEndpoint
from sensor.lab.gre.settings import GreSettings
from sensor.lab.machine import OuterPacket
from sensor.wire import gre
from sensor.wire.addresses import packed

EAST = packed("203.0.113.5")
WEST = packed("198.51.100.9")
THIRD = packed("192.0.2.77")
OWN = packed("2001:db8:e::1")


def east(**settings: Any) -> GreEndpoint:
    return GreEndpoint(GreSettings(EAST, WEST, **settings), Random(1))


def west(**settings: Any) -> GreEndpoint:
    return GreEndpoint(GreSettings(WEST, EAST, **settings), Random(2))


def outer(
    payload: bytes, source: bytes = EAST, destination: bytes = WEST, protocol: int = gre.PROTOCOL
) -> OuterPacket:
    return OuterPacket(source, destination, protocol, payload)


def carried(sender: GreEndpoint, receiver: GreEndpoint, packet: bytes, now: float) -> list[bytes]:
    """What comes out of the one end when a packet goes into the other."""
    sender.send_ipv6(packet, now)
    for each in sender.packets_to_send():
        receiver.receive_packet(each, now)
    return receiver.ipv6_to_deliver()
