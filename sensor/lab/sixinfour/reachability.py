"""What an end answers to who asks whether it is there (RFC 4213 section 3.8, RFC 4861 7.3)."""

from __future__ import annotations

from sensor.lab.inner.packets import LOCAL_HOP_LIMIT
from sensor.lab.inner.refusal import BAD_CHECKSUM, HOP_LIMIT, MALFORMED, Refused
from sensor.wire import checksum, icmpv6, ipv6
from sensor.wire.addresses import UNSPECIFIED
from sensor.wire.cursor import Cursor

ECHO_HOP_LIMIT = 64

_SOLICITED = 0x40  # a flag; without a link-layer address nothing is overridden (RFC 4861 7.2.4)
_RESERVED = 4  # octets in front of the target
_SHORTEST = 8  # octets of an echo request, without data


def answer(packet: bytes, own: bytes) -> bytes | None:
    """The answer to an echo request or neighbour solicitation for ``own``; None to all else.

    Refused if such a message is bad. ``packet`` is whole, its destination is ``own``.
    """
    header = ipv6.parse(Cursor(packet))
    octets = packet[ipv6.HEADER_LENGTH :]
    if header.next_header != icmpv6.PROTOCOL or not octets:
        return None
    if octets[0] not in (icmpv6.ECHO_REQUEST, icmpv6.NEIGHBOUR_SOLICITATION):
        return None
    if header.source == UNSPECIFIED or len(octets) < _SHORTEST:
        raise Refused(MALFORMED)
    pseudo = checksum.pseudo_ipv6(header.source, own, icmpv6.PROTOCOL, len(octets))
    if not checksum.verify(pseudo, octets):
        raise Refused(BAD_CHECKSUM)
    message = icmpv6.parse(Cursor(octets))
    if message.type == icmpv6.ECHO_REQUEST:
        reply = icmpv6.build(own, header.source, icmpv6.ECHO_REPLY, 0, message.body)
        return ipv6.build(own, header.source, icmpv6.PROTOCOL, reply, hop_limit=ECHO_HOP_LIMIT)
    if header.hop_limit != LOCAL_HOP_LIMIT:
        raise Refused(HOP_LIMIT)
    if message.code or message.body[_RESERVED:][: len(own)] != own:
        raise Refused(MALFORMED)
    return _advertisement(own, header.source)


def _advertisement(own: bytes, asking: bytes) -> bytes:
    """Without a link-layer address: such a link has none (RFC 4213 section 3.8)."""
    body = bytes([_SOLICITED, 0, 0, 0]) + own
    message = icmpv6.build(own, asking, icmpv6.NEIGHBOUR_ADVERTISEMENT, 0, body)
    return ipv6.build(own, asking, icmpv6.PROTOCOL, message, hop_limit=LOCAL_HOP_LIMIT)
