"""The payload of Teredo's UDP datagrams (RFC 4380 section 5.1.1, RFC 6081 section 4).

::

    payload  := [authentication] [origin] IPv6 packet [trailers]
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.wire import ipv6
from sensor.wire.addresses import invert
from sensor.wire.cursor import Cursor

AUTHENTICATION_INDICATOR = b"\x00\x01"
ORIGIN_INDICATOR = b"\x00\x00"
NONCE_LENGTH = 8
MAX_INDICATORS = 8

TRAILER_NONCE = 0x01
TRAILER_RANDOM_PORT_MISPRINT = 0x02  # the table in RFC 6081 section 9; section 4.5 says 0x05
TRAILER_ALTERNATE_ADDRESS = 0x03
TRAILER_NEIGHBOUR_DISCOVERY = 0x04
TRAILER_RANDOM_PORT = 0x05
MAX_TRAILERS = 16
MAX_ALTERNATE_ADDRESSES = 4

DISCOVERY_SOLICITATION = 0
DISCOVERY_ADVERTISEMENT = 1

BUBBLE_HOP_LIMIT = 21

_TRAILER_NAMES = {
    TRAILER_NONCE: "nonce",
    TRAILER_RANDOM_PORT_MISPRINT: "random-port",
    TRAILER_ALTERNATE_ADDRESS: "alternate-address",
    TRAILER_NEIGHBOUR_DISCOVERY: "neighbour-discovery",
    TRAILER_RANDOM_PORT: "random-port",
}


_TRAILER_LENGTHS = {
    TRAILER_NONCE: (4,),
    TRAILER_RANDOM_PORT_MISPRINT: (2,),
    TRAILER_ALTERNATE_ADDRESS: tuple(2 + 6 * n for n in range(1, MAX_ALTERNATE_ADDRESSES + 1)),
    TRAILER_NEIGHBOUR_DISCOVERY: (4,),
    TRAILER_RANDOM_PORT: (2,),
}


class Authentication(NamedTuple):
    """An authentication header (RFC 4380 section 5.1.1); ``nonce`` is 8 bytes."""

    offset: int
    identifier: bytes
    value: bytes
    nonce: bytes
    confirmation: int


class Origin(NamedTuple):
    """An origin indication (RFC 4380 section 5.1.1), in clear."""

    offset: int
    ip: bytes
    port: int


class Trailer(NamedTuple):
    """A trailer (RFC 6081 section 4.1)."""

    offset: int
    type: int
    value: bytes

    @property
    def name(self) -> str:
        return _TRAILER_NAMES.get(self.type, "unknown")

    @property
    def known(self) -> bool:
        """Whether the type is a defined one and the value has its type's length."""
        return len(self.value) in _TRAILER_LENGTHS.get(self.type, ())

    @property
    def addresses(self) -> tuple[tuple[bytes, int], ...]:
        """The (IPv4, port) pairs of an alternate-address trailer; empty for any other."""
        count, rest = divmod(len(self.value) - 2, 6)
        if self.type != TRAILER_ALTERNATE_ADDRESS or rest or count > MAX_ALTERNATE_ADDRESSES:
            return ()
        return tuple(struct.iter_unpack("!4sH", self.value[2:]))

    @property
    def port(self) -> int | None:
        """The predicted port of a random-port trailer, 0x02 included; None for any other."""
        if self.name != "random-port" or len(self.value) != 2:
            return None
        return int.from_bytes(self.value)


class Packet(NamedTuple):
    """A decoded payload; offsets count from its first byte.

    ``order_ok`` is False if the indicators are not at most one authentication header followed by
    at most one origin indication. ``unparsed`` counts the captured bytes behind the IPv6 packet
    that are no well-formed trailers.
    """

    authentications: tuple[Authentication, ...]
    origins: tuple[Origin, ...]
    order_ok: bool
    ipv6_offset: int
    header: ipv6.IPv6Header
    trailers: tuple[Trailer, ...]
    unparsed: int


def parse(payload: bytes, length: int | None = None) -> Packet:
    """Decode a UDP payload as Teredo, leniently.

    ``length`` is the payload length the datagram declares, where ``payload`` may be cut by the
    snap length or padded. Indicators are taken in any order, at most MAX_INDICATORS of them. An
    IPv6 packet that claims more bytes than the datagram holds is accepted, without trailers: the
    caller compares lengths. DecodeError if no whole IPv6 header is reached.
    """
    end = len(payload) if length is None else min(length, len(payload))
    cursor = Cursor(payload, 0, end)
    authentications, origins, order_ok = _parse_indicators(cursor)
    ipv6_offset = cursor.position
    header = ipv6.parse(cursor)
    cursor.skip(min(header.payload_length, cursor.remaining))
    trailers = _parse_trailers(cursor)
    return Packet(
        authentications, origins, order_ok, ipv6_offset, header, trailers, cursor.remaining
    )


def _parse_indicators(
    cursor: Cursor,
) -> tuple[tuple[Authentication, ...], tuple[Origin, ...], bool]:
    """Both kinds in the order found, and whether that order is the RFC's."""
    authentications: list[Authentication] = []
    origins: list[Origin] = []
    order_ok = True
    for _ in range(MAX_INDICATORS):
        if cursor.data.startswith(AUTHENTICATION_INDICATOR, cursor.position, cursor.end):
            order_ok = order_ok and not authentications and not origins
            authentications.append(_parse_authentication(cursor))
        elif cursor.data.startswith(ORIGIN_INDICATOR, cursor.position, cursor.end):
            order_ok = order_ok and not origins
            origins.append(_parse_origin(cursor))
        else:
            break
    return tuple(authentications), tuple(origins), order_ok


def _parse_authentication(cursor: Cursor) -> Authentication:
    offset = cursor.position
    cursor.skip(2)
    identifier_length, value_length = cursor.u8(), cursor.u8()
    return Authentication(
        offset=offset,
        identifier=cursor.take(identifier_length),
        value=cursor.take(value_length),
        nonce=cursor.take(NONCE_LENGTH),
        confirmation=cursor.u8(),
    )


def _parse_origin(cursor: Cursor) -> Origin:
    offset = cursor.position
    cursor.skip(2)
    port = cursor.u16() ^ 0xFFFF
    return Origin(offset, invert(cursor.take(4)), port)


def _parse_trailers(cursor: Cursor) -> tuple[Trailer, ...]:
    """Trailers up to the first malformed one, before which the cursor stops."""
    trailers: list[Trailer] = []
    while cursor.remaining and len(trailers) < MAX_TRAILERS:
        start = cursor.position
        try:
            trailers.append(Trailer(start, cursor.u8(), cursor.take(cursor.u8())))
        except DecodeError:
            cursor.position = start
            break
    return tuple(trailers)


def build_authentication(
    nonce: bytes, *, identifier: bytes = b"", value: bytes = b"", confirmation: int = 0
) -> bytes:
    """An authentication header; ValueError unless the nonce has 8 bytes and the others fit."""
    if len(nonce) != NONCE_LENGTH or max(len(identifier), len(value)) > 0xFF:
        raise ValueError("a nonce has 8 bytes, identifier and value at most 255")
    lengths = bytes([len(identifier), len(value)])
    tail = nonce + bytes([confirmation])
    return AUTHENTICATION_INDICATOR + lengths + identifier + value + tail


def build_origin(ip: bytes, port: int) -> bytes:
    """An origin indication for a mapped address and port given in clear."""
    return ORIGIN_INDICATOR + (port ^ 0xFFFF).to_bytes(2) + invert(ip)


def _build_trailer(kind: int, value: bytes) -> bytes:
    return bytes([kind, len(value)]) + value


def build_trailer_nonce(nonce: bytes) -> bytes:
    """A nonce trailer of 4 bytes (RFC 6081 section 4.2)."""
    return _build_trailer(TRAILER_NONCE, nonce)


def build_trailer_alternate(addresses: Iterable[tuple[bytes, int]]) -> bytes:
    """An alternate-address trailer with 1 to 4 (IPv4, port) pairs (RFC 6081 section 4.3)."""
    entries = [ip + port.to_bytes(2) for ip, port in addresses]
    if not 1 <= len(entries) <= MAX_ALTERNATE_ADDRESSES:
        raise ValueError("an alternate-address trailer lists 1 to 4 addresses")
    return _build_trailer(TRAILER_ALTERNATE_ADDRESS, bytes(2) + b"".join(entries))


def build_trailer_neighbour_discovery(discovery_type: int) -> bytes:
    """A discovery trailer: 0 solicits, 1 advertises (RFC 6081 section 4.4)."""
    return _build_trailer(TRAILER_NEIGHBOUR_DISCOVERY, bytes([discovery_type, 0, 0, 0]))


def build_trailer_random_port(port: int) -> bytes:
    """A random-port trailer, type 0x05 (RFC 6081 section 4.5)."""
    return _build_trailer(TRAILER_RANDOM_PORT, port.to_bytes(2))


def encapsulate(
    packet: bytes,
    *,
    authentication: bytes | None = None,
    origin: bytes | None = None,
    trailers: Iterable[bytes] = (),
) -> bytes:
    """A UDP payload around an IPv6 packet, from parts that the other builders made."""
    return (authentication or b"") + (origin or b"") + packet + b"".join(trailers)


def build_bubble(source: bytes, destination: bytes, hop_limit: int = BUBBLE_HOP_LIMIT) -> bytes:
    """An IPv6 header with no payload and no next header (RFC 4380 section 2.8)."""
    return ipv6.build(source, destination, ipv6.NO_NEXT_HEADER, b"", hop_limit=hop_limit)
