"""Who takes part in the tests of protocol-41 ends, and what comes to them."""

from __future__ import annotations

from random import Random

from sensor.lab.machine import OuterPacket, RawMachine
from sensor.lab.sixinfour.peer import Peer
from sensor.lab.sixinfour.settings import (
    LinkSettings,
    PeerSettings,
    SixRdSettings,
    SixToFourRelaySettings,
    SixToFourSettings,
)
from sensor.lab.sixinfour.sixrd import SixRdEdge, SixRdRelay
from sensor.lab.sixinfour.sixtofour import SixToFourRelay, SixToFourRouter
from sensor.wire import icmpv4, ipv4, sixinfour
from sensor.wire.addresses import SIXTOFOUR_ANYCAST, SixRdDomain, build_sixtofour, packed

LOCAL = packed("203.0.113.5")
REMOTE = packed("198.51.100.7")
STRANGER = packed("192.0.2.66")
ROUTER_ON_THE_WAY = packed("192.0.2.1")

NEAR = packed("2001:2::10")
FAR = packed("2001:3::10")
NATIVE = packed("2a00:db8::80")
SERVED = ((packed("2a00:db8::"), 32),)

OWN_SITE = build_sixtofour(LOCAL, 1)
OTHER_SITE = build_sixtofour(REMOTE, 1)

# A provider whose customers are all in 10.0.0.0/8, as is its relay: 24 bits are embedded.
EDGE = packed("10.1.2.3")
OTHER_EDGE = packed("10.9.8.7")
BORDER = packed("10.0.0.1")
DOMAIN = SixRdDomain(packed("2a01:e000::"), 28, 8, (BORDER,))


def home(edge: bytes, host: int = 0x10, domain: SixRdDomain = DOMAIN) -> bytes:
    """A host's address in the prefix that the edge at an IPv4 address received."""
    prefix, _ = domain.delegate(edge)
    return (int.from_bytes(prefix) | host).to_bytes(16)


def peer(link: LinkSettings | None = None) -> Peer:
    return Peer(PeerSettings(LOCAL, REMOTE, link or LinkSettings()), Random(1))


def router(relay: bytes | None = SIXTOFOUR_ANYCAST) -> SixToFourRouter:
    return SixToFourRouter(SixToFourSettings(LOCAL, relay), Random(1))


def relay(*, anycast: bool = False, local: bytes = LOCAL) -> SixToFourRelay:
    return SixToFourRelay(SixToFourRelaySettings(local, SERVED, anycast), Random(1))


def edge(domain: SixRdDomain = DOMAIN, local: bytes = EDGE) -> SixRdEdge:
    return SixRdEdge(SixRdSettings(local, domain), Random(1))


def border(domain: SixRdDomain = DOMAIN, local: bytes = BORDER) -> SixRdRelay:
    return SixRdRelay(SixRdSettings(local, domain), Random(1))


def carried(packet: bytes, source: bytes, destination: bytes, tos: int = 0) -> OuterPacket:
    """An IPv6 packet as it comes in, with nobody's word for what it is."""
    return OuterPacket(source, destination, sixinfour.PROTOCOL, packet, tos=tos)


def hear(machine: RawMachine, packet: bytes, source: bytes, destination: bytes) -> None:
    machine.receive_packet(carried(packet, source, destination), 0.0)


def error_about(
    sent: OuterPacket,
    kind: int = icmpv4.UNREACHABLE,
    code: int = 1,
    *,
    mtu: int = 0,
    quote: int | None = None,
) -> OuterPacket:
    """The error of a router on the way about a packet, quoting all of it or its start."""
    outer = ipv4.build(
        sent.source, sent.destination, sent.protocol, sent.payload, ttl=3, tos=sent.tos
    )
    message = icmpv4.build_error(kind, code, outer, rest=mtu.to_bytes(4), quote=quote)
    return OuterPacket(ROUTER_ON_THE_WAY, sent.source, icmpv4.PROTOCOL, message)
