"""What was tried on single hosts, for the detections of scans."""

from __future__ import annotations

from collections import Counter, OrderedDict

from sensor.track.conversation import Conversation
from sensor.track.layout import EMBEDDED, INSIDE, HostState
from sensor.track.limits import HOSTS_KEPT
from sensor.track.sketch import address_value, bit64, bit256, signed, words
from sensor.wire.addresses import TeredoAddress

_SKETCH_WORDS = 4


class Host:
    """One accumulator; ``layout.HostState`` says what its fields are."""

    __slots__ = (
        "address",
        "first",
        "flag_sketch",
        "last",
        "remotes",
        "role",
        "services",
        "tries",
        "unanswered",
        "unanswered_ports",
    )

    def __init__(self, role: int, address: bytes, time: int) -> None:
        self.role = role
        self.address = address
        self.first = self.last = time
        self.tries = self.unanswered = 0
        self.services = self.unanswered_ports = self.remotes = self.flag_sketch = 0

    def frozen(self) -> HostState:
        """The accumulator as its readers see it."""
        return HostState._make(
            (
                self.address,
                self.role,
                self.first,
                self.last,
                self.tries,
                self.unanswered,
                *words(self.services, _SKETCH_WORDS),
                *words(self.unanswered_ports, _SKETCH_WORDS),
                *words(self.remotes, _SKETCH_WORDS),
                signed(self.flag_sketch),
            )
        )


class Hosts:
    """Accumulators by role and address, the one tried last at the end."""

    def __init__(self, limits_hit: Counter[str]) -> None:
        self._limits_hit = limits_hit
        self._kept: OrderedDict[tuple[int, bytes], Host] = OrderedDict()

    def note_conversation(self, conversation: Conversation) -> None:
        """A new one from outside tries a service of an inside host."""
        ip, port = conversation.responder
        host = self._tried(INSIDE, ip, conversation.first)
        host.services |= bit256(conversation.transport << 16 | port)
        host.remotes |= bit256(address_value(conversation.originator[0]))
        host.flag_sketch |= bit64(conversation.first_flags)

    def note_unanswered(self, conversation: Conversation) -> None:
        """It ended, and the inside host never spoke."""
        ip, port = conversation.responder
        host = self._kept.get((INSIDE, ip))
        if host is not None:
            host.unanswered += 1
            host.unanswered_ports |= bit256(port)

    def note_embedded(self, address: TeredoAddress, source: bytes, time: int) -> None:
        """A packet from inner ``source`` to a Teredo address that is not the client's own."""
        host = self._tried(EMBEDDED, address.ip.ljust(16, b"\0"), time)
        host.services |= bit256(address.port)
        host.unanswered_ports |= bit256(address.port)
        host.remotes |= bit256(address_value(source))
        host.flag_sketch |= bit64(address.flags)

    def _tried(self, role: int, address: bytes, time: int) -> Host:
        key = role, address
        host = self._kept.get(key)
        if host is None:
            if len(self._kept) >= HOSTS_KEPT:
                self._limits_hit["hosts"] += 1
                self._kept.popitem(last=False)
            host = self._kept[key] = Host(role, address, time)
        self._kept.move_to_end(key)
        host.last = max(host.last, time)
        host.tries += 1
        return host

    def frozen(self) -> list[HostState]:
        """All accumulators, the one tried longest ago first."""
        return [host.frozen() for host in self._kept.values()]

    def __len__(self) -> int:
        return len(self._kept)
