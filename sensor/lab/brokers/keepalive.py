"""Echo requests and replies inside a tunnel, which keep it open (RFC 5572 section 4.6)."""

from __future__ import annotations

from sensor.errors import DecodeError
from sensor.wire import checksum, icmpv6, ipv6
from sensor.wire.cursor import Cursor
from sensor.wire.icmpv6 import Echo


def ask(source: bytes, destination: bytes, echo: Echo) -> bytes:
    """The packet of a request."""
    message = icmpv6.build_echo_request(source, destination, echo)
    return ipv6.build(source, destination, icmpv6.PROTOCOL, message)


def answer(packet: bytes) -> bytes | None:
    """The reply to a whole packet that is a request, else None."""
    echo = _read(packet, icmpv6.ECHO_REQUEST)
    if echo is None:
        return None
    source, destination = packet[24:40], packet[8:24]
    message = icmpv6.build_echo_reply(source, destination, echo)
    return ipv6.build(source, destination, icmpv6.PROTOCOL, message)


def is_answer(packet: bytes, echo: Echo) -> bool:
    """Whether a whole packet is the reply to a request with ``echo``."""
    return _read(packet, icmpv6.ECHO_REPLY) == echo


def _read(packet: bytes, kind: int) -> Echo | None:
    """The body of an echo message of a kind whose checksum is right."""
    cursor = Cursor(packet)
    header = ipv6.parse(cursor)
    octets = packet[ipv6.HEADER_LENGTH :]
    pseudo = checksum.pseudo_ipv6(header.source, header.destination, icmpv6.PROTOCOL, len(octets))
    if header.next_header != icmpv6.PROTOCOL or not checksum.verify(pseudo, octets):
        return None
    try:
        message = icmpv6.parse(cursor)
        return icmpv6.parse_echo(message.body) if message.type == kind else None
    except DecodeError:
        return None
