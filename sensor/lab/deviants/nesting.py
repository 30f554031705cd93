"""Tunnels inside a tunnel: each hides what it carries from who looks less deep."""

from __future__ import annotations

from collections import Counter

from sensor.errors import DecodeError
from sensor.lab.deviants.disguise import Disguise, Passing
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import gre, ipv4, ipv6, sixinfour, udp
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor

LAYERS = 32  # that are taken off one packet

TOO_DEEP = "too-deep"

_IPV4_IN_IPV6 = 4  # a next header (RFC 2473 section 3)
# The two ends of the tunnels inside: a network of the two hosts alone, which nobody else knows.
FIRST, SECOND = packed("10.77.0.1"), packed("10.77.0.2")
_PORT = 40_077
_OVER_UDP = (Kind.TEREDO, Kind.IP6_IN_UDP)


class Nested(Disguise):
    """Puts data into tunnels of ``kinds``, the first of them outermost, and takes all off.

    ``kinds`` are 6in4, IPv6 in GRE, Teredo (for Teredo addresses) and IPv6 in UDP; they may change
    while it is worn. ``own`` and ``other`` are the ends of all these tunnels.
    """

    def __init__(self, own: bytes, other: bytes) -> None:
        self.kinds: tuple[Kind, ...] = ()
        self.drops: Counter[str] = Counter()
        self._ends = own, other

    def leaving(self, passing: Passing) -> Passing:
        label = passing.label
        if label is None or label.packet not in (TeredoPacket.DATA, TeredoPacket.NONE):
            return passing
        packet = passing.payload
        for kind in reversed(self.kinds):
            packet = wrap(packet, kind, *self._ends)
        return passing._replace(payload=packet, label=label._replace(within=self.kinds))

    def arriving(self, passing: Passing) -> Passing:
        packet = passing.payload
        for _ in range(LAYERS):
            inner = unwrap(packet)
            if inner is None:
                return passing._replace(payload=packet)
            packet = inner
        self.drops[TOO_DEEP] += 1
        return passing


def wrap(packet: bytes, kind: Kind, own: bytes, other: bytes) -> bytes:
    """An IPv6 packet in a tunnel over IPv4, which is in IPv6 between the same two hosts."""
    if kind in _OVER_UDP:
        protocol = udp.PROTOCOL
        carried = udp.build(own, other, _PORT, _PORT, packet)
    elif kind is Kind.GRE6:
        protocol, carried = gre.PROTOCOL, gre.build(gre.IPV6, packet)
    else:
        protocol, carried = sixinfour.PROTOCOL, packet
    outer = ipv4.build(own, other, protocol, carried)
    return ipv6.build(packet[8:24], packet[24:40], _IPV4_IN_IPV6, outer)


def unwrap(packet: bytes) -> bytes | None:
    """What is in the outermost tunnel inside an IPv6 packet; None if there is none."""
    cursor = Cursor(packet)
    try:
        if ipv6.parse(cursor).next_header != _IPV4_IN_IPV6:
            return None
        protocol = ipv4.parse(cursor).protocol
        if protocol == udp.PROTOCOL:
            udp.parse(cursor)
        elif protocol == gre.PROTOCOL:
            gre.parse(cursor)
        elif protocol != sixinfour.PROTOCOL:
            return None
    except DecodeError:
        return None
    return cursor.rest()
