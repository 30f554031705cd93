"""6bed4: bare IPv6 in UDP, to addresses that tell the endpoint in clear.

There is no RFC; this follows the peer and the router of its author. Peers here always go through
their router and never try one another directly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.errors import DecodeError
from sensor.lab.framing.endpoint import Timed
from sensor.lab.framing.refusal import NOT_CONNECTED, NOT_THE_SERVER
from sensor.lab.framing.relay import EmbeddingRelay
from sensor.lab.framing.settings import SixBed4PeerSettings, SixBed4RouterSettings
from sensor.lab.inner.allowance import Allowance
from sensor.lab.inner.packets import LOCAL_HOP_LIMIT, inner_packet
from sensor.lab.inner.refusal import BAD_CHECKSUM, MAPPING_DIFFERS, Refused
from sensor.lab.teredo.link import end_text
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire import checksum, icmpv6, ipv6, sixbed4
from sensor.wire.addresses import (
    ALL_NODES,
    LINK_LOCAL_PREFIX,
    UNSPECIFIED,
    LeakingAddress,
    build_sixbed4,
    parse_sixbed4,
    text,
)
from sensor.wire.cursor import Cursor
from sensor.wire.icmpv6 import PrefixInformation, RouterAdvertisement

if TYPE_CHECKING:
    from random import Random

SOLICITATION_WAIT = 1.0  # seconds, doubled up to LONGEST_WAIT
LONGEST_WAIT = 60.0

KEPT_ALIVE = 10  # times between two solicitations: nothing that was advertised is for ever

ADVERTISEMENTS_A_SECOND = 100  # they are larger than what asks for them

NO_PREFIX = "no-prefix"
ADVERTISEMENTS_LIMITED = "advertisements-limited"

PREFIX_LENGTH = 114  # bits; the others number the hosts behind one endpoint
_PREFIX_FLAGS = 0xC0
_ROUTER_FLAGS = 0x18  # of low preference
_ROUTER_LOCAL = LINK_LOCAL_PREFIX + bytes(8)
_FOR_EVER = 0xFFFFFFFF


class SixBed4Peer(Timed):
    """Asks its router for a prefix until it has one, and then keeps the NAT's mapping open."""

    def __init__(self, settings: SixBed4PeerSettings, rng: Random) -> None:
        super().__init__(settings.local, Kind.SIXBED4, settings.mtu)
        self._settings = settings
        self._address: bytes | None = None
        self._wait = SOLICITATION_WAIT
        self._kept_alive = 0

    @property
    def address(self) -> bytes | None:
        return self._address

    def start(self, now: float) -> None:
        self._wait = SOLICITATION_WAIT
        self._ring(now)

    def _ring(self, now: float) -> None:
        if self._address is None:
            self._send(sixbed4.build_solicitation(), self._settings.router)
            self._due = now + self._wait
            self._wait = min(2 * self._wait, LONGEST_WAIT)
        else:
            self._keep_alive()
            self._due = now + self._settings.keepalive

    def _keep_alive(self) -> None:
        self._kept_alive = (self._kept_alive + 1) % KEPT_ALIVE
        if self._kept_alive == 0:
            self._send(sixbed4.build_solicitation(), self._settings.router)
        else:
            # An empty datagram is all that a NAT needs, and no packet of any tunnel.
            self._send(b"", self._settings.router, Kind.NONE)

    def _carry(self, packet: bytes, now: float) -> None:
        if self._address is None:
            raise Refused(NOT_CONNECTED)
        self._send(packet, self._settings.router)

    def _take(self, payload: bytes, source: Endpoint, now: float) -> None:
        if source != self._settings.router:
            raise Refused(NOT_THE_SERVER)
        packet = inner_packet(payload)
        message = _neighbour_message(packet)
        if message is None:
            self._deliver(packet)
        elif message.type == icmpv6.ROUTER_ADVERTISEMENT:
            self._learn(icmpv6.parse_router_advertisement(message.body), now)

    def _learn(self, advertisement: RouterAdvertisement, now: float) -> None:
        prefix = next(iter(advertisement.prefixes), None)
        if prefix is None or prefix.prefix_length != PREFIX_LENGTH:
            raise Refused(NO_PREFIX)
        low = int.from_bytes(prefix.prefix[14:]) & 0xC000 | self._settings.number
        address = prefix.prefix[:14] + low.to_bytes(2)
        if address == self._address:
            return
        self._address = address
        self._due = now + self._settings.keepalive
        end = Endpoint(*parse_sixbed4(address)[:2])
        self._tell("connected", f"{text(address)} at {end_text(end)}", address, end)


class SixBed4Router(EmbeddingRelay):
    """Tells peers what their prefix is, unasked too where their NAT has another mapping by now."""

    def __init__(self, settings: SixBed4RouterSettings, rng: Random) -> None:
        super().__init__(settings.local, Kind.SIXBED4, settings.prefix, parse_sixbed4, settings.mtu)
        self._advertisements = Allowance(ADVERTISEMENTS_A_SECOND)

    def _take(self, payload: bytes, source: Endpoint, now: float) -> None:
        packet = inner_packet(payload)
        message = _neighbour_message(packet)
        if message is None:
            self._check_peer(packet, source, now)
            self._pass_on(packet, now)
        elif message.type == icmpv6.ROUTER_SOLICITATION:
            self._advertise(packet[8:24], source, now)

    def _check_peer(self, packet: bytes, source: Endpoint, now: float) -> None:
        try:
            self._check_source(packet, source)
        except Refused as refusal:
            if str(refusal) == MAPPING_DIFFERS:
                self._advertise(packet[8:24], source, now)
            raise

    def _advertise(self, asking: bytes, source: Endpoint, now: float) -> None:
        """Tell a peer what its endpoint looks like from here, which is its prefix."""
        if not self._advertisements.take(now):
            self.drops[ADVERTISEMENTS_LIMITED] += 1
            return
        network = build_sixbed4(self._prefix, LeakingAddress(source.ip, source.port, bytes(2)))
        prefix = PrefixInformation(PREFIX_LENGTH, _PREFIX_FLAGS, _FOR_EVER, _FOR_EVER, network)
        advertisement = RouterAdvertisement(
            hop_limit=0,
            flags=_ROUTER_FLAGS,
            router_lifetime=0xFFFF,
            reachable=_FOR_EVER,
            retransmit=_FOR_EVER,
            prefixes=(prefix,),
        )
        destination = ALL_NODES if asking == UNSPECIFIED else asking
        message = icmpv6.build_router_advertisement(_ROUTER_LOCAL, destination, advertisement)
        packet = ipv6.build(
            _ROUTER_LOCAL, destination, icmpv6.PROTOCOL, message, hop_limit=LOCAL_HOP_LIMIT
        )
        self._send(packet, source)


def _neighbour_message(packet: bytes) -> icmpv6.Message | None:
    """The Neighbour Discovery message that a whole packet is, else None.

    Refused for one that a router has handed on, or that is damaged (RFC 4861 section 6.1).
    """
    cursor = Cursor(packet)
    header = ipv6.parse(cursor)
    if header.next_header != icmpv6.PROTOCOL:
        return None
    octets = packet[ipv6.HEADER_LENGTH :]
    message = icmpv6.parse(cursor)
    if not icmpv6.ROUTER_SOLICITATION <= message.type <= icmpv6.REDIRECT:
        return None
    pseudo = checksum.pseudo_ipv6(header.source, header.destination, icmpv6.PROTOCOL, len(octets))
    if not checksum.verify(pseudo, octets):
        raise Refused(BAD_CHECKSUM)
    if header.hop_limit != LOCAL_HOP_LIMIT:
        raise DecodeError("hop limit of a router's message", 7)
    return message
