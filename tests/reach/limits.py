"""Frames with more than the decoder follows: layers, tunnels, tags, labels."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from sensor.wire import gre, gtpu, ipv6, link, mpls, vxlan
from sensor.wire.ports import GTPU_PORT, VXLAN_PORT

from ..build import NATIVE, OTHER, TEREDO, V4A, V4B, in_four, tcp6, udp
from .carriers import ethernet, typed
from .frames import Expected, Generated
from .kinds import SIXINFOUR
from .made import Change, in_ipv4, in_ipv6

_NOT_COMPARED = Expected((), ())
_TAGS = ((0x88A8, 7),) * link.MAX_TAGS + ((0x8100, 5),)


def limits() -> list[Generated]:
    return [Generated(name, link.LINKTYPE_ETHERNET, data, _NOT_COMPARED) for name, data in _all()]


def _all() -> Iterator[tuple[str, bytes]]:
    tunnel = SIXINFOUR.made().packet
    yield "ip-in-ip 20", ethernet(_times(tunnel, 20, _ipip))
    yield "ds-lite 20", ethernet(_times(tunnel, 20, _ds_lite))
    yield "seventeen tags", ethernet(tunnel, _TAGS)
    labels = mpls.build(range(100, 100 + mpls.MAX_LABELS + 1), tunnel)
    yield "seventeen labels", typed(labels, mpls.ETHERTYPE)
    yield "seventeen labels in gre", ethernet(in_four(gre.build(gre.MPLS, labels), gre.PROTOCOL))
    tagged = vxlan.build(42, ethernet(tunnel, _TAGS))
    yield "seventeen tags in vxlan", ethernet(udp((V4A, 40000), (V4B, VXLAN_PORT), tagged))
    yield "fifteen tags", ethernet(tunnel, _TAGS[:15])
    extensions = ((0x85, bytes(2)),) * (gtpu.MAX_EXTENSIONS + 1)
    subscriber = gtpu.build(1, tunnel, extensions=extensions)
    yield "seventeen extensions", ethernet(udp((V4A, 40000), (V4B, GTPU_PORT), subscriber))
    routed = gre.build(gre.IPV6, tcp6(), routes=(V4B,) * (gre.MAX_ROUTES + 1))
    yield "seventeen routes", ethernet(in_four(routed, gre.PROTOCOL))
    twice = ipv6.build_extension(ipv6.AUTHENTICATION, ipv6.AUTHENTICATION, bytes(22))
    yield "two authentication headers", ethernet(in_four(twice * 2 + tunnel, ipv6.AUTHENTICATION))
    chain = ipv6.build_extension(ipv6.DESTINATION, ipv6.DESTINATION, bytes(6))
    endless = chain * (ipv6.MAX_EXTENSION_HEADERS + 1) + tunnel
    yield "65 extension headers", ethernet(ipv6.build(NATIVE, OTHER, ipv6.DESTINATION, endless))


def _times(packet: bytes, count: int, step: Change) -> bytes:
    return functools.reduce(lambda inner, _: step(inner), range(count), packet)


_ipip = functools.partial(in_ipv4, source=V4A, destination=V4B)
_ds_lite = functools.partial(in_ipv6, source=NATIVE, destination=TEREDO)
