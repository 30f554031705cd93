"""What a NAT changes in an IPv4 packet: addresses, ports, time to live, and the checksums for it.

Checksums are corrected for what changed, never made anew: a wrong one stays wrong, and a quoted
packet that was cut keeps the right one (RFC 1624).
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.schema.records import Endpoint
from sensor.wire import icmpv4, ipv4, tcp, udp
from sensor.wire.cursor import Cursor

_FRAGMENT_AT = 6
_FRAGMENT_OFFSET = 0x1FFF
_TTL_AT = 8
_HEADER_CHECKSUM_AT = 10
_ADDRESSES_AT = 12
_CHECKSUM_AT = {icmpv4.PROTOCOL: 2, tcp.PROTOCOL: 16, udp.PROTOCOL: 6}
_ECHO_IDENTIFIER_AT = 4


class Flow(NamedTuple):
    """Who talks to whom. An echo's identifier is the port of who asks; the other's is 0.

    So are both of a protocol without ports.
    """

    protocol: int
    source: Endpoint
    destination: Endpoint

    @property
    def reverse(self) -> Flow:
        return Flow(self.protocol, self.destination, self.source)


def read(octets: bytes, portless: Container[int] = ()) -> Flow:
    """The flow of a UDP, TCP or ICMP echo packet, whole or as an error quotes it.

    ``portless`` are protocols without ports that are read too. DecodeError for a damaged one, a
    fragment, or anything else.
    """
    cursor = Cursor(octets)
    header = ipv4.parse(cursor)
    if header.more_fragments or header.fragment_offset:
        raise DecodeError("a fragment", 6)
    if header.protocol == icmpv4.PROTOCOL:
        source, destination = _echo_ports(cursor)
    elif header.protocol in _CHECKSUM_AT:
        source, destination = cursor.u16(), cursor.u16()
    elif header.protocol in portless:
        source = destination = 0
    else:
        raise DecodeError(f"protocol {header.protocol}, which is not to be read", 9)
    return Flow(
        header.protocol, Endpoint(header.source, source), Endpoint(header.destination, destination)
    )


def _echo_ports(cursor: Cursor) -> tuple[int, int]:
    message = icmpv4.parse(cursor)
    identifier = int.from_bytes(message.rest[:2])
    if message.type == icmpv4.ECHO_REQUEST:
        return identifier, 0
    if message.type == icmpv4.ECHO_REPLY:
        return 0, identifier
    raise DecodeError(f"ICMP type {message.type}, which has no identifier", cursor.position)


def quoted(octets: bytes) -> bytes | None:
    """What an ICMP error quotes; None if the packet is no such error. DecodeError if damaged."""
    cursor = Cursor(octets)
    if ipv4.parse(cursor).protocol != icmpv4.PROTOCOL:
        return None
    if icmpv4.parse(cursor).type not in icmpv4.ERRORS:
        return None
    return cursor.rest()


def is_later_fragment(octets: bytes) -> bool:
    """Whether this is part of a packet without its beginning."""
    return bool(int.from_bytes(octets[_FRAGMENT_AT : _FRAGMENT_AT + 2]) & _FRAGMENT_OFFSET)


def decremented(octets: bytes) -> bytes | None:
    """The packet with one hop less to live; None if that was its last."""
    if octets[_TTL_AT] <= 1:
        return None
    packet = bytearray(octets)
    packet[_TTL_AT] -= 1
    # Time to live and protocol share a 16-bit word of the sum.
    _mend(packet, _HEADER_CHECKSUM_AT, octets[_TTL_AT:10], bytes(packet[_TTL_AT:10]))
    return bytes(packet)


def translated(octets: bytes, before: Flow, after: Flow) -> bytes:
    """The packet of flow ``before`` (as ``read`` told it), made one of flow ``after``."""
    packet = bytearray(octets)
    addresses = after.source.ip + after.destination.ip
    packet[_ADDRESSES_AT:20] = addresses
    _mend(packet, _HEADER_CHECKSUM_AT, octets[_ADDRESSES_AT:20], addresses)
    if before.protocol in _CHECKSUM_AT:
        _translate_ports(packet, octets, before, after)
    return bytes(packet)


def _translate_ports(packet: bytearray, octets: bytes, before: Flow, after: Flow) -> None:
    """In ``packet``, which was ``octets`` before, and the checksum of its transport."""
    start = _header_length(octets)
    at, ports = _ports(after, start)
    packet[at : at + len(ports)] = ports
    old, new = octets[at : at + len(ports)], ports
    if before.protocol != icmpv4.PROTOCOL:  # the others' checksums cover the addresses too
        old, new = octets[_ADDRESSES_AT:20] + old, after.source.ip + after.destination.ip + new
    _mend_transport(packet, start, before.protocol, old, new)


def _ports(flow: Flow, start: int) -> tuple[int, bytes]:
    """Where the ports of a packet are, whose transport starts at ``start``, and their octets."""
    source, destination = flow.source.port, flow.destination.port
    if flow.protocol == icmpv4.PROTOCOL:
        return start + _ECHO_IDENTIFIER_AT, (source or destination).to_bytes(2)
    return start, source.to_bytes(2) + destination.to_bytes(2)


def translated_error(octets: bytes, source: bytes, destination: bytes, quote: bytes) -> bytes:
    """An ICMP error between other addresses, quoting ``quote``, which is as long as before."""
    packet = bytearray(octets)
    start, addresses = _header_length(octets), source + destination
    packet[_ADDRESSES_AT:20] = addresses
    _mend(packet, _HEADER_CHECKSUM_AT, octets[_ADDRESSES_AT:20], addresses)
    at = start + icmpv4.HEADER_LENGTH
    packet[at:] = quote
    _mend(packet, start + _CHECKSUM_AT[icmpv4.PROTOCOL], octets[at:], quote)
    return bytes(packet)


def _header_length(octets: bytes) -> int:
    return (octets[0] & 0x0F) * 4


def _mend_transport(
    packet: bytearray, start: int, protocol: int, before: bytes, after: bytes
) -> None:
    at = start + _CHECKSUM_AT[protocol]
    if at + 2 > len(packet):  # a quotation, cut before TCP's checksum
        return
    if protocol != udp.PROTOCOL:
        _mend(packet, at, before, after)
    elif any(packet[at : at + 2]):  # zero says that there is none
        _mend(packet, at, before, after)
        if not any(packet[at : at + 2]):
            packet[at : at + 2] = b"\xff\xff"


def _mend(packet: bytearray, at: int, before: bytes, after: bytes) -> None:
    """Correct the checksum at ``at`` for octets that changed (RFC 1624 section 3)."""
    stored = int.from_bytes(packet[at : at + 2])
    total = (stored ^ 0xFFFF) + _words(after) - _words(before)
    # Modulo 0xffff, but never 0: no sum over octets of which one is not zero gives that.
    packet[at : at + 2] = ((total % 0xFFFF or 0xFFFF) ^ 0xFFFF).to_bytes(2)


def _words(octets: bytes) -> int:
    """The number whose remainder by 0xffff is the sum of the 16-bit words."""
    return int.from_bytes(octets) << len(octets) % 2 * 8
