"""A host of an ISATAP site: finds its routers, forms its address, reaches everybody (RFC 5214)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.lab.inner.refusal import LOOP, Refused
from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour import routers
from sensor.lab.sixinfour.attachment import Attachment
from sensor.lab.sixinfour.discovery import Found, build_router_solicitation, read
from sensor.lab.sixinfour.node import (
    NO_DESTINATION,
    NO_ROUTER,
    NO_USE,
    Node,
    is_somebody,
)
from sensor.lab.sixinfour.places import is_unicast4
from sensor.lab.sixinfour.refusal import (
    EMBEDDED_DIFFERS,
    FORGED_SOURCE,
    NOT_MINE,
    NOT_UNICAST,
)
from sensor.lab.sixinfour.rounds import Rounds
from sensor.lab.sixinfour.settings import IsatapHostSettings
from sensor.schema.words import Kind
from sensor.wire import icmpv6
from sensor.wire.addresses import (
    LINK_LOCAL_PREFIX,
    build_isatap,
    is_global_unicast,
    is_link_local6,
    is_multicast6,
    is_private,
    isatap,
)

if TYPE_CHECKING:
    from random import Random

# Seconds: nobody's lifetimes make a host ask more often (MinRouterSolicitInterval, RFC 5214 9).
LEAST_REST = 120.0

NO_POTENTIAL_ROUTER = "no-potential-router"
ADVERTISEMENT_SOURCE = "advertisement-source"


class IsatapHost(Node):
    """Speaks with its site directly and with all others by a router of its list."""

    def __init__(self, settings: IsatapHostSettings, rng: Random) -> None:
        """``rng`` is what every machine gets; a host of ISATAP leaves nothing to chance."""
        link_local = isatap_address(LINK_LOCAL_PREFIX, settings.local)
        super().__init__(settings.local, link_local, settings.link, Kind.ISATAP)
        self._refresh = settings.refresh
        self._attachment = Attachment(self._form, self.drops, self._out)
        self._potential: dict[bytes, Rounds] = {}
        for ip in dict.fromkeys(settings.routers):
            self._enlist(ip)

    @property
    def address(self) -> bytes | None:
        return self._attachment.address

    def start(self, now: float) -> None:
        for rounds in self._potential.values():
            rounds.begin(now)
        self.handle_timer(now)

    def stop(self, now: float) -> None:
        for rounds in self._potential.values():
            rounds.stop()
        self._attachment.clear()
        super().stop(now)

    def get_timer(self) -> float | None:
        rounds = [rounds.due for rounds in self._potential.values()]
        times = [*rounds, self._attachment.due]
        return min((time for time in times if time is not None), default=None)

    def handle_timer(self, now: float) -> None:
        self._attachment.expire(now)
        for ip, rounds in self._potential.items():
            if rounds.due is not None and rounds.due <= now:
                self._solicit(ip)
                rounds.sent(now, self._rest(now))

    def _enlist(self, ip: bytes) -> None:
        """Enter a potential router; who answers for its name may have named anybody."""
        if not is_unicast4(ip) or ip == self._local:
            self.drops[NOT_UNICAST] += 1
        elif len(self._potential) >= routers.ROUTERS:
            self.drops[routers.TOO_MANY] += 1
        else:
            self._potential[ip] = Rounds()

    def _solicit(self, ip: bytes) -> None:
        router = isatap_address(LINK_LOCAL_PREFIX, ip)
        self._send(build_router_solicitation(self.link_local, router), ip)

    def _rest(self, now: float) -> float:
        """Seconds until routers are asked again (RFC 5214 section 8.3.4)."""
        return min(self._refresh, max((self._attachment.until - now) / 2, LEAST_REST))

    def _route(self, packet: bytes) -> bytes:
        if packet[8:24] not in self._mine:
            raise Refused(FORGED_SOURCE)
        return self._next_hop(packet[24:40])

    @property
    def _mine(self) -> tuple[bytes, ...]:
        return (self.link_local, *self._attachment.addresses)

    def _next_hop(self, destination: bytes) -> bytes:
        embedded = isatap(destination)
        if embedded is not None and self._attachment.on_link(destination):
            return embedded
        local = is_multicast6(destination) or is_link_local6(destination)
        if local or not is_somebody(destination):
            raise Refused(NO_DESTINATION)
        router = self._attachment.router
        if router is None:
            raise Refused(NO_ROUTER)
        return router[12:]

    def _take(self, packet: bytes, outer: OuterPacket, now: float) -> None:
        self._check_source(packet[8:24], outer.source)
        if packet[24:40] not in self._mine:
            raise Refused(NOT_MINE)
        found = read(packet)
        if found is None:
            self._out.packets.append(packet)
        elif found.message.type == icmpv6.ROUTER_ADVERTISEMENT:
            self._learn(found, outer.source, now)
        elif found.message.type == icmpv6.NEIGHBOUR_SOLICITATION:
            self._send(self._answer_neighbour(found, self._mine, 0), outer.source)
        else:
            raise Refused(NO_USE)

    def _check_source(self, source: bytes, ip: bytes) -> None:
        """RFC 5214 section 7.3."""
        if source in self._mine:
            raise Refused(LOOP)
        if ip in self._potential:
            return
        if isatap(source) != ip or not self._attachment.on_link(source):
            raise Refused(EMBEDDED_DIFFERS)

    def _learn(self, found: Found, ip: bytes, now: float) -> None:
        """From a potential router that speaks for itself alone (RFC 5214 section 8.3.3)."""
        rounds = self._potential.get(ip)
        if rounds is None:
            raise Refused(NO_POTENTIAL_ROUTER)
        if isatap(found.source) != ip or not found.source.startswith(LINK_LOCAL_PREFIX):
            raise Refused(ADVERTISEMENT_SOURCE)
        router = isatap_address(LINK_LOCAL_PREFIX, ip)  # whichever u bit it uses
        self._attachment.take(router, found.router_advertisement(), now)
        rounds.pause(now, self._rest(now))

    def _form(self, prefix: bytes) -> bytes:
        return isatap_address(prefix, self._local)


def isatap_address(prefix: bytes, ip: bytes) -> bytes:
    """The ISATAP address under 8 octets; u says that the IPv4 address is global (RFC 5214 6.1)."""
    return build_isatap(prefix, ip, is_global_unicast(ip) and not is_private(ip))
