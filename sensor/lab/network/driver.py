"""What all that drives a tunnel endpoint on a host of the virtual network has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar, runtime_checkable

from sensor.lab.machine import Event, Steps
from sensor.lab.network.host import Host
from sensor.lab.network.medium import Interface
from sensor.lab.network.native import Native
from sensor.lab.network.packet import Packet
from sensor.lab.network.routes import EVERYWHERE, Prefix
from sensor.lab.network.stack6 import Stack6

NO_HOST = "no-host"  # IPv6 packets of a machine that nothing was connected to

Driven = TypeVar("Driven", bound=Steps)


@runtime_checkable
class Addressed(Protocol):
    """A machine that gives its host an IPv6 address."""

    @property
    def address(self) -> bytes | None: ...


class Driver(ABC, Generic[Driven]):
    """A machine with the clock and the IPv6 side that it was promised.

    ``events`` are what it told, by time in seconds.
    """

    def __init__(self, machine: Driven, host: Host) -> None:
        self.machine = machine
        self.host = host
        self.events: list[tuple[float, Event]] = []
        self.drops: Counter[str] = Counter()
        self._clock = host.clock
        self._armed: float | None = None
        self._stack: Stack6 | None = None
        self._deliver: Callable[[bytes], None] = self._drop

    def carry(self, stack: Stack6, prefix: Prefix = EVERYWHERE) -> None:
        """Be the tunnel of an IPv6 host: its packets for ``prefix`` go in, what comes out is its.

        The address of a machine that has one becomes the host's only address.
        """
        self._stack = stack if isinstance(self.machine, Addressed) else None
        self._deliver = stack.receive
        stack.route(prefix, self.send_ipv6)

    def bridge(self, native: Native, *prefixes: Prefix) -> Interface:
        """Stand between the tunnel and a native network, which sends ``prefixes`` here."""
        interface = native.attach(
            self.host.name, prefixes, lambda packet: self.send_ipv6(packet.octets)
        )
        self._deliver = lambda octets: interface.send(Packet(octets))
        return interface

    def start(self) -> None:
        """Let the machine begin, now."""
        self.machine.start(self._clock.now)
        self.settle()

    def stop(self) -> None:
        """Let the machine end, now."""
        self.machine.stop(self._clock.now)
        self.settle()

    def send_ipv6(self, octets: bytes) -> None:
        """A packet for the tunnel."""
        self.machine.send_ipv6(octets, self._clock.now)
        self.settle()

    def settle(self) -> None:
        """Do what the machine wants done after each of its steps."""
        self._listen()
        self._renumber()
        self._note_events()
        self._arm()
        self._send()
        # Last, for the host may answer at once, which is the machine's next step.
        for octets in self.machine.ipv6_to_deliver():
            self._deliver(octets)

    @abstractmethod
    def _listen(self) -> None:
        """Hear what the machine wants to hear now."""

    @abstractmethod
    def _send(self) -> None:
        """Send what it wants to send now."""

    def _renumber(self) -> None:
        if self._stack is not None and isinstance(self.machine, Addressed):
            self._stack.addresses = [self.machine.address] if self.machine.address else []

    def _note_events(self) -> None:
        event = self.machine.next_event()
        while event is not None:
            self.events.append((self._clock.now, event))
            event = self.machine.next_event()

    def _arm(self) -> None:
        due = self.machine.get_timer()
        if due is not None and due != self._armed:
            self._clock.at(due, lambda: self._fire(due))
        self._armed = due

    def _fire(self, due: float) -> None:
        if due != self._armed:  # the machine has thought better of it
            return
        self._armed = None
        self.machine.handle_timer(self._clock.now)
        self.settle()

    def _drop(self, octets: bytes) -> None:
        self.drops[NO_HOST] += 1
