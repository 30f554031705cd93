"""A small IPv6 host: echo, UDP and TCP, as a client of a tunnel or on the native Internet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from random import Random

from sensor.errors import DecodeError
from sensor.lab.network.asked import Asked, Questions
from sensor.lab.network.clock import Clock
from sensor.lab.network.routes import Prefix, Routes
from sensor.lab.network.tcp import Tcp
from sensor.wire import checksum, icmpv6, ipv6, tcp, udp
from sensor.wire.cursor import Cursor

HOP_LIMIT = 64
PORT_UNREACHABLE = 4  # code of an unreachable message (RFC 4443 section 3.1)

# Of the packet it is about an error holds as much as fits in 1280 octets (RFC 4443 section 2.4).
QUOTE = 1280 - ipv6.HEADER_LENGTH - icmpv6.ERROR_LENGTH

NO_ADDRESS = "no-address"
NO_ROUTE = "no-route"
NOT_OURS = "not-ours"
NO_LISTENER = "no-listener"
UNREADABLE = "unreadable"
BAD_CHECKSUM = "bad-checksum"

_ECHO_DATA = bytes(range(32))
_FIRST_ERROR_BEYOND = 128  # smaller types are errors (RFC 4443 section 2.1)


class Stack6:
    """``addresses`` may change at any time; packets leave by the routes it was given."""

    def __init__(
        self, name: str, clock: Clock, rng: Random, addresses: Iterable[bytes] = ()
    ) -> None:
        self.name = name
        self.clock = clock
        self.addresses = list(addresses)
        self.drops: Counter[str] = Counter()
        self.tcp = Tcp(clock, rng, self._send_segment, self._source)
        self._routes: Routes[Callable[[bytes], None]] = Routes()
        self._services: dict[int, Callable[[bytes], bytes | None]] = {}
        self._echoes = Questions(clock, rng, self.drops)
        self._questions = Questions(clock, rng, self.drops)

    def route(self, prefix: Prefix, send: Callable[[bytes], None]) -> None:
        """Let packets for a prefix leave by ``send``."""
        self._routes.add(prefix, send)

    def send(
        self,
        source: bytes,
        destination: bytes,
        next_header: int,
        payload: bytes,
        *,
        hop_limit: int = HOP_LIMIT,
    ) -> None:
        """Send any IPv6 packet."""
        leave = self._routes.find(destination)
        if leave is None or destination in self.addresses:
            self.drops[NO_ROUTE] += 1
            return
        leave(ipv6.build(source, destination, next_header, payload, hop_limit=hop_limit))

    def ping(self, destination: bytes) -> Asked:
        """Send an echo request."""
        identifier, asked = self._echoes.ask()
        source = self._source(destination)
        if source is not None:
            echo = icmpv6.Echo(identifier, 1, _ECHO_DATA)
            request = icmpv6.build_echo_request(source, destination, echo)
            self.send(source, destination, icmpv6.PROTOCOL, request)
        return asked

    def ask(self, destination: bytes, port: int, payload: bytes) -> Asked:
        """Send a datagram from an ephemeral port and collect what comes back to it."""
        local, asked = self._questions.ask()
        source = self._source(destination)
        if source is not None:
            self._send_udp(source, local, destination, port, payload)
        return asked

    def serve_udp(self, port: int, answer: Callable[[bytes], bytes | None]) -> None:
        """Answer datagrams; None is no answer."""
        self._services[port] = answer

    def receive(self, octets: bytes) -> None:
        """A packet for this host; hostile octets are counted, never raised about."""
        try:
            self._dispatch(octets)
        except DecodeError:
            self.drops[UNREADABLE] += 1

    def _dispatch(self, octets: bytes) -> None:
        cursor = Cursor(octets)
        header = ipv6.parse(cursor)
        payload = cursor.take(header.payload_length)
        if header.destination not in self.addresses:
            self.drops[NOT_OURS] += 1
        elif header.next_header == tcp.PROTOCOL:
            self.tcp.receive(header.source, header.destination, payload)
        elif header.next_header == udp.PROTOCOL:
            self._receive_udp(octets, header, payload)
        elif header.next_header == icmpv6.PROTOCOL:
            self._receive_icmp(header, payload)
        else:
            self.drops[NO_LISTENER] += 1

    def _receive_udp(self, octets: bytes, header: ipv6.IPv6Header, datagram: bytes) -> None:
        if not udp.verify(header.source, header.destination, datagram):
            self.drops[BAD_CHECKSUM] += 1
            return
        ports = udp.parse(Cursor(datagram))
        payload = datagram[udp.HEADER_LENGTH : ports.length]
        answer = self._services.get(ports.destination_port)
        if answer is None:
            if not self._questions.answer(ports.destination_port, payload):
                self._refuse(octets, header)
            return
        reply = answer(payload)
        if reply is not None:
            own, other = header.destination, header.source
            self._send_udp(own, ports.destination_port, other, ports.source_port, reply)

    def _refuse(self, octets: bytes, header: ipv6.IPv6Header) -> None:
        self.drops[NO_LISTENER] += 1
        own, other = header.destination, header.source
        error = icmpv6.build_error(own, other, icmpv6.UNREACHABLE, PORT_UNREACHABLE, octets[:QUOTE])
        self.send(own, other, icmpv6.PROTOCOL, error)

    def _receive_icmp(self, header: ipv6.IPv6Header, payload: bytes) -> None:
        own, other = header.destination, header.source
        pseudo = checksum.pseudo_ipv6(other, own, icmpv6.PROTOCOL, len(payload))
        if not checksum.verify(pseudo, payload):
            self.drops[BAD_CHECKSUM] += 1
            return
        message = icmpv6.parse(Cursor(payload))
        if message.type == icmpv6.ECHO_REQUEST:
            reply = icmpv6.build_echo_reply(own, other, icmpv6.parse_echo(message.body))
            self.send(own, other, icmpv6.PROTOCOL, reply)
        elif message.type == icmpv6.ECHO_REPLY:
            echo = icmpv6.parse_echo(message.body)
            self._echoes.answer(echo.identifier, echo.data)
        elif message.type < _FIRST_ERROR_BEYOND:
            self._receive_error(icmpv6.quoted(message.body))

    def _receive_error(self, quote: bytes) -> None:
        cursor = Cursor(quote)
        header = ipv6.parse(cursor)
        if header.next_header == udp.PROTOCOL:
            self._questions.refuse(cursor.u16())
        elif header.next_header == icmpv6.PROTOCOL:
            self._echoes.refuse(icmpv6.parse_echo(icmpv6.parse(cursor).body).identifier)

    def _source(self, destination: bytes) -> bytes | None:
        """The own address that has most leading bits in common (RFC 6724 section 5, rule 8)."""
        if not self.addresses:
            self.drops[NO_ADDRESS] += 1
            return None
        return min(self.addresses, key=lambda own: _distance(own, destination))

    def _send_udp(
        self, source: bytes, sport: int, destination: bytes, dport: int, payload: bytes
    ) -> None:
        datagram = udp.build(source, destination, sport, dport, payload)
        self.send(source, destination, udp.PROTOCOL, datagram)

    def _send_segment(self, source: bytes, destination: bytes, segment: bytes) -> None:
        self.send(source, destination, tcp.PROTOCOL, segment)


def _distance(first: bytes, second: bytes) -> int:
    """How many bits from the first that differs to the end."""
    return (int.from_bytes(first) ^ int.from_bytes(second)).bit_length()
