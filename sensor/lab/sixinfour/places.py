"""Whether an address can be that of one host, or of a network behind a router."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sensor.lab.inner.errors import is_one_node
from sensor.lab.sixinfour.settings import Network
from sensor.wire.addresses import (
    UNSPECIFIED,
    embeddings,
    is_link_local6,
    is_multicast6,
    is_site_local6,
)

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


def is_odd(source: bytes) -> bool:
    """Multicast, loopback, IPv4-compatible or IPv4-mapped; the unspecified address is not.

    No packet in a tunnel comes from there (RFC 4213 section 3.6).
    """
    return source != UNSPECIFIED and not is_one_node(source)


def leads_back(address: bytes, local: Collection[bytes]) -> bool:
    """Whether an IPv6 address embeds one of the IPv4 addresses ``local`` (RFC 6324 section 3.1).

    If it is of another prefix than the tunnel's own, then what is sent to it comes back by
    another kind of tunnel, and what has it as source seems to come from there.
    """
    return any(ip == end for end in local for _, ip in embeddings(address, end, ()))


def within(address: bytes, networks: Sequence[Network]) -> bool:
    """Whether an IPv6 address is in one of the networks."""
    value = int.from_bytes(address)
    return any((value ^ int.from_bytes(network)) >> 128 - bits == 0 for network, bits in networks)
