"""The neighbour cache of a 6over4 link: who is at which IPv4 address (RFC 4861 section 7)."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable

NEIGHBOURS = 64  # whoever scans a prefix, or forges sources, can fill the cache
QUEUED = 3  # packets that wait for one neighbour (RFC 4861 section 7.2.2)
SOLICITATIONS = 3
INTERVAL = 1.0  # seconds between them
REACHABLE = 30.0  # seconds that a neighbour's answer counts
DELAY = 5.0  # from the first packet after that to the next question

EVICTED = "neighbour-evicted"
NO_ROOM = "queue-full"
QUEUE_LOST = "queue-lost"  # packets that waited for a neighbour that was put out

_NEVER = float("-inf")


class Neighbour:
    """``ip`` is None until it answers; times in seconds, ``due`` None while nothing is asked."""

    __slots__ = ("asked", "due", "heard", "ip", "queue")

    def __init__(self) -> None:
        self.ip: bytes | None = None
        self.heard = _NEVER
        self.asked = 0
        self.due: float | None = None
        self.queue: list[bytes] = []


class Neighbours:
    """Packets go to ``forward`` with the IPv4 address that was found for them.

    ``solicit`` asks for a neighbour, at an IPv4 address or, given None, by multicast; ``fail``
    takes the packets of one that does not answer.
    """

    def __init__(
        self,
        solicit: Callable[[bytes, bytes | None], None],
        forward: Callable[[bytes, bytes], None],
        fail: Callable[[list[bytes], float], None],
        drops: Counter[str],
    ) -> None:
        self._solicit = solicit
        self._forward = forward
        self._fail = fail
        self._drops = drops
        self._known: OrderedDict[bytes, Neighbour] = OrderedDict()  # least used first

    def __len__(self) -> int:
        return len(self._known)

    @property
    def queued(self) -> int:
        return sum(len(neighbour.queue) for neighbour in self._known.values())

    @property
    def due(self) -> float | None:
        times = [neighbour.due for neighbour in self._known.values()]
        return min((time for time in times if time is not None), default=None)

    def send(self, packet: bytes, target: bytes, now: float) -> None:
        """To the neighbour ``target``, as soon as it is known where that is."""
        neighbour = self._get(target)
        if neighbour.ip is not None:
            self._forward(packet, neighbour.ip)
            if neighbour.due is None and now - neighbour.heard >= REACHABLE:
                neighbour.asked, neighbour.due = 0, now + DELAY
            return
        if len(neighbour.queue) >= QUEUED:
            self._drops[NO_ROOM] += 1
            del neighbour.queue[0]
        neighbour.queue.append(packet)
        if neighbour.due is None:
            self._ask(target, neighbour, now)

    def place(self, address: bytes) -> bytes | None:
        """Where a neighbour is, if it is known."""
        neighbour = self._known.get(address)
        return None if neighbour is None else neighbour.ip

    def mention(self, address: bytes, ip: bytes) -> None:
        """A neighbour told where it is, unasked: good to send to, and to be asked about."""
        self._settle(self._get(address), ip)

    def answer(self, address: bytes, ip: bytes, now: float, *, asked: bool) -> None:
        """An advertisement; of whom nobody asks about it says nothing new."""
        neighbour = self._known.get(address)
        if neighbour is None:
            return
        self._settle(neighbour, ip)
        if asked:
            neighbour.heard, neighbour.due = now, None

    def handle_timer(self, now: float) -> None:
        due = [(t, n) for t, n in self._known.items() if n.due is not None and n.due <= now]
        for target, neighbour in due:
            if neighbour.asked < SOLICITATIONS:
                self._ask(target, neighbour, now)
            else:
                del self._known[target]
                self._fail(neighbour.queue, now)

    def clear(self) -> None:
        self._known.clear()

    def _get(self, address: bytes) -> Neighbour:
        neighbour = self._known.get(address)
        if neighbour is None:
            if len(self._known) >= NEIGHBOURS:
                self._evict()
            neighbour = self._known[address] = Neighbour()
        self._known.move_to_end(address)
        return neighbour

    def _evict(self) -> None:
        _, neighbour = self._known.popitem(last=False)
        self._drops[EVICTED] += 1
        if neighbour.queue:
            self._drops[QUEUE_LOST] += len(neighbour.queue)

    def _settle(self, neighbour: Neighbour, ip: bytes) -> None:
        """The neighbour is at ``ip``; what waited goes there."""
        if neighbour.ip is None:
            neighbour.due = None
        elif neighbour.ip != ip:
            neighbour.heard = _NEVER
        neighbour.ip = ip
        waiting, neighbour.queue = neighbour.queue, []
        for packet in waiting:
            self._forward(packet, ip)

    def _ask(self, target: bytes, neighbour: Neighbour, now: float) -> None:
        neighbour.asked += 1
        neighbour.due = now + INTERVAL
        self._solicit(target, neighbour.ip)
