"""A Teredo server on two IPv4 addresses, without state (RFC 4380 section 5.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

from sensor.lab.inner.refusal import (
    HOP_LIMIT,
    INDICATOR,
    LOOP,
    MAPPING_DIFFERS,
    NOT_GLOBAL,
    Refused,
)
from sensor.lab.machine import Datagram, Event, Outbox
from sensor.lab.teredo.advertisement import Advertiser
from sensor.lab.teredo.arrival import Arrival, read_without_origin
from sensor.lab.teredo.routable import ANYWHERE, Routable
from sensor.lab.teredo.settings import ServerSettings
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import icmpv6, ipv6, teredo
from sensor.wire.addresses import (
    ALL_ROUTERS,
    LEGACY_TEREDO_PREFIX,
    TeredoAddress,
    build_server_link_local,
    is_global_unicast,
    is_link_local6,
    parse_identifier,
)
from sensor.wire.icmpv6 import Message

if TYPE_CHECKING:
    from random import Random

# Octets of an ICMPv6 message: connectivity tests are short, and a server carries no data. Miredo
# draws the line here.
LONGEST_MESSAGE = 88
REPLY_HOP_LIMIT = 64

NOT_MINE = "not-addressed-here"
NOT_CARRIED = "neither-bubble-nor-icmpv6"
TOO_LONG = "message-too-long"
NOT_ACCEPTED = "no-client-of-mine"
NEIGHBOUR_DISCOVERY = "neighbour-discovery"
NOT_ROUTABLE = "not-routable"
NOT_A_TEST = "not-a-connectivity-test"
NO_HOST = "no-host"

_NEIGHBOUR_DISCOVERY = range(icmpv6.ROUTER_SOLICITATION, icmpv6.REDIRECT + 1)


class Server:
    """Answers solicitations, forwards bubbles to clients, and their tests to native hosts.

    The IPv6 packets that it forwards stay as they are, hop limit included: some implementations
    send bubbles with 0, and a server is no hop on the path of the data.
    """

    def __init__(self, settings: ServerSettings, rng: Random) -> None:
        """``rng`` is what every machine gets; a server without state leaves nothing to chance."""
        self.drops: Counter[str] = Counter()
        self._settings = settings
        self._primary = Endpoint(settings.primary, settings.port)
        self._secondary = Endpoint(settings.secondary, settings.port)
        self._link_local = build_server_link_local(settings.primary)
        self._advertiser = Advertiser(settings)
        self._native = Routable(ANYWHERE, settings.prefix)
        self._out = Outbox()

    @property
    def ends(self) -> Collection[Endpoint]:
        return (self._primary, self._secondary)

    def start(self, now: float) -> None:
        """Nothing: a server speaks when it is spoken to."""

    def stop(self, now: float) -> None:
        self._out.events.append(Event("stopped", "stopped"))

    def receive_datagram(
        self, payload: bytes, source: Endpoint, destination: Endpoint, now: float
    ) -> None:
        try:
            if destination not in self.ends:
                raise Refused(NOT_MINE)
            self._handle(read_without_origin(payload, source, destination))
        except Refused as refusal:
            self.drops[str(refusal)] += 1

    def send_ipv6(self, packet: bytes, now: float) -> None:
        """Native hosts reach Teredo's clients by relays, and no server by IPv6."""
        self.drops[NO_HOST] += 1

    def handle_timer(self, now: float) -> None:
        """Nothing: it has no timer."""

    def get_timer(self) -> float | None:
        return None

    def datagrams_to_send(self) -> list[Datagram]:
        return self._out.take_datagrams()

    def ipv6_to_deliver(self) -> list[bytes]:
        return self._out.take_packets()

    def next_event(self) -> Event | None:
        return self._out.take_event()

    def _handle(self, arrival: Arrival) -> None:
        """The rules of RFC 4380 section 5.3.1 in their order, then by the inner destination."""
        message = _message(arrival)
        if not is_global_unicast(arrival.source.ip):
            raise Refused(NOT_GLOBAL)
        if arrival.source in self.ends:
            raise Refused(LOOP)
        if message is not None and _solicits(arrival, message):
            self._advertise(arrival, message)
            return
        self._accept(arrival)
        target = self._client(arrival.header.destination)
        if arrival.header.destination == self._link_local:
            self._reply(arrival, message)
        elif target is not None:
            self._forward(arrival, message, target)
        else:
            self._test(arrival, message)

    def _accept(self, arrival: Arrival) -> None:
        """Take what comes from a client where it is mapped, and what goes to a client of ours."""
        if arrival.authentication is not None:
            raise Refused(INDICATOR)
        inner = arrival.header.source
        sender = self._client(inner)
        if sender is not None:
            if (sender.ip, sender.port) != arrival.source:
                raise Refused(MAPPING_DIFFERS)
            return
        target = self._client(arrival.header.destination)
        if target is None or target.server != self._primary.ip:
            raise Refused(NOT_ACCEPTED)
        if not is_link_local6(inner) and inner not in self._native:
            raise Refused(NOT_ROUTABLE)

    def _client(self, address: bytes) -> TeredoAddress | None:
        """What a Teredo address says, None of any other."""
        if not address.startswith(self._settings.prefix):
            return None
        legacy = self._settings.prefix == LEGACY_TEREDO_PREFIX
        return parse_identifier(address[8:], address[4:8], legacy)

    def _advertise(self, arrival: Arrival, message: Message) -> None:
        """From the address that was asked; from the other one where the cone bit asks for that."""
        answer = self._advertiser.answer(arrival, message)
        end = arrival.end
        if parse_identifier(arrival.header.source[8:]).cone:
            end = self._secondary if end == self._primary else self._primary
        self._send(end, arrival.source, answer, TeredoPacket.ROUTER_ADVERTISEMENT)

    def _reply(self, arrival: Arrival, message: Message | None) -> None:
        """To an echo request for the server itself."""
        if message is None or message.type != icmpv6.ECHO_REQUEST:
            raise Refused(NOT_A_TEST)
        arrival.verify_checksum()
        asking = arrival.header.source
        reply = icmpv6.build(self._link_local, asking, icmpv6.ECHO_REPLY, 0, message.body)
        packet = ipv6.build(
            self._link_local, asking, icmpv6.PROTOCOL, reply, hop_limit=REPLY_HOP_LIMIT
        )
        self._send(arrival.end, arrival.source, packet, TeredoPacket.DATA)

    def _forward(self, arrival: Arrival, message: Message | None, target: TeredoAddress) -> None:
        """To where the destination says that it is mapped, trailers kept."""
        if message is not None and message.type in _NEIGHBOUR_DISCOVERY:
            raise Refused(NEIGHBOUR_DISCOVERY)  # clients believe what their server advertises
        tells = self._tells_origin(arrival, target)
        origin = teredo.build_origin(*arrival.source) if tells else None
        payload = teredo.encapsulate(arrival.packet, origin=origin, trailers=[arrival.tail])
        kind = TeredoPacket.BUBBLE if message is None else TeredoPacket.DATA
        self._send(self._primary, Endpoint(target.ip, target.port), payload, kind)

    def _tells_origin(self, arrival: Arrival, target: TeredoAddress) -> bool:
        """To its own clients, where the inner source does not tell, as Windows's servers do."""
        if target.server != self._primary.ip:
            return False
        return self._settings.origin_always or self._client(arrival.header.source) is None

    def _test(self, arrival: Arrival, message: Message | None) -> None:
        """A connectivity test goes on to its native host (RFC 4380 section 5.2.9)."""
        if arrival.header.destination not in self._native:
            raise Refused(NOT_ROUTABLE)
        if message is None or message.type != icmpv6.ECHO_REQUEST:
            raise Refused(NOT_A_TEST)
        if arrival.header.hop_limit == 0:
            raise Refused(HOP_LIMIT)
        self._out.packets.append(arrival.packet)

    def _send(
        self, end: Endpoint, destination: Endpoint, payload: bytes, packet: TeredoPacket
    ) -> None:
        """Never to itself, nor where no client can be: who writes addresses chooses these."""
        if destination.ip in (self._primary.ip, self._secondary.ip):
            raise Refused(LOOP)
        if not is_global_unicast(destination.ip) or not destination.port:
            raise Refused(NOT_GLOBAL)
        self._out.datagrams.append(Datagram(end, destination, payload, packet))


def _message(arrival: Arrival) -> Message | None:
    """The ICMPv6 message of a packet, None for a bubble; Refused for anything else."""
    if arrival.bubble:
        return None
    message = arrival.message()
    if message is None:
        raise Refused(NOT_CARRIED)
    if arrival.header.payload_length > LONGEST_MESSAGE:
        raise Refused(TOO_LONG)
    return message


def _solicits(arrival: Arrival, message: Message) -> bool:
    header = arrival.header
    local = is_link_local6(header.source) and header.destination == ALL_ROUTERS
    return local and message.type == icmpv6.ROUTER_SOLICITATION
