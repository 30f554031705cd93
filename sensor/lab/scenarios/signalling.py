"""The words of TSP over TCP (RFC 5572 section 4.4.1), between hosts that know what they say."""

from __future__ import annotations

from sensor.lab.brokers.dialogue import BrokerDialogue, ClientDialogue
from sensor.lab.network.connection import Connection
from sensor.lab.network.host import Host
from sensor.lab.network.packet import Label
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import tcp
from sensor.wire.cursor import Cursor
from sensor.wire.ports import TSP_PORT


class SignallingHost(Host):
    """Says of its segments with words of TSP that they are of a tunnel."""

    def _send_segment(self, source: bytes, destination: bytes, segment: bytes) -> None:
        label = None
        cursor = Cursor(segment)
        header = tcp.parse(cursor)
        if TSP_PORT in (header.source_port, header.destination_port) and cursor.remaining:
            label = Label(Kind.TSP, TeredoPacket.NONE, self.name)
        self.send(destination, tcp.PROTOCOL, segment, source=source, label=label)


class Talk:
    """One side of a dialogue on a connection."""

    def __init__(self, dialogue: ClientDialogue | BrokerDialogue) -> None:
        self._dialogue = dialogue
        self._heard = 0  # octets

    def follow(self, connection: Connection) -> None:
        """Speak whenever the other side has spoken."""
        connection.on_data = self._hear

    def _hear(self, connection: Connection) -> None:
        words = connection.received[self._heard :]
        self._heard += len(words)
        reply = self._dialogue.receive(words)
        if reply:
            connection.send(reply)
