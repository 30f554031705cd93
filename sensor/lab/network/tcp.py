"""TCP of one host, over IPv4 or IPv6: its services and conversations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from sensor.errors import DecodeError
from sensor.lab.network.asked import ephemeral
from sensor.lab.network.clock import Clock
from sensor.lab.network.connection import Connection, Outcome
from sensor.schema.records import Endpoint
from sensor.wire import checksum, tcp
from sensor.wire.cursor import Cursor

CONNECTIONS = 1_024
# Seconds for which an end that is done still acknowledges what comes twice: twice the life of a
# segment, which RFC 9293 section 3.4.1 puts at two minutes and everybody else shorter.
LINGER = 60.0

FULL = "connections-full"
UNREADABLE = "unreadable"
BAD_CHECKSUM = "bad-checksum"
SILENT = "silent"

_SEQUENCE_BITS = 32

Answer = Callable[[bytes], bytes | None]


class Tcp:
    """Hands segments (source, destination, octets) to ``send``; ``source`` tells where from.

    ``source`` is asked for the address to reach another one from, None if there is none.
    """

    def __init__(
        self,
        clock: Clock,
        rng: Random,
        send: Callable[[bytes, bytes, bytes], None],
        source: Callable[[bytes], bytes | None],
    ) -> None:
        self.drops: Counter[str] = Counter()
        self._clock = clock
        self._rng = rng
        self._send = send
        self._source = source
        self._services: dict[int, Callable[[Connection], None]] = {}
        self._silent: set[int] = set()
        self._connections: dict[tuple[Endpoint, Endpoint], Connection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def serve(self, port: int, answer: Answer) -> None:
        """Answer at a port: ``answer`` gets all that came so far, whenever more came.

        What it returns is sent as the last thing, None waits for more.
        """

        def take(connection: Connection) -> None:
            connection.on_data = lambda end: _serve(end, answer)

        self.listen(port, take)

    def listen(self, port: int, take: Callable[[Connection], None]) -> None:
        """Hand over each connection to a port as it is made; who takes it sets ``on_data``."""
        self._services[port] = take

    def silence(self, port: int) -> None:
        """Let a firewall swallow what comes for a port."""
        self._silent.add(port)

    def connect(self, destination: bytes, port: int, request: bytes) -> Connection:
        """Call a service, say ``request``, and close when it has closed."""
        source = self._source(destination)
        taken = {local.port for local, _ in self._connections}
        local = Endpoint(source or bytes(len(destination)), ephemeral(self._rng, taken))
        connection = self._make(local, Endpoint(destination, port))
        if source is None or not self._enter(connection):
            connection.unreachable()
        else:
            connection.open(request)
        return connection

    def receive(self, source: bytes, destination: bytes, segment: bytes) -> None:
        """A segment for this host."""
        pseudo = checksum.pseudo(source, destination, tcp.PROTOCOL, len(segment))
        if not checksum.verify(pseudo, segment):
            self.drops[BAD_CHECKSUM] += 1
            return
        cursor = Cursor(segment)
        try:
            header = tcp.parse(cursor)
        except DecodeError:
            self.drops[UNREADABLE] += 1
            return
        local = Endpoint(destination, header.destination_port)
        self._dispatch(local, Endpoint(source, header.source_port), header, cursor.rest())

    def _dispatch(
        self, local: Endpoint, remote: Endpoint, header: tcp.TCPHeader, data: bytes
    ) -> None:
        connection = self._connections.get((local, remote))
        if connection is not None:
            connection.receive(header, data)
        elif local.port in self._silent:
            self.drops[SILENT] += 1
        elif header.flags & (tcp.SYN | tcp.ACK | tcp.RST) == tcp.SYN:
            self._accept(local, remote, header)
        elif not header.flags & tcp.RST:
            self._refuse(local, remote, header, len(data))

    def _accept(self, local: Endpoint, remote: Endpoint, header: tcp.TCPHeader) -> None:
        take = self._services.get(local.port)
        if take is None:
            self._refuse(local, remote, header, 0)
            return
        connection = self._make(local, remote)
        if self._enter(connection):
            take(connection)
            connection.accept(header)

    def _make(self, local: Endpoint, remote: Endpoint) -> Connection:
        return Connection(
            self._clock,
            local,
            remote,
            self._rng.getrandbits(_SEQUENCE_BITS),
            lambda segment: self._send(local.ip, remote.ip, segment),
        )

    def _enter(self, connection: Connection) -> bool:
        if len(self._connections) >= CONNECTIONS:
            self.drops[FULL] += 1
            return False
        self._connections[connection.local, connection.remote] = connection
        connection.on_end = self._ended
        return True

    def _ended(self, connection: Connection) -> None:
        if connection.outcome is Outcome.ANSWERED:
            self._clock.after(LINGER, lambda: self._forget(connection))
        else:
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._connections.pop((connection.local, connection.remote), None)

    def _refuse(
        self, local: Endpoint, remote: Endpoint, header: tcp.TCPHeader, length: int
    ) -> None:
        """Reset what belongs to no conversation (RFC 9293 section 3.10.7.1)."""
        if header.flags & tcp.ACK:
            flags, sequence, acknowledgement = tcp.RST, header.acknowledgement, 0
        else:
            length += bool(header.flags & tcp.SYN) + bool(header.flags & tcp.FIN)
            flags, sequence = tcp.RST | tcp.ACK, 0
            acknowledgement = (header.sequence + length) % (1 << _SEQUENCE_BITS)
        segment = tcp.build(
            local.ip, remote.ip, local.port, remote.port,
            sequence=sequence, acknowledgement=acknowledgement, flags=flags, window=0,
        )  # fmt: skip
        self._send(local.ip, remote.ip, segment)


def _serve(connection: Connection, answer: Answer) -> None:
    reply = answer(connection.received)
    if reply is not None:
        connection.send(reply)
        connection.close()
