"""Packets from server, relays and peers, trusted or not (RFC 4380 5.2.3, RFC 6081 5.2).

A native host's packets from an unknown relay wait until that host has answered a connectivity
test through the same relay: what is forged is not delivered, at the cost of one round trip.
"""

from __future__ import annotations

from sensor.lab.inner.allowance import Allowance
from sensor.lab.inner.refusal import MAPPING_DIFFERS, Refused
from sensor.lab.teredo.arrival import Arrival
from sensor.lab.teredo.attempts import Attempts
from sensor.lab.teredo.bubbles import Bubbles
from sensor.lab.teredo.contact import Contact
from sensor.lab.teredo.discovery import Discovery
from sensor.lab.teredo.hairpin import alternates
from sensor.lab.teredo.link import Link, end_text
from sensor.lab.teredo.peers import Peers
from sensor.lab.teredo.ports import Ports
from sensor.lab.teredo.trailers import Told, build_trailers
from sensor.lab.teredo.trial import Trials
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import addresses, teredo

# What strangers can make a client send; each costs them a packet of their own.
ANSWERS_A_SECOND = 200
TRIALS_A_SECOND = 100

AUTHENTICATION = "authentication-on-data"
ORIGIN = "origin-not-from-server"
ORIGIN_ON_DATA = "origin-on-data"
DESTINATION = "destination"
BUBBLE_WITHOUT_ORIGIN = "bubble-without-origin"
UNREACHABLE_ORIGIN = "unreachable-origin"
OWN_SOURCE = "own-source"
SOURCE_NOT_GLOBAL = "source-not-global"
STRANGERS_BUBBLE = "strangers-bubble"
RELAY_MISMATCH = "relay-mismatch"
ANSWERS_LIMITED = "answers-limited"
TRIALS_LIMITED = "trials-limited"


class Reception:
    """Every method raises Refused for what is not taken."""

    def __init__(
        self,
        link: Link,
        peers: Peers[Contact],
        ports: Ports,
        trials: Trials,
        bubbles: Bubbles,
        discovery: Discovery,
        attempts: Attempts,
    ) -> None:
        self._link = link
        self._peers = peers
        self._ports = ports
        self._trials = trials
        self._bubbles = bubbles
        self._discovery = discovery
        self._attempts = attempts
        self._answers = Allowance(ANSWERS_A_SECOND)
        self._tested = Allowance(TRIALS_A_SECOND)

    def receive(self, arrival: Arrival, now: float) -> None:
        """A packet at one of the client's ends that is no advertisement."""
        if arrival.authentication is not None:
            raise Refused(AUTHENTICATION)
        if arrival.origin is not None and not self._link.is_server(arrival.source):
            raise Refused(ORIGIN)
        if arrival.header.source == self._link.address:
            raise Refused(OWN_SOURCE)
        if self._link.is_server(arrival.source) and arrival.bubble:
            self._indirect_bubble(arrival, now)
        elif arrival.origin is not None:
            raise Refused(ORIGIN_ON_DATA)
        else:
            self._check_destination(arrival)
            self._direct(arrival, now)

    def _check_destination(self, arrival: Arrival) -> None:
        """Only all of an address will do: who guesses flags learns nothing from an answer."""
        own = [self._link.address]
        if arrival.bubble:
            own += [self._link.link_local(), self._bubbles.address_for(arrival.header.source)]
        if self._link.address is None or arrival.header.destination not in own:
            raise Refused(DESTINATION)

    def discovered(self, arrival: Arrival, now: float) -> None:
        """A packet to the discovery group: a neighbour's bubble is answered directly."""
        self._discovery.check(arrival)
        self._allow_answer(now)
        contact = self._contact(arrival.header.source, now)
        contact.lan, contact.lan_heard = arrival.source, now
        self._bubbles.send_local(contact, arrival.source, now)

    def _allow_answer(self, now: float) -> None:
        if not self._answers.take(now):
            raise Refused(ANSWERS_LIMITED)

    def _contact(self, address: bytes, now: float) -> Contact:
        contact = self._peers.get(address)
        if contact is None:
            contact = Contact(address, self._link.settings.local, now)
            self._peers.add(contact)
        return contact

    def _indirect_bubble(self, arrival: Arrival, now: float) -> None:
        self._check_destination(arrival)
        peer = self._link.teredo(arrival.header.source)
        end = arrival.origin if peer is None else Endpoint(peer.ip, peer.port)
        if end is None:
            raise Refused(BUBBLE_WITHOUT_ORIGIN)
        self._check_end(end)
        self._allow_answer(now)
        if peer is None:
            self._answer_relay(arrival, end)
        else:
            self._answer_peer(arrival, peer, now)

    def _check_end(self, end: Endpoint) -> None:
        # The server's own end is good: Microsoft's are relays, too.
        if end == self._link.mapped or not end.port or not self._link.may_reach(end.ip):
            raise Refused(UNREACHABLE_ORIGIN)

    def _answer_relay(self, arrival: Arrival, end: Endpoint) -> None:
        """Open the NAT for a relay; nothing is remembered, its native hosts prove themselves.

        Behind a symmetric NAT only the nonce tells the relay whose bubble it is (RFC 6081 5.2).
        """
        header = arrival.header
        hop_limit = self._link.style.bubble_hop_limit
        bubble = teredo.build_bubble(header.destination, header.source, hop_limit)
        nonce = arrival.told.nonce if self._link.extended else None
        payload = teredo.encapsulate(bubble, trailers=build_trailers(Told(nonce)))
        self._link.send(payload, end, TeredoPacket.BUBBLE)

    def _answer_peer(self, arrival: Arrival, peer: addresses.TeredoAddress, now: float) -> None:
        contact = self._contact(arrival.header.source, now)
        contact.nonce_received = arrival.told.nonce
        contact.random_port = arrival.told.random_port
        # Behind a symmetric NAT the direct bubbles fail one way; the peer then needs a nonce.
        back = self._link.extended and not contact.valid(now) and self._bubbles.may(contact, now)
        self._note_neighbour(contact, peer, arrival, now)
        self._bubbles.answer(contact, peer, arrival.told, now)
        if back and self._link.may_reach(peer.server):
            self._bubbles.send_indirect(contact, peer, now)

    def _note_neighbour(
        self, contact: Contact, peer: addresses.TeredoAddress, arrival: Arrival, now: float
    ) -> None:
        """An alternate address on the own network is as good as one found by discovery."""
        for end in alternates(self._link, peer, arrival.told):
            if self._link.in_subnet(end.ip):
                contact.lan, contact.lan_heard = end, now

    def _direct(self, arrival: Arrival, now: float) -> None:
        address, source = arrival.header.source, arrival.source
        contact = self._peers.get(address)
        if contact is not None and self._answers_trial(contact, arrival):
            self._trust(contact, arrival, now)
            return
        peer = self._link.teredo(address)
        if contact is not None and contact.proved(source):
            self._trust(contact, arrival, now)
        elif peer is not None and Endpoint(peer.ip, peer.port) == source:
            contact = self._contact(address, now)
            self._trust(contact, arrival, now)
        elif contact is not None and self._is_known_by(contact, arrival, now):
            self._trust(contact, arrival, now)
        elif peer is not None:
            raise Refused(MAPPING_DIFFERS)
        else:
            self._stranger(contact, arrival, now)
            return
        if not arrival.bubble:
            self._link.outbox.packets.append(arrival.packet)

    def _answers_trial(self, contact: Contact, arrival: Arrival) -> bool:
        return bool(contact.trials) and self._trials.answered(contact, arrival.checked_message())

    def _is_known_by(self, contact: Contact, arrival: Arrival, now: float) -> bool:
        # Only who had our bubble knows the address that was made for it.
        told = arrival.header.destination == self._bubbles.address_for(contact.address)
        found = contact.local_end(now) == arrival.source
        return told or found or self._is_nonce(contact, arrival)

    def _is_nonce(self, contact: Contact, arrival: Arrival) -> bool:
        """A direct bubble that repeats the nonce of our indirect one (RFC 6081 5.2)."""
        nonce = arrival.told.nonce
        return (
            self._link.extended and arrival.bubble and nonce is not None
            and nonce == contact.nonce_sent
        )  # fmt: skip

    def _stranger(self, contact: Contact | None, arrival: Arrival, now: float) -> None:
        """A native host through a relay that did not prove itself (RFC 4380 5.2.3, last case)."""
        if not addresses.is_global6(arrival.header.source):
            raise Refused(SOURCE_NOT_GLOBAL)
        if arrival.bubble:
            raise Refused(STRANGERS_BUBBLE)
        if contact is not None and contact.knocker not in (None, arrival.source):
            raise Refused(RELAY_MISMATCH)
        under_way = contact is not None and contact in self._attempts
        if not under_way and not self._tested.take(now):
            raise Refused(TRIALS_LIMITED)
        contact = contact or self._contact(arrival.header.source, now)
        contact.knocker = arrival.source
        self._peers.queue(contact, arrival.packet)
        self._attempts.begin(contact, now)

    def _trust(self, contact: Contact, arrival: Arrival, now: float) -> None:
        known, knocker = contact.proved(arrival.source), contact.knocker
        if contact.trusted and contact.mapped != arrival.source:
            contact.former = contact.mapped
        contact.mapped = arrival.source
        contact.local = self._ports.answering(contact, arrival.end)
        contact.trials, contact.knocker = (), None
        waiting = self._peers.trust(contact, now)
        self._attempts.end(contact)
        if not known:
            self._tell(contact)
            if self._is_nonce(contact, arrival):
                # It cannot know yet that its answer came through, nor on which way.
                self._bubbles.confirm(contact, now)
        for packet in waiting:
            self._release(contact, packet, knocker, now)

    def _release(
        self, contact: Contact, packet: bytes, knocker: Endpoint | None, now: float
    ) -> None:
        """A packet that waited, in either direction."""
        if packet[24:40] != self._link.address:
            contact.sent = now
            self._link.send(packet, contact.mapped, TeredoPacket.DATA, source=contact.local)
        elif knocker == contact.mapped:
            self._link.outbox.packets.append(packet)
        else:
            self._link.drops[RELAY_MISMATCH] += 1

    def _tell(self, contact: Contact) -> None:
        address, end = addresses.text(contact.address), end_text(contact.mapped)
        if self._link.teredo(contact.address) is None:
            what, text = "relay-learned", f"{address} is reached through relay {end}"
        else:
            what, text = "peer-reached", f"{address} is reached at {end}"
        self._link.tell(what, text, contact.address, contact.mapped)
