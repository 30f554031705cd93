"""IP packets cut into fragments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from sensor.wire import ipv4, ipv6
from sensor.wire.cursor import Cursor

Span = tuple[int, int]  # of a payload: first octet, and the one behind the last


def spans(length: int, *cuts: int) -> list[Span]:
    """Neighbouring parts of a payload of ``length`` octets."""
    return list(pairwise([0, *cuts, length]))


def ipv4_fragments(packet: bytes, parts: Iterable[Span], identification: int = 77) -> list[bytes]:
    """Fragments of an IPv4 packet; whichever reaches its end is a last one."""
    cursor = Cursor(packet)
    header = ipv4.parse(cursor)
    payload = packet[cursor.position :]
    return [
        ipv4.build(
            header.source,
            header.destination,
            header.protocol,
            payload[start:stop],
            identification=identification,
            more_fragments=stop < len(payload),
            fragment_offset=start,
            options=packet[20 : cursor.position] if start == 0 else b"",
        )
        for start, stop in parts
    ]


def ipv6_fragments(
    packet: bytes, parts: Iterable[Span], identification: int = 77, before: Sequence[int] = ()
) -> list[bytes]:
    """Fragments of an IPv6 packet behind its fixed header and extension headers ``before``."""
    header = ipv6.parse(Cursor(packet))
    payload = packet[ipv6.HEADER_LENGTH :]
    found = []
    for start, stop in parts:
        body = payload[start:stop]
        body = (
            ipv6.build_fragment(header.next_header, identification, start, stop < len(payload))
            + body
        )
        kind = ipv6.FRAGMENT
        for extension in reversed(before):
            body = ipv6.build_extension(extension, kind, bytes(6)) + body
            kind = extension
        found.append(
            ipv6.build(header.source, header.destination, kind, body, hop_limit=header.hop_limit)
        )
    return found
