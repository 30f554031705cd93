"""Which service does an ICMPv6 error from inside refuse?"""

from __future__ import annotations

from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.schema.records import Endpoint
from sensor.schema.rows import Observation
from sensor.track.conversation import TCP, UDP
from sensor.track.frames import icmpv6_body
from sensor.wire import icmpv6, ipv6
from sensor.wire.cursor import Cursor


class Attempt(NamedTuple):
    """One remote endpoint that asks for one service."""

    transport: int
    service: Endpoint
    remote: Endpoint


def refused_service(row: Observation, frame: bytes) -> Attempt | None:
    """The TCP or UDP opening quoted in an ICMPv6 destination unreachable (RFC 4443 section 3.1).

    None where the quotation is too short, or is of something else. Who sent the error is not
    looked at: a router or firewall in front of the service may refuse for it.
    """
    try:
        cursor = Cursor(icmpv6.quoted(icmpv6_body(row, frame)))
        header = ipv6.parse(cursor)
        chain = ipv6.walk_extensions(header.next_header, cursor)
        ports = Cursor(cursor.data, chain.position)
        if chain.transport not in (TCP, UDP) or chain.fragment is not None or not chain.complete:
            return None
        remote = Endpoint(header.source, ports.u16())
        return Attempt(chain.transport, Endpoint(header.destination, ports.u16()), remote)
    except DecodeError:
        return None
