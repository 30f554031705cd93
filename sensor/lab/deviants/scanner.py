"""Finds the Teredo address of a client of which only IPv4 address and server are known.

First its port, by a bubble through the server for each one that it may have; then, if a client
answered, the twelve random bits of its flags, by a packet straight to that port for each value
(RFC 5991 appendix B counts on both having to be guessed together).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sensor.lab.deviants import forgery
from sensor.lab.machine import Datagram, Event, Outbox
from sensor.schema.records import Endpoint
from sensor.wire.addresses import FLAG_RANDOM1, FLAG_RANDOM2, TeredoAddress, parse_teredo, text
from sensor.wire.ports import TEREDO_PORT

GAP = 0.001  # seconds between two guesses

UNHEARD = "unheard"

_RANDOM = FLAG_RANDOM1 | FLAG_RANDOM2
FLAGS = tuple(flags for flags in range(_RANDOM + 1) if not flags & ~_RANDOM)


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    """Who scans: from ``local``, as the native host ``address``, of which all packets come here.

    Whom: a client of ``server`` behind the IPv4 address ``target``, whose port is one of ``ports``.
    """

    local: Endpoint
    address: bytes
    target: bytes
    server: bytes
    ports: Sequence[int]


class Scanner:
    """A machine (``sensor.lab.machine``) that guesses until it knows, or has guessed all.

    ``end`` is where the client answered, ``found`` its whole address: a right guess makes the
    client test the native host, and the test comes from that address.
    """

    def __init__(self, settings: ScannerSettings) -> None:
        self.drops: Counter[str] = Counter()
        self.end: Endpoint | None = None
        self.found: bytes | None = None
        self._settings = settings
        self._server = Endpoint(settings.server, TEREDO_PORT)
        self._guesses: Iterator[Datagram] = iter(())
        self._due: float | None = None
        self._out = Outbox()

    @property
    def ends(self) -> Collection[Endpoint]:
        return (self._settings.local,)

    def start(self, now: float) -> None:
        self._guesses = map(self._bubble, self._settings.ports)
        self._due = now
        self.handle_timer(now)

    def stop(self, now: float) -> None:
        self._due = None

    def _bubble(self, port: int) -> Datagram:
        inner = self._settings.address, self._client(port, 0)
        return forgery.bubble(self._settings.local, self._server, inner)

    def _echo(self, end: Endpoint, flags: int) -> Datagram:
        inner = self._settings.address, self._client(end.port, flags)
        return forgery.echo(self._settings.local, end, inner)

    def _client(self, port: int, flags: int) -> bytes:
        target = self._settings.target
        return TeredoAddress(self._settings.server, flags, port, target, False).build()

    def receive_datagram(
        self, payload: bytes, source: Endpoint, destination: Endpoint, now: float
    ) -> None:
        """Whatever comes from the target shows which port it is at."""
        if source.ip != self._settings.target or self.end is not None:
            self.drops[UNHEARD] += 1
            return
        self.end = source
        self._tell("port-found", f"a client answers at {text(source.ip)}:{source.port}")
        self._guesses = (self._echo(source, flags) for flags in FLAGS)
        self._due = now

    def send_ipv6(self, packet: bytes, now: float) -> None:
        """Whatever comes from a client at that end shows its address."""
        client = parse_teredo(packet[8:24])
        if client is None or (client.ip, client.port) != self.end or self.found is not None:
            self.drops[UNHEARD] += 1
            return
        self.found = packet[8:24]
        self._tell("address-found", f"its address is {text(self.found)}")
        self._due = None

    def _tell(self, what: str, sentence: str) -> None:
        self._out.events.append(Event(what, sentence, self.found, self.end))

    def get_timer(self) -> float | None:
        return self._due

    def handle_timer(self, now: float) -> None:
        while self._due is not None and self._due <= now:
            guess = next(self._guesses, None)
            if guess is None:
                self._due = None
                return
            self._out.datagrams.append(guess)
            self._due += GAP

    def datagrams_to_send(self) -> list[Datagram]:
        return self._out.take_datagrams()

    def ipv6_to_deliver(self) -> list[bytes]:
        return self._out.take_packets()

    def next_event(self) -> Event | None:
        return self._out.take_event()
