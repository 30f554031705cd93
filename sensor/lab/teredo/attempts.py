"""Peers that are being reached, each tried again until it answers (RFC 4380 section 5.2.4).

All wait equally long, so that the first in the table is always the first that is due.
"""

from __future__ import annotations

from sensor.lab.inner.errors import ADDRESS_UNREACHABLE, Errors
from sensor.lab.inner.refusal import NOT_REACHED
from sensor.lab.teredo.bubbles import Bubbles
from sensor.lab.teredo.contact import Contact
from sensor.lab.teredo.discovery import Discovery
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.peers import Peers
from sensor.lab.teredo.trial import Trials
from sensor.wire import icmpv6

WAIT = 2.0  # seconds for an answer
REPEATS = 3

ATTEMPTS_LIMITED = "attempts-limited"
NOT_PROVED = "not-proved"  # packets of a native peer that did not answer its trial


class _Attempt:
    """One peer under way."""

    __slots__ = ("contact", "due", "repeats")

    def __init__(self, contact: Contact, now: float) -> None:
        self.contact = contact
        self.due = now + WAIT
        self.repeats = 0


class Attempts:
    """At most as many as the table of peers has room."""

    def __init__(
        self,
        link: Link,
        peers: Peers[Contact],
        trials: Trials,
        bubbles: Bubbles,
        discovery: Discovery,
    ) -> None:
        self._link = link
        self._peers = peers
        self._trials = trials
        self._bubbles = bubbles
        self._discovery = discovery
        # The host is on the link of its own client.
        self._errors = Errors(link.link_local(), link.drops, on_link=True)
        self._attempts: dict[bytes, _Attempt] = {}

    def __len__(self) -> int:
        return len(self._attempts)

    def __contains__(self, contact: Contact) -> bool:
        attempt = self._attempts.get(contact.address)
        return attempt is not None and attempt.contact is contact

    @property
    def due(self) -> float | None:
        return next((attempt.due for attempt in self._attempts.values()), None)

    def begin(self, contact: Contact, now: float) -> None:
        """Reach a peer, for whose packets to wait is up to the caller."""
        if contact in self:
            return
        if len(self) >= self._link.settings.limits.peers:
            self._link.drops[ATTEMPTS_LIMITED] += 1
            self._give_up(contact, now)
        elif self._bubbles.exhausted(contact, now):
            self._give_up(contact, now)
        else:
            self._attempts.pop(contact.address, None)
            attempt = self._attempts[contact.address] = _Attempt(contact, now)
            self._try(attempt, now)

    def end(self, contact: Contact) -> None:
        """A peer is reached."""
        self._attempts.pop(contact.address, None)

    def clear(self) -> None:
        self._attempts.clear()

    def handle_timer(self, now: float) -> None:
        for address, attempt in list(self._attempts.items()):
            if attempt.due > now:
                return
            del self._attempts[address]
            if self._peers.get(address) is attempt.contact:
                self._repeat(attempt, now)

    def _repeat(self, attempt: _Attempt, now: float) -> None:
        if attempt.repeats == REPEATS:
            self._give_up(attempt.contact, now)
            return
        attempt.repeats += 1
        attempt.due = now + WAIT
        self._attempts[attempt.contact.address] = attempt
        self._try(attempt, now)

    def _try(self, attempt: _Attempt, now: float) -> None:
        contact = attempt.contact
        peer = self._link.teredo(contact.address)
        lan = contact.local_end(now)
        if peer is None:
            self._trials.send(contact, now)
        elif lan is not None and not attempt.repeats:
            self._bubbles.send_local(contact, lan, now)
            # A neighbour that came later does not know this client yet.
            self._discovery.announce()
        elif self._bubbles.may(contact, now):
            self._bubbles.knock(contact, peer, now)

    def _give_up(self, contact: Contact, now: float) -> None:
        contact.trials, contact.knocker = (), None
        for packet in self._peers.take_queue(contact):
            if packet[24:40] == self._link.address:
                self._link.drops[NOT_PROVED] += 1
                continue
            self._link.drops[NOT_REACHED] += 1
            self._report(packet, now)

    def _report(self, packet: bytes, now: float) -> None:
        """Tell the host that a packet of its could not go."""
        error = self._errors.about(packet, icmpv6.UNREACHABLE, ADDRESS_UNREACHABLE, now)
        if error is not None:
            self._link.outbox.packets.append(error)
