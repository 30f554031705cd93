"""Frames that are told without a walk: most of all, and none that could hold a tunnel."""

from __future__ import annotations

from sensor.decode.compiled.datagram import OF_A_CARRIER, OF_NAMES, is_stun, suspicion
from sensor.decode.compiled.link import is_tag
from sensor.decode.compiled.names import holds_name, name_service
from sensor.decode.compiled.native import is_error
from sensor.decode.compiled.numbers import (
    ETHERNET_LENGTH,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_MPLS,
    ETHERTYPE_MPLS_MULTICAST,
    ETHERTYPE_PPPOE,
    ETHERTYPE_TRANSPARENT,
    FIRST_ETHERTYPE,
    ICMP,
    ICMPV6,
    IPV4_LENGTH,
    IPV6_LENGTH,
    PARAMETER_PROBLEM,
    TAG_LENGTH,
    TCP,
    UDP,
    UDP_LENGTH,
    UNREACHABLE,
)
from sensor.decode.compiled.octets import (
    WORD_SIZE,
    Array,
    Flag,
    Names,
    Number,
    Word,
    octet,
    part,
    word,
)
from sensor.decode.compiled.ports import said_by_ports
from sensor.decode.compiled.state import UNDECIDED
from sensor.decode.compiled.teredo import is_too_long
from sensor.decode.compiled.words import (
    REASON_ICMP,
    REASON_IPV6_NATIVE,
    REASON_NAME,
    REASON_NOT_IP,
    REASON_STUN,
    REASON_TCP,
    REASON_UDP,
    REASON_UDP_LENGTH,
    REASON_UDP_SHORT,
)
from sensor.jit import inlined
from sensor.wire.ports import TSP_PORT

_TAGS = 2
# Layers of such a frame: the walk is needed where the limit is below.
ORDINARY_LAYERS = 3 + _TAGS


@inlined
def ordinary(arena: Array, names: Names, ports: Array, start: Number, end: Number) -> Number:
    """What the walk would say of an Ethernet frame without a tunnel, or UNDECIDED.

    Two to four words tell, and ``walk`` is left alone. Whatever is odd, cut or looks like a
    candidate is undecided.
    """
    network = start + ETHERNET_LENGTH
    for position in range(network, network + (_TAGS + 1) * TAG_LENGTH, TAG_LENGTH):
        if end - position < IPV6_LENGTH:
            return UNDECIDED
        head = word(arena, position - 6)
        protocol = part(head, 16, 0xFFFF)
        if protocol == ETHERTYPE_IPV4:
            return _ipv4(arena, names, ports, position, end, part(head, 8, 0xFF))
        if protocol == ETHERTYPE_IPV6:
            return _ipv6(arena, names, ports, position, end, part(head, 12, 0xF))
        if not is_tag(protocol):
            return UNDECIDED if _may_carry(protocol) else REASON_NOT_IP
    return UNDECIDED


@inlined
def _may_carry(protocol: Number) -> Flag:
    return protocol < FIRST_ETHERTYPE or protocol in (
        ETHERTYPE_MPLS,
        ETHERTYPE_MPLS_MULTICAST,
        ETHERTYPE_PPPOE,
        ETHERTYPE_TRANSPARENT,
    )


@inlined
def _ipv4(
    arena: Array, names: Names, ports: Array, start: Number, end: Number, first: Number
) -> Number:
    rest = word(arena, start + 2)
    total = part(rest, 48, 0xFFFF)
    if first != 0x45 or total < IPV4_LENGTH or part(rest, 16, 0x3FFF):
        return UNDECIDED
    protocol = part(rest, 0, 0xFF)
    payload = start + IPV4_LENGTH
    if protocol == TCP:
        return _tcp(arena, payload, REASON_TCP)
    if protocol == UDP:
        return _udp(arena, names, ports, payload, min(end, start + total))
    if protocol == ICMP and not is_error(octet(arena, payload)):
        return REASON_ICMP
    return UNDECIDED


@inlined
def _tcp(arena: Array, start: Number, reason: Number) -> Number:
    """The ports are those of TSP, or they tell; eight octets are there to be read."""
    ports = word(arena, start)
    tsp = part(ports, 48, 0xFFFF) == TSP_PORT or part(ports, 32, 0xFFFF) == TSP_PORT
    return UNDECIDED if tsp else reason


@inlined
def _ipv6(
    arena: Array, names: Names, ports: Array, start: Number, end: Number, version: Number
) -> Number:
    payload = start + IPV6_LENGTH
    if version != 6 or end - payload < WORD_SIZE:
        return UNDECIDED
    rest = word(arena, start + 2)
    protocol = part(rest, 24, 0xFF)
    if protocol == UDP:
        return _udp(arena, names, ports, payload, min(end, payload + part(rest, 32, 0xFFFF)))
    if protocol == TCP:
        return _tcp(arena, payload, REASON_IPV6_NATIVE)
    if protocol == ICMPV6 and not UNREACHABLE <= octet(arena, payload) <= PARAMETER_PROBLEM:
        return REASON_IPV6_NATIVE
    return UNDECIDED


@inlined
def _udp(arena: Array, names: Names, ports: Array, start: Number, end: Number) -> Number:
    payload = start + UDP_LENGTH
    if end - payload < WORD_SIZE:
        return UNDECIDED
    head = word(arena, start)
    rest = part(head, 16, 0xFFFF) - UDP_LENGTH
    if rest < WORD_SIZE:
        return UNDECIDED
    first = word(arena, payload)
    suspected = suspicion(arena, payload, end, rest, first, said_by_ports(ports, head))
    if suspected & OF_A_CARRIER:
        return UNDECIDED
    answer = REASON_UDP_SHORT
    if rest >= IPV6_LENGTH:
        answer = REASON_UDP
        if part(first, 60, 0xF) == 6:
            if min(end - payload, rest) < IPV6_LENGTH or not is_too_long(arena, payload, rest):
                return UNDECIDED
            answer = REASON_UDP_LENGTH
        elif part(first, 56, 0xFF) == 0:
            return UNDECIDED
    if suspected == OF_NAMES and _holds_name(arena, names, payload, min(end, payload + rest), head):
        return REASON_NAME
    return REASON_STUN if is_stun(first) else answer


@inlined
def _holds_name(arena: Array, names: Names, start: Number, end: Number, head: Word) -> Flag:
    service = name_service(part(head, 48, 0xFFFF), part(head, 32, 0xFFFF))
    return holds_name(arena, start, end, service, names)
