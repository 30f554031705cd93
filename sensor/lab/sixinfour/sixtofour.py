"""6to4: a router of a site (RFC 3056), and a relay to the native side (RFC 3068, 7526)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.lab.inner.refusal import LOOP, NOT_GLOBAL, NOT_SERVED, Refused
from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour.end import End
from sensor.lab.sixinfour.places import leads_back, may_be_forwarded, within
from sensor.lab.sixinfour.refusal import (
    EMBEDDED_DIFFERS,
    FORGED_SOURCE,
    FULL_TURN,
    NO_RELAY,
    NOT_FORWARDED,
)
from sensor.lab.sixinfour.settings import Network, SixToFourRelaySettings, SixToFourSettings
from sensor.schema.words import Kind
from sensor.wire.addresses import SIXTOFOUR_ANYCAST, build_sixtofour, is_bogon, sixtofour

if TYPE_CHECKING:
    from random import Random

PREFIX_BITS = 48


class SixToFourRouter(End):
    """Speaks with other 6to4 sites directly, and with everybody else by a relay."""

    def __init__(self, settings: SixToFourSettings, rng: Random) -> None:
        """``rng`` is what every machine gets; a 6to4 router leaves nothing to chance."""
        self._local = settings.local
        self._relay = settings.relay
        self.address = build_sixtofour(settings.local)
        super().__init__((settings.local,), self.address, settings.link, Kind.SIXTOFOUR)

    @property
    def prefix(self) -> Network:
        """What its IPv4 address gives its site (RFC 3056 section 2)."""
        return build_sixtofour(self._local, interface=bytes(8)), PREFIX_BITS

    def _route(self, packet: bytes) -> bytes:
        if sixtofour(packet[8:24]) != self._local:
            raise Refused(FORGED_SOURCE)
        if not may_be_forwarded(packet[24:40]):
            raise Refused(NOT_FORWARDED)
        site = sixtofour(packet[24:40])
        if site is not None:
            return self._other(_public(site))
        if self._relay is None:
            raise Refused(NO_RELAY)
        return self._relay

    def _take(self, packet: bytes, outer: OuterPacket, now: float) -> None:
        """Native sources come by a relay, which may be anyone and anywhere (RFC 3056 5.3)."""
        _check_carried(packet, outer)
        if sixtofour(packet[24:40]) != self._local:
            raise Refused(EMBEDDED_DIFFERS)
        self._out.packets.append(packet)


class SixToFourRelay(End):
    """Carries packets between 6to4 sites and ``served`` networks, never between two sites."""

    def __init__(self, settings: SixToFourRelaySettings, rng: Random) -> None:
        """``rng`` is what every machine gets; a relay leaves nothing to chance."""
        self._served = settings.served
        addresses = (settings.local, *((SIXTOFOUR_ANYCAST,) if settings.anycast else ()))
        super().__init__(addresses, build_sixtofour(settings.local), settings.link, Kind.SIXTOFOUR)

    @property
    def _source(self) -> bytes:
        """The anycast address where it is at that: NATs and filters expect answers from there."""
        return self._addresses[-1]

    def _route(self, packet: bytes) -> bytes:
        site = sixtofour(packet[24:40])
        if site is None or not self._serves(packet[8:24]):
            raise Refused(NOT_SERVED)
        if site == SIXTOFOUR_ANYCAST or self.loops(packet[8:24]):
            raise Refused(LOOP)
        return self._other(_public(site))

    def _take(self, packet: bytes, outer: OuterPacket, now: float) -> None:
        _check_carried(packet, outer)
        if sixtofour(packet[8:24]) is None:
            raise Refused(FORGED_SOURCE)
        if sixtofour(packet[24:40]) is not None:
            raise Refused(FULL_TURN)
        if not self._serves(packet[24:40]):
            raise Refused(NOT_SERVED)
        if self.loops(packet[24:40]):
            raise Refused(LOOP)
        self._out.packets.append(packet)

    def loops(self, address: bytes) -> bool:
        """Whether a native address leads back to this relay by another tunnel (RFC 6324)."""
        return leads_back(address, self._addresses)

    def _serves(self, address: bytes) -> bool:
        native = may_be_forwarded(address) and sixtofour(address) is None
        return native and within(address, self._served)


def _public(site: bytes) -> bytes:
    """The IPv4 address that a 6to4 site can have."""
    if is_bogon(site):
        raise Refused(NOT_GLOBAL)
    return site


def _check_carried(packet: bytes, outer: OuterPacket) -> None:
    """The checks of RFC 3056 section 9 and RFC 3964 section 5.1 that routers and relays share."""
    _public(outer.source)
    source = packet[8:24]
    if not (may_be_forwarded(source) and may_be_forwarded(packet[24:40])):
        raise Refused(NOT_FORWARDED)
    if sixtofour(source) not in (None, outer.source):
        raise Refused(EMBEDDED_DIFFERS)
