"""ICMPv6 (RFC 4443) and the router messages of Neighbour Discovery (RFC 4861)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.wire import addresses, checksum
from sensor.wire.cursor import Cursor

PROTOCOL = 58

UNREACHABLE = 1
TOO_BIG = 2
TIME_EXCEEDED = 3
PARAMETER_PROBLEM = 4
ERROR_LENGTH = 8  # in front of the packet that an error quotes

ECHO_REQUEST = 128
ECHO_REPLY = 129
ROUTER_SOLICITATION = 133
ROUTER_ADVERTISEMENT = 134
NEIGHBOUR_SOLICITATION = 135
NEIGHBOUR_ADVERTISEMENT = 136
REDIRECT = 137

OPTION_SOURCE_LINK_LAYER = 1
OPTION_PREFIX_INFORMATION = 3
OPTION_MTU = 5
MAX_OPTIONS = 64

_PREFIX_INFORMATION = struct.Struct("!BBIII16s")
_ADVERTISEMENT = struct.Struct("!BBHII")


class Message(NamedTuple):
    """One message; ``body`` is everything behind the 4 bytes of type, code and checksum."""

    type: int
    code: int
    checksum: int
    body: bytes


class Option(NamedTuple):
    """A Neighbour Discovery option; ``data`` is what follows the type and length bytes."""

    type: int
    data: bytes

    def build(self) -> bytes:
        """The option with its length; ValueError unless it fills 1 to 255 units of 8 bytes."""
        units, rest = divmod(2 + len(self.data), 8)
        if rest or units > 0xFF:
            raise ValueError("an option fills 1 to 255 units of 8 bytes")
        return bytes([self.type, units]) + self.data


class PrefixInformation(NamedTuple):
    """A prefix option (RFC 4861 section 4.6.2); lifetimes in seconds, 0xffffffff for ever.

    ``prefix`` holds all 16 bytes as sent: some servers leave garbage after ``prefix_length`` bits.
    """

    prefix_length: int
    flags: int
    valid_lifetime: int
    preferred_lifetime: int
    prefix: bytes

    def build(self) -> bytes:
        """The 32 bytes of the option."""
        data = _PREFIX_INFORMATION.pack(
            self.prefix_length, self.flags, self.valid_lifetime, self.preferred_lifetime, 0,
            self.prefix,
        )  # fmt: skip
        return Option(OPTION_PREFIX_INFORMATION, data).build()


class RouterSolicitation(NamedTuple):
    """A solicitation is its options (RFC 4861 section 4.1)."""

    options: tuple[Option, ...] = ()


class RouterAdvertisement(NamedTuple):
    """An advertisement (RFC 4861 section 4.2).

    ``router_lifetime`` in seconds, ``reachable`` and ``retransmit`` in milliseconds, ``mtu`` in
    bytes. ``options`` are those that are in neither ``prefixes`` nor ``mtu``: other types, wrong
    lengths, and MTU options after the first.
    """

    hop_limit: int
    flags: int
    router_lifetime: int
    reachable: int
    retransmit: int
    prefixes: tuple[PrefixInformation, ...] = ()
    mtu: int | None = None
    options: tuple[Option, ...] = ()


class Echo(NamedTuple):
    """The body of an echo request or reply."""

    identifier: int
    sequence: int
    data: bytes


def parse(cursor: Cursor) -> Message:
    """Read a message up to the end of the cursor's window; DecodeError under 4 bytes."""
    return Message(cursor.u8(), cursor.u8(), cursor.u16(), cursor.rest())


def parse_router_solicitation(body: bytes) -> RouterSolicitation:
    """Decode a message's body; DecodeError for bytes that are no options."""
    cursor = Cursor(body)
    cursor.skip(4)
    return RouterSolicitation(_parse_options(cursor))


def parse_router_advertisement(body: bytes) -> RouterAdvertisement:
    """Decode a message's body; DecodeError for bytes that are no options."""
    cursor = Cursor(body)
    hop_limit, flags, router_lifetime, reachable, retransmit = _ADVERTISEMENT.unpack(
        cursor.take(_ADVERTISEMENT.size)
    )
    prefixes: list[PrefixInformation] = []
    others: list[Option] = []
    mtu: int | None = None
    for option in _parse_options(cursor):
        if option.type == OPTION_PREFIX_INFORMATION and len(option.data) == 30:
            prefixes.append(_parse_prefix_information(option.data))
        elif option.type == OPTION_MTU and len(option.data) == 6 and mtu is None:
            mtu = int.from_bytes(option.data[2:])
        else:
            others.append(option)
    return RouterAdvertisement(
        hop_limit=hop_limit,
        flags=flags,
        router_lifetime=router_lifetime,
        reachable=reachable,
        retransmit=retransmit,
        prefixes=tuple(prefixes),
        mtu=mtu,
        options=tuple(others),
    )


def _parse_prefix_information(data: bytes) -> PrefixInformation:
    length, flags, valid, preferred, _, prefix = _PREFIX_INFORMATION.unpack(data)
    return PrefixInformation(length, flags, valid, preferred, prefix)


def _parse_options(cursor: Cursor) -> tuple[Option, ...]:
    options: list[Option] = []
    while cursor.remaining:
        if len(options) == MAX_OPTIONS:
            raise DecodeError("too many options", cursor.position)
        start = cursor.position
        kind, units = cursor.u8(), cursor.u8()
        if units == 0:
            raise DecodeError("option of length 0", start)
        options.append(Option(kind, cursor.take(units * 8 - 2)))
    return tuple(options)


def parse_echo(body: bytes) -> Echo:
    """Decode a message's body; DecodeError under 4 bytes."""
    cursor = Cursor(body)
    return Echo(cursor.u16(), cursor.u16(), cursor.rest())


def quoted(body: bytes) -> bytes:
    """The invoking packet in an error message's body, behind its 4 bytes of parameter."""
    cursor = Cursor(body)
    cursor.skip(4)
    return cursor.rest()


def mapped_from_option(option: Option) -> addresses.TeredoAddress | None:
    """The mapping a Windows XP client puts in its solicitation, or None for any other option.

    XP sends a source link-layer option of 16 bytes: 6 zero bytes, then flags, obfuscated port and
    obfuscated address of its former mapping. The result's ``server`` is 0.0.0.0.
    """
    data = option.data
    if option.type != OPTION_SOURCE_LINK_LAYER or len(data) != 14 or any(data[:6]):
        return None
    return addresses.parse_identifier(data[6:])


def build(source: bytes, destination: bytes, kind: int, code: int, body: bytes) -> bytes:
    """A message with a correct checksum; ``source`` and ``destination`` are those of its packet."""
    header = bytes([kind, code])
    pseudo = checksum.pseudo_ipv6(source, destination, PROTOCOL, 4 + len(body))
    summed = checksum.internet_checksum(pseudo, header, bytes(2), body)
    return header + summed.to_bytes(2) + body


def build_router_solicitation(
    source: bytes, destination: bytes, options: tuple[Option, ...] = ()
) -> bytes:
    """A solicitation, checksum included."""
    body = bytes(4) + b"".join(option.build() for option in options)
    return build(source, destination, ROUTER_SOLICITATION, 0, body)


def build_router_advertisement(
    source: bytes, destination: bytes, advertisement: RouterAdvertisement
) -> bytes:
    """Fixed fields, then prefixes, MTU and other options in this order."""
    body = _ADVERTISEMENT.pack(
        advertisement.hop_limit, advertisement.flags, advertisement.router_lifetime,
        advertisement.reachable, advertisement.retransmit,
    )  # fmt: skip
    body += b"".join(prefix.build() for prefix in advertisement.prefixes)
    if advertisement.mtu is not None:
        body += Option(OPTION_MTU, bytes(2) + advertisement.mtu.to_bytes(4)).build()
    body += b"".join(option.build() for option in advertisement.options)
    return build(source, destination, ROUTER_ADVERTISEMENT, 0, body)


def build_echo_request(source: bytes, destination: bytes, echo: Echo) -> bytes:
    """An echo request, checksum included."""
    return build(source, destination, ECHO_REQUEST, 0, _echo_body(echo))


def build_echo_reply(source: bytes, destination: bytes, echo: Echo) -> bytes:
    """An echo reply, checksum included."""
    return build(source, destination, ECHO_REPLY, 0, _echo_body(echo))


def _echo_body(echo: Echo) -> bytes:
    return struct.pack("!HH", echo.identifier, echo.sequence) + echo.data


def build_error(
    source: bytes, destination: bytes, kind: int, code: int, packet: bytes, *, parameter: int = 0
) -> bytes:
    """An error about ``packet``; ``parameter`` is the MTU of TOO_BIG, the pointer of a problem."""
    return build(source, destination, kind, code, parameter.to_bytes(4) + packet)
