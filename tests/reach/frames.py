"""All frames of this folder with what is to be said of them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

from sensor.schema.rows import STACK_LIMIT
from sensor.schema.words import Reason
from sensor.wire import icmpv4, icmpv6, ipv4, ipv6
from sensor.wire.addresses import packed

from .carriers import Carrier, carrier, carriers
from .evasions import Evasion, evasions
from .kinds import kinds
from .made import Made, Row, Tunnel

# Evasions are met behind a plain link, tags, a trailer, and inside other packets.
EVADING = ("ethernet", "sll2", "radiotap fcs", "qinq 9100", "gre", "vxlan")


class Expected(NamedTuple):
    """``rows`` are exact; each is at least strong. ``stack`` is that of the whole frame."""

    rows: tuple[Row, ...]
    stack: tuple[str, ...]
    reason: Reason = Reason.TUNNELLED


class Generated(NamedTuple):
    name: str
    link_type: int
    data: bytes
    expected: Expected


def framed(tunnel: Tunnel, made: Made, around: Carrier) -> Generated | None:
    """A tunnel, made already, in a carrier; None if that cannot carry its IP version."""
    if made.version not in around.versions:
        return None
    stack = around.layers + made.layers
    assert len(stack) <= STACK_LIMIT, "this is about frames within the limits"
    expected = Expected(around.rows(made), stack)
    name = f"{tunnel.family}: {tunnel.name} | {around.name}"
    return Generated(name, around.link_type, around.wrap(made.packet), expected)


@functools.cache
def made_kinds() -> tuple[tuple[Tunnel, Made], ...]:
    return tuple((tunnel, tunnel.made()) for tunnel in kinds())


@functools.cache
def carried(around: Carrier) -> tuple[tuple[Tunnel, Generated], ...]:
    """Every kind that a carrier can hold."""
    framings = ((tunnel, framed(tunnel, made, around)) for tunnel, made in made_kinds())
    return tuple((tunnel, frame) for tunnel, frame in framings if frame is not None)


class Pair(NamedTuple):
    """An evasion of a kind in a carrier, and the same without what makes it one."""

    evasion: Evasion
    tunnel: Tunnel
    frame: Generated
    benign: Generated


@functools.cache
def pairs(evasion: Evasion) -> tuple[Pair, ...]:
    """Where a carrier is no tunnel itself and leaves room below the limit of layers."""
    return tuple(_pairs(evasion))


def _pairs(evasion: Evasion) -> Iterator[Pair]:
    for tunnel in filter(evasion.applies, kinds()):
        odd, plain = evasion.change(tunnel), evasion.benign(tunnel)
        packet, companion = odd.made(), plain.made()
        for around in map(carrier, EVADING):
            deep = len(around.layers) + len(packet.layers) > STACK_LIMIT
            if deep or (around.tunnel and packet.version == 6):
                continue
            frame, benign = framed(odd, packet, around), framed(plain, companion, around)
            if frame is not None and benign is not None:
                renamed = frame._replace(name=f"{evasion.name} | {frame.name}")
                yield Pair(evasion, tunnel, renamed, benign)


@functools.cache
def generated() -> list[Generated]:
    """All whole frames: the product of kinds and carriers, the evasions, and the quotes."""
    product = [frame for around in carriers() for _, frame in carried(around)]
    evading = [pair.frame for evasion in evasions() for pair in pairs(evasion)]
    return product + evading + [frame for _, frame in quotes()]


_ROUTER4, _ROUTER6 = packed("198.51.100.254"), packed("2a00:db8:ff::fe")


def quotes() -> Iterator[tuple[Tunnel, Generated]]:
    """ICMP errors about a packet of every kind, with all of it quoted."""
    around = carrier("ethernet")
    for tunnel, made in made_kinds():
        layers = ("ipv4", "icmp") if made.version == 4 else ("ipv6", "icmpv6")
        stack = (*around.layers, *layers, *made.layers)
        expected = Expected(made.rows, stack, Reason.QUOTED)
        name = f"quote of {tunnel.family}: {tunnel.name}"
        data = around.wrap(_error(made.packet))
        yield tunnel, Generated(name, around.link_type, data, expected)


def _error(packet: bytes) -> bytes:
    """Host unreachable, to whoever sent the packet."""
    if packet[0] >> 4 == 4:
        message = icmpv4.build_error(icmpv4.UNREACHABLE, 1, packet)
        return ipv4.build(_ROUTER4, packet[12:16], icmpv4.PROTOCOL, message)
    ends = (_ROUTER6, packet[8:24])
    message = icmpv6.build_error(*ends, icmpv6.UNREACHABLE, 3, packet)
    return ipv6.build(*ends, icmpv6.PROTOCOL, message)
