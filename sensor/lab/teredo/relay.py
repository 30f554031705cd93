"""A Teredo relay, public, of a site, or of one host alone (RFC 4380 sections 5.4 and 3.4)."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection
from typing import TYPE_CHECKING

from sensor.lab.inner.errors import ADDRESS_UNREACHABLE, Errors
from sensor.lab.inner.packets import MTU, at_its_end, is_data, is_whole, passed_on
from sensor.lab.inner.refusal import (
    HOP_LIMIT,
    INDICATOR,
    LOOP,
    MALFORMED,
    MAPPING_DIFFERS,
    NOT_GLOBAL,
    NOT_REACHED,
    NOT_SERVED,
    NOT_TEREDO,
    TOO_BIG,
    Refused,
)
from sensor.lab.machine import Datagram, Event, Outbox
from sensor.lab.teredo.arrival import Arrival, read_without_origin
from sensor.lab.teredo.peers import Peer, Peers
from sensor.lab.teredo.routable import Routable
from sensor.lab.teredo.settings import RelaySettings
from sensor.lab.teredo.trailers import NONCE_LENGTH, Told, build_trailers, check_trailers
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import icmpv6, teredo
from sensor.wire.addresses import is_global_unicast, parse_identifier, text
from sensor.wire.ports import TEREDO_PORT

if TYPE_CHECKING:
    from random import Random

BUBBLE_WAIT = 2.0  # seconds for an answer (RFC 4380 section 5.4.1)
BUBBLE_TRIALS = 3

_IN_TRANSIT = 0  # where the hop limit ended (RFC 4443 section 3.3)


class RelayPeer(Peer):
    """A Teredo client; ``nonce`` is what its answer to an indirect bubble shall repeat."""

    __slots__ = ("nonce",)

    def __init__(self, address: bytes, mapped: Endpoint, now: float) -> None:
        super().__init__(address, mapped, now)
        self.nonce = b""


class Relay:
    """Carries packets between native hosts and Teredo clients; each client proves its mapping.

    Either its packets come from the endpoint that its address embeds (RFC 4380 section 5.4.2), or,
    behind a symmetric NAT, its bubble repeats the nonce of ours (RFC 6081 section 5.2). The bubble
    goes to where ours came from, so that anybody who was sent one knows that address: without the
    nonce it would prove nothing.
    """

    def __init__(self, settings: RelaySettings, rng: Random) -> None:
        self.drops: Counter[str] = Counter()
        self._settings = settings
        self._local = settings.local
        self._rng = rng
        self._out = Outbox()
        self._errors = Errors(settings.source, self.drops)
        self._peers: Peers[RelayPeer] = Peers(settings.limits, self.drops)
        # Who has yet to answer. All wait equally long, so that the first is due first.
        self._asked: OrderedDict[bytes, RelayPeer] = OrderedDict()
        self._native = Routable(settings.served, settings.prefix)
        # One host's own relay is no hop on the way (RFC 4380 section 3.4).
        self._of_one_host = all(bits == 128 for _, bits in settings.served)

    @property
    def ends(self) -> Collection[Endpoint]:
        return (self._local,)

    def start(self, now: float) -> None:
        """Nothing: a relay has no server and needs no qualification."""

    def stop(self, now: float) -> None:
        for peer in self._asked.values():
            self._peers.remove(peer)
        self._asked.clear()
        self._out.events.append(Event("stopped", "stopped"))

    def get_timer(self) -> float | None:
        first = next(iter(self._asked.values()), None)
        return None if first is None else first.sent + BUBBLE_WAIT

    def handle_timer(self, now: float) -> None:
        while (due := self.get_timer()) is not None and due <= now:
            _, peer = self._asked.popitem(last=False)
            if peer.bubbles < BUBBLE_TRIALS:
                self._ask(peer, now)
            else:
                self._give_up(peer, now)

    def datagrams_to_send(self) -> list[Datagram]:
        return self._out.take_datagrams()

    def ipv6_to_deliver(self) -> list[bytes]:
        return self._out.take_packets()

    def next_event(self) -> Event | None:
        return self._out.take_event()

    def send_ipv6(self, packet: bytes, now: float) -> None:
        """A packet of the native side for a Teredo client (RFC 4380 section 5.4.1)."""
        try:
            self._check_native(packet, now)
            peer = self._peers.get(packet[24:40]) or self._meet(packet[24:40], now)
        except Refused as refusal:
            self.drops[str(refusal)] += 1
            return
        packet = self._passed_on(packet)
        if peer.valid(now):
            self._send_data(peer, packet, now)
            return
        self._peers.queue(peer, packet)
        if peer.address not in self._asked:
            self._ask(peer, now)

    def receive_datagram(
        self, payload: bytes, source: Endpoint, destination: Endpoint, now: float
    ) -> None:
        """RFC 4380 section 5.4.2; data of a client in use need but few of its checks."""
        try:
            peer = self._peers.get(payload[8:24])
            if peer is None or peer.mapped != source or not peer.valid(now) or not is_data(payload):
                self._receive(read_without_origin(payload, source, destination), now)
                return
            if payload[24:40] not in self._native:
                raise Refused(NOT_SERVED)
            peer.heard = now
            self._deliver(payload, peer, now)
        except Refused as refusal:
            self.drops[str(refusal)] += 1

    def _check_native(self, packet: bytes, now: float) -> None:
        if not is_whole(packet):
            raise Refused(MALFORMED)
        if packet[8:24] not in self._native:
            raise Refused(NOT_SERVED)
        if len(packet) > MTU:
            self._complain(packet, icmpv6.TOO_BIG, 0, now, parameter=MTU)
            raise Refused(TOO_BIG)
        if self._at_its_end(packet):
            self._complain(packet, icmpv6.TIME_EXCEEDED, _IN_TRANSIT, now)
            raise Refused(HOP_LIMIT)

    def _complain(
        self, packet: bytes, kind: int, code: int, now: float, parameter: int = 0
    ) -> None:
        """An error to the native sender of a packet."""
        error = self._errors.about(packet, kind, code, now, parameter=parameter)
        if error is not None:
            self._out.packets.append(error)

    def _meet(self, address: bytes, now: float) -> RelayPeer:
        """Enter a client, whoever has to go for it."""
        peer = RelayPeer(address, self._embedded(address), now)
        evicted = self._peers.add(peer)
        if evicted is not None:
            self._asked.pop(evicted.address, None)
        return peer

    def _embedded(self, address: bytes) -> Endpoint:
        """The mapping in a client's address; Refused where it or its server can be nobody."""
        if not address.startswith(self._settings.prefix):
            raise Refused(NOT_TEREDO)
        client = parse_identifier(address[8:], address[4:8])
        mapped, server = Endpoint(client.ip, client.port), Endpoint(client.server, TEREDO_PORT)
        if not (is_global_unicast(mapped.ip) and mapped.port and is_global_unicast(server.ip)):
            raise Refused(NOT_GLOBAL)
        if mapped.ip == self._local.ip or server == self._local:
            raise Refused(LOOP)
        return mapped

    def _ask(self, peer: RelayPeer, now: float) -> None:
        """Bubbles that open the client's NAT and make it answer."""
        bubble = teredo.build_bubble(self._settings.source, peer.address)
        if self._settings.direct_bubbles:
            self._send(peer.mapped, bubble, TeredoPacket.BUBBLE)
        if not peer.bubbles:
            peer.nonce = self._rng.randbytes(NONCE_LENGTH)
        server = Endpoint(peer.address[4:8], TEREDO_PORT)
        nonce = teredo.build_trailer_nonce(peer.nonce)
        self._send(server, bubble + nonce, TeredoPacket.BUBBLE)
        peer.bubbles += 1
        peer.sent = now
        self._asked[peer.address] = peer

    def _give_up(self, peer: RelayPeer, now: float) -> None:
        for packet in self._peers.take_queue(peer):
            self.drops[NOT_REACHED] += 1
            self._complain(packet, icmpv6.UNREACHABLE, ADDRESS_UNREACHABLE, now)
        self._peers.remove(peer)

    def _receive(self, arrival: Arrival, now: float) -> None:
        if arrival.authentication is not None:
            raise Refused(INDICATOR)
        check_trailers(arrival.trailers)
        address, source = arrival.header.source, arrival.source
        peer = self._peers.get(address)
        if self._embedded(address) != source and not self._proves(arrival, peer, now):
            raise Refused(MAPPING_DIFFERS)
        self._check_destination(arrival)
        peer = peer or self._meet(address, now)
        # Who proved another mapping keeps it: the embedded one is known to every forger.
        if not peer.valid(now) or peer.mapped == source:
            self._reach(peer, source, now)
        if not arrival.bubble:
            self._deliver(arrival.packet, peer, now)
        elif self._of_one_host:
            self._answer(arrival, peer, now)

    def _proves(self, arrival: Arrival, peer: RelayPeer | None, now: float) -> bool:
        """Whether a client is where its address does not tell: behind a symmetric NAT."""
        source = arrival.source
        if peer is None or not is_global_unicast(source.ip) or source.ip == self._local.ip:
            return False
        if peer.valid(now) and peer.mapped == source:
            return True
        repeated = arrival.told.nonce == peer.nonce
        return self._to_bubbles(arrival) and peer.address in self._asked and repeated

    def _to_bubbles(self, arrival: Arrival) -> bool:
        return arrival.bubble and arrival.header.destination == self._settings.source

    def _check_destination(self, arrival: Arrival) -> None:
        if self._to_bubbles(arrival) or arrival.header.destination in self._native:
            return
        raise Refused(NOT_SERVED)

    def _reach(self, peer: RelayPeer, source: Endpoint, now: float) -> None:
        """The client has proved that it is at ``source``."""
        if not peer.valid(now) or peer.mapped != source:
            sentence = f"reached {text(peer.address)} at {text(source.ip)}:{source.port}"
            self._out.events.append(Event("peer-reached", sentence, peer.address, source))
        peer.mapped = source
        self._asked.pop(peer.address, None)
        for packet in self._peers.trust(peer, now):
            self._send_data(peer, packet, now)

    def _answer(self, arrival: Arrival, peer: RelayPeer, now: float) -> None:
        """To a bubble, so that the client knows its host's relay is here; not if we just spoke."""
        if now - peer.sent < BUBBLE_WAIT:
            return
        peer.sent = now
        header = arrival.header
        bubble = teredo.build_bubble(header.destination, header.source)
        # RFC 6081 section 5.2: an answer carries the nonce of the question.
        nonce = build_trailers(Told(arrival.told.nonce))
        payload = teredo.encapsulate(bubble, trailers=nonce)
        self._send(peer.mapped, payload, TeredoPacket.BUBBLE)

    def _deliver(self, packet: bytes, peer: RelayPeer, now: float) -> None:
        """Hand a client's packet to the native side."""
        if not self._at_its_end(packet):
            self._out.packets.append(self._passed_on(packet))
            return
        error = self._errors.about(packet, icmpv6.TIME_EXCEEDED, _IN_TRANSIT, now)
        if error is not None:
            self._send_data(peer, error, now)
        raise Refused(HOP_LIMIT)

    def _at_its_end(self, packet: bytes) -> bool:
        return not self._of_one_host and at_its_end(packet)

    def _passed_on(self, packet: bytes) -> bytes:
        return packet if self._of_one_host else passed_on(packet)

    def _send_data(self, peer: RelayPeer, packet: bytes, now: float) -> None:
        peer.sent = now
        self._send(peer.mapped, packet, TeredoPacket.DATA)

    def _send(self, destination: Endpoint, payload: bytes, packet: TeredoPacket) -> None:
        self._out.datagrams.append(Datagram(self._local, destination, payload, packet))
