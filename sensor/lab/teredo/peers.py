"""The table of peers that a client or relay keeps (RFC 4380 sections 5.2 and 5.4), within limits.

Whoever forges addresses can fill it. So those that never proved themselves go first, the oldest
of them; and of those that did, the one that was silent longest.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from itertools import islice
from typing import Generic, TypeVar

from sensor.lab.teredo.settings import PeerLimits
from sensor.schema.records import Endpoint

VALID = 30.0  # seconds from the last packet of a peer (RFC 4380 section 5.2.4)
# Of trusted peers in a full table so many are asked whether they were heard of since last time.
SECOND_CHANCES = 16

NO_ROOM = "queue-full"
EVICTED = "peer-evicted"
QUEUE_LOST = "queue-lost"  # packets that waited for a peer that was put out or forgotten


class Peer:
    """One IPv6 address that packets come from or go to; times in seconds."""

    __slots__ = ("address", "bubbles", "heard", "mapped", "queue", "sent", "trusted")

    def __init__(self, address: bytes, mapped: Endpoint, now: float) -> None:
        self.address = address
        self.mapped = mapped  # where its packets come from and ours go to
        self.trusted = False
        self.heard = now - VALID  # the last packet from it (RFC 4380 section 5.2.3)
        self.sent = now - VALID
        self.bubbles = 0  # sent without an answer
        self.queue: list[bytes] = []  # IPv6 packets that wait until it is reached

    def valid(self, now: float) -> bool:
        """Whether its mapping may be used without being tried again."""
        return self.trusted and now - self.heard < VALID


P = TypeVar("P", bound=Peer)


class Peers(Generic[P]):
    """Peers by IPv6 address; what the limits cost is counted in ``drops``."""

    def __init__(self, limits: PeerLimits, drops: Counter[str]) -> None:
        self._limits = limits
        self._drops = drops
        # Ordered ones: plain dictionaries look for their first entry the longer, the more went.
        self._strangers: OrderedDict[bytes, P] = OrderedDict()
        self._trusted: OrderedDict[bytes, P] = OrderedDict()
        self._octets = 0

    def __len__(self) -> int:
        return len(self._strangers) + len(self._trusted)

    @property
    def queued_octets(self) -> int:
        return self._octets

    def get(self, address: bytes) -> P | None:
        return self._trusted.get(address) or self._strangers.get(address)

    def all(self) -> list[P]:
        return [*self._trusted.values(), *self._strangers.values()]

    def add(self, peer: P) -> P | None:
        """Enter a peer nobody knows yet; the one that went for it, if the table was full."""
        evicted = self._evict() if len(self) >= self._limits.peers else None
        self._strangers[peer.address] = peer
        return evicted

    def trust(self, peer: P, now: float) -> list[bytes]:
        """The peer has proved itself; the packets that waited for that, in order."""
        peer.trusted, peer.heard, peer.bubbles = True, now, 0
        self._strangers.pop(peer.address, None)
        self._trusted[peer.address] = peer
        return self.take_queue(peer)

    def queue(self, peer: P, packet: bytes) -> None:
        """Keep a packet until the peer is reached, if there is room."""
        full = len(peer.queue) >= self._limits.queued_packets
        if full or self._octets + len(packet) > self._limits.queued_octets:
            self._drops[NO_ROOM] += 1
            return
        peer.queue.append(packet)
        self._octets += len(packet)

    def take_queue(self, peer: P) -> list[bytes]:
        """What waited for a peer, in order."""
        taken, peer.queue = peer.queue, []
        self._octets -= sum(map(len, taken))
        return taken

    def remove(self, peer: P) -> None:
        if peer.queue:
            self._drops[QUEUE_LOST] += len(self.take_queue(peer))
        self._strangers.pop(peer.address, None)
        self._trusted.pop(peer.address, None)

    def _evict(self) -> P:
        self._drops[EVICTED] += 1
        strangers = iter(self._strangers.values())
        peer = next(strangers, None) or self._silent_longest()
        self.remove(peer)
        return peer

    def _silent_longest(self) -> P:
        """Of the trusted peers that are first in turn, who then queue up again as the last."""
        candidates = list(islice(self._trusted.values(), SECOND_CHANCES))
        for peer in candidates:
            self._trusted.move_to_end(peer.address)
        return min(candidates, key=lambda peer: peer.heard)
