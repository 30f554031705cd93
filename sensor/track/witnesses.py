"""What is remembered of look-ups of tunnels' names."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator

from sensor.schema.witness import Witness
from sensor.track.limits import ASKERS_KEPT, LOOKUPS_PER_SECOND, SECOND
from sensor.wire.addresses import is_multicast6

_EVERYBODY = b"\xff\xff\xff\xff"


class Witnesses:
    """Each thing said once, by its first frame; the one not heard for longest makes room.

    An answer to a group becomes one to each who asked before it; where nobody did, it has no asker.
    """

    def __init__(self, limit: int) -> None:
        self.limits_hit: Counter[str] = Counter()
        self._limit = limit
        self._kept: OrderedDict[Hashable, Witness] = OrderedDict()
        # By protocol and name: who asked, and the end that was asked last.
        self._askers: OrderedDict[tuple[str, str], dict[bytes, bytes]] = OrderedDict()
        self._second: int | None = None
        self._read = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Witness]:
        """By time."""
        kept = self._kept.values()
        return iter(sorted(kept, key=lambda found: (found.time, found.source, found.frame)))

    def admits(self, time: int) -> bool:
        """Whether one more message may be read in this second of packet time."""
        second = time // SECOND
        if second != self._second:
            self._second, self._read = second, 0
        if self._read >= LOOKUPS_PER_SECOND:
            self.limits_hit["lookups"] += 1
            return False
        self._read += 1
        return True

    def see(self, witness: Witness) -> None:
        """Remember it, unless that has been said before."""
        if not witness.answer:
            self._note_asker(witness)
            self._keep(witness)
            return
        for asker in self._told(witness):
            self._keep(witness._replace(asker=asker))

    def _note_asker(self, question: Witness) -> None:
        subject = question.protocol, question.name
        askers = self._askers.setdefault(subject, {})
        askers.pop(question.asker, None)
        askers[question.asker] = question.teller
        if len(askers) > ASKERS_KEPT:
            self.limits_hit["askers"] += 1
            del askers[next(iter(askers))]
        self._askers.move_to_end(subject)
        if len(self._askers) > self._limit:
            self._askers.popitem(last=False)

    def _told(self, answer: Witness) -> list[bytes]:
        """Who asked for what is told: those who asked the same group come before others.

        No packet says which address is a subnet's broadcast address. In NetBIOS, where nobody who
        is asked asks others, a question that went there shows it; without one it is a host.
        """
        group = _is_group(answer.asker)
        if not group and answer.protocol != "nbns":
            return [answer.asker]
        askers = self._askers.get((answer.protocol, answer.name), {})
        found = [asker for asker, asked in askers.items() if asked == answer.asker]
        if not group:
            return found or [answer.asker]
        # In mDNS, who wants a name asks for it before telling that it is taken.
        return [asker for asker in found or askers if asker != answer.teller] or [b""]

    def _keep(self, witness: Witness) -> None:
        key = witness.key
        if key in self._kept:
            self._kept.move_to_end(key)
            return
        if len(self._kept) >= self._limit:
            self.limits_hit["names"] += 1
            self._kept.popitem(last=False)
        self._kept[key] = witness


def _is_group(address: bytes) -> bool:
    """Multicast, or everybody on the link."""
    multicast4 = len(address) == 4 and address[0] & 0xF0 == 0xE0
    return multicast4 or address == _EVERYBODY or is_multicast6(address)
