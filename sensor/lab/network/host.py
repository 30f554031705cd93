"""An IPv4 host on a segment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from sensor.errors import DecodeError
from sensor.lab.machine import OuterPacket
from sensor.lab.network import rewrite
from sensor.lab.network.asked import Asked, Questions
from sensor.lab.network.complaint import PORT_UNREACHABLE, PROTOCOL_UNREACHABLE, complaint
from sensor.lab.network.packet import Label, Packet
from sensor.lab.network.reassembly import UNREADABLE, Reassembler
from sensor.lab.network.segment import Segment
from sensor.lab.network.tcp import Tcp
from sensor.schema.records import Endpoint
from sensor.wire import checksum, icmpv4, ipv4, tcp, udp
from sensor.wire.cursor import Cursor

TTL = 64

BAD_CHECKSUM = "bad-checksum"
NO_LISTENER = "no-listener"

_ECHO_DATA = bytes(range(32))
_FIRST_SEQUENCE = b"\x00\x01"

Receiver = Callable[[bytes, Endpoint, Endpoint], None]
PacketReceiver = Callable[[OuterPacket], None]


class Host:
    """Addresses, UDP receivers, TCP services, echo replies; the first address is its own.

    IPv4 identifications count up from a number drawn once.
    """

    def __init__(
        self, name: str, segment: Segment, addresses: Sequence[bytes], rng: Random
    ) -> None:
        self.name = name
        self.clock = segment.clock
        self.drops: Counter[str] = Counter()
        self.interface = segment.attach(name, addresses, self._receive)
        self.tcp = Tcp(self.clock, rng, self._send_segment, lambda _: self.address)
        self._identification = rng.getrandbits(16)
        self._receivers: dict[Endpoint, Receiver] = {}
        self._listeners: dict[int, list[PacketReceiver]] = {}
        self._fragments = Reassembler(self.drops)
        self._echoes = Questions(self.clock, rng, self.drops)
        self._questions = Questions(self.clock, rng, self.drops)

    @property
    def address(self) -> bytes:
        return self.interface.addresses[0]

    def bind(self, end: Endpoint, receive: Receiver) -> None:
        """Hand over what comes for an address, or a multicast group, and port."""
        self._receivers[end] = receive

    def unbind(self, end: Endpoint) -> None:
        self._receivers.pop(end, None)

    def listen(self, protocol: int, receive: PacketReceiver) -> None:
        """Hand over all that comes by an IP protocol, to each who listens; of ICMP the errors."""
        self._listeners.setdefault(protocol, []).append(receive)

    def close(self, protocol: int, receive: PacketReceiver) -> None:
        """Listen no longer."""
        self._listeners[protocol].remove(receive)

    def send_packet(self, packet: OuterPacket, label: Label | None = None) -> None:
        """Send an IPv4 packet with all that is said of its header."""
        octets = ipv4.build(
            packet.source, packet.destination, packet.protocol, packet.payload,
            ttl=packet.ttl, identification=self._next_identification(),
            dont_fragment=packet.dont_fragment, tos=packet.tos,
        )  # fmt: skip
        self.interface.send(Packet(octets, label))

    def send(
        self,
        destination: bytes,
        protocol: int,
        payload: bytes,
        *,
        source: bytes | None = None,
        ttl: int = TTL,
        label: Label | None = None,
    ) -> None:
        """Send any IPv4 packet; ``source`` is by default the first address."""
        packet = OuterPacket(source or self.address, destination, protocol, payload, ttl=ttl)
        self.send_packet(packet, label)

    def send_udp(
        self,
        payload: bytes,
        source: Endpoint,
        destination: Endpoint,
        *,
        ttl: int = TTL,
        label: Label | None = None,
    ) -> None:
        """Send a datagram from one of the host's ends."""
        datagram = udp.build(source.ip, destination.ip, source.port, destination.port, payload)
        self.send(destination.ip, udp.PROTOCOL, datagram, source=source.ip, ttl=ttl, label=label)

    def serve_udp(self, port: int, answer: Callable[[bytes], bytes | None]) -> None:
        """Answer datagrams at all addresses; None is no answer."""

        def receive(payload: bytes, source: Endpoint, destination: Endpoint) -> None:
            reply = answer(payload)
            if reply is not None:
                self.send_udp(reply, destination, source)

        for address in self.interface.addresses:
            self.bind(Endpoint(address, port), receive)

    def ask(self, destination: Endpoint, payload: bytes) -> Asked:
        """Send a datagram from an ephemeral port and collect what comes back to it."""
        port, asked = self._questions.ask()
        self.send_udp(payload, Endpoint(self.address, port), destination)
        return asked

    def ping(self, destination: bytes) -> Asked:
        """Send an echo request."""
        identifier, asked = self._echoes.ask()
        rest = identifier.to_bytes(2) + _FIRST_SEQUENCE
        message = icmpv4.build(icmpv4.ECHO_REQUEST, 0, rest, _ECHO_DATA)
        self.send(destination, icmpv4.PROTOCOL, message)
        return asked

    def _next_identification(self) -> int:
        self._identification = self._identification + 1 & 0xFFFF
        return self._identification

    def _receive(self, packet: Packet) -> None:
        try:
            self._dispatch(packet)
        except DecodeError:
            self.drops[UNREADABLE] += 1

    def _dispatch(self, packet: Packet) -> None:
        whole = self._fragments.add(packet.octets, self.clock.now)
        if whole is None:
            return
        packet = packet._replace(octets=whole)
        cursor = Cursor(whole)
        header = ipv4.parse(cursor)
        payload = cursor.rest()
        if header.protocol == udp.PROTOCOL:
            self._receive_udp(packet, header, payload)
        elif header.protocol == tcp.PROTOCOL:
            self.tcp.receive(header.source, header.destination, payload)
        elif header.protocol == icmpv4.PROTOCOL:
            self._receive_icmp(header, payload)
        elif self._listeners.get(header.protocol):
            self._hand_over(header, payload)
        else:
            self._refuse(packet, PROTOCOL_UNREACHABLE)

    def _hand_over(self, header: ipv4.IPv4Header, payload: bytes) -> None:
        packet = OuterPacket(
            header.source, header.destination, header.protocol, payload,
            ttl=header.ttl, tos=header.tos, dont_fragment=header.dont_fragment,
        )  # fmt: skip
        for receive in list(self._listeners.get(header.protocol, ())):
            receive(packet)

    def _receive_udp(self, packet: Packet, header: ipv4.IPv4Header, datagram: bytes) -> None:
        if udp.verify(header.source, header.destination, datagram) is False:
            self.drops[BAD_CHECKSUM] += 1
            return
        ports = udp.parse(Cursor(datagram))
        payload = datagram[udp.HEADER_LENGTH : ports.length]
        destination = Endpoint(header.destination, ports.destination_port)
        receive = self._receivers.get(destination)
        if receive is not None:
            receive(payload, Endpoint(header.source, ports.source_port), destination)
        elif not self._questions.answer(destination.port, payload):
            self._refuse(packet, PORT_UNREACHABLE)

    def _refuse(self, packet: Packet, code: int) -> None:
        self.drops[NO_LISTENER] += 1
        own = packet.octets[16:20]
        if own not in self.interface.addresses:  # a broadcast (RFC 1122 section 3.2.2)
            return
        error = complaint(
            packet,
            own,
            self.name,
            icmpv4.UNREACHABLE,
            code,
            self._next_identification(),
        )
        if error is not None:
            self.interface.send(error)

    def _receive_icmp(self, header: ipv4.IPv4Header, payload: bytes) -> None:
        if not checksum.verify(payload):
            self.drops[BAD_CHECKSUM] += 1
            return
        cursor = Cursor(payload)
        message = icmpv4.parse(cursor)
        data = cursor.rest()
        if message.type == icmpv4.ECHO_REQUEST:
            reply = icmpv4.build(icmpv4.ECHO_REPLY, 0, message.rest, data)
            self.send(header.source, icmpv4.PROTOCOL, reply, source=header.destination)
        elif message.type == icmpv4.ECHO_REPLY:
            self._echoes.answer(int.from_bytes(message.rest[:2]), data)
        elif message.type in icmpv4.ERRORS:
            self._hand_over(header, payload)
            self._receive_error(data)

    def _receive_error(self, quote: bytes) -> None:
        portless = self._listeners.keys()  # who listens has been told
        flow = rewrite.read(quote, portless)
        if flow.protocol == udp.PROTOCOL:
            self._questions.refuse(flow.source.port)
        elif flow.protocol == icmpv4.PROTOCOL:
            self._echoes.refuse(flow.source.port)

    def _send_segment(self, source: bytes, destination: bytes, segment: bytes) -> None:
        self.send(destination, tcp.PROTOCOL, segment, source=source)
