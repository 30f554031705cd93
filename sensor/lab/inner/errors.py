"""The ICMPv6 errors of a Teredo endpoint: about which packets, how long, how many (RFC 4443)."""

from __future__ import annotations

from collections import Counter

from sensor.lab.inner.allowance import Allowance
from sensor.wire import icmpv6, ipv6
from sensor.wire.addresses import (
    COMPATIBLE_PREFIX,
    MAPPED_PREFIX,
    is_link_local6,
    is_multicast6,
)
from sensor.wire.cursor import Cursor

A_SECOND = 10  # errors, and so many at once after silence, as Miredo (RFC 4443 section 2.4 (f))
LONGEST = 1_280  # octets of an error, quoted packet included (RFC 4443 section 2.4 (c))
HOP_LIMIT = 64

ADDRESS_UNREACHABLE = 3  # a code of unreachable (RFC 4443 section 3.1)

TOO_MANY = "errors-limited"
NO_SOURCE = "error-without-source"
NOT_ONE_NODE = "error-to-no-node"
ABOUT_MULTICAST = "error-about-multicast"

_FIRST_INFORMATIONAL = 128  # ICMPv6 types below it are errors (RFC 4443 section 2.1)


class Errors:
    """Writes errors from the address ``source``; what it withholds is counted in ``drops``.

    Only one other node is ever told (RFC 4443 section 2.4 (e.6)), of a link-local ``source`` only
    one on its link: no router forwards its errors.
    """

    __slots__ = ("_allowance", "_drops", "_source", "_withheld")

    def __init__(self, source: bytes, drops: Counter[str], *, on_link: bool = False) -> None:
        self._source = source
        self._drops = drops
        self._withheld = is_link_local6(source) and not on_link
        self._allowance = Allowance(A_SECOND)

    def about(
        self, packet: bytes, kind: int, code: int, now: float, *, parameter: int = 0
    ) -> bytes | None:
        """The packet that tells the source of ``packet``, or None where it must not be told."""
        if not _may_be_told(packet):
            return None
        reason = self._refusal(packet, kind, now)
        if reason is not None:
            self._drops[reason] += 1
            return None
        quoted = packet[: LONGEST - ipv6.HEADER_LENGTH - icmpv6.ERROR_LENGTH]
        sender = packet[8:24]
        message = icmpv6.build_error(self._source, sender, kind, code, quoted, parameter=parameter)
        return ipv6.build(self._source, sender, icmpv6.PROTOCOL, message, hop_limit=HOP_LIMIT)

    def _refusal(self, packet: bytes, kind: int, now: float) -> str | None:
        """Why nothing is said of a packet; last the allowance, which only errors use up."""
        sender, destination = packet[8:24], packet[24:40]
        if sender == self._source or not is_one_node(sender):
            return NOT_ONE_NODE
        # Path MTU discovery works for groups too (RFC 4443 section 2.4 (e.3)).
        if is_multicast6(destination) and kind != icmpv6.TOO_BIG:
            return ABOUT_MULTICAST
        if self._withheld:
            return NO_SOURCE
        return None if self._allowance.take(now) else TOO_MANY


def is_one_node(address: bytes) -> bool:
    """Whether an IPv6 address can be one other node's: not in ff00::/8, ::/96 or ::ffff:0:0/96."""
    special = address.startswith((COMPATIBLE_PREFIX, MAPPED_PREFIX))
    return not (special or is_multicast6(address))


def _may_be_told(packet: bytes) -> bool:
    """Not about errors, redirects and later fragments (RFC 4443 section 2.4 (e))."""
    cursor = Cursor(packet)
    header = ipv6.parse(cursor)
    chain = ipv6.walk_extensions(header.next_header, cursor)
    if chain.fragment is not None and chain.fragment.offset:
        return False
    if chain.transport != icmpv6.PROTOCOL:
        return True
    kind = cursor.peek_u8() if cursor.remaining else icmpv6.UNREACHABLE
    return kind >= _FIRST_INFORMATIONAL and kind != icmpv6.REDIRECT
