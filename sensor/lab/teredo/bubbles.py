"""Bubbles to Teredo peers and the rules for their number (RFC 4380 5.2.6, RFC 6081 5.2).

Every indirect bubble carries a nonce, which the peer's direct answer repeats: behind a symmetric
NAT that answer comes from a mapping nobody knew before.
"""

from __future__ import annotations

import hmac

from sensor.lab.inner.allowance import Allowance
from sensor.lab.teredo.contact import Contact
from sensor.lab.teredo.hairpin import alternates, own_alternates
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.ports import Ports
from sensor.lab.teredo.trailers import NONCE_LENGTH, NOTHING, Told, build_trailers
from sensor.schema.records import Endpoint
from sensor.schema.words import NatType, TeredoPacket
from sensor.wire import teredo
from sensor.wire.addresses import LINK_LOCAL_PREFIX, TeredoAddress
from sensor.wire.ports import TEREDO_PORT

GAP = 2.0  # seconds from the last transmission to a peer
BUBBLES = 4  # without a direct answer within PERIOD
PERIOD = 300.0  # seconds
# Ends inside the client's network that others can have it knock at.
ALTERNATES_A_SECOND = 20

ALTERNATES_LIMITED = "alternates-limited"

_KEY = 16  # octets
_LOCAL_AND_UNICAST = 0xFC  # both bits clear in an interface identifier's first octet


class Bubbles:
    """Builds and sends them."""

    def __init__(self, link: Link, ports: Ports) -> None:
        self._link = link
        self._ports = ports
        self._alternates = Allowance(ALTERNATES_A_SECOND)
        self._key = link.rng.randbytes(_KEY) if link.style.keyed_bubbles else b""

    def address_for(self, peer: bytes) -> bytes | None:
        """The link-local address that a peer alone is told, where the style makes such."""
        if not self._key:
            return None
        identifier = bytearray(hmac.digest(self._key, peer, "md5")[:8])
        identifier[0] &= _LOCAL_AND_UNICAST
        return LINK_LOCAL_PREFIX + identifier

    def may(self, contact: Contact, now: float) -> bool:
        """Whether the client may send a bubble of its own accord."""
        return now >= contact.sent + GAP and not self.exhausted(contact, now)

    def exhausted(self, contact: Contact, now: float) -> bool:
        """Whether a peer has left so many unanswered that it is given up for some time."""
        if now >= contact.bubbled + PERIOD:
            contact.bubbles = 0
        return contact.bubbles >= BUBBLES

    def knock(self, contact: Contact, peer: TeredoAddress, now: float) -> None:
        """A direct bubble to open the own NAT, an indirect one to have the peer's opened."""
        if self._link.nat is not NatType.CONE:
            self._send_own(contact, Endpoint(peer.ip, peer.port), now)
        self.send_indirect(contact, peer, now)

    def send_indirect(self, contact: Contact, peer: TeredoAddress, now: float) -> None:
        """A bubble by way of the peer's server; it counts."""
        if not contact.bubbles:
            contact.bubbled = now
        contact.bubbles += 1
        self._send_own(contact, Endpoint(peer.server, TEREDO_PORT), now, self._tell(contact, now))

    def _send_own(self, contact: Contact, end: Endpoint, now: float, told: Told = NOTHING) -> None:
        """Of the client's own initiative."""
        self._send(contact, end, now, told, inner=self.address_for(contact.address))

    def _tell(self, contact: Contact, now: float) -> Told:
        if not self._link.extended:
            return NOTHING
        if contact.nonce_sent is None:
            contact.nonce_sent = self._link.rng.randbytes(NONCE_LENGTH)
        extra = self._ports.open(contact, now)
        port = extra.port if extra else None
        return Told(contact.nonce_sent, port, own_alternates(self._link))

    def answer(self, contact: Contact, peer: TeredoAddress, told: Told, now: float) -> None:
        """Direct bubbles in answer to an indirect one, to every end that the peer may be at."""
        embedded = Endpoint(peer.ip, peer.port)
        self._echo(contact, embedded, now)
        if not self._link.extended:
            return
        if contact.valid(now):
            # One way is known to be good: the others need not be tried.
            if contact.mapped != embedded:
                self.confirm(contact, now)
            return
        extra = self._ports.open(contact, now)
        if extra is not None or contact.random_port is not None:
            port = contact.random_port or peer.port
            self._echo(contact, Endpoint(peer.ip, port), now, extra)
        for end in alternates(self._link, peer, told):
            if self._alternates.take(now):
                self._echo(contact, end, now)
            else:
                self._link.drops[ALTERNATES_LIMITED] += 1

    def confirm(self, contact: Contact, now: float) -> None:
        """A direct bubble on the way that a peer proved to be good."""
        self._echo(contact, contact.mapped, now, contact.local)

    def send_local(self, contact: Contact, end: Endpoint, now: float) -> None:
        """A bubble to a peer on the client's own network (RFC 4380 section 5.2.8)."""
        self._send(contact, end, now)

    def _echo(
        self, contact: Contact, end: Endpoint, now: float, source: Endpoint | None = None
    ) -> None:
        # Only after an indirect bubble is there a nonce to repeat, as RFC 6081 5.2 wants it.
        nonce = contact.nonce_received if self._link.extended else None
        self._send(contact, end, now, Told(nonce), source)

    def _send(
        self,
        contact: Contact,
        end: Endpoint,
        now: float,
        told: Told = NOTHING,
        source: Endpoint | None = None,
        inner: bytes | None = None,
    ) -> None:
        link = self._link
        if link.address is None:
            return
        contact.sent = now
        inner = inner or link.address
        bubble = teredo.build_bubble(inner, contact.address, link.style.bubble_hop_limit)
        payload = teredo.encapsulate(bubble, trailers=build_trailers(told))
        link.send(payload, end, TeredoPacket.BUBBLE, source=source)
