"""Who takes part in the tests of server and relay, and what they say."""

from __future__ import annotations

from random import Random

from sensor.lab.machine import Datagram
from sensor.lab.teredo.relay import Relay
from sensor.lab.teredo.settings import PeerLimits, RelaySettings
from sensor.schema.records import Endpoint
from sensor.wire import icmpv6, ipv6, teredo, udp
from sensor.wire.addresses import ALL_ROUTERS, TeredoAddress, packed
from sensor.wire.icmpv6 import Echo, Option

PRIMARY = Endpoint(packed("203.0.113.1"), 3544)
SECONDARY = Endpoint(packed("203.0.113.2"), 3544)
SERVER_LOCAL = packed("fe80::8000:f227:34ff:8efe")

CLIENT_END = Endpoint(packed("203.0.113.10"), 40000)
OTHER_END = Endpoint(packed("198.51.100.7"), 1234)
PRIVATE_END = Endpoint(packed("192.168.0.2"), 40000)

RELAY_END = Endpoint(packed("192.0.2.10"), 3545)
RELAY_SOURCE = packed("2001:db8::1")
RELAY_LOCAL = packed("fe80::ac4e")
NATIVE = packed("2001:db8::80")
INTERNET = ((packed("2000::"), 3),)

SOLICITING = packed("fe80::ffff:ffff:ffff")
CONE_SOLICITING = packed("fe80::8000:5445:5245:444f")
NONCE = bytes.fromhex("0102030405060708")


def address(end: Endpoint, server: bytes = PRIMARY.ip, flags: int = 0x203E) -> bytes:
    """The Teredo address of a client that is mapped at ``end``."""
    return TeredoAddress(server, flags, end.port, end.ip, False).build()


CLIENT = address(CLIENT_END)
OTHER = address(OTHER_END)


def solicitation(
    source: bytes = SOLICITING,
    *,
    hop_limit: int = 255,
    options: tuple[Option, ...] = (),
    destination: bytes = ALL_ROUTERS,
) -> bytes:
    message = icmpv6.build_router_solicitation(source, destination, options)
    return ipv6.build(source, destination, icmpv6.PROTOCOL, message, hop_limit=hop_limit)


def echo(
    source: bytes, destination: bytes, *, octets: int = 4, hop_limit: int = 21, reply: bool = False
) -> bytes:
    """An echo request with a body of 4 octets and ``octets`` of data, or the reply to it."""
    build = icmpv6.build_echo_reply if reply else icmpv6.build_echo_request
    message = build(source, destination, Echo(1, 2, bytes(octets)))
    return ipv6.build(source, destination, icmpv6.PROTOCOL, message, hop_limit=hop_limit)


def bubble(source: bytes, destination: bytes, *trailers: bytes, hop_limit: int = 21) -> bytes:
    return teredo.encapsulate(
        teredo.build_bubble(source, destination, hop_limit), trailers=trailers
    )


def data(
    source: bytes, destination: bytes, content: bytes = b"hello", *, hop_limit: int = 64
) -> bytes:
    """A UDP datagram in IPv6."""
    datagram = udp.build(source, destination, 1024, 8080, content)
    return ipv6.build(source, destination, udp.PROTOCOL, datagram, hop_limit=hop_limit)


def less_a_hop(packet: bytes) -> bytes:
    return packet[:7] + bytes([packet[7] - 1]) + packet[8:]


def relay(
    *,
    source: bytes = RELAY_SOURCE,
    served: tuple[tuple[bytes, int], ...] = INTERNET,
    direct_bubbles: bool = False,
    limits: PeerLimits | None = None,
) -> Relay:
    settings = RelaySettings(
        RELAY_END, source, served, direct_bubbles=direct_bubbles, limits=limits or PeerLimits()
    )
    return Relay(settings, Random(6))


def hear(machine: Relay, payload: bytes, source: Endpoint, now: float) -> None:
    machine.receive_datagram(payload, source, RELAY_END, now)


def payloads(sent: list[Datagram]) -> list[bytes]:
    return [datagram.payload for datagram in sent]
