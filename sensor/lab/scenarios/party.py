"""Who has an IPv6 host, and what a story lets them do with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor.lab.network.asked import Asked
from sensor.lab.network.connection import Connection, Outcome
from sensor.lab.scenarios.openings import LoggingStack
from sensor.schema.records import Endpoint
from sensor.wire import icmpv6, tcp, udp
from sensor.wire.addresses import text

if TYPE_CHECKING:
    from sensor.lab.scenarios.premises import Premises
    from sensor.lab.scenarios.world import World

HTTP_PORT = 80
PAGE = b"<!doctype html><title>printer</title>" + b"<p>paper tray: full\n" * 150
_END_OF_REQUEST = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Try:
    """Somebody asked something of somebody else; ``transport`` is a next-header number."""

    by: str
    whom: str
    transport: int
    service: Endpoint
    asked: Connection | Asked

    @property
    def at(self) -> float:
        return self.asked.opened if isinstance(self.asked, Connection) else self.asked.at

    @property
    def answered(self) -> bool:
        """Whether anything but a refusal came back."""
        if isinstance(self.asked, Connection):
            return bool(self.asked.received)
        return bool(self.asked.answers)

    @property
    def whole(self) -> bool:
        """Whether all was said and acknowledged."""
        if isinstance(self.asked, Connection):
            return self.asked.outcome is Outcome.ANSWERED
        return self.answered


class Party:
    """Somebody with an IPv6 host, by tunnel or natively; ``world`` keeps what they tried.

    ``place`` is the network whose tunnel leads to it, None on the Internet.
    """

    place: Premises | None = None

    def __init__(self, world: World, name: str, stack: LoggingStack) -> None:
        self.world = world
        self.name = name
        self.stack = stack

    @property
    def tunnel(self) -> str:
        """Whose tunnel leads to it: the name that its packets have as sender."""
        return self.name

    @property
    def address(self) -> bytes:
        """The IPv6 address to be reached at now."""
        return self.stack.addresses[0]

    def serve(self, port: int = HTTP_PORT, page: bytes = PAGE) -> None:
        """Run a web server."""
        self.stack.tcp.serve(port, lambda asked: response(asked, page))

    def serve_udp(self, port: int, answer: bytes) -> None:
        """Answer each datagram with this one."""
        self.stack.serve_udp(port, lambda _: answer)

    def hide(self, port: int) -> None:
        """Answer nobody at this port, nor refuse: the host's own firewall."""
        self.stack.tcp.silence(port)

    def fetch(self, whose: Party, port: int = HTTP_PORT) -> Try:
        """Ask for a page."""
        asked = request(f"[{text(whose.address)}]:{port}")
        connection = self.stack.tcp.connect(whose.address, port, asked)
        return self._try(whose, tcp.PROTOCOL, port, connection)

    def ping(self, whom: Party) -> Try:
        """Send one echo request."""
        return self._try(whom, icmpv6.PROTOCOL, 0, self.stack.ping(whom.address))

    def ask(self, whom: Party, port: int, question: bytes) -> Try:
        """Send one UDP datagram."""
        asked = self.stack.ask(whom.address, port, question)
        return self._try(whom, udp.PROTOCOL, port, asked)

    def _try(self, whom: Party, transport: int, port: int, asked: Connection | Asked) -> Try:
        tried = Try(self.name, whom.name, transport, Endpoint(whom.address, port), asked)
        self.world.tries.append(tried)
        return tried


def request(host: str) -> bytes:
    """A request for the first page of a web site."""
    return f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def response(asked: bytes, page: bytes) -> bytes | None:
    """The page to a whole request; None to the beginning of one."""
    if not asked.endswith(_END_OF_REQUEST):
        return None
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(page)}\r\nConnection: close\r\n\r\n"
    return head.encode() + page
