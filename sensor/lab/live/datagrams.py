"""A machine that speaks UDP, on the sockets behind its ends."""

from __future__ import annotations

import socket
from functools import partial

from sensor.lab.live.driver import Unwatch, Watch
from sensor.lab.live.sockets import MAX_PAYLOAD, Sockets, packed_text
from sensor.lab.machine import Machine
from sensor.schema.records import Endpoint


class Datagrams:
    """The outer side of a driver, for a Machine."""

    def __init__(self, machine: Machine, sockets: Sockets) -> None:
        self._machine = machine
        self._sockets = sockets

    def watch(self, watch: Watch, unwatch: Unwatch) -> None:
        self._sockets.watch(
            lambda opened, end: watch(opened, partial(self._take, opened, end)), unwatch
        )

    def send(self) -> None:
        machine, sockets = self._machine, self._sockets
        for datagram in machine.datagrams_to_send():
            if datagram.source not in sockets:  # an end it has chosen just now
                sockets.match(machine.ends)
            sockets.send(datagram)

    def follow(self) -> None:
        self._sockets.match(self._machine.ends)

    def close(self) -> None:
        self._sockets.close()

    def _take(self, opened: socket.socket, end: Endpoint, now: float) -> int:
        payload, (ip, port) = opened.recvfrom(MAX_PAYLOAD)
        self._machine.receive_datagram(payload, Endpoint(packed_text(ip), port), end, now)
        return len(payload)
