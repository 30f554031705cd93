"""Places in Teredo's packets where octets can be hidden from who looks for IPv6 traffic alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, OrderedDict
from typing import ClassVar

from sensor.errors import DecodeError
from sensor.schema.words import TeredoPacket
from sensor.wire import ipv6, teredo

# RFC 6081 section 4.1: a type with these top bits is skipped by who does not know it.
UNKNOWN_TRAILER = 0xC1
# Solicitations under way at once; an answer to an older one is refused by the client.
NONCES_KEPT = 8

NONCE_EVICTED = "nonce-evicted"

_BUBBLES = frozenset({TeredoPacket.BUBBLE})
_SOLICITATIONS = frozenset({TeredoPacket.ROUTER_SOLICITATION})
_DATA = frozenset({TeredoPacket.DATA})

_HOP_LIMIT_AT = 7
_LABEL_BITS = 20
_USUAL_HOPS = 64  # what octets are added to, so that none is a hop limit of 0


class Channel(ABC):
    """Hides up to ``room`` octets in each packet of ``carriers``; both ends have one."""

    room: ClassVar[int]
    carriers: ClassVar[frozenset[TeredoPacket]]
    becomes: ClassVar[TeredoPacket | None] = None  # what a carrier is with a piece in it

    @abstractmethod
    def hide(self, payload: bytes, piece: bytes) -> bytes:
        """A UDP payload, which an honest endpoint made, with a piece of at most ``room``."""

    @abstractmethod
    def find(self, payload: bytes) -> bytes:
        """The piece in a payload, or what would be one; empty where there is no place for it."""

    def bare(self, payload: bytes) -> bytes:
        """The payload as an honest endpoint takes it."""
        return payload

    def restored(self, payload: bytes) -> bytes:
        """An answer to a changed payload, as who sent the unchanged one expects it."""
        return payload


class BubbleBodies(Channel):
    """Behind the header of a bubble, which says that nothing follows (RFC 4380 section 2.8).

    With a payload it is none any more: Miredo and others take it for data, and hosts take data
    without next header for nothing (RFC 8200 section 4.7).
    """

    room = 48
    carriers = _BUBBLES
    becomes = TeredoPacket.DATA

    def hide(self, payload: bytes, piece: bytes) -> bytes:
        header, trailers = payload[: ipv6.HEADER_LENGTH], payload[ipv6.HEADER_LENGTH :]
        return header[:4] + len(piece).to_bytes(2) + header[6:] + piece + trailers

    def find(self, payload: bytes) -> bytes:
        start, end = _bubble_body(payload)
        return payload[start:end]

    def bare(self, payload: bytes) -> bytes:
        start, end = _bubble_body(payload)
        if start == end:
            return payload
        header = start - ipv6.HEADER_LENGTH
        return payload[: header + 4] + bytes(2) + payload[header + 6 : start] + payload[end:]


class Trailers(Channel):
    """In a trailer of a type that nobody knows, which servers pass on (RFC 6081 section 4.1)."""

    room = 32
    carriers = _BUBBLES

    def hide(self, payload: bytes, piece: bytes) -> bytes:
        return payload + bytes([UNKNOWN_TRAILER, len(piece)]) + piece

    def find(self, payload: bytes) -> bytes:
        return _trailer(payload, UNKNOWN_TRAILER)


class NonceTrailers(Channel):
    """In nonces of bubbles, which are meant to be drawn by chance (RFC 6081 section 4.2)."""

    room = 4
    carriers = _BUBBLES

    def hide(self, payload: bytes, piece: bytes) -> bytes:
        return payload + teredo.build_trailer_nonce(piece.ljust(self.room, b"\0"))

    def find(self, payload: bytes) -> bytes:
        return _trailer(payload, teredo.TRAILER_NONCE)


class SolicitationNonces(Channel):
    """In nonces of authentication headers, which are meant to be drawn by chance, too."""

    room = teredo.NONCE_LENGTH
    carriers = _SOLICITATIONS

    def __init__(self) -> None:
        self.drops: Counter[str] = Counter()
        self._drawn: OrderedDict[bytes, bytes] = OrderedDict()

    def hide(self, payload: bytes, piece: bytes) -> bytes:
        (header,) = teredo.parse(payload).authentications
        nonce = piece.ljust(self.room, b"\0")
        self._drawn[nonce] = header.nonce
        if len(self._drawn) > NONCES_KEPT:
            self._drawn.popitem(last=False)
            self.drops[NONCE_EVICTED] += 1
        return _renonced(payload, header, nonce)

    def find(self, payload: bytes) -> bytes:
        header = _authentication(payload)
        return b"" if header is None else header.nonce

    def restored(self, payload: bytes) -> bytes:
        header = _authentication(payload)
        drawn = self._drawn.get(header.nonce) if header else None
        return payload if header is None or drawn is None else _renonced(payload, header, drawn)


class Authentications(Channel):
    """In identifiers and values, which a server without keys skips (RFC 4380 section 5.1.1)."""

    room = 64
    carriers = _SOLICITATIONS

    def hide(self, payload: bytes, piece: bytes) -> bytes:
        packet = teredo.parse(payload)
        (header,) = packet.authentications
        half = len(piece) // 2
        told = teredo.build_authentication(
            header.nonce, identifier=piece[:half], value=piece[half:]
        )
        return told + payload[packet.ipv6_offset :]

    def find(self, payload: bytes) -> bytes:
        header = _authentication(payload)
        return b"" if header is None else header.identifier + header.value


class FlowLabels(Channel):
    """In the flow labels of data: the low 16 of their 20 bits (RFC 8200 section 3)."""

    room = 2
    carriers = _DATA

    def hide(self, payload: bytes, piece: bytes) -> bytes:
        word = int.from_bytes(payload[:4]) >> _LABEL_BITS << _LABEL_BITS
        return (word | int.from_bytes(piece.ljust(self.room, b"\0"))).to_bytes(4) + payload[4:]

    def find(self, payload: bytes) -> bytes:
        packet = _parsed(payload)
        if packet is None or packet.header.next_header == ipv6.NO_NEXT_HEADER:
            return b""
        return (packet.header.flow_label & 0xFFFF).to_bytes(2)


class HopLimits(Channel):
    """In the hop limits of data between two clients, where no router counts them down."""

    room = 1
    carriers = _DATA

    def hide(self, payload: bytes, piece: bytes) -> bytes:
        octet = bytes([(piece[0] + _USUAL_HOPS) % 256])
        return payload[:_HOP_LIMIT_AT] + octet + payload[_HOP_LIMIT_AT + 1 :]

    def find(self, payload: bytes) -> bytes:
        packet = _parsed(payload)
        if packet is None or packet.header.next_header == ipv6.NO_NEXT_HEADER:
            return b""
        return bytes([(packet.header.hop_limit - _USUAL_HOPS) % 256])


def _parsed(payload: bytes) -> teredo.Packet | None:
    try:
        return teredo.parse(payload)
    except DecodeError:
        return None


def _bubble_body(payload: bytes) -> tuple[int, int]:
    """Where what follows the header of a bubble starts and ends; the same place if nothing does."""
    packet = _parsed(payload)
    if packet is None or packet.header.next_header != ipv6.NO_NEXT_HEADER:
        return 0, 0
    start = packet.ipv6_offset + ipv6.HEADER_LENGTH
    return start, min(start + packet.header.payload_length, len(payload))


def _renonced(payload: bytes, header: teredo.Authentication, nonce: bytes) -> bytes:
    """With another nonce in the authentication header, whose lengths take four octets."""
    start = header.offset + 4 + len(header.identifier) + len(header.value)
    return payload[:start] + nonce + payload[start + teredo.NONCE_LENGTH :]


def _authentication(payload: bytes) -> teredo.Authentication | None:
    packet = _parsed(payload)
    return packet.authentications[0] if packet and packet.authentications else None


def _trailer(payload: bytes, kind: int) -> bytes:
    """The value of the last trailer of a type."""
    packet = _parsed(payload)
    values = (
        [trailer.value for trailer in packet.trailers if trailer.type == kind] if packet else []
    )
    return values[-1] if values else b""
