"""The table of peers that a client or relay keeps (RFC 4380 sections 5.2 and 5.4), within limits.

Whoever forges addresses can fill it. So those that never proved themselves go first, the oldest
of them; and of those that did, the one that was silent longest.
"""

from __future__ import annotations

from collections import Counter
from typing import Generic, TypeVar

from sensor.lab.teredo.settings import PeerLimits
from sensor.schema.records import Endpoint

VALID = 30.0  # seconds from the last packet of a peer (RFC 4380 section 5.2.4)
# Of trusted peers in a full table so many are asked whether they were heard of since last time.
SECOND_CHANCES = 16

NO_ROOM = "queue-full"
EVICTED = "peer-evicted"


class Peer:
    """One IPv6 address that packets come from or go to; times in seconds."""

    __slots__ = ("address", "bubbles", "heard", "mapped", "queue", "queued_at", "sent", "trusted")

    def __init__(self, address: bytes, mapped: Endpoint, now: float) -> None:
        self.address = address
        self.mapped = mapped  # where its packets come from and ours go to
        self.trusted = False
        self.heard = now - VALID  # the last packet from it (RFC 4380 section 5.2.3)
        self.sent = now - VALID
        self.bubbles = 0  # sent without an answer
        self.queue: list[bytes] = []  # IPv6 packets that wait until it is reached
        self.queued_at = now

    def valid(self, now: float) -> bool:
        """Whether its mapping may be used without being tried again."""
        return self.trusted and now - self.heard < VALID


P = TypeVar("P", bound=Peer)


class Peers(Generic[P]):
    """Peers by IPv6 address; what the limits cost is counted in ``drops``."""

    def __init__(self, limits: PeerLimits, drops: Counter[str]) -> None:
        self._limits = limits
        self._drops = drops
        self._strangers: dict[bytes, P] = {}
        self._trusted: dict[bytes, P] = {}
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

    def add(self, peer: P) -> None:
        """Enter a peer nobody knows yet, at the cost of another one if the table is full."""
        if len(self) >= self._limits.peers:
            self._evict()
        self._strangers[peer.address] = peer

    def trust(self, peer: P, now: float) -> list[bytes]:
        """The peer has proved itself; the packets that waited for that, in order."""
        peer.trusted, peer.heard, peer.bubbles = True, now, 0
        self._strangers.pop(peer.address, None)
        self._trusted[peer.address] = peer
        return self.take_queue(peer)

    def queue(self, peer: P, packet: bytes, now: float) -> None:
        """Keep a packet until the peer is reached, if there is room."""
        full = len(peer.queue) >= self._limits.queued_packets
        if full or self._octets + len(packet) > self._limits.queued_octets:
            self._drops[NO_ROOM] += 1
            return
        if not peer.queue:
            peer.queued_at = now
        peer.queue.append(packet)
        self._octets += len(packet)

    def take_queue(self, peer: P) -> list[bytes]:
        """What waited for a peer, in order."""
        taken, peer.queue = peer.queue, []
        self._octets -= sum(map(len, taken))
        return taken

    def remove(self, peer: P) -> None:
        self.take_queue(peer)
        self._strangers.pop(peer.address, None)
        self._trusted.pop(peer.address, None)

    def _evict(self) -> None:
        self._drops[EVICTED] += 1
        if self._strangers:
            self.remove(next(iter(self._strangers.values())))
            return
        oldest = next(iter(self._trusted.values()))
        for _ in range(SECOND_CHANCES):
            candidate = next(iter(self._trusted.values()))
            if candidate.heard < oldest.heard:
                oldest = candidate
            # To the end: next time it is asked after all the others.
            self._trusted[candidate.address] = self._trusted.pop(candidate.address)
        self.remove(oldest)
