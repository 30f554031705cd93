"""Drives a machine that speaks UDP on a host of the virtual network."""

from __future__ import annotations

from sensor.lab.machine import Datagram, Machine
from sensor.lab.network.driver import Driver
from sensor.lab.network.host import Host
from sensor.lab.network.packet import Label
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire.addresses import DISCOVERY_GROUP
from sensor.wire.ports import TEREDO_PORT

_GROUP = Endpoint(DISCOVERY_GROUP, TEREDO_PORT)


class Node(Driver[Machine]):
    """A machine with the sockets that it was promised; the discovery group is listened to."""

    def __init__(self, machine: Machine, host: Host) -> None:
        super().__init__(machine, host)
        self._ends: set[Endpoint] = set()

    def start(self) -> None:
        """Let the machine begin, now."""
        self.host.bind(_GROUP, self._receive)
        super().start()

    def stop(self) -> None:
        """Let the machine end, now."""
        super().stop()
        self.host.unbind(_GROUP)

    def _receive(self, payload: bytes, source: Endpoint, destination: Endpoint) -> None:
        self.machine.receive_datagram(payload, source, destination, self._clock.now)
        self.settle()

    def _listen(self) -> None:
        ends = set(self.machine.ends)
        for end in self._ends - ends:
            self.host.unbind(end)
        for end in ends - self._ends:
            self.host.bind(end, self._receive)
        self._ends = ends

    def _send(self) -> None:
        for datagram in self.machine.datagrams_to_send():
            self.host.send_udp(
                datagram.payload,
                datagram.source,
                datagram.destination,
                ttl=datagram.ttl,
                label=self._label(datagram),
            )

    def _label(self, datagram: Datagram) -> Label | None:
        """None for what is of no tunnel, as what only keeps a mapping open."""
        if datagram.kind is Kind.NONE:
            return None
        return Label(datagram.kind, datagram.packet, self.host.name)
