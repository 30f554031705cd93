"""ICMP errors about packets that could not be delivered (RFC 792, RFC 1122 section 3.2.2)."""

from __future__ import annotations

from sensor.errors import DecodeError
from sensor.lab.network import rewrite
from sensor.lab.network.packet import Packet
from sensor.lab.network.segment import is_multicast4
from sensor.wire import icmpv4, ipv4

PROTOCOL_UNREACHABLE = 2
PORT_UNREACHABLE = 3
HOPS_EXCEEDED = 0

# Octets of the packet that an error quotes: both fit in the 576 that every host takes (RFC 1812
# section 4.3.2.3).
QUOTE = 576 - ipv4.MIN_HEADER_LENGTH - icmpv4.HEADER_LENGTH

_TTL = 64


def complaint(
    packet: Packet, source: bytes, sender: str, kind: int, code: int, identification: int
) -> Packet | None:
    """The error that ``sender`` at the address ``source`` answers a packet with.

    None where none may be sent: about another error, to a group, or about what cannot be read.
    """
    octets = packet.octets
    try:
        if rewrite.quoted(octets) is not None or is_multicast4(octets[16:20]):
            return None
    except DecodeError:
        return None
    error = icmpv4.build_error(kind, code, octets, quote=QUOTE)
    label = packet.label and packet.label.quoted_by(sender)
    answer = ipv4.build(
        source, octets[12:16], icmpv4.PROTOCOL, error, ttl=_TTL, identification=identification
    )
    return Packet(answer, label)
