"""Extra ends behind a symmetric NAT that keeps port numbers (RFC 6081 section 5.4).

Such a NAT keeps the number of the first mapping of a local port only. So each peer gets a local
port of its own, which it is told before the client sends anything from there. Where the RFC leaves
freedom: the extra end is used by a client only that found its NAT symmetric and, unless its style
is Windows's, its first mapped port equal to the local one; its number is drawn from the dynamic
ports.
"""

from __future__ import annotations

from sensor.lab.teredo.contact import Contact
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.peers import VALID
from sensor.schema.records import Endpoint
from sensor.schema.words import NatType, TeredoPacket
from sensor.wire import teredo

PORTS_OPEN = 32  # each costs its driver a socket
REFRESH = 30.0  # seconds
REFRESHES = 20  # without data in between (RFC 6081 section 5.4.2.1)
DYNAMIC_PORTS = (49_152, 65_535)

NO_PORT = "no-port"


class _Held:
    """An extra end and the peer it was opened for."""

    __slots__ = ("contact", "due", "refreshes")

    def __init__(self, contact: Contact, now: float) -> None:
        self.contact = contact
        self.due = now + REFRESH
        self.refreshes = 0


class Ports:
    """The extra ends, the one that is due first in front."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._held: dict[Endpoint, _Held] = {}

    @property
    def ends(self) -> list[Endpoint]:
        return list(self._held)

    @property
    def due(self) -> float | None:
        return next((held.due for held in self._held.values()), None)

    @property
    def active(self) -> bool:
        link = self._link
        if not (link.extended and link.settings.port_preserving and link.mapped is not None):
            return False
        keeps = link.mapped.port == link.settings.local.port
        return link.nat is NatType.SYMMETRIC and (keeps or link.style.offers_port)

    def of(self, contact: Contact) -> Endpoint | None:
        """The extra end that was opened for a peer."""
        return next((end for end, held in self._held.items() if held.contact is contact), None)

    def answering(self, contact: Contact, end: Endpoint) -> Endpoint:
        """Where to answer a peer from whose packet came to ``end``: never another one's."""
        return end if end == self.of(contact) else self._link.settings.local

    def open(self, contact: Contact, now: float) -> Endpoint | None:
        """The extra end of a peer, opened if need be; None where there are none to have."""
        if not self.active:
            return None
        return self.of(contact) or self._open(contact, now)

    def _open(self, contact: Contact, now: float) -> Endpoint | None:
        if len(self._held) >= PORTS_OPEN:
            idle = next((end for end in self._held if not self._in_use(end, now)), None)
            if idle is None:
                self._link.drops[NO_PORT] += 1
                return None
            self._close(idle, now)
        settings = self._link.settings
        taken = {settings.local.port, settings.interval_port, *(end.port for end in self._held)}
        # There are far fewer taken than numbers: the second draw is rare, the fourth never.
        port = settings.local.port
        while port in taken:
            port = self._link.rng.randint(*DYNAMIC_PORTS)
        end = Endpoint(settings.local.ip, port)
        self._held[end] = _Held(contact, now)
        return end

    def _in_use(self, end: Endpoint, now: float) -> bool:
        contact = self._held[end].contact
        return contact.valid(now) and contact.local == end

    def _close(self, end: Endpoint, now: float) -> None:
        contact = self._held.pop(end).contact
        if contact.local == end:
            contact.local = self._link.settings.local
            contact.expire(now)

    def close_all(self, now: float) -> None:
        for end in self.ends:
            self._close(end, now)

    def handle_timer(self, now: float) -> None:
        """Keep the mappings of ends in use alive for a while, close the others."""
        for end, held in list(self._held.items()):
            if held.due > now:
                return
            if not self._in_use(end, now) or held.refreshes >= REFRESHES:
                self._close(end, now)
                continue
            self._refresh(end, held, now)
            held.due = now + REFRESH
            self._held[end] = self._held.pop(end)  # behind all that are due before it

    def _refresh(self, end: Endpoint, held: _Held, now: float) -> None:
        contact, link = held.contact, self._link
        if now - contact.sent < VALID:
            held.refreshes = 0
        elif link.address is not None:
            held.refreshes += 1
            bubble = teredo.build_bubble(link.address, contact.address, link.style.bubble_hop_limit)
            link.send(bubble, contact.mapped, TeredoPacket.BUBBLE, source=end)
