"""PPP and what carries it (``sensor.wire.ppp``, ``sensor.wire.pppoe``)."""

from __future__ import annotations

from sensor.decode.compiled.numbers import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_MPLS,
    ETHERTYPE_MPLS_MULTICAST,
    PPP_IPV4,
    PPP_IPV6,
    PPP_MPLS,
    PPP_MPLS_MULTICAST,
    PPPOE_LENGTH,
    PPPOE_SESSION_DATA,
)
from sensor.decode.compiled.octets import Array, Number, octet, pair
from sensor.decode.compiled.wlan import CUT, NOWHERE
from sensor.jit import inlined

_ADDRESS = 0xFF
_CONTROL = 0x03


@inlined
def behind_ppp(arena: Array, at: Number, end: Number) -> tuple[Number, Number]:
    """Behind a PPP header, and the EtherType of what follows it; see ``wlan`` for other places."""
    if at < end and octet(arena, at) == _ADDRESS:
        if end - at < 2:
            return CUT, 0
        if octet(arena, at + 1) != _CONTROL:
            return NOWHERE, 0
        at += 2
    if at >= end:
        return CUT, 0
    protocol = octet(arena, at)
    at += 1
    if protocol & 1 == 0:
        if at >= end:
            return CUT, 0
        protocol = protocol << 8 | octet(arena, at)
        at += 1
    ethertype = _ethertype(protocol)
    return (at, ethertype) if ethertype else (NOWHERE, 0)


@inlined
def _ethertype(protocol: Number) -> Number:
    if protocol == PPP_IPV4:
        return ETHERTYPE_IPV4
    if protocol == PPP_IPV6:
        return ETHERTYPE_IPV6
    if protocol == PPP_MPLS:
        return ETHERTYPE_MPLS
    return ETHERTYPE_MPLS_MULTICAST if protocol == PPP_MPLS_MULTICAST else 0


@inlined
def behind_pppoe(arena: Array, at: Number, end: Number) -> Number:
    """Behind the header of session data."""
    if end - at < PPPOE_LENGTH:
        return CUT
    kind = pair(arena, at)
    return at + PPPOE_LENGTH if kind == PPPOE_SESSION_DATA else NOWHERE
