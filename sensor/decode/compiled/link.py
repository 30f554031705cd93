"""Link-layer headers, of the frame and inside other packets (``sensor.wire.link``)."""

from __future__ import annotations

from sensor.decode.compiled.numbers import (
    BRIDGE_TUNNEL,
    ETHERNET_LENGTH,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_MPLS,
    ETHERTYPE_MPLS_MULTICAST,
    ETHERTYPE_PPPOE,
    ETHERTYPE_PROVIDER_VLAN,
    ETHERTYPE_STACKED_VLAN,
    ETHERTYPE_TRANSPARENT,
    ETHERTYPE_VLAN,
    FCS_LENGTH,
    FIRST_ETHERTYPE,
    LINK_ETHERNET,
    LINK_HDLC,
    LINK_IPV4,
    LINK_IPV6,
    LINK_LOOP,
    LINK_NULL,
    LINK_PPP,
    LINK_PPP_ETHER,
    LINK_PPP_HDLC,
    LINK_RADIOTAP,
    LINK_RAW,
    LINK_RAW_BSD,
    LINK_RAW_OPENBSD,
    LINK_SLL,
    LINK_SLL2,
    LINK_WLAN,
    MAX_TAGS,
    RADIOTAP_FCS,
    RADIOTAP_PADDED,
    SLL2_LENGTH,
    SLL_LENGTH,
    SNAP,
    SNAP_LENGTH,
    TAG_LENGTH,
)
from sensor.decode.compiled.octets import (
    Array,
    Flag,
    Number,
    Record,
    octet,
    pair,
    pair_before,
    part,
    word,
)
from sensor.decode.compiled.ppp import behind_ppp, behind_pppoe
from sensor.decode.compiled.state import (
    STEP_IP,
    STEP_IPV4,
    STEP_IPV6,
    STEP_LINK,
    STEP_MPLS,
    STEP_PPPOE,
    STEP_TUNNELLED,
)
from sensor.decode.compiled.walk import cut_or, push, pushed, stop_nesting
from sensor.decode.compiled.wlan import CUT, NOWHERE, behind_radiotap, behind_wlan
from sensor.decode.compiled.words import (
    LAYER_ETHERNET,
    LAYER_HDLC,
    LAYER_NONE,
    LAYER_NULL,
    LAYER_PPP,
    LAYER_PPPOE,
    LAYER_RADIOTAP,
    LAYER_SLL,
    LAYER_SLL2,
    LAYER_VLAN,
    LAYER_WLAN,
    REASON_NOT_IP,
    REASON_TOO_MANY_LAYERS,
    REASON_TRUNCATED_LINK,
    REASON_UNKNOWN_LINK_TYPE,
)
from sensor.jit import inlined


@inlined
def ethernet(arena: Array, walk: Record) -> Number:
    """An Ethernet header, of the frame or inside another packet."""
    start = walk["start"]
    if walk["end"] - start < ETHERNET_LENGTH:
        return _cut(walk)
    position = start + ETHERNET_LENGTH
    protocol = pair_before(arena, position)
    return _tagged(arena, walk, LAYER_NONE, LAYER_ETHERNET, position, protocol)


@inlined
def link(arena: Array, walk: Record) -> Number:
    """A link header of type ``code``, an Ethernet header inside another packet among them."""
    kind = walk["code"]
    if kind == LINK_ETHERNET:
        return ethernet(arena, walk)
    if kind in (LINK_SLL, LINK_SLL2):
        return _cooked(arena, walk, kind)
    if kind in (LINK_WLAN, LINK_RADIOTAP):
        return _wireless(arena, walk, kind)
    if kind in (LINK_NULL, LINK_LOOP):
        return _null(arena, walk)
    if kind in (LINK_PPP, LINK_PPP_HDLC, LINK_PPP_ETHER, LINK_HDLC):
        return _serial(arena, walk, kind)
    if kind == LINK_IPV4:
        return STEP_IPV4
    if kind == LINK_IPV6:
        return STEP_IPV6
    if kind in (LINK_RAW, LINK_RAW_BSD, LINK_RAW_OPENBSD):
        return REASON_TRUNCATED_LINK if walk["end"] == walk["start"] else STEP_IP
    return REASON_UNKNOWN_LINK_TYPE


@inlined
def _cooked(arena: Array, walk: Record, kind: Number) -> Number:
    start = walk["start"]
    layer = LAYER_SLL
    length = SLL_LENGTH
    at = start + SLL_LENGTH - 2
    if kind == LINK_SLL2:
        layer = LAYER_SLL2
        length = SLL2_LENGTH
        at = start
    if walk["end"] - start < length:
        return REASON_TRUNCATED_LINK
    protocol = pair(arena, at)
    return _tagged(arena, walk, LAYER_NONE, layer, start + length, protocol)


@inlined
def _wireless(arena: Array, walk: Record, kind: Number) -> Number:
    """An 802.11 data frame, with or without radiotap, down to the EtherType behind SNAP."""
    at, end = walk["start"], walk["end"]
    flags = 0
    above = LAYER_NONE
    if kind == LINK_RADIOTAP:
        above = LAYER_RADIOTAP
        at, flags = behind_radiotap(arena, at, end)
    if at >= 0:
        at = behind_wlan(arena, at, end, flags & RADIOTAP_PADDED)
    if at == NOWHERE:
        return REASON_NOT_IP
    if at < 0 or end - at < SNAP_LENGTH:
        return REASON_TRUNCATED_LINK
    if not _is_snap(arena, at):
        return REASON_NOT_IP
    if end - at < SNAP_LENGTH + 2:
        return REASON_TRUNCATED_LINK
    at += SNAP_LENGTH + 2
    step = _tagged(arena, walk, above, LAYER_WLAN, at, pair_before(arena, at))
    if flags & RADIOTAP_FCS:
        _drop_trailer(walk, FCS_LENGTH)
    return step


@inlined
def _drop_trailer(walk: Record, trailer: Number) -> None:
    """A check sequence at the end of a frame is not of what it carries."""
    walk["declared"] = max(walk["declared"] - trailer, walk["start"])
    walk["end"] = min(walk["end"], walk["declared"])


@inlined
def _tagged(
    arena: Array, walk: Record, above: Number, layer: Number, position: Number, protocol: Number
) -> Number:
    """Pass SNAP and VLAN tags behind a header whose protocol field is known."""
    outermost = walk["depth"] == 0
    tags = 0
    vlan = 0
    position, protocol = _pass_snap(arena, position, walk["end"], protocol)
    while is_tag(protocol):
        if tags == MAX_TAGS:
            return stop_nesting(walk)
        if walk["end"] - position < TAG_LENGTH:
            return _cut(walk)
        position += TAG_LENGTH
        tags += 1
        vlan = pair_before(arena, position - 2)
        protocol = pair_before(arena, position)
        position, protocol = _pass_snap(arena, position, walk["end"], protocol)
    if protocol < 0:
        return _cut(walk)
    if above != LAYER_NONE and not push(walk, above):
        return REASON_TOO_MANY_LAYERS
    if not push(walk, layer):
        return REASON_TOO_MANY_LAYERS
    for _ in range(tags):
        if not push(walk, LAYER_VLAN):
            return REASON_TOO_MANY_LAYERS
    if tags and outermost:
        walk["vlan"] = (vlan & 0x0FFF) + 1
    walk["start"] = position
    return carried(walk, protocol)


@inlined
def _pass_snap(
    arena: Array, position: Number, end: Number, protocol: Number
) -> tuple[Number, Number]:
    """Where a length stands, the EtherType behind SNAP, if there is one; negative if it is cut."""
    if protocol >= FIRST_ETHERTYPE or end - position < SNAP_LENGTH or not _is_snap(arena, position):
        return position, protocol
    position += SNAP_LENGTH + 2
    return position, pair_before(arena, position) if position <= end else CUT


@inlined
def _is_snap(arena: Array, at: Number) -> Flag:
    """Whether the six octets there, which are not the frame's first two, begin SNAP."""
    return part(word(arena, at - 2), 0, 0xFFFFFFFFFFFF) in (SNAP, BRIDGE_TUNNEL)


@inlined
def is_tag(protocol: Number) -> Flag:
    """Whether a VLAN tag stands behind this EtherType."""
    return protocol in (ETHERTYPE_VLAN, ETHERTYPE_PROVIDER_VLAN, ETHERTYPE_STACKED_VLAN)


@inlined
def _cut(walk: Record) -> Number:
    """Why an Ethernet header cannot be read that ended too early."""
    return REASON_TRUNCATED_LINK if walk["depth"] == 0 else cut_or(walk, REASON_NOT_IP)


@inlined
def carried(walk: Record, ethertype: Number) -> Number:
    """What an EtherType names."""
    if ethertype == ETHERTYPE_IPV4:
        return STEP_IPV4
    if ethertype == ETHERTYPE_IPV6:
        return STEP_TUNNELLED if walk["bridge"] else STEP_IPV6
    if ethertype in (ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST):
        return STEP_MPLS
    if ethertype == ETHERTYPE_PPPOE:
        return STEP_PPPOE
    if ethertype == ETHERTYPE_TRANSPARENT:
        walk["code"] = LINK_ETHERNET
        return STEP_LINK
    return REASON_NOT_IP


@inlined
def _null(arena: Array, walk: Record) -> Number:
    """The address family comes in the byte order of the machine that captured."""
    start = walk["start"]
    if walk["end"] - start < 4:
        return REASON_TRUNCATED_LINK
    big = little = 0
    for i in range(4):
        found = octet(arena, start + i)
        big = big << 8 | found
        little |= found << 8 * i
    family = min(big, little)
    walk["start"] = start + 4
    if family == 2:
        return pushed(walk, LAYER_NULL, STEP_IPV4)
    if family in (10, 24, 28, 30):
        return pushed(walk, LAYER_NULL, STEP_IPV6)
    return REASON_NOT_IP


@inlined
def _serial(arena: Array, walk: Record, kind: Number) -> Number:
    """PPP, alone or in PPPoE, and Cisco HDLC; link type 50 is either, as the first octet tells."""
    at, end = walk["start"], walk["end"]
    if kind == LINK_PPP_ETHER:
        at = behind_pppoe(arena, at, end)
    if at < 0:
        return REASON_NOT_IP if at == NOWHERE else REASON_TRUNCATED_LINK
    hdlc = kind == LINK_HDLC or (kind == LINK_PPP_HDLC and at < end and _is_hdlc(octet(arena, at)))
    at, ethertype = _behind_hdlc(arena, at, end) if hdlc else behind_ppp(arena, at, end)
    if at < 0:
        return REASON_NOT_IP if at == NOWHERE else REASON_TRUNCATED_LINK
    if kind == LINK_PPP_ETHER and not push(walk, LAYER_PPPOE):
        return REASON_TOO_MANY_LAYERS
    if not push(walk, LAYER_HDLC if hdlc else LAYER_PPP):
        return REASON_TOO_MANY_LAYERS
    walk["start"] = at
    return carried(walk, ethertype)


@inlined
def _is_hdlc(address: Number) -> Flag:
    return address in (0x0F, 0x8F)  # unicast and broadcast


@inlined
def _behind_hdlc(arena: Array, at: Number, end: Number) -> tuple[Number, Number]:
    """Behind a header of Cisco HDLC, and the EtherType that it has."""
    if end - at < 2:
        return CUT, 0
    if not _is_hdlc(octet(arena, at)) or octet(arena, at + 1):
        return NOWHERE, 0
    if end - at < 4:
        return CUT, 0
    return at + 4, pair(arena, at + 2)
