"""Peers behind the client's own NAT, where that does not send packets back (RFC 6081 5.6).

The RFC has bubbles sent to every address a peer lists. Here that is done only for a peer of the
same public address, which is what the list is for: nobody else can have the client knock at
ends inside its network.
"""

from __future__ import annotations

from sensor.lab.teredo.link import Link
from sensor.lab.teredo.trailers import Told
from sensor.schema.records import Endpoint
from sensor.wire.addresses import TeredoAddress

_UNSPECIFIED, _LOOPBACK, _MULTICAST = 0, 127, 224  # first octets


def own_alternates(link: Link) -> tuple[Endpoint, ...]:
    """What the client's own indirect bubbles list."""
    return (link.settings.local,) if link.extended and link.settings.hairpin else ()


def alternates(link: Link, peer: TeredoAddress, told: Told) -> list[Endpoint]:
    """The ends that a peer's indirect bubble lists and that are worth a direct bubble."""
    if not own_alternates(link) or link.mapped is None or peer.ip != link.mapped.ip:
        return []
    others = (end for end in told.alternates if end != link.settings.local)
    return [end for end in others if _is_host(end) and not link.is_broadcast(end.ip)]


def _is_host(end: Endpoint) -> bool:
    first = end.ip[0]
    return first not in (_UNSPECIFIED, _LOOPBACK) and first < _MULTICAST and end.port != 0
