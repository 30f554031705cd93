"""What the arguments of ``sensor explain`` stand for: addresses, or octets of packets."""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Iterator, Sequence

from sensor.emit.visible import visible
from sensor.errors import ConfigError, DecodeError
from sensor.wire import ipv4, ipv6, link, teredo
from sensor.wire.cursor import Cursor

_STDIN = "-"
_MAX_TEXT = 1 << 20  # characters of one TEXT, standard input included
_MAX_SHOWN = 40  # characters of a TEXT in a message
_LONG_ENOUGH = ipv4.MIN_HEADER_LENGTH  # octets of hex that can be something by themselves

_BRACKETED = re.compile(r"\[(?P<address>[^\]]*)\](:\d{1,5})?")
_WITH_PORT = re.compile(r"(?P<address>\d+\.\d+\.\d+\.\d+):\d{1,5}")
_DUMP_OFFSET = re.compile(r"(?:^|(?<=\s))0x[0-9a-f]{4,}:(?=\s)", re.IGNORECASE)
_SEPARATORS = re.compile(r"\s+|:(?!:)|-")

_FORMS = (
    "give an IPv6 or IPv4 address, or octets in hex (with 0x, colons or spaces if you like):"
    " a UDP payload, an IPv4 or IPv6 packet, or an Ethernet frame; - reads standard input"
)


def subjects(texts: Sequence[str]) -> list[bytes]:
    """The octets of every address (4 or 16 of them) and packet named; ConfigError if one is none.

    Arguments that are pieces of one packet's hex are put together.
    """
    return [subject for text in _joined(texts) for subject in _subjects(text)]


def _joined(texts: Sequence[str]) -> Iterator[str]:
    """Arguments; hex that begins with too little to be a packet goes on in the next ones."""
    pieces: list[str] = []
    for text in texts:
        octets = None if _address(text) else _hex(text)
        if octets and (pieces or len(octets) < _LONG_ENOUGH):
            pieces.append(text)
            continue
        if pieces:
            yield " ".join(pieces)
            pieces = []
        yield text
    if pieces:
        yield " ".join(pieces)


def _subjects(text: str) -> list[bytes]:
    """The octets that one argument stands for; standard input may list several addresses."""
    if text == _STDIN:
        text = sys.stdin.buffer.read(_MAX_TEXT + 1).decode("ascii", "replace")
        words = [_address(word) for word in text.split()]
        found = [word for word in words if word is not None]
        if words and len(found) == len(words):
            return found
    if len(text) > _MAX_TEXT:
        raise ConfigError(f"more than {_MAX_TEXT} characters: {_FORMS}")
    subject = _address(text.strip()) or _hex(text)
    if not subject:
        shown = visible(text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}...")
        raise ConfigError(f"cannot read '{shown}': {_FORMS}")
    return [subject]


def _address(text: str) -> bytes | None:
    """An address as people and tools write it: in brackets, with port, zone or prefix length."""
    match = _BRACKETED.fullmatch(text) or _WITH_PORT.fullmatch(text)
    bare = match["address"] if match else text
    try:
        return ipaddress.ip_interface(bare).ip.packed
    except ValueError:
        return None


def _hex(text: str) -> bytes | None:
    """Octets in hex, also as tcpdump -x prints them; None for half ones and mistyped addresses."""
    groups = _SEPARATORS.split(_DUMP_OFFSET.sub(" ", text.strip()))
    digits = [group.removeprefix("0x").removeprefix("0X") for group in groups]
    try:
        return b"".join(bytes.fromhex(pair) for pair in digits)
    except ValueError:
        return None


def recognised(data: bytes) -> tuple[str, int | None]:
    """What the octets are, with the link type to read them by, None for a UDP payload.

    What fits to the last octet goes before what only begins right.
    """
    if data[0] >> 4 == 4 and ipv4.header_checksum_ok(data):
        return "IPv4 packet", link.LINKTYPE_IPV4
    if _fits_exactly(data):
        bare = data[0] >> 4 == 6
        return ("IPv6 packet, taken for a UDP payload" if bare else "UDP payload"), None
    if _is_ethernet(data):
        return "Ethernet frame", link.LINKTYPE_ETHERNET
    if _is_ipv4(data):
        return "IPv4 packet", link.LINKTYPE_IPV4
    return "UDP payload", None


def _fits_exactly(data: bytes) -> bool:
    try:
        packet = teredo.parse(data)
    except DecodeError:
        return False
    room = len(data) - packet.ipv6_offset - ipv6.HEADER_LENGTH
    return packet.header.payload_length <= room and packet.unparsed == 0


def _is_ethernet(data: bytes) -> bool:
    try:
        cursor = Cursor(data)
        header = link.parse(link.LINKTYPE_ETHERNET, cursor)
        version = {link.ETHERTYPE_IPV4: 4, link.ETHERTYPE_IPV6: 6}.get(header.protocol)
        return version is not None and cursor.peek_u8() >> 4 == version
    except DecodeError:
        return False


def _is_ipv4(data: bytes) -> bool:
    try:
        ipv4.parse(Cursor(data))
    except DecodeError:
        return False
    return True
