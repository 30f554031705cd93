"""What carries packets from one interface to others: with latency, faults and taps."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar

from sensor.lab.network.clock import Clock
from sensor.lab.network.packet import Packet
from sensor.wire import link

if TYPE_CHECKING:
    from sensor.lab.network.tap import Tap

# How long a packet that others overtake is held back, in seconds.
HELD = 0.05

LOST = "lost"
DOWN = "interface-down"
NO_SUCH_HOST = "no-such-host"

_LOCAL_MAC = b"\x02"  # the bit that says: locally administered, of one station

Receive = Callable[[Packet], None]


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong on the way: chances from 0 to 1, and ``delay`` of up to so many seconds."""

    loss: float = 0.0
    doubling: float = 0.0
    reordering: float = 0.0
    delay: float = 0.0


class Interface:
    """A place on a medium: its addresses may change; while not ``up`` it neither sends nor hears.

    Its MAC address is locally administered and depends on the names and the first address alone.
    """

    def __init__(
        self, medium: Medium, name: str, addresses: Sequence[bytes], receive: Receive
    ) -> None:
        self.name = name
        self.addresses = list(addresses)
        self.up = True
        seed = f"{medium.name}/{name}".encode() + b"".join(addresses[:1])
        self.mac = _LOCAL_MAC + hashlib.sha256(seed).digest()[:5]
        self.medium = medium
        self._receive = receive

    def send(self, packet: Packet) -> None:
        """Put a packet on the medium."""
        self.medium.carry(packet, self)

    def receive(self, packet: Packet) -> None:
        """Take a packet from the medium."""
        self._receive(packet)


class Medium(ABC):
    """Carries packets between interfaces; where to is a matter of each kind of medium.

    ``faults`` may be set at any time and meets the packets sent from then on.
    """

    ethertype: ClassVar[int]

    def __init__(self, name: str, clock: Clock, rng: Random, latency: float) -> None:
        self.name = name
        self.clock = clock
        self.latency = latency
        self.faults = Faults()
        self.drops: Counter[str] = Counter()
        self.taps: list[Tap] = []
        self._rng = rng

    def carry(self, packet: Packet, sender: Interface) -> None:
        """Bring a packet of ``sender`` to whom it is for; it arrives later."""
        if not sender.up:
            self.drops[DOWN] += 1
            return
        hop, receivers = self.receivers(packet, sender)
        for tap in self.taps:
            tap.sent(self._frame(packet, sender, hop), packet, sender)
        forwarded = self.forwarded(packet)
        if forwarded is None:
            return
        frame = self._frame(forwarded, sender, hop)
        for receiver in receivers:
            for delay in self._delays():
                self.clock.after(delay, _Arrival(self, frame, forwarded, receiver))

    @abstractmethod
    def receivers(self, packet: Packet, sender: Interface) -> tuple[bytes, list[Interface]]:
        """The MAC address that the next hop's frame goes to, and who takes it from the medium."""

    def forwarded(self, packet: Packet) -> Packet | None:
        """The packet as it arrives; None if it may go no further."""
        return packet

    def arrive(self, frame: bytes, packet: Packet, receiver: Interface) -> None:
        """The packet is there."""
        for tap in self.taps:
            tap.arrived(frame, packet, receiver)
        if not receiver.up:
            self.drops[DOWN] += 1
            return
        receiver.receive(packet)

    def _frame(self, packet: Packet, sender: Interface, hop: bytes) -> bytes:
        return link.build_ethernet(packet.octets, self.ethertype, sender.mac, hop)

    def _delays(self) -> list[float]:
        """How long each copy of a packet takes: none if it is lost, two if it is doubled."""
        if self._happens(self.faults.loss):
            self.drops[LOST] += 1
            return []
        copies = 2 if self._happens(self.faults.doubling) else 1
        return [self._delay() for _ in range(copies)]

    def _delay(self) -> float:
        held = HELD if self._happens(self.faults.reordering) else 0.0
        late = self._rng.uniform(0.0, self.faults.delay) if self.faults.delay else 0.0
        return self.latency + held + late

    def _happens(self, chance: float) -> bool:
        """No chance, no draw: a network without faults behaves the same whatever the seed."""
        return chance > 0.0 and self._rng.random() < chance


@dataclass(frozen=True, slots=True)
class _Arrival:
    """One copy of a packet on its way to one receiver."""

    medium: Medium
    frame: bytes
    packet: Packet
    receiver: Interface

    def __call__(self) -> None:
        self.medium.arrive(self.frame, self.packet, self.receiver)
