"""Headers of many packets at once: every layer is a matrix with one packet in each row."""

from __future__ import annotations

import numpy as np

from sensor.wire import icmpv6, tcp, udp
from sensor.wire.link import ETHERTYPE_VLAN
from sensor.wire.teredo import AUTHENTICATION_INDICATOR, ORIGIN_INDICATOR

from .draws import Numbers, Octets
from .world import Ends, Flags, big_endian, repeated

SMALLEST_FRAME = 60  # without the check sequence
VLAN = 42
_GATEWAY = bytes.fromhex("020000000001")
_HOST = bytes.fromhex("0200000000fe")
_HOP_LIMIT, _NEIGHBOUR_HOP_LIMIT = 64, 255
_WINDOW = 64_240


def joined(*parts: Octets | bytes) -> Octets:
    """Rows side by side; octets are the same in every row."""
    count = next(len(part) for part in parts if not isinstance(part, bytes))
    return np.hstack([repeated(p, count) if isinstance(p, bytes) else p for p in parts])


def ipv4_packet(ends: Ends, protocol: int, payload: Octets, identification: Numbers) -> Octets:
    length = (20 + payload.shape[1]).to_bytes(2)
    ttl = bytes([_HOP_LIMIT, protocol])
    header = joined(
        b"\x45\0", length, big_endian(identification & 0xFFFF, 2), b"\0\0", ttl, b"\0\0",
        ends.source, ends.destination,
    )  # fmt: skip
    header[:, 10:12] = _checksum(header)
    return joined(header, payload)


def ipv6_packet(ends: Ends, protocol: int, payload: Octets, hop_limit: int = _HOP_LIMIT) -> Octets:
    length = payload.shape[1].to_bytes(2)
    hops = bytes([protocol, hop_limit])
    return joined(b"\x60\0\0\0", length, hops, ends.source, ends.destination, payload)


def tcp_segment(
    ends: Ends, flags: Numbers, sequence: Numbers, acknowledgement: Numbers, payload: Octets
) -> Octets:
    segment = joined(
        big_endian(ends.source_port, 2), big_endian(ends.destination_port, 2),
        big_endian(sequence, 4), big_endian(acknowledgement, 4),
        b"\x50", big_endian(flags, 1), _WINDOW.to_bytes(2), bytes(4), payload,
    )  # fmt: skip
    return _with_checksum(segment, 16, ends, tcp.PROTOCOL)


def udp_datagram(ends: Ends, payload: Octets) -> Octets:
    length = (udp.HEADER_LENGTH + payload.shape[1]).to_bytes(2)
    ports = big_endian(ends.source_port, 2), big_endian(ends.destination_port, 2)
    return _with_checksum(joined(*ports, length, b"\0\0", payload), 6, ends, udp.PROTOCOL)


def icmpv6_message(ends: Ends, kinds: Numbers, body: Octets) -> Octets:
    message = joined(big_endian(kinds, 1), b"\0\0\0", body)
    return _with_checksum(message, 2, ends, icmpv6.PROTOCOL)


def solicitation(ends: Ends) -> Octets:
    """A router solicitation in its packet, without options."""
    count = len(ends.source)
    kinds = np.full(count, icmpv6.ROUTER_SOLICITATION)
    message = icmpv6_message(ends, kinds, repeated(bytes(4), count))
    return ipv6_packet(ends, icmpv6.PROTOCOL, message, _NEIGHBOUR_HOP_LIMIT)


def advertisement(ends: Ends, prefixes: Octets) -> Octets:
    """A router advertisement in its packet: a prefix of 64 bits for ever, an MTU of 1280."""
    kinds = np.full(len(prefixes), icmpv6.ROUTER_ADVERTISEMENT)
    prefix_option = bytes([icmpv6.OPTION_PREFIX_INFORMATION, 4, 64, 0x40]) + b"\xff" * 8 + bytes(4)
    mtu_option = bytes([icmpv6.OPTION_MTU, 1]) + (1280).to_bytes(6)
    body = joined(bytes(12), prefix_option, prefixes, mtu_option)
    message = icmpv6_message(ends, kinds, body)
    return ipv6_packet(ends, icmpv6.PROTOCOL, message, _NEIGHBOUR_HOP_LIMIT)


def authentication(nonces: Octets) -> Octets:
    """Authentication headers without identifier and value (RFC 4380 section 5.1.1)."""
    return joined(AUTHENTICATION_INDICATOR, bytes(2), nonces, b"\0")


def origin(ips: Octets, ports: Numbers) -> Octets:
    """Origin indications for endpoints given in clear."""
    return joined(ORIGIN_INDICATOR, ~big_endian(ports, 2), ~ips)


def arp(ends: Ends, operations: Numbers) -> Octets:
    lengths = bytes.fromhex("000108000604")
    return joined(
        lengths, big_endian(operations, 2), _HOST, ends.source, bytes(6), ends.destination
    )


def ethernet(payload: Octets, ethertype: int, outbound: Flags, vlan: bool) -> Octets:
    """Frames between an inside host and the gateway, padded as a card pads them."""
    column = outbound[:, None]
    ends = [repeated(mac, len(payload)) for mac in (_GATEWAY, _HOST)]
    tag = ETHERTYPE_VLAN.to_bytes(2) + VLAN.to_bytes(2) if vlan else b""
    macs = np.where(column, *ends), np.where(column, *ends[::-1])
    frame = joined(*macs, tag, ethertype.to_bytes(2), payload)
    return joined(frame, bytes(max(0, SMALLEST_FRAME - frame.shape[1])))


def _with_checksum(segment: Octets, at: int, ends: Ends, protocol: int) -> Octets:
    """Fills in the checksum that covers the ends too (RFC 8200 section 8.1); 0 means none."""
    length = big_endian(np.full(len(segment), segment.shape[1]), 2)
    protocols = repeated(bytes([0, protocol]), len(segment))
    found = _checksum(segment, ends.source, ends.destination, length, protocols)
    if protocol == udp.PROTOCOL:
        found[(found == 0).all(axis=1)] = 0xFF
    segment[:, at : at + 2] = found
    return segment


def _checksum(*parts: Octets) -> Octets:
    """(n, 2): the Internet checksum over each row (RFC 1071)."""
    total = np.zeros(len(parts[0]), np.int64)
    for part in parts:
        even = joined(part, b"\0") if part.shape[1] % 2 else np.ascontiguousarray(part)
        total += even.view(">u2").sum(axis=1, dtype=np.int64)
    for _ in range(2):
        total = (total & 0xFFFF) + (total >> 16)
    return ~big_endian(total, 2)
