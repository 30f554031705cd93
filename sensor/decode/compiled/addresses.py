"""What ``sensor.wire.addresses`` tells of addresses, as words."""

from __future__ import annotations

from sensor.decode.compiled.numbers import LEGACY_TEREDO_PREFIX, TEREDO_PREFIX
from sensor.decode.compiled.octets import ZERO, Array, Flag, Number, Record, Word, part
from sensor.jit import inlined


@inlined
def is_bogon(ip: Number) -> Flag:
    """``sensor.wire.addresses.is_bogon`` of an IPv4 address."""
    first = ip >> 24
    return (
        first == 0
        or first == 127
        or first >= 224
        or is_private(ip)
        or ip >> 16 == 0xA9FE  # 169.254.0.0/16
    )


@inlined
def is_private(ip: Number) -> Flag:
    """``sensor.wire.addresses.is_private`` of an IPv4 address."""
    return (
        ip >> 24 == 10
        or ip >> 20 == 0xAC1  # 172.16.0.0/12
        or ip >> 16 == 0xC0A8  # 192.168.0.0/16
        or ip >> 22 == 0x191  # 100.64.0.0/10
    )


@inlined
def is_teredo(first: Word) -> Flag:
    """Whether the first half of an address has a Teredo prefix, also the one given back."""
    prefix = part(first, 32, 0xFFFFFFFF)
    return prefix in (TEREDO_PREFIX, LEGACY_TEREDO_PREFIX)


@inlined
def mapped_ip(second: Word) -> Number:
    """The client's address in the second half of a Teredo address."""
    return part(second, 0, 0xFFFFFFFF) ^ 0xFFFFFFFF


@inlined
def mapped_port(second: Word) -> Number:
    """The client's port in the second half of a Teredo address."""
    return part(second, 32, 0xFFFF) ^ 0xFFFF


@inlined
def is_link_local(first: Word) -> Flag:
    """Whether the first half of an address is of fe80::/10."""
    return part(first, 54, 0x3FF) == 0xFE80 >> 6


@inlined
def is_multicast(first: Word) -> Flag:
    """Whether the first half of an address is of ff00::/8."""
    return part(first, 56, 0xFF) == 0xFF


@inlined
def may_not_cross(first: Word, second: Word) -> Flag:
    """Loopback, IPv4-mapped and site-local addresses, at whichever end."""
    if first == ZERO:
        return second == Word(1) or part(second, 32, 0xFFFFFFFF) == 0xFFFF
    return part(first, 54, 0x3FF) == 0xFEC0 >> 6


@inlined
def has_odd_address(walk: Record) -> Flag:
    """Addresses that no packet may carry through a tunnel (RFC 4213 section 3.6)."""
    source, destination = walk["inner_source_0"], walk["inner_destination_0"]
    return (
        is_multicast(source)
        or (destination == ZERO and walk["inner_destination_1"] == ZERO)
        or may_not_cross(source, walk["inner_source_1"])
        or may_not_cross(destination, walk["inner_destination_1"])
    )


@inlined
def among(addresses: Array, first: Word, second: Word) -> Flag:
    """Whether a sorted array of address halves holds this address: a binary search."""
    low, high = 0, len(addresses)
    while low < high:
        middle = (low + high) // 2
        found = addresses[middle, 0]
        if found < first or (found == first and addresses[middle, 1] < second):
            low = middle + 1
        else:
            high = middle
    return low < len(addresses) and addresses[low, 0] == first and addresses[low, 1] == second
