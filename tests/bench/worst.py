"""Packets and addresses made to be slow: long chains, deep nesting, keys that collide."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from sensor.capture.writer import PcapWriter
from sensor.wire import icmpv6, ipv4, ipv6, link, sixinfour, tcp, teredo, udp
from sensor.wire.addresses import TEREDO_PREFIX, TeredoAddress, packed
from sensor.wire.ipv6 import DESTINATION, MAX_EXTENSION_HEADERS

from . import layers
from .draws import Draws, Octets, Purpose
from .frames import pcap_header, records
from .world import Ends, big_endian, repeated

# packets

_CLIENT, _RELAY = packed("10.64.0.10"), packed("51.15.0.1")
_FAR = packed("2a00:1450:4001::200e")
_ADDRESS = TeredoAddress(packed("45.32.16.1"), 0, 1024, packed("37.48.96.1"), legacy=False).build()
_LARGEST = 65_535
_IPV4 = 4
_FIRST_NS = 1_795_248_000_000_000_000
# Later than any mirrored copy: each packet counts.
_APART_NS = 100_000_000


def _extended(last: int, payload: bytes, headers: int) -> bytes:
    """An IPv6 packet whose payload stands behind destination options of 8 octets each."""
    if not headers:
        return ipv6.build(_ADDRESS, _FAR, last, payload)
    chain = ipv6.build_extension(DESTINATION, DESTINATION, b"\1\4") * (headers - 1)
    chain += ipv6.build_extension(DESTINATION, last, b"\1\4")
    return ipv6.build(_ADDRESS, _FAR, DESTINATION, chain + payload)


def _in_udp(payload: bytes) -> bytes:
    datagram = udp.build(_CLIENT, _RELAY, 1024, 3545, payload)
    return ipv4.build(_CLIENT, _RELAY, udp.PROTOCOL, datagram)


def _in_ipv4(payload: bytes) -> bytes:
    return ipv4.build(_CLIENT, _RELAY, sixinfour.PROTOCOL, payload, options=b"\1" * 40)


def _indicated(packet: bytes) -> bytes:
    """As many indicators and trailers as are read."""
    authentication = teredo.build_authentication(bytes(8), identifier=bytes(8), value=bytes(8))
    indicators = authentication * teredo.MAX_INDICATORS
    trailers = [teredo.build_trailer_nonce(b"abcd")] * teredo.MAX_TRAILERS
    return teredo.encapsulate(packet, authentication=indicators, trailers=trailers)


def _advertisement(octets: int) -> bytes:
    """A router advertisement of about so many octets, with as many options as are read."""
    units = min(255, (octets - 80) // icmpv6.MAX_OPTIONS // 8)
    option = icmpv6.Option(icmpv6.OPTION_SOURCE_LINK_LAYER, bytes(units * 8 - 2)).build()
    body = bytes(12) + option * icmpv6.MAX_OPTIONS
    return icmpv6.build(_ADDRESS, _FAR, icmpv6.ROUTER_ADVERTISEMENT, 0, body)


def _chain() -> bytes:
    return _in_ipv4(_extended(tcp.PROTOCOL, bytes(20), (_LARGEST - 60 - 40 - 20) // 8))


def _checksum() -> bytes:
    payload = udp.build(_ADDRESS, _FAR, 1, 2, bytes(_LARGEST - 20 - 8 - 40 - 8))
    return _in_udp(ipv6.build(_ADDRESS, _FAR, udp.PROTOCOL, payload))


def _nested_teredo() -> bytes:
    """Four tunnels, IPv4 UDP Teredo IPv6 each: the sixteen layers that are followed."""
    packet = _indicated(_extended(icmpv6.PROTOCOL, _advertisement(58_000), 60))
    for _ in range(3):
        packet = _indicated(_extended(_IPV4, _in_udp(packet), 60))
    return _in_udp(packet)


def _nested_protocol_41() -> bytes:
    """Eight tunnels, IPv4 IPv6 each."""
    packet = _extended(icmpv6.PROTOCOL, _advertisement(58_000), MAX_EXTENSION_HEADERS - 1)
    for _ in range(7):
        packet = _extended(_IPV4, _in_ipv4(packet), MAX_EXTENSION_HEADERS - 1)
    return _in_ipv4(packet)


def _nested_ipv6() -> bytes:
    """IPv6 in IPv6, as deep as fits."""
    packet = _extended(icmpv6.PROTOCOL, _advertisement(52_000), MAX_EXTENSION_HEADERS - 1)
    for _ in range(11):
        packet = _extended(sixinfour.PROTOCOL, packet, MAX_EXTENSION_HEADERS - 1)
    return _in_ipv4(packet)


PACKETS: dict[str, Callable[[], bytes]] = {
    "64 KiB of extension headers": _chain,
    "64 KiB under one checksum": _checksum,
    "Teredo nested": _nested_teredo,
    "protocol 41 nested": _nested_protocol_41,
    "IPv6 nested": _nested_ipv6,
}


def write_packets(name: str, count: int, stream: BinaryIO) -> None:
    """The same packet ``count`` times, in Ethernet frames of any size (as cards that merge do)."""
    frame = link.build_ethernet(PACKETS[name](), link.ETHERTYPE_IPV4, bytes(6), bytes(6))
    writer = PcapWriter(stream)
    for number in range(count):
        writer.write(frame, _FIRST_NS + number * _APART_NS)


# addresses

Words = NDArray[np.uint64]

_HIGH = 0x2A00_1450_0000_0000
# What well-known hash functions multiply by.
_MULTIPLIERS = {
    "golden ratio": 0x9E3779B97F4A7C15,
    "splitmix64": 0xBF58476D1CE4E5B9,
    "murmur3": 0xFF51AFD7ED558CCD,
    "xxHash": 0x9E3779B185EBCA87,
    "wyhash": 0xA0761D6478BD642F,
    "FNV": 0x100000001B3,
}
_AT_ONCE = 65_536
_FRAMES_A_SECOND = 200_000
_RANDOM = "random"


def _drawn(positions: Words) -> Words:
    return Draws(1).numbers(Purpose.REMOTE, positions.astype(np.int64))


def _inverse(multiplier: int, shift: int = 0) -> Callable[[Words], Words]:
    """Numbers that multiplication turns into 0, 1, 2, ... in the low or, shifted, the high bits."""
    back = np.uint64(pow(multiplier, -1, 1 << 64))
    return lambda positions: (positions << np.uint64(shift)) * back


def _low(pattern: Callable[[Words], Words]) -> Callable[[Words], tuple[Words, Words]]:
    """Addresses of one network that differ in the interface identifier."""
    return lambda positions: (np.full(len(positions), _HIGH, np.uint64), pattern(positions))


def _cancelling(positions: Words) -> tuple[Words, Words]:
    """Halves whose exclusive or is the same for all; an odd factor leaves no two of them equal."""
    high = np.uint64(_HIGH) | (positions * np.uint64(0x9E3779B1) & np.uint64(0xFFFFFFFF))
    return high, high ^ np.uint64(0x1234)


# Pattern of the addresses that one inside host opens conversations to: both halves of each.
CONVERSATIONS: dict[str, Callable[[Words], tuple[Words, Words]]] = {
    _RANDOM: _low(_drawn),
    "sequential": _low(lambda positions: positions),
    "multiples of 2^32": _low(lambda positions: positions << np.uint64(32)),
    "differing in high bits": _low(lambda positions: positions << np.uint64(44)),
    "equal low halves": lambda positions: (positions + np.uint64(_HIGH), np.ones_like(positions)),
    "halves that cancel": _cancelling,
    **{f"inverse of {name}": _low(_inverse(factor)) for name, factor in _MULTIPLIERS.items()},
    "inverse of golden ratio, high": _low(_inverse(_MULTIPLIERS["golden ratio"], 44)),
}
# Pattern of forged endpoints: 29 bits of public IPv4 address, then 16 bits of port.
ENDPOINTS: dict[str, Callable[[Words], Words]] = {
    _RANDOM: _drawn,
    "sequential": lambda positions: positions,
    "equal ports": lambda positions: positions << np.uint64(16),
    "differing in high bits": lambda positions: positions << np.uint64(25),
}


def write_conversations(pattern: str, frames: int, stream: BinaryIO) -> None:
    """SYNs of one inside host through one 6in4 tunnel, each to another address."""
    _write(lambda positions: _opening(*CONVERSATIONS[pattern](positions)), frames, stream)


def write_endpoints(pattern: str, frames: int, stream: BinaryIO) -> None:
    """One Teredo packet of each endpoint, none of them answered."""
    _write(lambda positions: _forged(ENDPOINTS[pattern](positions)), frames, stream)


def _write(packets: Callable[[Words], Octets], frames: int, stream: BinaryIO) -> None:
    stream.write(pcap_header())
    for first in range(0, frames, _AT_ONCE):
        positions = np.arange(first, min(first + _AT_ONCE, frames))
        times = _FIRST_NS // 1000 + positions * 1_000_000 // _FRAMES_A_SECOND
        outbound = np.ones(len(positions), bool)
        packet = packets(positions.astype(np.uint64))
        frame = layers.ethernet(packet, link.ETHERTYPE_IPV4, outbound, vlan=False)
        stream.write(records(times, frame).data)


def _syn(source: Octets, destination: Octets) -> Octets:
    """An inner packet that opens a connection."""
    count = len(source)
    zero = np.zeros(count, np.int64)
    ends = Ends(source, destination, zero + 40_000, zero + 443)
    segment = layers.tcp_segment(ends, zero + tcp.SYN, zero, zero, np.zeros((count, 0), np.uint8))
    return layers.ipv6_packet(ends, tcp.PROTOCOL, segment)


def _opening(high: Words, low: Words) -> Octets:
    count = len(high)
    far = np.hstack([big_endian(high, 8), big_endian(low, 8)])
    inner = _syn(repeated(packed("2001:470:1f0a::2"), count), far)
    zero = np.zeros(count, np.int64)
    outer = Ends(repeated(_CLIENT, count), repeated(packed("216.66.80.1"), count), zero, zero)
    return layers.ipv4_packet(outer, sixinfour.PROTOCOL, inner, zero)


def _forged(values: Words) -> Octets:
    count = len(values)
    ips = big_endian((values >> np.uint64(16) & np.uint64(0x1FFFFFFF)) + np.uint64(64 << 24), 4)
    ports = (values & np.uint64(0xFFFF)).astype(np.int64)
    mapped = layers.joined(bytes(2), ~big_endian(ports, 2), ~ips)
    source = layers.joined(TEREDO_PREFIX, packed("45.32.16.1"), mapped)
    inner = _syn(source, repeated(_FAR, count))
    zero = np.zeros(count, np.int64)
    outer = Ends(ips, repeated(_RELAY, count), ports, zero + 3_545)
    return layers.ipv4_packet(outer, udp.PROTOCOL, layers.udp_datagram(outer, inner), zero)
