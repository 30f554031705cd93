"""An advertising ISATAP router between its site and the native side (RFC 5214)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.lab.inner.allowance import Allowance
from sensor.lab.inner.refusal import LOOP, NOT_SERVED, Refused
from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour import advertising
from sensor.lab.sixinfour.advertising import Lifetimes
from sensor.lab.sixinfour.discovery import (
    ROUTER,
    Found,
    build_router_advertisement,
    read,
)
from sensor.lab.sixinfour.isatap import isatap_address
from sensor.lab.sixinfour.node import NO_USE, Node
from sensor.lab.sixinfour.places import leads_back, may_be_forwarded
from sensor.lab.sixinfour.refusal import (
    EMBEDDED_DIFFERS,
    FORGED_SOURCE,
    FULL_TURN,
    NOT_FORWARDED,
    NOT_MINE,
)
from sensor.lab.sixinfour.settings import IsatapRouterSettings
from sensor.schema.words import Kind
from sensor.wire import icmpv6
from sensor.wire.addresses import (
    ALL_ROUTERS,
    LINK_LOCAL_PREFIX,
    is_link_local6,
    isatap,
)

if TYPE_CHECKING:
    from random import Random

# Advertisements a second and at once: each is larger than the solicitation that asks for it, and
# whoever forges one chooses who gets the answer.
ADVERTISEMENTS_A_SECOND = 10

ADVERTISEMENTS_LIMITED = "advertisements-limited"


class IsatapRouter(Node):
    """Knows no host: whom it speaks to is in every packet's addresses."""

    def __init__(self, settings: IsatapRouterSettings, rng: Random) -> None:
        """``rng`` is what every machine gets; a router of ISATAP leaves nothing to chance."""
        link_local = isatap_address(LINK_LOCAL_PREFIX, settings.local)
        address = isatap_address(settings.prefix, settings.local)
        super().__init__(settings.local, link_local, settings.link, Kind.ISATAP, address)
        self._prefix = settings.prefix
        self._lifetimes = Lifetimes(settings.lifetime, settings.preferred, settings.valid)
        self._address = address
        self._allowance = Allowance(ADVERTISEMENTS_A_SECOND)

    @property
    def address(self) -> bytes:
        return self._address

    def loops(self, address: bytes) -> bool:
        """Whether an address of another prefix leads back to this router (RFC 6324 section 3.3).

        As a source it would come from the next tunnel's router, as a destination go there.
        """
        return leads_back(address, self._addresses)

    def _of_site(self, address: bytes) -> bool:
        return address.startswith(self._prefix)

    def _route(self, packet: bytes) -> bytes:
        source, destination = packet[8:24], packet[24:40]
        embedded = isatap(destination)
        if embedded is None or not self._of_site(destination):
            raise Refused(NOT_SERVED)
        if source != self.address:
            self._check_native_source(source)
        return embedded

    def _check_native_source(self, source: bytes) -> None:
        if self._of_site(source):
            raise Refused(FORGED_SOURCE)
        if not may_be_forwarded(source):
            raise Refused(NOT_FORWARDED)
        if self.loops(source):
            raise Refused(LOOP)

    def _take(self, packet: bytes, outer: OuterPacket, now: float) -> None:
        source, destination = packet[8:24], packet[24:40]
        if isatap(source) != outer.source or not self._on_link(source):
            raise Refused(EMBEDDED_DIFFERS)
        found = read(packet)
        if found is not None:
            self._discover(found, outer.source, now)
            return
        if destination != self.address:
            self._check_forwarding(source, destination)
        self._out.packets.append(packet)

    def _on_link(self, address: bytes) -> bool:
        return address.startswith(LINK_LOCAL_PREFIX) or self._of_site(address)

    def _check_forwarding(self, source: bytes, destination: bytes) -> None:
        """Of a host's packet for others; hosts of the site speak to each other directly."""
        if not (may_be_forwarded(source) and may_be_forwarded(destination)):
            raise Refused(NOT_FORWARDED)
        if self._of_site(destination):
            raise Refused(FULL_TURN)
        if self.loops(destination):
            raise Refused(LOOP)

    def _discover(self, found: Found, ip: bytes, now: float) -> None:
        mine = (self.link_local, self.address)
        if found.destination not in (*mine, ALL_ROUTERS):
            raise Refused(NOT_MINE)
        if found.message.type == icmpv6.ROUTER_SOLICITATION:
            self._send(self._advertisement(found, now), ip)
        elif found.message.type == icmpv6.NEIGHBOUR_SOLICITATION:
            self._send(self._answer_neighbour(found, mine, ROUTER), ip)
        else:
            raise Refused(NO_USE)

    def _advertisement(self, found: Found, now: float) -> bytes:
        """The answer to a solicitation, to the address that it came from."""
        found.router_solicitation()
        if not is_link_local6(found.source):
            raise Refused(FORGED_SOURCE)
        if not self._allowance.take(now):
            raise Refused(ADVERTISEMENTS_LIMITED)
        advertisement = advertising.build(self._prefix, self._lifetimes)
        return build_router_advertisement(self.link_local, found.source, advertisement)
