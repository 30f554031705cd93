"""The steps that few frames take."""

from __future__ import annotations

from sensor.decode.compiled.carriers import gre, mpls, ppp, pppoe, tunnelled
from sensor.decode.compiled.datagram import otherwise
from sensor.decode.compiled.link import link
from sensor.decode.compiled.native import authenticated, icmp, icmpv6, ip
from sensor.decode.compiled.octets import Array, Names, Number, Record
from sensor.decode.compiled.protocol41 import nested, quoted_41
from sensor.decode.compiled.state import (
    STEP_AUTHENTICATED,
    STEP_GRE,
    STEP_ICMP,
    STEP_ICMPV6,
    STEP_IP,
    STEP_LINK,
    STEP_MPLS,
    STEP_NESTED,
    STEP_OTHERWISE,
    STEP_PPP,
    STEP_PPPOE,
    STEP_SEGMENT,
    STEP_TUNNELLED,
)
from sensor.decode.compiled.tsp import segment
from sensor.decode.compiled.walk import carrier
from sensor.jit import compiled


@compiled
def seldom(arena: Array, walk: Record, rows: Array, names: Names, step: Number) -> Number:
    """One step; the next one, or the frame's ``Reason``."""
    row = rows[walk["count"]]
    if step == STEP_LINK:
        return link(arena, walk)
    if step == STEP_OTHERWISE:
        return otherwise(arena, walk, rows, names)
    if step == STEP_SEGMENT:
        return segment(arena, walk, row)
    if step == STEP_ICMP:
        return icmp(arena, walk)
    if step == STEP_ICMPV6:
        return icmpv6(arena, walk)
    if step == STEP_MPLS:
        return mpls(arena, walk)
    if step == STEP_PPPOE:
        return pppoe(arena, walk)
    if step == STEP_PPP:
        return ppp(arena, walk)
    if step == STEP_GRE:
        return gre(arena, walk)
    if step == STEP_AUTHENTICATED:
        return authenticated(arena, walk)
    if step == STEP_IP:
        return ip(arena, walk)
    if step == STEP_TUNNELLED:
        return tunnelled(arena, walk, row, carrier(walk, rows))
    if step == STEP_NESTED:
        return nested(arena, walk, row, carrier(walk, rows))
    return quoted_41(arena, walk, rows)
