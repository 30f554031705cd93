"""What a box between two segments was told not to let through."""

from __future__ import annotations

from sensor.errors import DecodeError
from sensor.wire import ipv4, udp
from sensor.wire.cursor import Cursor

BLOCKED = "blocked"


class Firewall:
    """Blocks UDP by the port of the outside end, and knows no flows: what ran before ends too.

    Later fragments have no port to see and pass; without the first one they are worth nothing.
    """

    def __init__(self) -> None:
        self._ports: set[int] = set()

    def block(self, port: int) -> None:
        """From now on let no UDP pass to or from a port outside."""
        self._ports.add(port)

    def blocks(self, octets: bytes, *, outward: bool) -> bool:
        """Whether an IPv4 packet may not pass; ``outward``: on its way from inside to outside."""
        return bool(self._ports) and _outside_port(octets, outward=outward) in self._ports


def _outside_port(octets: bytes, *, outward: bool) -> int | None:
    """None if it is not UDP, or its ports are not there."""
    cursor = Cursor(octets)
    try:
        header = ipv4.parse(cursor)
        source, destination = cursor.u16(), cursor.u16()
    except DecodeError:
        return None
    if header.protocol != udp.PROTOCOL or header.fragment_offset:
        return None
    return destination if outward else source
