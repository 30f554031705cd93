"""IPv6 packets that somebody puts into IPv4 by hand, with whatever addresses he likes."""

from __future__ import annotations

from sensor.lab.network.host import Host
from sensor.lab.network.packet import Label
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import icmpv6, ipv6, sixinfour, tcp
from sensor.wire.icmpv6 import Echo, PrefixInformation, RouterAdvertisement

PORT = 51_000  # that forged openings come from
_ECHO_DATA = bytes(range(32))
_SEQUENCE = 1_000_000
_WINDOW = 65_535
# What a router of the link says (RFC 4861 sections 4.2 and 4.6.2), times in seconds.
_ON_LINK, _AUTONOMOUS = 0x80, 0x40
_LIFETIME, _PREFERRED, _VALID = 1_800, 604_800, 2_592_000
_LOCAL_HOPS = 255
_ROUTING_BODY = 5  # octets between the type of a type 0 routing header and its first address


def inject(
    host: Host,
    inner: bytes,
    destination: bytes,
    kind: Kind,
    source: bytes | None = None,
    *,
    flawed: bool = False,
) -> None:
    """Send an IPv6 packet by protocol 41, from a forged IPv4 ``source`` if one is given.

    ``flawed`` tells that it is none that a host may send.
    """
    label = Label(kind, TeredoPacket.NONE, host.name, flawed=flawed)
    host.send(destination, sixinfour.PROTOCOL, inner, source=source, label=label)


def echo(source: bytes, destination: bytes, number: int = 1) -> bytes:
    """An echo request."""
    request = icmpv6.build_echo_request(source, destination, Echo(number, number, _ECHO_DATA))
    return ipv6.build(source, destination, icmpv6.PROTOCOL, request)


def opening(source: bytes, destination: bytes, port: int) -> bytes:
    """The first segment of a TCP connection to ``port``."""
    segment = tcp.build(
        source, destination, PORT, port,
        sequence=_SEQUENCE, acknowledgement=0, flags=tcp.SYN, window=_WINDOW,
    )  # fmt: skip
    return ipv6.build(source, destination, tcp.PROTOCOL, segment)


def answer(source: bytes, destination: bytes, port: int) -> bytes:
    """What a service at ``port`` of the source would say to such an opening of the destination."""
    segment = tcp.build(
        source, destination, port, PORT,
        sequence=0, acknowledgement=_SEQUENCE + 1, flags=tcp.SYN | tcp.ACK, window=_WINDOW,
    )  # fmt: skip
    return ipv6.build(source, destination, tcp.PROTOCOL, segment)


def routed_echo(source: bytes, by_way_of: bytes, destination: bytes) -> bytes:
    """An echo request that asks its first receiver to send it on (RFC 5095 forbids that)."""
    request = icmpv6.build_echo_request(source, destination, Echo(1, 1, _ECHO_DATA))
    body = b"\x00\x01" + bytes(_ROUTING_BODY - 1) + destination
    routing = ipv6.build_extension(ipv6.ROUTING, icmpv6.PROTOCOL, body)
    return ipv6.build(source, by_way_of, ipv6.ROUTING, routing + request)


def advertisement(source: bytes, destination: bytes, prefix: bytes) -> bytes:
    """A router advertisement of a prefix of 8 octets."""
    information = PrefixInformation(
        64, _ON_LINK | _AUTONOMOUS, _VALID, _PREFERRED, prefix + bytes(8)
    )
    told = RouterAdvertisement(
        hop_limit=64, flags=0, router_lifetime=_LIFETIME, reachable=0, retransmit=0,
        prefixes=(information,),
    )  # fmt: skip
    message = icmpv6.build_router_advertisement(source, destination, told)
    return ipv6.build(source, destination, icmpv6.PROTOCOL, message, hop_limit=_LOCAL_HOPS)
