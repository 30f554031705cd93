"""6over4: IPv6 on the virtual Ethernet that IPv4 multicast makes of a site (RFC 2529)."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from sensor.lab.inner.errors import ADDRESS_UNREACHABLE, Errors
from sensor.lab.inner.packets import is_whole
from sensor.lab.inner.refusal import LOOP, MALFORMED, NOT_REACHED, NOT_SERVED, Refused
from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour import advertising, discovery, ethernet
from sensor.lab.sixinfour.advertising import LIFETIMES, Advertising
from sensor.lab.sixinfour.attachment import Attachment
from sensor.lab.sixinfour.discovery import Found
from sensor.lab.sixinfour.ethernet import is_at
from sensor.lab.sixinfour.neighbours import Neighbours
from sensor.lab.sixinfour.node import (
    NO_DESTINATION,
    NO_ROUTER,
    NO_USE,
    Node,
    is_somebody,
)
from sensor.lab.sixinfour.places import may_be_forwarded
from sensor.lab.sixinfour.prefixes import AUTONOMOUS, FOR_EVER, PREFIX_BITS
from sensor.lab.sixinfour.refusal import (
    EMBEDDED_DIFFERS,
    FORGED_SOURCE,
    FULL_TURN,
    NOT_FORWARDED,
    NOT_MINE,
    NOT_SENT,
)
from sensor.lab.sixinfour.rounds import Rounds
from sensor.lab.sixinfour.settings import SixOverFourSettings
from sensor.schema.words import Kind
from sensor.wire import icmpv6, sixinfour
from sensor.wire.addresses import (
    ALL_NODES,
    ALL_ROUTERS,
    LINK_LOCAL_PREFIX,
    UNSPECIFIED,
    build_sixover4,
    is_link_local6,
    is_multicast6,
    sixover4_multicast,
)
from sensor.wire.icmpv6 import Option, PrefixInformation

if TYPE_CHECKING:
    from random import Random

# Seconds a host without a router waits before it asks again: advertisements come unasked, too.
REST = 600.0

GROUP_DIFFERS = "group-differs"


class SixOverFour(Node):
    """A host, or with a prefix in its settings the router that advertises it."""

    def __init__(self, settings: SixOverFourSettings, rng: Random) -> None:
        local, link_local = settings.local, build_sixover4(settings.local)
        own = None if settings.prefix is None else ethernet.address_of(settings.prefix, local)
        super().__init__(local, link_local, settings.link, Kind.SIXOVERFOUR, own)
        self._served = settings.prefix
        self._attachment = Attachment(self._form, self.drops, self._out)
        self._rounds = Rounds()
        self._advertising = Advertising(rng)
        self._neighbours = Neighbours(self._ask, self._send, self._fail, self.drops)
        self._multicast = {ALL_NODES, discovery.solicited_node(link_local)}
        if settings.prefix is not None:
            self._multicast.add(ALL_ROUTERS)
            self._attachment.prefixes.learn(_own_prefix(settings.prefix), 0.0)
        self._failures = Errors(self._own, self.drops, on_link=True)

    @property
    def address(self) -> bytes | None:
        return self._attachment.address

    @property
    def groups(self) -> Collection[bytes]:
        return {sixover4_multicast(group) for group in self._multicast}

    def start(self, now: float) -> None:
        if self._served is None:
            self._rounds.begin(now)
        else:
            self._advertising.start(now)
        self.handle_timer(now)

    def stop(self, now: float) -> None:
        if self._served is None:
            self._attachment.clear()
        else:
            self._advertise(ALL_NODES, None, router_lifetime=0)
        self._rounds.stop()
        self._advertising.stop()
        self._neighbours.clear()
        super().stop(now)

    def get_timer(self) -> float | None:
        parts = (self._rounds, self._advertising, self._attachment, self._neighbours)
        return min((part.due for part in parts if part.due is not None), default=None)

    def handle_timer(self, now: float) -> None:
        self._attachment.expire(now)
        self._seek(now)
        self._neighbours.handle_timer(now)
        if _is_due(self._rounds.due, now):
            self._send_to_group(ethernet.solicit_routers(self._local))
            self._rounds.sent(now, REST)
        if _is_due(self._advertising.due, now):
            self._advertise(ALL_NODES, None)
            self._advertising.sent(now)

    # What it sends.

    def send_ipv6(self, packet: bytes, now: float) -> None:
        try:
            if not is_whole(packet):
                raise Refused(MALFORMED)
            self._check_native(packet[8:24], packet[24:40])
            if is_multicast6(packet[24:40]):
                self._send_to_group(packet)
            else:
                self._neighbours.send(packet, self._next_hop(packet[24:40]), now)
        except Refused as refusal:
            self.drops[str(refusal)] += 1

    def _route(self, packet: bytes) -> bytes:
        """Where such a packet has gone: only to whom the cache knows, or to a group."""
        self._check_native(packet[8:24], packet[24:40])
        if is_multicast6(packet[24:40]):
            return sixover4_multicast(packet[24:40])
        ip = self._neighbours.place(self._next_hop(packet[24:40]))
        if ip is None:
            raise Refused(NOT_SENT)
        return ip

    def _check_native(self, source: bytes, destination: bytes) -> None:
        """Its own packets, and what others send through a router."""
        if source in self._mine:
            return
        if self._served is None or source in self._attachment.prefixes:
            raise Refused(FORGED_SOURCE)
        if not (may_be_forwarded(source) and may_be_forwarded(destination)):
            raise Refused(NOT_FORWARDED)

    def _next_hop(self, destination: bytes) -> bytes:
        """The neighbour that a packet goes to."""
        if destination in self._mine:
            raise Refused(LOOP)
        if not is_somebody(destination):
            raise Refused(NO_DESTINATION)
        if self._attachment.on_link(destination):
            return destination
        if self._served is not None:
            raise Refused(NOT_SERVED)
        if is_link_local6(destination):
            raise Refused(NO_DESTINATION)
        router = self._attachment.router
        if router is None:
            raise Refused(NO_ROUTER)
        return router

    def _send_to_group(self, packet: bytes) -> None:
        group = sixover4_multicast(packet[24:40])
        self._link.send(packet, self._local, group, self._kind, self._own)

    def _advertise(
        self, destination: bytes, ip: bytes | None, router_lifetime: int = LIFETIMES.router
    ) -> None:
        """To ``ip``, or, for None, to the group."""
        assert self._served is not None
        said = advertising.build(self._served, LIFETIMES._replace(router=router_lifetime))
        self._say(ethernet.advertise_router(self._local, destination, said), ip)

    def _ask(self, target: bytes, ip: bytes | None) -> None:
        """A neighbour solicitation, from an address that the neighbour may answer."""
        own = self.address if target in self._attachment.prefixes else None
        known = ip is not None
        self._say(
            ethernet.solicit_neighbour(self._local, own or self.link_local, target, known=known), ip
        )

    def _say(self, packet: bytes, ip: bytes | None) -> None:
        if ip is None:
            self._send_to_group(packet)
        else:
            self._send(packet, ip)

    def _fail(self, packets: list[bytes], now: float) -> None:
        """Nobody answers for a neighbour: its packets' senders are told (RFC 4861 7.2.2)."""
        for packet in packets:
            self.drops[NOT_REACHED] += 1
            error = self._failures.about(packet, icmpv6.UNREACHABLE, ADDRESS_UNREACHABLE, now)
            if error is not None:
                self._out.packets.append(error)

    # What it takes.

    @property
    def _mine(self) -> tuple[bytes, ...]:
        return (self.link_local, *self._attachment.addresses)

    def _receive(self, packet: OuterPacket, now: float) -> None:
        """What came by a group of IPv4 is for a group of IPv6 that goes there, and for no other."""
        if packet.protocol == sixinfour.PROTOCOL:
            destination = packet.payload[24:40]
            multicast = is_multicast6(destination)
            group = sixover4_multicast(destination) if multicast else self._local
            if group != packet.destination:
                raise Refused(GROUP_DIFFERS)
            if group in self.groups:
                packet = packet._replace(destination=self._local)
        super()._receive(packet, now)

    def _take(self, packet: bytes, outer: OuterPacket, now: float) -> None:
        source, destination = packet[8:24], packet[24:40]
        if self._attachment.on_link(source) and not is_at(source, outer.source):
            raise Refused(EMBEDDED_DIFFERS)
        found = discovery.read(packet)
        if found is not None:
            self._discover(found, outer.source, now)
            return
        if not is_somebody(source):
            raise Refused(FORGED_SOURCE)
        if destination not in self._mine and destination not in self._multicast:
            self._check_forwarding(source, destination)
        self._out.packets.append(packet)

    def _check_forwarding(self, source: bytes, destination: bytes) -> None:
        """Of a packet for others, which none but a router passes on."""
        if self._served is None or is_multicast6(destination):
            raise Refused(NOT_MINE)
        if not (may_be_forwarded(source) and may_be_forwarded(destination)):
            raise Refused(NOT_FORWARDED)
        if destination in self._attachment.prefixes:
            raise Refused(FULL_TURN)

    def _discover(self, found: Found, ip: bytes, now: float) -> None:
        if found.destination not in self._mine and found.destination not in self._multicast:
            raise Refused(NOT_MINE)
        if found.source != UNSPECIFIED and not is_at(found.source, ip):
            raise Refused(EMBEDDED_DIFFERS)
        kind, routes = found.message.type, self._served is not None
        if kind == icmpv6.NEIGHBOUR_SOLICITATION:
            self._take_solicitation(found, ip)
        elif kind == icmpv6.NEIGHBOUR_ADVERTISEMENT:
            self._take_advertisement(found, ip, now)
        elif kind == icmpv6.ROUTER_SOLICITATION and routes:
            self._take_router_solicitation(found, ip, now)
        elif kind == icmpv6.ROUTER_ADVERTISEMENT and not routes:
            self._take_router_advertisement(found, ip, now)
        else:
            raise Refused(NO_USE)

    def _take_solicitation(self, found: Found, ip: bytes) -> None:
        flags = discovery.OVERRIDE | (discovery.ROUTER if self._served is not None else 0)
        asked = found.neighbour()
        if found.source != UNSPECIFIED:
            self._mention(found.source, asked.options, ip)
            option = ethernet.link_layer(discovery.OPTION_TARGET_LINK_LAYER, self._local)
            self._send(self._answer_neighbour(found, self._mine, flags, option), ip)
        elif asked.target in self._mine:
            self._send_to_group(ethernet.defend(self._local, asked.target, flags))
        else:
            raise Refused(NOT_MINE)

    def _take_advertisement(self, found: Found, ip: bytes, now: float) -> None:
        told = found.neighbour()
        ethernet.tells(told.options, discovery.OPTION_TARGET_LINK_LAYER, ip)
        if not is_at(told.target, ip):
            raise Refused(EMBEDDED_DIFFERS)
        asked = bool(told.flags & discovery.SOLICITED) and not is_multicast6(found.destination)
        self._neighbours.answer(told.target, ip, now, asked=asked)

    def _take_router_solicitation(self, found: Found, ip: bytes, now: float) -> None:
        options = found.router_solicitation()
        if found.source == UNSPECIFIED:
            self._advertising.asked(now)
            self.handle_timer(now)
            return
        self._mention(found.source, options, ip)
        self._advertise(found.source, ip)

    def _take_router_advertisement(self, found: Found, ip: bytes, now: float) -> None:
        if not found.source.startswith(LINK_LOCAL_PREFIX):
            raise Refused(FORGED_SOURCE)
        said = found.router_advertisement()
        self._mention(found.source, said.options, ip)
        self._attachment.take(found.source, said, now)
        self._seek(now)

    def _mention(self, source: bytes, options: tuple[Option, ...], ip: bytes) -> None:
        """Who sends Neighbour Discovery may say where it is."""
        if ethernet.tells(options, icmpv6.OPTION_SOURCE_LINK_LAYER, ip):
            self._neighbours.mention(source, ip)

    def _seek(self, now: float) -> None:
        """A host asks for routers as long as it knows none."""
        if self._attachment.router is not None:
            self._rounds.stop()
        elif self._served is None and self._rounds.due is None:
            self._rounds.pause(now, 0.0)

    def _form(self, prefix: bytes) -> bytes:
        return ethernet.address_of(prefix, self._local)


def _is_due(due: float | None, now: float) -> bool:
    return due is not None and due <= now


def _own_prefix(octets: bytes) -> PrefixInformation:
    return PrefixInformation(PREFIX_BITS, AUTONOMOUS, FOR_EVER, FOR_EVER, octets + bytes(8))
