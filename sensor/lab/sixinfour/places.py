"""Whether an address can be that of one host, or of a network behind a router."""

from __future__ import annotations

from collections.abc import Sequence

from sensor.lab.sixinfour.settings import Network
from sensor.wire.addresses import is_link_local6, is_multicast6, is_site_local6

_LOOPBACK, _MULTICAST = 127, 224  # first octets of IPv4; from the second on no host has one
_SPECIAL = bytes(2)  # ::/16, where the unspecified, loopback and IPv4-made addresses are


def is_unicast4(ip: bytes) -> bool:
    """Whether an IPv4 address can be one other host's: not 0/8, 127/8 or from 224/4 on."""
    return len(ip) == 4 and 0 < ip[0] < _MULTICAST and ip[0] != _LOOPBACK


def may_be_forwarded(address: bytes) -> bool:
    """Whether a router passes packets on from and to an IPv6 address (RFC 3964 section 5.1)."""
    if address.startswith(_SPECIAL) or is_multicast6(address):
        return False
    return not (is_link_local6(address) or is_site_local6(address))


def within(address: bytes, networks: Sequence[Network]) -> bool:
    """Whether an IPv6 address is in one of the networks."""
    value = int.from_bytes(address)
    return any((value ^ int.from_bytes(network)) >> 128 - bits == 0 for network, bits in networks)
