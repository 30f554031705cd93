"""Drives one machine: its outer and its native side in, both of them out, one timer.

All waiting is here, in one event loop.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from typing import Protocol

from sensor.errors import SensorError
from sensor.lab.live.log import Log
from sensor.lab.live.totals import Totals
from sensor.lab.machine import Steps

BURST = 64  # packets that one source may bring in before the others have their turn

# Brings the machine, at this time, what a socket has: how many octets. BlockingIOError if nothing.
Take = Callable[[float], int]
Watch = Callable[[socket.socket, Take], object]
Unwatch = Callable[[socket.socket], object]


class OuterSide(Protocol):
    """Where a machine's own packets come from and go to, and in what sockets."""

    def watch(self, watch: Watch, unwatch: Unwatch) -> None:
        """Have all sockets read, those of later ends too."""

    def send(self) -> None:
        """What the machine has to send; what cannot be sent is counted."""

    def follow(self) -> None:
        """The machine's ends may have changed."""

    def close(self) -> None: ...


class NativeSide(Protocol):
    """Where a machine's IPv6 packets come from and go to; OSError where that fails."""

    def fileno(self) -> int: ...

    def read(self) -> bytes: ...

    def write(self, packet: bytes) -> None: ...


class Driver:
    """``settled`` is called whenever the machine's own properties may have changed."""

    def __init__(
        self,
        machine: Steps,
        native: NativeSide,
        outer: OuterSide,
        totals: Totals,
        log: Log,
    ) -> None:
        self._machine = machine
        self._native = native
        self._outer = outer
        self._totals = totals
        self._log = log
        self.settled: Callable[[], object] = lambda: None
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None

    async def run(self) -> signal.Signals:
        """Until SIGINT or SIGTERM, which it answers with; SensorError if the native side ends."""
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[signal.Signals] = self._loop.create_future()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self.stop, number)
        self._outer.watch(self._watch, self._loop.remove_reader)
        self._loop.add_reader(self._native.fileno(), self._from_native)
        try:
            self._machine.start(self._loop.time())
            self._settle()
            return await self._end
        finally:
            self._finish()

    def stop(self, number: signal.Signals) -> None:
        """End ``run`` as the signal would."""
        if not self._end.done():
            self._end.set_result(number)

    def _finish(self) -> None:
        self._machine.stop(self._loop.time())
        self._settle()
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._native.fileno())
        self._outer.close()
        self._log.summarise()
        for line in self._totals.lines(self._machine.drops):
            self._log.say(line)

    def _watch(self, opened: socket.socket, take: Take) -> None:
        self._loop.add_reader(opened, self._from_outer, take)

    def _from_outer(self, take: Take) -> None:
        received, now = self._totals.received, self._loop.time()
        for _ in range(BURST):
            try:
                received.add(take(now))
            except BlockingIOError:
                break
            except OSError as error:
                self._totals.refuse("receive", error)
                break
            self._pass_on()
        self._settle()

    def _from_native(self) -> None:
        machine, read, taken, now = (
            self._machine, self._native.read, self._totals.taken, self._loop.time()
        )  # fmt: skip
        for _ in range(BURST):
            try:
                packet = read()
            except BlockingIOError:
                break
            except OSError as error:
                self._lose_native(error)
                break
            taken.add(len(packet))
            machine.send_ipv6(packet, now)
            self._pass_on()
        self._settle()

    def _lose_native(self, error: OSError) -> None:
        """The interface was deleted, say: nothing is left to work for."""
        self._loop.remove_reader(self._native.fileno())
        if not self._end.done():
            self._end.set_exception(SensorError(f"the interface is gone: {error.strerror}"))

    def _on_timer(self) -> None:
        self._timer = self._due = None
        self._machine.handle_timer(self._loop.time())
        self._settle()

    def _pass_on(self) -> None:
        """What the machine has to send, both ways."""
        totals = self._totals
        self._outer.send()
        for packet in self._machine.ipv6_to_deliver():
            try:
                self._native.write(packet)
            except OSError as error:
                totals.refuse("deliver", error)
            else:
                totals.delivered.add(len(packet))

    def _settle(self) -> None:
        """All that may have changed besides: once for a burst, for it costs as much as a packet."""
        self._pass_on()
        self._outer.follow()
        self.settled()
        while (event := self._machine.next_event()) is not None:
            self._log.event(event.text)
        self._rearm()

    def _rearm(self) -> None:
        due = self._machine.get_timer()
        if due == self._due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = None if due is None else self._loop.call_at(due, self._on_timer)
