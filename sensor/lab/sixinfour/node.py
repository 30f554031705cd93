"""An end of an automatic tunnel whose neighbours ask for it (RFC 4861 section 7.2)."""

from __future__ import annotations

from collections.abc import Collection

from sensor.lab.inner.refusal import Refused
from sensor.lab.sixinfour.discovery import SOLICITED, Found, Neighbour, build_neighbour
from sensor.lab.sixinfour.end import End
from sensor.lab.sixinfour.refusal import FORGED_SOURCE, NOT_MINE
from sensor.lab.sixinfour.settings import LinkSettings
from sensor.schema.words import Kind
from sensor.wire import icmpv6
from sensor.wire.addresses import UNSPECIFIED, is_multicast6

NO_ROUTER = "no-router"
NO_DESTINATION = "destination-not-carried"
NO_USE = "neighbour-discovery-unused"  # messages that this end has no use for

_NOBODY = bytes(15)


class Node(End):
    """At ``local``, from which its IPv6 addresses follow; errors come from ``own``."""

    def __init__(
        self,
        local: bytes,
        link_local: bytes,
        settings: LinkSettings,
        kind: Kind,
        own: bytes | None = None,
    ) -> None:
        super().__init__((local,), own or link_local, settings, kind)
        self.link_local = link_local
        self._local = local

    def _answer_neighbour(
        self, found: Found, mine: Collection[bytes], flags: int, *options: icmpv6.Option
    ) -> bytes:
        """The advertisement that answers a solicitation for one of its own addresses."""
        target = found.neighbour().target
        if target not in mine:
            raise Refused(NOT_MINE)
        if found.source == UNSPECIFIED or is_multicast6(found.source):
            raise Refused(FORGED_SOURCE)
        told = Neighbour(flags | SOLICITED, target, options)
        return build_neighbour(target, found.source, icmpv6.NEIGHBOUR_ADVERTISEMENT, told)


def is_somebody(address: bytes) -> bool:
    """Whether an IPv6 address is neither :: nor ::1."""
    return not address.startswith(_NOBODY)
