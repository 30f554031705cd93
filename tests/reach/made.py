"""What the generators of this folder make, and what a decoder must say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from sensor.decode.settings import DecodeSettings
from sensor.wire import icmpv6, ipv4, ipv6, sixinfour, tcp, udp
from sensor.wire.addresses import SixRdDomain, packed

from ..build import NATIVE, OTHER, End

TCP, UDP, GRE = tcp.PROTOCOL, udp.PROTOCOL, 47
TIME = 1_790_000_000 * 10**9
SIXRD = SixRdDomain(packed("2001:db8::"), 32, 8, (packed("10.0.0.1"),))
SETTINGS = DecodeSettings(sixrd=(SIXRD,))

NOTHING: End = (b"", 0)
Change = Callable[[bytes], bytes]


def unchanged(octets: bytes) -> bytes:
    return octets


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


class Row(NamedTuple):
    """One row as a decoder must write it; texts are those of the contract."""

    kind: str
    kinds: frozenset[str]
    reasons: frozenset[str]
    anomalies: frozenset[str]
    transport: str
    source: End
    destination: End
    inner_source: End
    inner_destination: End
    teredo: str


class Made(NamedTuple):
    """An IP packet, its layers from its own header on, and the rows that it is worth.

    ``head`` describes the packet itself, for whoever carries it as an inner one.
    """

    packet: bytes
    layers: tuple[str, ...]
    rows: tuple[Row, ...]
    head: Inside

    @property
    def version(self) -> int:
        return self.packet[0] >> 4


class Inside(NamedTuple):
    """An IPv6 packet for a tunnel: its ends, the layers behind its header, a sum that is right."""

    packet: bytes
    source: End = NOTHING
    destination: End = NOTHING
    layers: tuple[str, ...] = ()
    summed: bool = False


def nothing(octets: bytes = b"") -> Inside:
    """What a control packet carries: no IPv6."""
    return Inside(octets)


def tcp6(source: bytes = NATIVE, destination: bytes = OTHER, payload: bytes = b"") -> Inside:
    """A TCP packet from port 49152 to 443."""
    segment = tcp.build(
        source, destination, 49152, 443,
        sequence=1000, acknowledgement=0, flags=tcp.SYN, payload=payload,
    )  # fmt: skip
    packet = ipv6.build(source, destination, TCP, segment)
    return Inside(packet, (source, 49152), (destination, 443), ("tcp",), True)


def icmp6(packet: bytes, identifier: int = 0) -> Inside:
    """A finished ICMPv6 packet whose checksum is right."""
    return Inside(packet, (packet[8:24], identifier), (packet[24:40], 0), ("icmpv6",), True)


def echo6(source: bytes = NATIVE, destination: bytes = OTHER) -> Inside:
    echo = icmpv6.build_echo_request(source, destination, icmpv6.Echo(7, 9, b"abcd"))
    return icmp6(ipv6.build(source, destination, icmpv6.PROTOCOL, echo), 7)


def bare6(packet: bytes) -> Inside:
    """A packet without a transport that anybody reads."""
    return Inside(packet, (packet[8:24], 0), (packet[24:40], 0))


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One tunnel and the packet in it; evasions are made with ``dataclasses.replace``.

    - ``scheme`` puts the scheme's header before ``inside`` and ``tail``, ``above`` are its layers.
    - ``reasons`` are those of the scheme; the shape of what is inside adds its own.
    - ``trailed``: the tail is well-formed trailers.
    - ``datagram`` changes the finished datagram, ``around`` puts further packets around the IP
      packet, whose layers are ``outside``.
    """

    family: str
    name: str
    kind: str
    inside: Inside
    source: End
    destination: End
    protocol: int = UDP
    scheme: Change = unchanged
    above: tuple[str, ...] = ()
    reasons: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    teredo: str = "none"
    transport: str = "udp"
    tail: bytes = b""
    trailed: bool = False
    anomalies: frozenset[str] = frozenset()
    nested: tuple[Row, ...] = ()
    datagram: Change = unchanged
    around: Change = unchanged
    outside: tuple[str, ...] = ()

    def odd(self, word: str, **changes: object) -> Tunnel:
        """The same tunnel, changed, with an anomaly."""
        return replace(self, anomalies=self.anomalies | {word}, **changes)  # type: ignore[arg-type]

    @property
    def control(self) -> bool:
        return not self.inside.source[0]

    def row(self) -> Row:
        inside = self.inside
        exact = {"exact-length"} if not self.tail or self.trailed else set()
        summed = {"checksum"} if inside.summed else set()
        shape = set() if self.control else exact | summed
        return Row(
            kind=self.kind,
            kinds=self.kinds or frozenset({self.kind}),
            reasons=(self.reasons | shape) - self.lost,
            anomalies=self.anomalies,
            transport=self.transport,
            source=self.source,
            destination=self.destination,
            inner_source=inside.source,
            inner_destination=inside.destination,
            teredo=self.teredo,
        )

    def made(self) -> Made:
        packet = self.around(self._packet())
        outermost = "ipv6" if len(self.source[0]) == 16 else "ipv4"
        carrier = {UDP: ("udp",), TCP: ("tcp",)}.get(self.protocol, ())
        inner = () if self.control else ("ipv6", *self.inside.layers)
        layers = (*self.outside, outermost, *carrier, *self.above, *inner)
        return Made(packet, layers, (self.row(), *self.nested), self._head(packet))

    def _packet(self) -> bytes:
        payload = self.scheme(self.inside.packet + self.tail)
        source, destination = self.source, self.destination
        if self.protocol == UDP:
            payload = udp.build(source[0], destination[0], source[1], destination[1], payload)
            payload = self.datagram(payload)
        elif self.protocol == TCP:
            payload = tcp.build(
                source[0], destination[0], source[1], destination[1],
                sequence=1, acknowledgement=1, flags=tcp.ACK, payload=payload,
            )  # fmt: skip
        if len(source[0]) == 16:
            return ipv6.build(source[0], destination[0], self.protocol, payload)
        return ipv4.build(source[0], destination[0], self.protocol, payload)

    def _head(self, packet: bytes) -> Inside:
        """How a carrier that is a tunnel for IPv6 sees the packet."""
        if packet[0] >> 4 != 6:
            return Inside(packet)
        if self.outside:
            return bare6(packet)
        return Inside(packet, self.source, self.destination, (), True)


def in_ipv4(packet: bytes, source: bytes, destination: bytes) -> bytes:
    """IP-in-IP around IPv4, protocol 41 around IPv6."""
    protocol = 4 if packet[0] >> 4 == 4 else sixinfour.PROTOCOL
    return ipv4.build(source, destination, protocol, packet)


def in_ipv6(packet: bytes, source: bytes, destination: bytes) -> bytes:
    """DS-Lite around IPv4 (RFC 6333), IPv6 in IPv6 (RFC 2473)."""
    protocol = 4 if packet[0] >> 4 == 4 else sixinfour.PROTOCOL
    return ipv6.build(source, destination, protocol, packet)
