"""Whether a datagram of a name service holds a name that is looked for: told by hashes alone.

Compiled code must answer the same: octets and 64-bit words, no texts, nothing allocated. A hash
may be that of another name, so whoever acts on the answer reads the message and compares texts.
Name services over TCP, TLS and HTTPS are not read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import NamedTuple

from sensor.wire.ports import DNS_PORT, LLMNR_PORT, MDNS_PORT, NETBIOS_PORT

MAX_NAMES = 16  # of one message; later ones are not looked at
MAX_NAME = 255  # octets (RFC 1035 section 2.3.4)

_MULTIPLIER = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFFFFFFFFFF
_WORD = 8
_ANY_CASE = 0x2020202020202020

_HEADER_LENGTH = 12
_QUESTION_LENGTH = 4  # type and class
_RECORD_LENGTH = 10  # type, class, time to live, length of the data
_LONGEST_LABEL = 63
_POINTER = 0xC0
_NETBIOS_LETTERS = 32  # two for each octet of a name
_NETBIOS_PURPOSE = 2  # of them, the last: what the name is for
_DAMAGE = -1

_DOT = 0x2E
_BLANK = 0x20
_LOWER_CASE = 0x20
_A, _P, _Z = b"APZ"

# Hashes of a whole name, of its first label and of what follows that, and the dots until now.
_Sums = tuple[int, int, int, int]
# Each of the three starts from a value of its own, so that none passes for another.
_START: _Sums = (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0)


class NameHashes(NamedTuple):
    """What is looked for, each ascending: whole names, first labels, names without the first.

    The last two rule most names out before a hash is made: a bit for how each whole name and parent
    ends (``ending``), and one for each length of a first label.
    """

    whole: tuple[int, ...] = ()
    first: tuple[int, ...] = ()
    parent: tuple[int, ...] = ()
    endings: int = _MASK
    lengths: int = _MASK


def name_hashes(names: Iterable[str], labels: Iterable[str], parents: Iterable[str]) -> NameHashes:
    """The hashes of names, of first labels of any name, and of parents of one label more.

    All are ASCII in lower case, with dots between labels.
    """
    names, labels, parents = tuple(names), tuple(labels), tuple(parents)
    return NameHashes(
        whole=tuple(sorted({_sums(name)[0] for name in names})),
        first=tuple(sorted({_sums(label)[1] for label in labels})),
        parent=tuple(sorted({_sums(f".{parent}")[2] for parent in parents})),
        endings=reduce(or_, map(_ending_bit, names + parents), 0),
        lengths=reduce(or_, (1 << len(label) for label in labels), 0),
    )


def ending(octets: bytes) -> int:
    """A number below 64 for the eight octets before the end of a name, in whatever case."""
    word = int.from_bytes(octets) | _ANY_CASE
    return (word * _MULTIPLIER & _MASK) >> 58


def _ending_bit(name: str) -> int:
    """All bits for a name so short that what stands before it would count."""
    octets = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split("."))
    return 1 << ending(octets[-_WORD:]) if len(octets) >= _WORD else _MASK


def name_service(source_port: int, destination_port: int) -> int:
    """The port of the name service that a UDP datagram belongs to, 0 if to none."""
    for port in (DNS_PORT, MDNS_PORT, LLMNR_PORT, NETBIOS_PORT):
        if port in (source_port, destination_port):
            return port
    return 0


def holds_name(payload: bytes, port: int, hashes: NameHashes) -> bool:
    """Whether a message of the name service at ``port`` holds a name that is looked for.

    Looks at the names of questions and records, at most ``MAX_NAMES`` and up to the first damage;
    names in the data of records do not count. Of a name that a compression pointer ends (RFC 1035
    section 4.1.4) the first label alone counts. Reads ``MAX_NAMES`` times ``MAX_NAME`` octets at
    most, and never raises.
    """
    if len(payload) < _HEADER_LENGTH:
        return False
    questions = _pair(payload, 4)
    names = questions + _pair(payload, 6) + _pair(payload, 8) + _pair(payload, 10)
    position = _HEADER_LENGTH
    for number in range(min(names, MAX_NAMES)):
        if port == NETBIOS_PORT and _netbios(payload, position, hashes):
            return True
        position, found = _name(payload, position, hashes)
        if found:
            return True
        if position != _DAMAGE:
            position = _behind(payload, position, number < questions)
        if position == _DAMAGE:
            return False
    return False


def _name(payload: bytes, position: int, hashes: NameHashes) -> tuple[int, bool]:
    """Where the name at ``position`` ends, and whether it is looked for."""
    start = position
    end = min(len(payload), position + MAX_NAME)
    while position < end:
        length = payload[position]
        first = hashes.lengths >> (payload[start] & _LONGEST_LABEL) & 1
        if length == 0:
            ends = hashes.endings >> ending(payload[position - _WORD : position]) & 1
            return position + 1, bool(ends or first) and _meant(_of(payload, start), hashes)
        if length >= _POINTER:
            found = bool(first) and _among(hashes.first, _of(payload, start)[1])
            return position + 2, found
        if length > _LONGEST_LABEL or position + 1 + length > end:
            return _DAMAGE, False
        position += 1 + length
    return _DAMAGE, False


def _of(payload: bytes, position: int) -> _Sums:
    """The sums of the name at ``position``, up to its end or a pointer."""
    sums, start = _START, position
    while 0 < (length := payload[position]) < _POINTER:
        if position > start:
            sums = _with(sums, _DOT)
        for at in range(position + 1, position + 1 + length):
            sums = _with(sums, payload[at])
        position += 1 + length
    return sums


def _netbios(payload: bytes, position: int, hashes: NameHashes) -> bool:
    """Whether the encoded name at ``position`` (RFC 1001 section 14.1) is looked for.

    It ends at its padding, or at a blank of its own. Windows asks here for dotted names too.
    """
    letters = position + 1
    if letters + _NETBIOS_LETTERS > len(payload) or payload[position] != _NETBIOS_LETTERS:
        return False
    sums = _START
    for at in range(letters, letters + _NETBIOS_LETTERS - _NETBIOS_PURPOSE, 2):
        high, low = payload[at], payload[at + 1]
        if not (_A <= high <= _P and _A <= low <= _P):
            return False
        octet = (high - _A) * 16 + low - _A
        if octet == _BLANK:
            break
        sums = _with(sums, octet)
    return _meant(sums, hashes)


def _behind(payload: bytes, position: int, question: bool) -> int:
    """Where the next name starts, from the end of the one before."""
    if question:
        return position + _QUESTION_LENGTH
    position += _RECORD_LENGTH
    if position > len(payload):
        return _DAMAGE
    return position + _pair(payload, position - 2)


def _with(sums: _Sums, octet: int) -> _Sums:
    """The sums with one more octet of the name; its first dot belongs to the whole alone."""
    whole, first, parent, dots = sums
    if _A <= octet <= _Z:
        octet += _LOWER_CASE
    whole = _fold(whole, octet)
    if dots > 0:
        parent = _fold(parent, octet)
    elif octet != _DOT:
        first = _fold(first, octet)
    return whole, first, parent, dots + (octet == _DOT)


def _fold(state: int, octet: int) -> int:
    """Multiply and fold, as for the digest of a packet but octet by octet."""
    state = ((state ^ octet) * _MULTIPLIER) & _MASK
    return state ^ state >> 32


def _sums(name: str) -> _Sums:
    return reduce(_with, name.encode("ascii"), _START)


def _meant(sums: _Sums, hashes: NameHashes) -> bool:
    return (
        _among(hashes.whole, sums[0])
        or _among(hashes.first, sums[1])
        or _among(hashes.parent, sums[2])
    )


def _among(ascending: tuple[int, ...], value: int) -> bool:
    place = bisect_left(ascending, value)
    return place < len(ascending) and ascending[place] == value


def _pair(payload: bytes, position: int) -> int:
    return payload[position] << 8 | payload[position + 1]
