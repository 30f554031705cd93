"""Drives a machine that speaks IPv4 itself on a host of the virtual network."""

from __future__ import annotations

from sensor.lab.machine import OuterPacket, RawMachine
from sensor.lab.network.driver import Driver
from sensor.lab.network.host import Host
from sensor.lab.network.packet import Label
from sensor.schema.words import TeredoPacket
from sensor.wire import icmpv4


class RawNode(Driver[RawMachine]):
    """A machine with the protocols that it was promised, and the ICMP errors that come."""

    def __init__(self, machine: RawMachine, host: Host) -> None:
        super().__init__(machine, host)
        self._listening = False

    def stop(self) -> None:
        """Let the machine end, now: nobody takes its protocols any more."""
        super().stop()
        for protocol in (*self.machine.protocols, icmpv4.PROTOCOL):
            self.host.close(protocol, self._receive)
        self._listening = False

    def _receive(self, packet: OuterPacket) -> None:
        self.machine.receive_packet(packet, self._clock.now)
        self.settle()

    def _listen(self) -> None:
        if not self._listening:
            self._listening = True
            for protocol in (*self.machine.protocols, icmpv4.PROTOCOL):
                self.host.listen(protocol, self._receive)

    def _send(self) -> None:
        for packet in self.machine.packets_to_send():
            self.host.send_packet(packet, Label(packet.kind, TeredoPacket.NONE, self.host.name))
