"""Frames with more than the decoder follows: layers, tunnels, tags, labels."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from sensor.wire import link, mpls

from ..build import NATIVE, TEREDO, V4A, V4B
from .carriers import ethernet, typed
from .frames import Expected, Generated
from .kinds import SIXINFOUR
from .made import Change, in_ipv4, in_ipv6

_NOT_COMPARED = Expected((), ())


def limits() -> list[Generated]:
    return [Generated(name, link.LINKTYPE_ETHERNET, data, _NOT_COMPARED) for name, data in _all()]


def _all() -> Iterator[tuple[str, bytes]]:
    tunnel = SIXINFOUR.made().packet
    yield "ip-in-ip 20", ethernet(_times(tunnel, 20, _ipip))
    yield "ds-lite 20", ethernet(_times(tunnel, 20, _ds_lite))
    yield "nine tags", ethernet(tunnel, ((0x88A8, 7),) * 8 + ((0x8100, 5),))
    labels = range(100, 100 + mpls.MAX_LABELS + 1)
    yield "seventeen labels", typed(mpls.build(labels, tunnel), mpls.ETHERTYPE)


def _times(packet: bytes, count: int, step: Change) -> bytes:
    return functools.reduce(lambda inner, _: step(inner), range(count), packet)


_ipip = functools.partial(in_ipv4, source=V4A, destination=V4B)
_ds_lite = functools.partial(in_ipv6, source=NATIVE, destination=TEREDO)
