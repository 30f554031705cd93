"""Summary of an inner IPv6 packet: extension chain, transport, ports, checksum."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sensor.errors import DecodeError
from sensor.wire import icmpv6, ipv6, tcp, udp
from sensor.wire.checksum import pseudo_ipv6, verify
from sensor.wire.cursor import Cursor
from sensor.wire.ipv6 import Chain, IPv6Header

TCP = 6
UDP = 17
ICMPV6 = 58
IPV4_INSIDE = 4
IPV6_INSIDE = 41

_SHORTEST = {TCP: 20, UDP: 8, ICMPV6: 4, IPV4_INSIDE: 20, IPV6_INSIDE: 40}
# The first octets of a header that hold all a row tells of it: up to the flags, both ports, type
# and code.
_TOLD = {TCP: 14, UDP: 4, ICMPV6: 2}
# Next headers met behind real IPv6 headers: ICMPv6 and TCP and UDP, encapsulations, ESP, routing
# protocols, SCTP, DCCP, UDP-Lite, and no next header. Random bytes seldom name one of them.
_TRANSPORTS = frozenset(
    {4, TCP, UDP, 33, 41, 46, 47, 50, ICMPV6, ipv6.NO_NEXT_HEADER, 88, 89, 103, 112, 115, 132, 136}
)
_ECHOES = (icmpv6.ECHO_REQUEST, icmpv6.ECHO_REPLY)
_FROM_A_NEIGHBOUR = 255  # the hop limit of router messages, RFC 4861 section 6.1

_MULTIPLIER = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFFFFFFFFFF
_HOP_LIMIT_AT = 7


@dataclass(frozen=True, slots=True)
class Inner:
    """One inner packet; ports, flags and types are meaningful only if ``has_transport``.

    ``length`` and ``payload_length`` are what headers announce, ``end`` is how far can be read.
    ``stump`` is what a capture left of an ICMPv6 message, where that is too little to be read.
    """

    header: IPv6Header
    offset: int
    length: int
    end: int
    chain: Chain
    plausible: bool
    has_transport: bool
    checksum: bool | None
    source_port: int = 0
    destination_port: int = 0
    sequence: int = 0
    acknowledgement: int = 0
    tcp_flags: int = 0
    icmp_type: int = 0
    icmp_code: int = 0
    icmp_sequence: int = 0
    payload_length: int = 0
    stump: bytes | None = None

    @property
    def bubble(self) -> bool:
        """RFC 4380 section 2.8: a header that announces nothing behind it."""
        return self.header.next_header == ipv6.NO_NEXT_HEADER and self.header.payload_length == 0

    def icmp(self, kind: int) -> bool:
        return (
            self.has_transport
            and self.chain.transport == ICMPV6
            and self.icmp_type == kind
            and self.icmp_code == 0
        )

    def may_be_icmp(self, kind: int) -> bool:
        """Whether it is a router message of which the capture left too little to deny this type.

        Other messages to all routers have smaller hop limits, so this one has to be right.
        """
        return (
            self.stump is not None
            and self.header.hop_limit == _FROM_A_NEIGHBOUR
            and bytes([kind]).startswith(self.stump)
        )


def digest(packet: bytes) -> int:
    """64 bits over an inner packet without its hop limit.

    Multiply and fold by big-endian words of eight octets, the last one padded with zeros: cheap in
    compiled code, and the same there. It tells packets apart, it does not resist an attacker, so
    nobody may drop a packet for its digest alone.
    """
    state = len(packet) ^ _MULTIPLIER
    padded = packet[:_HOP_LIMIT_AT] + b"\0" + packet[_HOP_LIMIT_AT + 1 :]
    padded += b"\0" * (-len(padded) % 8)
    for word in struct.unpack(f">{len(padded) // 8}Q", padded):
        state = ((state ^ word) * _MULTIPLIER) & _MASK
        state ^= state >> 32
    return state


def summarize(
    data: bytes, offset: int, header: IPv6Header, end: int, *, snapped: bool = False
) -> Inner:
    """Look into the inner packet whose header starts at ``offset``.

    ``end`` bounds what may be read (captured octets of the carrier's payload); ``snapped`` says
    that on the wire there was more, as much as was announced. Never raises: what cannot be read is
    absent, and ``plausible`` says whether the chain makes sense so far.
    """
    length = ipv6.HEADER_LENGTH + header.payload_length
    read_end = min(offset + length, end)
    whole = read_end == offset + length
    chain = ipv6.walk_extensions(
        header.next_header, Cursor(data, offset + ipv6.HEADER_LENGTH, read_end)
    )
    declared = offset + length - chain.position
    plausible = _plausible(chain, declared, whole)
    cut = snapped and not whole
    fields = _transport_fields(data, chain, read_end, declared, cut) if plausible else {}
    message = cut and plausible and not fields and header.next_header == ICMPV6
    return Inner(
        header=header,
        offset=offset,
        length=length,
        end=read_end,
        chain=chain,
        plausible=plausible,
        has_transport=bool(fields),
        checksum=_checksum(data, header, chain, read_end) if fields and whole else None,
        stump=data[chain.position : read_end] if message else None,
        **fields,
    )


def _plausible(chain: Chain, declared: int, whole: bool) -> bool:
    if not chain.complete:
        return not whole
    if chain.limit_hit or _later_fragment(chain):
        return True
    more = chain.fragment is not None and chain.fragment.more  # of which little may come first
    enough = more or declared >= _SHORTEST.get(chain.transport, 0)
    return chain.transport in _TRANSPORTS and enough


def _later_fragment(chain: Chain) -> bool:
    return chain.fragment is not None and chain.fragment.offset > 0


def _transport_fields(
    data: bytes, chain: Chain, end: int, declared: int, cut: bool
) -> dict[str, int]:
    """What the transport header says; ``declared`` counts its octets and those behind it."""
    if not chain.complete or _later_fragment(chain):
        return {}
    cursor = Cursor(data, chain.position, end)
    if cut:
        cursor = Cursor(_filled(cursor.rest(), chain.transport))
    try:
        if chain.transport == TCP:
            return _tcp_fields(tcp.parse(cursor), declared)
        if chain.transport == UDP:
            header = udp.parse(cursor)
            return {
                "source_port": header.source_port,
                "destination_port": header.destination_port,
                "payload_length": max(0, declared - udp.HEADER_LENGTH),
            }
        if chain.transport == ICMPV6:
            return _icmp_fields(icmpv6.parse(cursor), declared)
    except DecodeError:
        pass  # cut by the snap length, or nonsense: the fields are absent
    return {}


def _filled(octets: bytes, transport: int) -> bytes:
    """A header that a capture cut behind all that rows tell of it, with zeros for the rest.

    Not of an echo, whose identifier tells it apart from others.
    """
    told = _TOLD.get(transport)
    echo = transport == ICMPV6 and bool(octets) and octets[0] in _ECHOES
    if told is None or len(octets) < told or echo:
        return octets
    return octets.ljust(_SHORTEST[transport], b"\0")


def _tcp_fields(header: tcp.TCPHeader, declared: int) -> dict[str, int]:
    return {
        "source_port": header.source_port,
        "destination_port": header.destination_port,
        "sequence": header.sequence,
        "acknowledgement": header.acknowledgement,
        "tcp_flags": header.flags & 0xFF,
        "payload_length": max(0, declared - header.data_offset),
    }


def _icmp_fields(message: icmpv6.Message, declared: int) -> dict[str, int]:
    fields = {
        "icmp_type": message.type,
        "icmp_code": message.code,
        "payload_length": max(0, declared - _SHORTEST[ICMPV6]),
    }
    if message.type in _ECHOES and len(message.body) >= 4:
        echo = icmpv6.parse_echo(message.body)
        fields["source_port"] = echo.identifier
        fields["icmp_sequence"] = echo.sequence
    return fields


def _checksum(data: bytes, header: IPv6Header, chain: Chain, end: int) -> bool | None:
    """Whether the transport checksum is right; None where it cannot be known.

    A routing header hides the final destination that the sum covers, a fragment most of the data,
    and zero in UDP means that the sender left it out (RFC 6935).
    """
    if chain.routing_types or (chain.fragment is not None and chain.fragment.more):
        return None
    segment = data[chain.position : end]
    if chain.transport == UDP and segment[6:8] == b"\0\0":
        return None
    pseudo = pseudo_ipv6(header.source, header.destination, len(segment), chain.transport)
    return verify(pseudo, segment)
