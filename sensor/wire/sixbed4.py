"""What 6bed4 has besides its addresses, which are in sensor.wire.addresses."""

from __future__ import annotations

from sensor.wire import icmpv6, ipv6
from sensor.wire.addresses import ALL_ROUTERS, UNSPECIFIED

SERVER = bytes([145, 136, 0, 1])

_LINK_LAYER = bytes(5) + b"\x01"


def build_solicitation() -> bytes:
    """The 56 octets with which a peer asks the server for its prefix."""
    option = icmpv6.Option(icmpv6.OPTION_SOURCE_LINK_LAYER, _LINK_LAYER)
    message = icmpv6.build_router_solicitation(UNSPECIFIED, ALL_ROUTERS, (option,))
    return ipv6.build(UNSPECIFIED, ALL_ROUTERS, icmpv6.PROTOCOL, message, hop_limit=255)
