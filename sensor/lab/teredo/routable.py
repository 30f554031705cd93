"""To which IPv6 addresses a server or relay hands packets on."""

from __future__ import annotations

from ipaddress import IPv6Network

from sensor.wire.addresses import LEGACY_TEREDO_PREFIX, TEREDO_PREFIX, UNSPECIFIED

ANYWHERE = ((UNSPECIFIED, 0),)

# The native side has none of these, neither as destination nor as honest source: ::/64 with what
# is made of IPv4 addresses, both Teredo prefixes, fe00::/8 with link-local and site-local ones,
# multicast.
_NEVER = (bytes(8), TEREDO_PREFIX, LEGACY_TEREDO_PREFIX, b"\xfe", b"\xff")


class Routable:
    """The addresses in some prefixes (address, bits) that the native side can have.

    ``teredo`` is the Teredo prefix in use, 4 octets, which may be a third one.
    """

    __slots__ = ("_never", "_prefixes")

    def __init__(self, prefixes: tuple[tuple[bytes, int], ...], teredo: bytes) -> None:
        networks = [IPv6Network(prefix, strict=False) for prefix in prefixes]
        self._prefixes = [(int(net.network_address), int(net.netmask)) for net in networks]
        self._never = (*_NEVER, teredo)

    def __contains__(self, address: bytes) -> bool:
        value = int.from_bytes(address)
        for network, mask in self._prefixes:
            if value & mask == network:
                return not address.startswith(self._never)
        return False
