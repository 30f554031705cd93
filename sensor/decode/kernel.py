"""The compiled decoder: what ``sensor.decode.scalar`` specifies, row for row and bit for bit.

The walk through a frame is a loop over steps. A step looks at one header, keeps what later ones
need in the record ``walk``, and answers with the next step or with the frame's ``Reason``, which
ends the walk. A tunnel candidate is written where the next row would stand (``row``); it becomes a
row when the count of rows moves past it. Most frames are ordinary and told without a walk.

Rules of this file: nothing is allocated, raised or recursed into; every read is of octets known to
be there; octets are loaded as uint64, because uncompiled NumPy would shift them in eight bits;
words (addresses, digests) are uint64, all else is int64, and the two never meet in one operation.
Offsets count from the arena's first octet until they are written into a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sensor.capture.batch import FrameBatch
from sensor.decode.decoded import Decoded
from sensor.jit import entry, fixed, inlined, word_at
from sensor.schema.rows import OBSERVATION, STACK_LIMIT
from sensor.schema.words import (
    Anomaly,
    Confidence,
    Evidence,
    Kind,
    Layer,
    Reason,
    TeredoPacket,
    Transport,
)

if TYPE_CHECKING:
    from sensor.decode.settings import DecodeSettings

Array = npt.NDArray[Any]
Record = np.void
Word = np.uint64
# Compiled, each is one type; uncompiled, either Python's or NumPy's.
Number = Any  # int64
Flag = Any  # a truth value


# Names of numbers that sensor.wire defines; its modules load too much for a fast start.

LINK_NULL = 0
LINK_ETHERNET = 1
LINK_RAW_BSD = 12
LINK_RAW_OPENBSD = 14
LINK_RAW = 101
LINK_SLL = 113
LINK_IPV4 = 228
LINK_IPV6 = 229
LINK_SLL2 = 276
ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
ETHERTYPE_VLAN = 0x8100
ETHERTYPE_PROVIDER_VLAN = 0x88A8
ETHERTYPE_STACKED_VLAN = 0x9100
MAX_TAGS = 8
ETHERNET_LENGTH = 14
TAG_LENGTH = 4

ICMP = 1
IPV4_INSIDE = 4
TCP = 6
UDP = 17
IPV6_INSIDE = 41
ICMPV6 = 58
IPV4_LENGTH = 20
IPV6_LENGTH = 40
TCP_LENGTH = 20
UDP_LENGTH = 8
ICMPV6_LENGTH = 4

HOP_BY_HOP = 0
ROUTING = 43
FRAGMENT = 44
AUTHENTICATION = 51
NO_NEXT_HEADER = 59
DESTINATION_OPTIONS = 60
MOBILITY = 135
HIP = 139
SHIM6 = 140
MAX_EXTENSION_HEADERS = 64

ECHO_REQUEST = 128
ECHO_REPLY = 129
ROUTER_SOLICITATION = 133
ROUTER_ADVERTISEMENT = 134
REDIRECT = 137
ADVERTISEMENT_LENGTH = 16
OPTION_PREFIX = 3
OPTION_PREFIX_UNITS = 4
MAX_OPTIONS = 64

MAX_INDICATORS = 8
ORIGIN_LENGTH = 8
AUTHENTICATION_LENGTH = 13  # without identifier and value
MAX_TRAILERS = 16
STUN_COOKIE = 0x2112A442
GENEVE_PORT = 0x7922
ORGANISATION_SCOPE = 239

TEREDO_PREFIX = 0x20010000
LEGACY_TEREDO_PREFIX = 0x3FFE831F
FORBIDDEN_FLAGS = 0x4300
SERVER_IDENTIFIER = 0x8000F227
SIXTOFOUR_PREFIX = 0x2002
ISATAP_PRIVATE = 0x00005EFE
ISATAP_UNIVERSAL = 0x02005EFE
LINK_LOCAL = np.uint64(0xFE80 << 48)
ALL_ROUTERS_HIGH = np.uint64(0xFF02 << 48)
ALL_ROUTERS_LOW = np.uint64(2)

# Words of sensor.schema, as the plain numbers that compiled code can hold.

_TUNNELLED = int(Reason.TUNNELLED)
_NOT_IP = int(Reason.NOT_IP)
_IPV4_PROTOCOL = int(Reason.IPV4_PROTOCOL)
_IPV6_NATIVE = int(Reason.IPV6_NATIVE)
_TCP = int(Reason.TCP)
_ICMP = int(Reason.ICMP)
_UDP = int(Reason.UDP)
_UDP_SHORT = int(Reason.UDP_SHORT)
_UDP_LENGTH = int(Reason.UDP_LENGTH)
_UDP_IMPLAUSIBLE = int(Reason.UDP_IMPLAUSIBLE)
_STUN = int(Reason.STUN)
_GENEVE = int(Reason.GENEVE)
_WEAK_ONLY = int(Reason.WEAK)
_FRAGMENT = int(Reason.FRAGMENT)
_NOT_IPV6_INSIDE = int(Reason.NOT_IPV6_INSIDE)
_TOO_MANY_LAYERS = int(Reason.TOO_MANY_LAYERS)
_TRUNCATED_LINK = int(Reason.TRUNCATED_LINK)
_TRUNCATED_NETWORK = int(Reason.TRUNCATED_NETWORK)
_TRUNCATED_PAYLOAD = int(Reason.TRUNCATED_PAYLOAD)
_BAD_IPV4 = int(Reason.BAD_IPV4)
_BAD_IPV6 = int(Reason.BAD_IPV6)
_BAD_UDP = int(Reason.BAD_UDP)
_UNKNOWN_LINK_TYPE = int(Reason.UNKNOWN_LINK_TYPE)

_LAYER_ETHERNET = int(Layer.ETHERNET)
_LAYER_VLAN = int(Layer.VLAN)
_LAYER_SLL = int(Layer.SLL)
_LAYER_SLL2 = int(Layer.SLL2)
_LAYER_IPV4 = int(Layer.IPV4)
_LAYER_IPV6 = int(Layer.IPV6)
_LAYER_UDP = int(Layer.UDP)
_LAYER_TCP = int(Layer.TCP)
_LAYER_ICMP = int(Layer.ICMP)
_LAYER_ICMPV6 = int(Layer.ICMPV6)
_LAYER_TEREDO = int(Layer.TEREDO)
_LAYER_NULL = int(Layer.NULL)

_WEAK = int(Confidence.WEAK)
_STRONG = int(Confidence.STRONG)
_CERTAIN = int(Confidence.CERTAIN)

_KIND_TEREDO = int(Kind.TEREDO)
_KIND_SIXINFOUR = int(Kind.SIXINFOUR)
_KIND_SIXOVERFOUR = int(Kind.SIXOVERFOUR)
_KIND_SIXTOFOUR = int(Kind.SIXTOFOUR)
_KIND_ISATAP = int(Kind.ISATAP)
_KIND_COMPATIBLE = int(Kind.IPV4_COMPATIBLE)
_KIND_SIXRD = int(Kind.SIXRD)
_KIND_IP6_IN_UDP = int(Kind.IP6_IN_UDP)
_KIND_IP6_IN_IP6 = int(Kind.IP6_IN_IP6)
_BIT_SIXOVERFOUR = 1 << Kind.SIXOVERFOUR
_BIT_SIXTOFOUR = 1 << Kind.SIXTOFOUR
_BIT_ISATAP = 1 << Kind.ISATAP
_BIT_COMPATIBLE = 1 << Kind.IPV4_COMPATIBLE
_BIT_SIXRD = 1 << Kind.SIXRD

_OVER_UDP = int(Transport.UDP)
_OVER_IP = int(Transport.IPV6)

_PACKET_SOLICITATION = int(TeredoPacket.ROUTER_SOLICITATION)
_PACKET_ADVERTISEMENT = int(TeredoPacket.ROUTER_ADVERTISEMENT)
_PACKET_BUBBLE = int(TeredoPacket.BUBBLE)
_PACKET_TEST = int(TeredoPacket.CONNECTIVITY_TEST)
_PACKET_DATA = int(TeredoPacket.DATA)

_GRAMMAR = int(Evidence.GRAMMAR)
_EXACT_LENGTH = int(Evidence.EXACT_LENGTH)
_CHECKSUM = int(Evidence.CHECKSUM)
_TEREDO_ADDRESS = int(Evidence.TEREDO_ADDRESS)
_MAPPING_EQUALS_OUTER = int(Evidence.MAPPING_EQUALS_OUTER)
_SERVER_EQUALS_OUTER = int(Evidence.SERVER_EQUALS_OUTER)
_SOLICITATION = int(Evidence.ROUTER_SOLICITATION)
_ADVERTISEMENT = int(Evidence.ROUTER_ADVERTISEMENT)
_BUBBLE = int(Evidence.BUBBLE)
_PROTOCOL_41 = int(Evidence.PROTOCOL_41)
_EMBEDDED_EQUALS_OUTER = int(Evidence.EMBEDDED_EQUALS_OUTER)
_CONFIGURED_PREFIX = int(Evidence.CONFIGURED_PREFIX)
_KNOWN_SERVER = int(Evidence.KNOWN_SERVER)
_PROOF = _MAPPING_EQUALS_OUTER | _SERVER_EQUALS_OUTER
_SETUP = _SOLICITATION | _ADVERTISEMENT | _BUBBLE
_NAMES_TEREDO = _TEREDO_ADDRESS | _ADVERTISEMENT
_TEREDO_SIGNS = _TEREDO_ADDRESS | _SERVER_EQUALS_OUTER | _SETUP

_TRAILING_BYTES = int(Anomaly.TRAILING_BYTES)
_HOP_LIMIT_ZERO = int(Anomaly.HOP_LIMIT_ZERO)
_DUPLICATE_ORIGIN = int(Anomaly.DUPLICATE_ORIGIN)
_AUTH_ON_DATA = int(Anomaly.AUTH_ON_DATA)
_EMBEDDED_MISMATCH = int(Anomaly.EMBEDDED_MISMATCH)
_EMBEDDED_NOT_GLOBAL = int(Anomaly.EMBEDDED_NOT_GLOBAL)
_LENGTH_MISMATCH = int(Anomaly.LENGTH_MISMATCH)
_TRUNCATED = int(Anomaly.TRUNCATED)
_LAYERS_LEFT_OUT = int(Anomaly.TOO_MANY_LAYERS)
_BUBBLE_WITH_PAYLOAD = int(Anomaly.BUBBLE_WITH_PAYLOAD)
_ROUTING_HEADER = int(Anomaly.ROUTING_HEADER)
_BAD_CHECKSUM = int(Anomaly.BAD_CHECKSUM)
_FRAGMENT_INCOMPLETE = int(Anomaly.FRAGMENT_INCOMPLETE)
_INDICATOR_ORDER = int(Anomaly.INDICATOR_ORDER)
_LEGACY_PREFIX = int(Anomaly.LEGACY_PREFIX)
_TEREDO_IN_PROTOCOL_41 = int(Anomaly.TEREDO_IN_PROTOCOL_41)
_RESERVED_FLAGS = int(Anomaly.RESERVED_FLAGS)
_EXTENSION_HEADERS = int(Anomaly.EXTENSION_HEADERS)
_ODD_INNER_ADDRESS = int(Anomaly.ODD_INNER_ADDRESS)
_NEIGHBOUR_DISCOVERY = int(Anomaly.NEIGHBOUR_DISCOVERY)

# Steps of the walk; no Reason has such a number.
_UNDECIDED = 99  # nothing was said without a walk
_FIRST_STEP = 100
_STEP_IPV4 = 100  # an IPv4 header at ``start``
_STEP_IPV6 = 101  # an IPv6 header at ``start``, outside of any tunnel
_STEP_UDP = 102
_STEP_DATAGRAM = 103  # a UDP payload that may hold IPv6
_STEP_PROTOCOL_41 = 104
_STEP_NESTED = 105  # IPv6 directly in IPv6, inside a tunnel
_STEP_TUNNEL = 106  # a judged candidate in the row
_STEP_INSIDE = 107  # what the IPv6 packet just summarized carries

_NO_CHECKSUM = 0  # absent, or not to be known
_RIGHT_CHECKSUM = 1
_WRONG_CHECKSUM = 2

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_NOT_HOP_LIMIT = np.uint64(0xFFFFFFFFFFFFFF00)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_EVEN_OCTETS = np.uint64(0x00FF00FF00FF00FF)
_EVEN_PAIRS = np.uint64(0x0000FFFF0000FFFF)
_ZERO = np.uint64(0)

_WORD_SIZE = 8
_FIRST_ROWS = 4096
# What is told of a frame without a walk: its VLAN tags, and its layers with them.
_ORDINARY_TAGS = 2
_ORDINARY_LAYERS = 3 + _ORDINARY_TAGS


def _row_layout() -> np.dtype[np.void]:
    """OBSERVATION with its octet strings as words, and all of a row as ``octets``.

    ``nonce_0`` holds the first eight octets of the nonce, in the order of memory.
    """
    formats: dict[str, tuple[Any, int]] = {"octets": (("u1", (OBSERVATION.itemsize,)), 0)}
    for name, (dtype, offset, *_) in (OBSERVATION.fields or {}).items():
        if dtype.subdtype is None:
            formats[name] = (dtype, offset)
            continue
        for i, start in enumerate(range(0, dtype.itemsize, _WORD_SIZE)):
            size = min(_WORD_SIZE, dtype.itemsize - start)
            formats[f"{name}_{i}"] = (f"u{size}", offset + start)
    kinds, offsets = zip(*formats.values(), strict=True)
    return np.dtype(
        {
            "names": list(formats),
            "formats": list(kinds),
            "offsets": list(offsets),
            "itemsize": OBSERVATION.itemsize,
        }
    )


ROW = _row_layout()

WALK = np.dtype(
    [
        (name, "i8")
        for name in (
            # settings
            "layers",
            "tunnels",
            # the frame
            "number",
            "time",
            "source",
            "wire",
            "captured",
            "base",
            # its rows: ``first`` up to but without ``count``
            "first",
            "count",
            # layers met
            "depth",
            "limit_hit",
            "vlan",
            # the payload in hand: ``end`` may be read, up to ``declared`` was announced, and
            # ``cut`` says why less can be read than that
            "start",
            "end",
            "declared",
            "cut",
            # the carrier's ends
            "version",
            "source_port",
            "destination_port",
            "identification",
            # the IPv6 packet just summarized
            "offset",
            "length",
            "read_end",
            "payload_length",
            "next_header",
            "hop_limit",
            "transport",
            "position",
            "complete",
            "chain_limit",
            "routing",
            "later_fragment",
            "first_fragment",
            "plausible",
            "has_transport",
            "icmp_kind",
            # the parts of a Teredo datagram
            "authentications",
            "origins",
            "order_ok",
            "first_origin_port",
            "unparsed",
        )
    ]
    + [
        (name, "u8")
        for name in (
            "stack_0",
            "stack_1",
            "outer_source_0",
            "outer_source_1",
            "outer_destination_0",
            "outer_destination_1",
            "inner_source_0",
            "inner_source_1",
            "inner_destination_0",
            "inner_destination_1",
        )
    ]
)

# A 6rd domain, as ``SixRdDomain`` computes with it.
DOMAIN = np.dtype(
    [
        ("prefix_0", "u8"),
        ("prefix_1", "u8"),
        ("mask_0", "u8"),
        ("mask_1", "u8"),
        ("shift", "i8"),
        ("embedded", "i8"),  # mask of the IPv4 bits that addresses embed
    ]
)


# octets and words


@inlined
def _raw(arena: Array, at: Number) -> Any:
    """Eight octets in the order of memory."""
    return word_at(arena, at)


@inlined
def _swapped(word: Word) -> Any:
    word = (word & _EVEN_OCTETS) << Word(8) | (word >> Word(8)) & _EVEN_OCTETS
    word = (word & _EVEN_PAIRS) << Word(16) | (word >> Word(16)) & _EVEN_PAIRS
    return word << Word(32) | word >> Word(32)


@inlined
def _word(arena: Array, at: Number) -> Any:
    """Eight octets as a big-endian number."""
    return _swapped(_raw(arena, at))


@inlined
def _octet(arena: Array, at: Number) -> Number:
    """One octet, also of the last seven, at which no word starts."""
    first = min(at, len(arena) - _WORD_SIZE)
    return _part(_raw(arena, first), (at - first) * 8, 0xFF)


@inlined
def _part(word: Word, shift: Number, mask: Number) -> Number:
    """Bits of a word as a signed number."""
    return np.int64((word >> Word(shift)) & Word(mask))


@inlined
def _pair_before(arena: Array, at: Number) -> Number:
    """The two octets that end at ``at``, which is at least 8."""
    return _part(_word(arena, at - 8), 0, 0xFFFF)


# addresses


@inlined
def _is_bogon(ip: Number) -> Flag:
    """``sensor.wire.addresses.is_bogon`` of an IPv4 address."""
    first = ip >> 24
    return (
        first == 0
        or first == 127
        or first >= 224
        or _is_private(ip)
        or ip >> 16 == 0xA9FE  # 169.254.0.0/16
    )


@inlined
def _is_private(ip: Number) -> Flag:
    """``sensor.wire.addresses.is_private`` of an IPv4 address."""
    return (
        ip >> 24 == 10
        or ip >> 20 == 0xAC1  # 172.16.0.0/12
        or ip >> 16 == 0xC0A8  # 192.168.0.0/16
        or ip >> 22 == 0x191  # 100.64.0.0/10
    )


@inlined
def _is_teredo(first: Word) -> Flag:
    prefix = _part(first, 32, 0xFFFFFFFF)
    return prefix in (TEREDO_PREFIX, LEGACY_TEREDO_PREFIX)


@inlined
def _mapped_ip(second: Word) -> Number:
    """The client's address in the second half of a Teredo address."""
    return _part(second, 0, 0xFFFFFFFF) ^ 0xFFFFFFFF


@inlined
def _mapped_port(second: Word) -> Number:
    return _part(second, 32, 0xFFFF) ^ 0xFFFF


@inlined
def _is_link_local(first: Word) -> Flag:
    return _part(first, 54, 0x3FF) == 0xFE80 >> 6


@inlined
def _is_multicast(first: Word) -> Flag:
    return _part(first, 56, 0xFF) == 0xFF


@inlined
def _may_not_cross(first: Word, second: Word) -> Flag:
    """Loopback, IPv4-mapped and site-local addresses, at whichever end."""
    if first == _ZERO:
        return second == Word(1) or _part(second, 32, 0xFFFFFFFF) == 0xFFFF
    return _part(first, 54, 0x3FF) == 0xFEC0 >> 6


@inlined
def _has_odd_address(walk: Record) -> Flag:
    source, destination = walk["inner_source_0"], walk["inner_destination_0"]
    return (
        _is_multicast(source)
        or (destination == _ZERO and walk["inner_destination_1"] == _ZERO)
        or _may_not_cross(source, walk["inner_source_1"])
        or _may_not_cross(destination, walk["inner_destination_1"])
    )


@inlined
def _among(addresses: Array, first: Word, second: Word) -> Flag:
    """Whether a sorted array of address halves holds this address: a binary search."""
    low, high = 0, len(addresses)
    while low < high:
        middle = (low + high) // 2
        found = addresses[middle, 0]
        if found < first or (found == first and addresses[middle, 1] < second):
            low = middle + 1
        else:
            high = middle
    return low < len(addresses) and addresses[low, 0] == first and addresses[low, 1] == second


# layers and spans


@inlined
def _push(walk: Record, layer: Number) -> Flag:
    """Note one more layer; False at the limit, which is reported, not passed."""
    depth = walk["depth"]
    if depth >= walk["layers"]:
        walk["limit_hit"] = 1
        return False
    if depth < _WORD_SIZE:
        walk["stack_0"] |= Word(layer) << Word(depth * 8)
    else:
        walk["stack_1"] |= Word(layer) << Word((depth - _WORD_SIZE) * 8)
    walk["depth"] = depth + 1
    return True


@inlined
def _announce(walk: Record, length: Number) -> None:
    """Narrow the span to the ``length`` octets that a header at its start announces."""
    declared = walk["start"] + length
    if declared > walk["declared"] and not walk["cut"] & _FRAGMENT_INCOMPLETE:
        walk["cut"] |= _LENGTH_MISMATCH
    walk["declared"] = declared
    walk["end"] = min(walk["end"], declared)


@inlined
def _missing(walk: Record) -> Number:
    """Why something is missing of the span; 0 if all that was announced can be read."""
    if walk["declared"] > walk["end"]:
        return walk["cut"]
    return walk["cut"] & _FRAGMENT_INCOMPLETE


# ordinary frames


@inlined
def _ordinary(arena: Array, start: Number, end: Number) -> Number:
    """What the walk would say of an Ethernet frame without a tunnel, or _UNDECIDED.

    Two to four words tell, and ``walk`` is left alone. Whatever is odd, cut or looks like a
    candidate is undecided.
    """
    network = start + ETHERNET_LENGTH
    for position in range(network, network + (_ORDINARY_TAGS + 1) * TAG_LENGTH, TAG_LENGTH):
        if end - position < IPV6_LENGTH:
            return _UNDECIDED
        head = _word(arena, position - 6)
        protocol = _part(head, 16, 0xFFFF)
        if protocol == ETHERTYPE_IPV4:
            return _ordinary_ipv4(arena, position, end, _part(head, 8, 0xFF))
        if protocol == ETHERTYPE_IPV6:
            return _ordinary_ipv6(arena, position, end, _part(head, 12, 0xF))
        if not _is_tag(protocol):
            return _NOT_IP
    return _UNDECIDED


@inlined
def _ordinary_ipv4(arena: Array, start: Number, end: Number, first: Number) -> Number:
    rest = _word(arena, start + 2)
    total = _part(rest, 48, 0xFFFF)
    if first != 0x45 or total < IPV4_LENGTH or _part(rest, 16, 0x1FFF):
        return _UNDECIDED
    protocol = _part(rest, 0, 0xFF)
    if protocol == TCP:
        return _TCP
    if protocol == UDP:
        return _ordinary_udp(arena, start + IPV4_LENGTH, min(end, start + total))
    return _ICMP if protocol == ICMP else _UNDECIDED


@inlined
def _ordinary_ipv6(arena: Array, start: Number, end: Number, version: Number) -> Number:
    if version != 6:
        return _UNDECIDED
    rest = _word(arena, start + 2)
    protocol = _part(rest, 24, 0xFF)
    if protocol == UDP:
        end = min(end, start + IPV6_LENGTH + _part(rest, 32, 0xFFFF))
        return _ordinary_udp(arena, start + IPV6_LENGTH, end)
    return _IPV6_NATIVE if protocol in (TCP, ICMPV6) else _UNDECIDED


@inlined
def _ordinary_udp(arena: Array, start: Number, end: Number) -> Number:
    payload = start + UDP_LENGTH
    if end - payload < _WORD_SIZE:
        return _UNDECIDED
    rest = _part(_word(arena, start), 16, 0xFFFF) - UDP_LENGTH
    if rest < _WORD_SIZE:
        return _UNDECIDED
    first = _word(arena, payload)
    answer = _UDP_SHORT
    if rest >= IPV6_LENGTH:
        answer = _UDP
        if _part(first, 60, 0xF) == 6:
            if min(end - payload, rest) < IPV6_LENGTH or not _is_too_long(arena, payload, rest):
                return _UNDECIDED
            answer = _UDP_LENGTH
        elif _part(first, 56, 0xFF) == 0:
            return _UNDECIDED
    return _STUN if _part(first, 0, 0xFFFFFFFF) == STUN_COOKIE else answer


# outer layers


@inlined
def _link(arena: Array, walk: Record, link_type: Number) -> Number:
    start, present = walk["start"], walk["end"] - walk["start"]
    if link_type == LINK_ETHERNET:
        if present < ETHERNET_LENGTH:
            return _TRUNCATED_LINK
        position = start + ETHERNET_LENGTH
        return _tagged(arena, walk, _LAYER_ETHERNET, position, _pair_before(arena, position))
    if link_type == LINK_SLL:
        if present < 16:
            return _TRUNCATED_LINK
        return _tagged(arena, walk, _LAYER_SLL, start + 16, _pair_before(arena, start + 16))
    if link_type == LINK_SLL2:
        if present < 20:
            return _TRUNCATED_LINK
        protocol = _part(_word(arena, start), 48, 0xFFFF)
        return _tagged(arena, walk, _LAYER_SLL2, start + 20, protocol)
    if link_type == LINK_NULL:
        return _null(arena, walk)
    return _raw_ip(arena, walk, link_type)


@inlined
def _tagged(
    arena: Array, walk: Record, layer: Number, position: Number, protocol: Number
) -> Number:
    """Pass the VLAN tags behind a header whose protocol field is known."""
    tags = 0
    while _is_tag(protocol):
        if tags == MAX_TAGS:
            return _TOO_MANY_LAYERS
        if walk["end"] - position < TAG_LENGTH:
            return _TRUNCATED_LINK
        position += TAG_LENGTH
        tags += 1
        protocol = _pair_before(arena, position)
    if not _push(walk, layer):
        return _TOO_MANY_LAYERS
    for _ in range(tags):
        if not _push(walk, _LAYER_VLAN):
            return _TOO_MANY_LAYERS
    if tags:
        walk["vlan"] = (_pair_before(arena, position - 2) & 0x0FFF) + 1
    walk["start"] = position
    if protocol == ETHERTYPE_IPV4:
        return _STEP_IPV4
    if protocol == ETHERTYPE_IPV6:
        return _STEP_IPV6
    return _NOT_IP


@inlined
def _is_tag(protocol: Number) -> Flag:
    return protocol in (ETHERTYPE_VLAN, ETHERTYPE_PROVIDER_VLAN, ETHERTYPE_STACKED_VLAN)


@inlined
def _null(arena: Array, walk: Record) -> Number:
    """The address family comes in the byte order of the machine that captured."""
    start = walk["start"]
    if walk["end"] - start < 4:
        return _TRUNCATED_LINK
    big = little = 0
    for i in range(4):
        octet = _octet(arena, start + i)
        big = big << 8 | octet
        little |= octet << 8 * i
    family = min(big, little)
    step = _NOT_IP
    if family == 2:
        step = _STEP_IPV4
    elif family in (10, 24, 28, 30):
        step = _STEP_IPV6
    if step != _NOT_IP and not _push(walk, _LAYER_NULL):
        return _TOO_MANY_LAYERS
    walk["start"] = start + 4
    return step


@inlined
def _raw_ip(arena: Array, walk: Record, link_type: Number) -> Number:
    """Link types without a header of their own."""
    if link_type == LINK_IPV4:
        return _STEP_IPV4
    if link_type == LINK_IPV6:
        return _STEP_IPV6
    if link_type not in (LINK_RAW, LINK_RAW_BSD, LINK_RAW_OPENBSD):
        return _UNKNOWN_LINK_TYPE
    if walk["end"] == walk["start"]:
        return _TRUNCATED_LINK
    version = _octet(arena, walk["start"]) >> 4
    if version == 4:
        return _STEP_IPV4
    return _STEP_IPV6 if version == 6 else _NOT_IP


@inlined
def _ipv4(arena: Array, walk: Record) -> Number:
    start = walk["start"]
    present = walk["end"] - start
    if present == 0:
        return _TRUNCATED_NETWORK
    first = _octet(arena, start)
    length = (first & 0x0F) * 4
    if first >> 4 != 4 or length < IPV4_LENGTH:
        return _BAD_IPV4
    if present < IPV4_LENGTH:
        return _TRUNCATED_NETWORK
    head, middle = _word(arena, start), _word(arena, start + 8)
    total = _part(head, 32, 0xFFFF)
    if 0 < total < length:
        return _BAD_IPV4
    if present < length:
        return _TRUNCATED_NETWORK
    if not _push(walk, _LAYER_IPV4):
        return _TOO_MANY_LAYERS
    if _part(head, 0, 0x1FFF):
        return _FRAGMENT
    if total:
        _announce(walk, total)
    walk["start"] = start + length
    if _part(head, 0, 0x2000):
        walk["cut"] |= _FRAGMENT_INCOMPLETE
    protocol = _part(middle, 48, 0xFF)
    if protocol == TCP:
        _push(walk, _LAYER_TCP)
        return _TCP
    walk["version"] = 4
    walk["outer_source_0"] = middle << Word(32)
    walk["outer_source_1"] = _ZERO
    walk["outer_destination_0"] = _word(arena, start + 12) << Word(32)
    walk["outer_destination_1"] = _ZERO
    walk["identification"] = _part(head, 16, 0xFFFF)
    return _ipv4_payload(walk, protocol)


@inlined
def _ipv4_payload(walk: Record, protocol: Number) -> Number:
    if protocol == UDP:
        return _STEP_UDP
    if protocol == IPV6_INSIDE:
        walk["source_port"] = 0
        walk["destination_port"] = 0
        return _STEP_PROTOCOL_41
    if protocol == IPV4_INSIDE:
        return _STEP_IPV4
    if protocol == ICMP:
        _push(walk, _LAYER_ICMP)
        return _ICMP
    return _IPV4_PROTOCOL


@inlined
def _ipv6_fault(arena: Array, start: Number, end: Number) -> Number:
    """Why no IPv6 header can be read from ``start`` on, 0 if one can."""
    if start == end:
        return _TRUNCATED_NETWORK
    if _octet(arena, start) >> 4 != 6:
        return _BAD_IPV6
    return _TRUNCATED_NETWORK if end - start < IPV6_LENGTH else 0


@inlined
def _ipv6(arena: Array, walk: Record, row: Record) -> Number:
    """Native IPv6: only a carrier."""
    start = walk["start"]
    fault = _ipv6_fault(arena, start, walk["end"])
    if fault:
        return fault
    if not _push(walk, _LAYER_IPV6):
        return _TOO_MANY_LAYERS
    _announce(walk, IPV6_LENGTH + _part(_word(arena, start), 16, 0xFFFF))
    _summarize(arena, walk, row, start)
    return _STEP_INSIDE


@inlined
def _inside(walk: Record) -> Number:
    """What an IPv6 packet carries, be it the outermost or one inside a tunnel."""
    if walk["chain_limit"]:
        walk["limit_hit"] = 1
        return _TOO_MANY_LAYERS
    if not walk["complete"] or walk["later_fragment"]:
        return _IPV6_NATIVE
    walk["start"] = walk["position"]
    if walk["first_fragment"]:
        walk["cut"] |= _FRAGMENT_INCOMPLETE
    transport = walk["transport"]
    if transport == UDP:
        walk["version"] = 6
        walk["outer_source_0"] = walk["inner_source_0"]
        walk["outer_source_1"] = walk["inner_source_1"]
        walk["outer_destination_0"] = walk["inner_destination_0"]
        walk["outer_destination_1"] = walk["inner_destination_1"]
        walk["identification"] = 0
        return _STEP_UDP
    if transport == IPV4_INSIDE:
        return _STEP_IPV4
    if transport == IPV6_INSIDE:
        return _STEP_IPV6 if walk["count"] == walk["first"] else _STEP_NESTED
    if walk["has_transport"]:
        _push(walk, _LAYER_TCP if transport == TCP else _LAYER_ICMPV6)
    return _IPV6_NATIVE


# the inner packet


@inlined
def _summarize(arena: Array, walk: Record, row: Record, offset: Number) -> None:
    """Look into the IPv6 packet whose whole header starts at ``offset`` of the span."""
    head = _word(arena, offset)
    walk["payload_length"] = _part(head, 16, 0xFFFF)
    length = IPV6_LENGTH + _part(head, 16, 0xFFFF)
    read_end = min(offset + length, walk["end"])
    walk["offset"] = offset
    walk["length"] = length
    walk["read_end"] = read_end
    walk["hop_limit"] = _part(head, 0, 0xFF)
    walk["next_header"] = walk["transport"] = _part(head, 8, 0xFF)
    walk["inner_source_0"] = _word(arena, offset + 8)
    walk["inner_source_1"] = _word(arena, offset + 16)
    walk["inner_destination_0"] = _word(arena, offset + 24)
    walk["inner_destination_1"] = _word(arena, offset + 32)
    row["flow_label"] = _part(head, 32, 0xFFFFF)
    walk["position"] = offset + IPV6_LENGTH
    walk["complete"] = 1
    walk["chain_limit"] = 0
    walk["routing"] = 0
    walk["later_fragment"] = 0
    walk["first_fragment"] = 0
    if _is_extension(walk["transport"]):
        _walk_extensions(arena, walk, row)
    declared = offset + length - walk["position"]
    walk["plausible"] = _is_plausible(walk, declared, read_end == offset + length)
    walk["has_transport"] = 0
    if walk["plausible"] and walk["complete"] and not walk["later_fragment"]:
        _read_transport(arena, walk, row, declared)


@inlined
def _is_extension(kind: Number) -> Flag:
    return kind in (
        HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS, MOBILITY, HIP, SHIM6
    )  # fmt: skip


@inlined
def _walk_extensions(arena: Array, walk: Record, row: Record) -> None:
    """Pass extension headers until a transport protocol, the end of the octets or the limit."""
    kind, position, end = walk["transport"], walk["position"], walk["read_end"]
    passed = 0
    while _is_extension(kind):
        if passed == MAX_EXTENSION_HEADERS:
            walk["chain_limit"] = 1
            break
        length = _extension_length(arena, kind, position, end)
        if length > end - position:
            walk["complete"] = 0
            break
        following = _pair_before(arena, position + 2) >> 8
        if kind == MOBILITY and following == NO_NEXT_HEADER:
            break
        passed += 1
        if kind == ROUTING:
            walk["routing"] = 1
        elif kind == FRAGMENT:
            _read_fragment(walk, row, _word(arena, position))
        kind = following
        position += length
        if walk["later_fragment"]:
            break
    walk["transport"] = kind
    walk["position"] = position


@inlined
def _extension_length(arena: Array, kind: Number, position: Number, end: Number) -> Number:
    """In octets, at least 8; the length field may be missing."""
    if kind == FRAGMENT or end - position < 2:
        return 8
    units = _pair_before(arena, position + 2) & 0xFF
    return (units + 2) * 4 if kind == AUTHENTICATION else (units + 1) * 8


@inlined
def _read_fragment(walk: Record, row: Record, header: Word) -> None:
    offset = _part(header, 32, 0xFFF8)
    walk["later_fragment"] = offset > 0
    walk["first_fragment"] = _part(header, 32, 1)
    row["has_fragment"] = 1
    row["fragment_id"] = _part(header, 0, 0xFFFFFFFF)
    row["fragment_offset"] = offset
    row["fragment_more"] = _part(header, 32, 1)


@inlined
def _is_plausible(walk: Record, declared: Number, whole: Flag) -> Flag:
    """Whether the chain makes sense so far; ``declared`` octets follow it."""
    if not walk["complete"]:
        return not whole
    if walk["chain_limit"] or walk["later_fragment"]:
        return True
    kind = walk["transport"]
    if kind in (TCP, IPV4_INSIDE):
        return declared >= TCP_LENGTH
    if kind == UDP:
        return declared >= UDP_LENGTH
    if kind == ICMPV6:
        return declared >= ICMPV6_LENGTH
    if kind == IPV6_INSIDE:
        return declared >= IPV6_LENGTH
    return _is_transport(kind)


@inlined
def _is_transport(kind: Number) -> Flag:
    """The next headers that need no octets behind them to make sense."""
    return kind in (
        33,  # DCCP
        46,  # RSVP
        47,  # GRE
        50,  # ESP
        NO_NEXT_HEADER,
        88,  # EIGRP
        89,  # OSPF
        103,  # PIM
        112,  # VRRP
        115,  # L2TP
        132,  # SCTP
        136,  # UDP-Lite
    )


@inlined
def _read_transport(arena: Array, walk: Record, row: Record, declared: Number) -> None:
    """What the transport header says; ``declared`` counts its octets and those behind it."""
    position = walk["position"]
    present = walk["read_end"] - position
    kind = walk["transport"]
    if kind == TCP and present >= TCP_LENGTH:
        _read_tcp(arena, walk, row, declared)
    elif kind == UDP and present >= UDP_LENGTH:
        head = _word(arena, position)
        walk["has_transport"] = 1
        row["inner_source_port"] = _part(head, 48, 0xFFFF)
        row["inner_destination_port"] = _part(head, 32, 0xFFFF)
        row["payload_length"] = declared - UDP_LENGTH
    elif kind == ICMPV6 and present >= ICMPV6_LENGTH:
        kind_and_code = _pair_before(arena, position + 2)
        walk["has_transport"] = 1
        walk["icmp_kind"] = kind_and_code
        row["icmp_type"] = kind_and_code >> 8
        row["icmp_code"] = kind_and_code & 0xFF
        row["payload_length"] = declared - ICMPV6_LENGTH
        echo = kind_and_code >> 8 == ECHO_REQUEST or kind_and_code >> 8 == ECHO_REPLY
        if echo and present >= ICMPV6_LENGTH + 4:
            head = _word(arena, position)
            row["inner_source_port"] = _part(head, 16, 0xFFFF)
            row["icmp_sequence"] = _part(head, 0, 0xFFFF)


@inlined
def _read_tcp(arena: Array, walk: Record, row: Record, declared: Number) -> None:
    position = walk["position"]
    rest = _word(arena, position + 8)
    length = _part(rest, 28, 0xF) * 4
    if length < TCP_LENGTH:
        return
    head = _word(arena, position)
    walk["has_transport"] = 1
    row["inner_source_port"] = _part(head, 48, 0xFFFF)
    row["inner_destination_port"] = _part(head, 32, 0xFFFF)
    row["tcp_sequence"] = _part(head, 0, 0xFFFFFFFF)
    row["tcp_acknowledgement"] = _part(rest, 32, 0xFFFFFFFF)
    row["tcp_flags"] = _part(rest, 16, 0xFF)
    row["payload_length"] = max(0, declared - length)


@inlined
def _is_icmp(walk: Record, kind: Number) -> Flag:
    """Whether the packet is an ICMPv6 message of this type, with code 0."""
    return walk["has_transport"] and walk["transport"] == ICMPV6 and walk["icmp_kind"] == kind << 8


@inlined
def _is_bubble(walk: Record) -> Flag:
    return walk["next_header"] == NO_NEXT_HEADER and walk["payload_length"] == 0


@inlined
def _fold(state: Word, word: Word) -> Any:
    state = (state ^ word) * _MULTIPLIER
    return state ^ state >> Word(32)


@inlined
def _halves(word: Word) -> Any:
    """The same modulo 0xffff, and small: sums of them do not overflow."""
    return (word & _LOW_HALF) + (word >> Word(32))


@inlined
def _digest_and_sum(arena: Array, offset: Number, end: Number, segment: Number) -> tuple[Any, Any]:
    """One pass over an inner packet: its digest, and the sum of what its checksum covers.

    The sum is over the addresses and the octets from ``segment`` on, modulo 0xffff. It means
    nothing where the segment has fewer than four octets.
    """
    state = Word(end - offset) ^ _MULTIPLIER
    state = _fold(state, _word(arena, offset) & _NOT_HOP_LIMIT)
    total = _ZERO
    at = offset + 8
    while at < offset + IPV6_LENGTH:
        word = _word(arena, at)
        state = _fold(state, word)
        total += _halves(word)
        at += 8
    while at + 8 <= segment:
        state = _fold(state, _word(arena, at))
        at += 8
    if at < segment and at + 8 <= end:  # an authentication header ends within a word
        word = _word(arena, at)
        state = _fold(state, word)
        total += word & _LOW_HALF
        at += 8
    while at + 8 <= end:
        word = _word(arena, at)
        state = _fold(state, word)
        total += _halves(word)
        at += 8
    if at < end:
        word = _word(arena, end - 8) << Word((8 - (end - at)) * 8)
        state = _fold(state, word)
        total += _halves(word)
    return state, total


@inlined
def _digest(arena: Array, walk: Record, row: Record) -> Number:
    """Write the digest; answer whether the transport checksum is right.

    A routing header hides the final destination that the sum covers, a fragment most of the data,
    and zero in UDP means that the sender left it out (RFC 6935).
    """
    position, end = walk["position"], walk["read_end"]
    digest, total = _digest_and_sum(arena, walk["offset"], end, position)
    row["inner_digest"] = digest
    if (
        not walk["has_transport"]
        or end < walk["offset"] + walk["length"]
        or walk["routing"]
        or walk["first_fragment"]
    ):
        return _NO_CHECKSUM
    if walk["transport"] == UDP and _pair_before(arena, position + UDP_LENGTH) == 0:
        return _NO_CHECKSUM
    total += Word(end - position + walk["transport"])
    return _RIGHT_CHECKSUM if total % Word(0xFFFF) == _ZERO else _WRONG_CHECKSUM


# judging


@inlined
def _inner_anomalies(walk: Record, checksum: Number, rest: Number) -> Number:
    """Oddities that every kind shares; ``rest`` is how many octets the carrier announces."""
    bits = 0
    if walk["hop_limit"] == 0:
        bits |= _HOP_LIMIT_ZERO
    if walk["routing"]:
        bits |= _ROUTING_HEADER
    if walk["length"] > rest:
        bits |= _LENGTH_MISMATCH
    if checksum == _WRONG_CHECKSUM:
        bits |= _BAD_CHECKSUM
    if not walk["plausible"]:
        bits |= _EXTENSION_HEADERS
    if _has_odd_address(walk):
        bits |= _ODD_INNER_ADDRESS
    return bits


@inlined
def _shape(walk: Record, row: Record, checksum: Number, rest: Number, carrier: Number) -> None:
    """What IPv6 directly in IP shows, whatever its kind.

    As sure as the carrier, unless what it holds makes no sense.
    """
    evidence, anomalies = _PROTOCOL_41, _inner_anomalies(walk, checksum, rest)
    length = walk["length"]
    if length == rest:
        evidence |= _EXACT_LENGTH
    if length < rest:
        anomalies |= _TRAILING_BYTES
    if checksum == _RIGHT_CHECKSUM:
        evidence |= _CHECKSUM
    if carrier == _WEAK:
        if checksum == _RIGHT_CHECKSUM and length == rest:
            carrier = _STRONG
    elif length > rest or not walk["plausible"] or not walk["complete"]:
        carrier = _STRONG
    row["confidence"] = carrier
    row["reasons"] = evidence
    row["anomalies"] = anomalies


@inlined
def _direct(arena: Array, walk: Record, row: Record, carrier: Number) -> None:
    """Summarize the IPv6 packet that starts the span; of a fragment, the span grows to hold it."""
    start = walk["start"]
    row["octets"][:] = 0
    _summarize(arena, walk, row, start)
    if walk["cut"] & _FRAGMENT_INCOMPLETE:
        walk["declared"] = max(walk["declared"], start + walk["length"])
    rest = walk["declared"] - start
    _shape(walk, row, _digest(arena, walk, row), rest, carrier)
    row["tail_length"] = max(0, rest - walk["length"])
    row["outer_transport"] = _OVER_IP


@inlined
def _protocol_41(arena: Array, walk: Record, row: Record, carrier: Number) -> Number:
    fault = _ipv6_fault(arena, walk["start"], walk["end"])
    if fault:
        cut = fault == _TRUNCATED_NETWORK and _missing(walk)
        return _TRUNCATED_PAYLOAD if cut else _NOT_IPV6_INSIDE
    _direct(arena, walk, row, carrier)
    return _STEP_TUNNEL


@inlined
def _nested(arena: Array, walk: Record, row: Record, around: Record) -> Number:
    """IPv6 in IPv6: no tunnel through IPv4, but inside one it is where the service is."""
    fault = _ipv6_fault(arena, walk["start"], walk["end"])
    if fault:
        return _BAD_IPV6
    _direct(arena, walk, row, np.int64(around["confidence"]))
    row["kind"] = _KIND_IP6_IN_IP6
    row["kinds"] = 1 << _KIND_IP6_IN_IP6
    walk["version"] = 6
    walk["outer_source_0"] = _swapped(around["inner_source_0"])
    walk["outer_source_1"] = _swapped(around["inner_source_1"])
    walk["outer_destination_0"] = _swapped(around["inner_destination_0"])
    walk["outer_destination_1"] = _swapped(around["inner_destination_1"])
    walk["source_port"] = 0
    walk["destination_port"] = 0
    walk["identification"] = 0
    return _STEP_TUNNEL


# protocol 41


@inlined
def _schemes(first: Word, second: Word, end: Number, domains: Array) -> tuple[Number, Number]:
    """Bits of the kinds that fit an IPv6 address, and of those whose IPv4 address is ``end``."""
    fitting = equal = 0
    embedded = _part(second, 0, 0xFFFFFFFF)
    middle = _part(second, 32, 0xFFFFFFFF)
    if _part(first, 48, 0xFFFF) == SIXTOFOUR_PREFIX:
        fitting |= _BIT_SIXTOFOUR
        if _sixtofour_ip(first) == end:
            equal |= _BIT_SIXTOFOUR
    if middle in (ISATAP_PRIVATE, ISATAP_UNIVERSAL):
        fitting |= _BIT_ISATAP
    if middle == 0 and embedded >> 24:  # 0.0.0.0/8 names no host
        if first == LINK_LOCAL:
            fitting |= _BIT_SIXOVERFOUR
        elif first == _ZERO:
            fitting |= _BIT_COMPATIBLE
    if embedded == end:
        equal |= fitting & ~_BIT_SIXTOFOUR
    for i in range(len(domains)):
        domain = domains[i]
        if _is_under(domain, first, second):
            fitting |= _BIT_SIXRD
            if _embedded_low(domain, first, second) == end & domain["embedded"]:
                equal |= _BIT_SIXRD
    return fitting, equal


@inlined
def _sixtofour_ip(first: Word) -> Number:
    return _part(first, 16, 0xFFFFFFFF)


@inlined
def _is_under(domain: Record, first: Word, second: Word) -> Flag:
    return (
        first & domain["mask_0"] == domain["prefix_0"]
        and second & domain["mask_1"] == domain["prefix_1"]
    )


@inlined
def _embedded_low(domain: Record, first: Word, second: Word) -> Number:
    """The embedded bits; the others are those of the outer address they are compared with."""
    shift, mask = domain["shift"], domain["embedded"]
    if shift == 0:
        return _part(second, 0, mask)
    if shift < 64:
        return _part(first << Word(64 - shift) | second >> Word(shift), 0, mask)
    return _part(first, shift - 64, mask) if shift < 128 else 0


@inlined
def _judge_protocol_41(walk: Record, row: Record, domains: Array, relays: Array) -> None:
    """Which kind of tunnel, and whether it agrees with its outer ends."""
    source = _part(walk["outer_source_0"], 32, 0xFFFFFFFF)
    destination = _part(walk["outer_destination_0"], 32, 0xFFFFFFFF)
    ours, our_equal = _schemes(walk["inner_source_0"], walk["inner_source_1"], source, domains)
    theirs, their_equal = _schemes(
        walk["inner_destination_0"], walk["inner_destination_1"], destination, domains
    )
    fitting = ours | theirs
    kind = _kind_41(fitting, destination)
    row["kind"] = kind
    row["kinds"] = fitting | 1 << kind
    if our_equal | their_equal:
        row["reasons"] |= _EMBEDDED_EQUALS_OUTER
    if fitting & _BIT_SIXRD:
        row["reasons"] |= _CONFIGURED_PREFIX
    # What a configured tunnel's end calls itself (fe80::a.b.c.d) says nothing behind a NAT, and a
    # 6rd relay returns the probes of its customers (RFC 5969 section 8).
    free = _BIT_SIXOVERFOUR
    if fitting & _BIT_SIXRD and _among(relays, walk["outer_source_0"], _ZERO):
        free |= _BIT_SIXRD
    anomalies = 0
    if ours & ~free and not our_equal & ~free:
        anomalies |= _EMBEDDED_MISMATCH
    if theirs & _BIT_SIXTOFOUR and not their_equal & _BIT_SIXTOFOUR:
        anomalies |= _EMBEDDED_MISMATCH
    if fitting & _BIT_SIXTOFOUR:
        anomalies |= _sixtofour_anomalies(walk, ours, theirs)
    if _is_teredo(walk["inner_source_0"]) or _is_teredo(walk["inner_destination_0"]):
        anomalies |= _TEREDO_IN_PROTOCOL_41
    if _discovers(walk) and not _is_private(source) and destination >> 24 != ORGANISATION_SCOPE:
        anomalies |= _NEIGHBOUR_DISCOVERY
    row["anomalies"] |= anomalies


@inlined
def _kind_41(fitting: Number, destination: Number) -> Number:
    """The kind that names the tunnel; 6over4 is told by its outer group alone."""
    if destination >> 24 == ORGANISATION_SCOPE:
        return _KIND_SIXOVERFOUR
    if fitting & _BIT_SIXTOFOUR:
        return _KIND_SIXTOFOUR
    if fitting & _BIT_ISATAP:
        return _KIND_ISATAP
    if fitting & _BIT_COMPATIBLE:
        return _KIND_COMPATIBLE
    return _KIND_SIXRD if fitting & _BIT_SIXRD else _KIND_SIXINFOUR


@inlined
def _sixtofour_anomalies(walk: Record, ours: Number, theirs: Number) -> Number:
    source, destination = walk["inner_source_0"], walk["inner_destination_0"]
    bits = 0
    if ours & _BIT_SIXTOFOUR and _is_bogon(_sixtofour_ip(source)):
        bits |= _EMBEDDED_NOT_GLOBAL
    if theirs & _BIT_SIXTOFOUR and _is_bogon(_sixtofour_ip(destination)):
        bits |= _EMBEDDED_NOT_GLOBAL
    if (
        _is_link_local(source)
        or _is_link_local(destination)
        or _is_multicast(source)
        or _is_multicast(destination)
    ):
        bits |= _ODD_INNER_ADDRESS
    return bits


@inlined
def _discovers(walk: Record) -> Flag:
    """Whether the packet is a router or neighbour message, of any code."""
    return (
        walk["has_transport"]
        and walk["transport"] == ICMPV6
        and ROUTER_SOLICITATION <= walk["icmp_kind"] >> 8 <= REDIRECT
    )


# UDP


@inlined
def _udp(arena: Array, walk: Record) -> Number:
    start = walk["start"]
    if walk["end"] - start < UDP_LENGTH:
        return _TRUNCATED_PAYLOAD if _missing(walk) else _BAD_UDP
    if not _push(walk, _LAYER_UDP):
        return _TOO_MANY_LAYERS
    head = _word(arena, start)
    length = _part(head, 16, 0xFFFF)
    if 0 < length < UDP_LENGTH:
        return _BAD_UDP
    if length:
        _announce(walk, length)
    walk["start"] = start + UDP_LENGTH
    walk["source_port"] = _part(head, 48, 0xFFFF)
    walk["destination_port"] = _part(head, 32, 0xFFFF)
    return _opening(arena, walk)


@inlined
def _opening(arena: Array, walk: Record) -> Number:
    """Whether a UDP payload may hold IPv6, from its first octet."""
    start = walk["start"]
    present = walk["end"] - start
    if walk["declared"] - start < IPV6_LENGTH:
        return _STUN if _is_stun(arena, walk) else _UDP_SHORT
    if present == 0:
        return _TRUNCATED_PAYLOAD if _missing(walk) else _UDP
    first = _octet(arena, start)
    if first >> 4 == 6 or first == 0:
        return _STEP_DATAGRAM
    return _STUN if _is_stun(arena, walk) else _UDP


@inlined
def _is_stun(arena: Array, walk: Record) -> Flag:
    start = walk["start"]
    return walk["end"] - start >= 8 and _part(_word(arena, start), 0, 0xFFFFFFFF) == STUN_COOKIE


@inlined
def _datagram(arena: Array, walk: Record, row: Record) -> Number:
    """IPv6 in a UDP payload, on whatever port."""
    row["octets"][:] = 0
    verdict = _teredo(arena, walk, row)
    if _is_stun(arena, walk) and (verdict != _STEP_TUNNEL or row["confidence"] == _WEAK):
        return _STUN
    if verdict == _STEP_TUNNEL and row["kind"] == _KIND_TEREDO:
        _push(walk, _LAYER_TEREDO)
    return verdict


@inlined
def _teredo(arena: Array, walk: Record, row: Record) -> Number:
    """Parse [authentication] [origin] IPv6 [trailers] and weigh what that shows."""
    walk["authentications"] = 0
    walk["origins"] = 0
    walk["order_ok"] = 1
    offset = walk["start"]
    if _octet(arena, offset) == 0:
        offset = _indicators(arena, walk, row)
    fault = _TRUNCATED_NETWORK if offset < 0 else _ipv6_fault(arena, offset, walk["end"])
    if fault:
        return _TRUNCATED_PAYLOAD if fault == _TRUNCATED_NETWORK and _missing(walk) else _UDP
    rest = walk["declared"] - offset
    if _is_too_long(arena, offset, rest):
        return _UDP_LENGTH
    _summarize(arena, walk, row, offset)
    length = walk["length"]
    walk["unparsed"] = max(0, walk["end"] - offset - length)
    if walk["unparsed"]:
        _trailers(arena, walk, row)
    evidence = _evidence(arena, walk, rest)
    if length > rest and not evidence & _MAPPING_EQUALS_OUTER:
        return _UDP_LENGTH
    if not walk["plausible"] and not evidence & (_PROOF | _TEREDO_ADDRESS):
        return _UDP_IMPLAUSIBLE
    checksum = _digest(arena, walk, row)
    if checksum == _RIGHT_CHECKSUM:
        evidence |= _CHECKSUM
    confidence = _weigh(walk, evidence)
    bare_origin = walk["origins"] and not walk["authentications"]
    if confidence == _WEAK and bare_origin and walk["first_origin_port"] == GENEVE_PORT:
        return _GENEVE
    row["confidence"] = confidence
    row["reasons"] = evidence
    row["anomalies"] = _inner_anomalies(walk, checksum, rest) | _teredo_anomalies(walk)
    row["tail_length"] = walk["unparsed"]
    row["outer_transport"] = _OVER_UDP
    kind = _KIND_IP6_IN_UDP
    if evidence & _TEREDO_SIGNS:
        kind = _KIND_TEREDO
        row["teredo_packet"] = _packet_type(walk, evidence)
    row["kind"] = kind
    row["kinds"] = 1 << kind
    return _STEP_TUNNEL


@inlined
def _is_too_long(arena: Array, offset: Number, rest: Number) -> Flag:
    """Whether an inner header claims more than ``rest``, which a Teredo address alone excuses."""
    return IPV6_LENGTH + _part(_word(arena, offset), 16, 0xFFFF) > rest and not (
        _is_teredo(_word(arena, offset + 8)) or _is_teredo(_word(arena, offset + 24))
    )


@inlined
def _indicators(arena: Array, walk: Record, row: Record) -> Number:
    """Pass authentication headers and origin indications; where IPv6 starts, -1 if one is cut."""
    at, end = walk["start"], walk["end"]
    for _ in range(MAX_INDICATORS):
        if end - at < 2:
            break
        indicator = _pair_before(arena, at + 2)
        if indicator == 1:
            size = _authentication(arena, walk, row, at)
        elif indicator == 0:
            size = _origin(arena, walk, row, at)
        else:
            break
        if size == 0:
            return -1
        at += size
    return at


@inlined
def _authentication(arena: Array, walk: Record, row: Record, at: Number) -> Number:
    """The octets of an authentication header (RFC 4380 section 5.1.1), 0 if it is cut."""
    present = walk["end"] - at
    if present < AUTHENTICATION_LENGTH:
        return 0
    lengths = _pair_before(arena, at + 4)
    size = AUTHENTICATION_LENGTH + (lengths >> 8) + (lengths & 0xFF)
    if present < size:
        return 0
    if walk["authentications"] or walk["origins"]:
        walk["order_ok"] = 0
    if not walk["authentications"]:
        row["has_auth"] = 1
        row["auth_offset"] = at - walk["base"]
        row["auth_id_length"] = lengths >> 8
        row["auth_value_length"] = lengths & 0xFF
        row["auth_confirmation"] = _pair_before(arena, at + size) & 0xFF
        row["nonce_0"] = _raw(arena, at + size - 9)
    walk["authentications"] += 1
    return size


@inlined
def _origin(arena: Array, walk: Record, row: Record, at: Number) -> Number:
    """The octets of an origin indication (RFC 4380 section 5.1.1), 0 if it is cut.

    The last one stands next to the packet: it is what a client that skips doubles acts on.
    """
    if walk["end"] - at < ORIGIN_LENGTH:
        return 0
    head = _word(arena, at)
    port = _part(head, 32, 0xFFFF) ^ 0xFFFF
    if walk["origins"]:
        walk["order_ok"] = 0
    else:
        walk["first_origin_port"] = port
    walk["origins"] += 1
    row["has_origin"] = 1
    row["origin_port"] = port
    row["origin_ip_0"] = _part(_raw(arena, at), 32, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return ORIGIN_LENGTH


@inlined
def _trailers(arena: Array, walk: Record, row: Record) -> None:
    """Pass the trailers (RFC 6081 section 4) behind the inner packet, up to a malformed one."""
    end = walk["end"]
    at = end - walk["unparsed"]
    count = 0
    while count < MAX_TRAILERS and end - at >= 2:
        size = 2 + (_pair_before(arena, at + 2) & 0xFF)
        if size > end - at:
            break
        at += size
        count += 1
    walk["unparsed"] = end - at
    if count:
        row["trailers_offset"] = walk["offset"] + walk["length"] - walk["base"]
        row["trailer_count"] = count


@inlined
def _evidence(arena: Array, walk: Record, rest: Number) -> Number:
    """Every piece of evidence that a datagram itself holds, but for the checksum."""
    source_0 = walk["inner_source_0"]
    destination_0 = walk["inner_destination_0"]
    link_local = _is_link_local(source_0)
    bits = 0
    if (walk["authentications"] or walk["origins"]) and walk["order_ok"]:
        bits |= _GRAMMAR
    length = walk["length"]
    if length == rest or (length < rest and walk["unparsed"] == 0 and not _missing(walk)):
        bits |= _EXACT_LENGTH
    if _is_teredo(source_0) or _is_teredo(destination_0):
        bits |= _TEREDO_ADDRESS
    if walk["version"] == 4:
        bits |= _outer_evidence(walk)
    if _is_bubble(walk) and (link_local or _is_link_local(destination_0) or bits & _TEREDO_ADDRESS):
        bits |= _BUBBLE
    if link_local and _is_icmp(walk, ROUTER_SOLICITATION):
        if destination_0 == ALL_ROUTERS_HIGH and walk["inner_destination_1"] == ALL_ROUTERS_LOW:
            bits |= _SOLICITATION
    elif link_local and _is_icmp(walk, ROUTER_ADVERTISEMENT) and _advertises(arena, walk):
        bits |= _ADVERTISEMENT
    return bits


@inlined
def _outer_evidence(walk: Record) -> Number:
    """Where the inner addresses embed the outer ends."""
    source = _part(walk["outer_source_0"], 32, 0xFFFFFFFF)
    destination = _part(walk["outer_destination_0"], 32, 0xFFFFFFFF)
    source_1, destination_1 = walk["inner_source_1"], walk["inner_destination_1"]
    bits = 0
    if (
        _is_teredo(walk["inner_source_0"])
        and _mapped_ip(source_1) == source
        and _mapped_port(source_1) == walk["source_port"]
    ) or (
        _is_teredo(walk["inner_destination_0"])
        and _mapped_ip(destination_1) == destination
        and _mapped_port(destination_1) == walk["destination_port"]
    ):
        bits |= _MAPPING_EQUALS_OUTER
    if (
        walk["inner_source_0"] == LINK_LOCAL
        and _part(source_1, 32, 0xFFFFFFFF) == SERVER_IDENTIFIER
        and _mapped_ip(source_1) == source
    ):
        bits |= _SERVER_EQUALS_OUTER
    return bits


@inlined
def _advertises(arena: Array, walk: Record) -> Flag:
    """Whether a whole and sound router advertisement has a Teredo prefix (RFC 4861 4.6.2)."""
    at, end = walk["position"] + ADVERTISEMENT_LENGTH, walk["read_end"]
    found = False
    options = 0
    while at < end:
        if options == MAX_OPTIONS or end - at < 2:
            return False
        head = _pair_before(arena, at + 2)
        size = (head & 0xFF) * 8
        if size == 0 or size > end - at:
            return False
        if head == OPTION_PREFIX << 8 | OPTION_PREFIX_UNITS and _is_teredo(_word(arena, at + 16)):
            found = True
        options += 1
        at += size
    return found


@inlined
def _weigh(walk: Record, evidence: Number) -> Number:
    """Certain, strong or weak: ``sensor.decode.teredo.weigh``."""
    if evidence & _PROOF:
        return _CERTAIN
    names_teredo = evidence & _NAMES_TEREDO
    unsaid = walk["origins"] and not walk["authentications"] and not names_teredo
    exact = evidence & _EXACT_LENGTH
    if exact and evidence & _GRAMMAR and evidence & _SETUP and not unsaid:
        return _CERTAIN
    if names_teredo:
        return _STRONG
    if unsaid or not exact:
        return _WEAK
    return _STRONG if evidence & (_CHECKSUM | _BUBBLE | _SOLICITATION) else _WEAK


@inlined
def _packet_type(walk: Record, evidence: Number) -> Number:
    if evidence & _SOLICITATION:
        return _PACKET_SOLICITATION
    if evidence & (_ADVERTISEMENT | _SERVER_EQUALS_OUTER) and _is_icmp(walk, ROUTER_ADVERTISEMENT):
        return _PACKET_ADVERTISEMENT
    if _is_bubble(walk):
        return _PACKET_BUBBLE
    if _is_icmp(walk, ECHO_REQUEST) and _through_own_server(walk):
        return _PACKET_TEST
    return _PACKET_DATA


@inlined
def _through_own_server(walk: Record) -> Flag:
    """From a Teredo address to a native one, by way of the server (RFC 4380 section 5.2.9)."""
    source = walk["inner_source_0"]
    return (
        _is_teredo(source)
        and not _is_teredo(walk["inner_destination_0"])
        and walk["version"] == 4
        and source << Word(32) == walk["outer_destination_0"]
    )


@inlined
def _teredo_anomalies(walk: Record) -> Number:
    bits = 0
    if walk["unparsed"] and not _missing(walk):
        bits |= _TRAILING_BYTES
    if walk["origins"] > 1:
        bits |= _DUPLICATE_ORIGIN
    if not walk["order_ok"]:
        bits |= _INDICATOR_ORDER
    if walk["authentications"] and not _may_be_setup(walk):
        bits |= _AUTH_ON_DATA
    if walk["next_header"] == NO_NEXT_HEADER and walk["payload_length"]:
        bits |= _BUBBLE_WITH_PAYLOAD
    if _is_teredo(walk["inner_source_0"]):
        bits |= _address_anomalies(walk["inner_source_0"], walk["inner_source_1"])
    if _is_teredo(walk["inner_destination_0"]):
        bits |= _address_anomalies(walk["inner_destination_0"], walk["inner_destination_1"])
    if walk["version"] == 4 and _mapping_disagrees(walk):
        bits |= _EMBEDDED_MISMATCH
    return bits


@inlined
def _may_be_setup(walk: Record) -> Flag:
    """A router message, or one of ICMPv6 whose type was cut off."""
    if walk["has_transport"]:
        return _is_icmp(walk, ROUTER_SOLICITATION) or _is_icmp(walk, ROUTER_ADVERTISEMENT)
    return not walk["complete"] or walk["transport"] == ICMPV6


@inlined
def _address_anomalies(first: Word, second: Word) -> Number:
    """Of a Teredo address."""
    bits = 0
    if _is_bogon(_mapped_ip(second)) or _is_bogon(_part(first, 0, 0xFFFFFFFF)):
        bits |= _EMBEDDED_NOT_GLOBAL
    if _part(first, 32, 0xFFFFFFFF) == LEGACY_TEREDO_PREFIX:
        bits |= _LEGACY_PREFIX
    if _part(second, 48, FORBIDDEN_FLAGS):
        bits |= _RESERVED_FLAGS
    return bits


@inlined
def _mapping_disagrees(walk: Record) -> Flag:
    """A public outer IPv4 end that differs from the client address embedded inside.

    What a server or an indirect bubble carries belongs to somebody else.
    """
    source = _part(walk["outer_source_0"], 32, 0xFFFFFFFF)
    destination = _part(walk["outer_destination_0"], 32, 0xFFFFFFFF)
    differs = False
    if _is_teredo(walk["inner_source_0"]):
        server = _part(walk["inner_source_0"], 0, 0xFFFFFFFF)
        if server in (source, destination):
            return False
        differs = not _is_private(source) and _mapped_ip(walk["inner_source_1"]) != source
    if _is_teredo(walk["inner_destination_0"]):
        server = _part(walk["inner_destination_0"], 0, 0xFFFFFFFF)
        if server in (source, destination):
            return False
        if not _is_private(destination):
            differs |= _mapped_ip(walk["inner_destination_1"]) != destination
    return differs


# rows


@inlined
def _tunnel(walk: Record, row: Record) -> Number:
    """Complete the row of a tunnel layer, then go on inside it while there is room."""
    depth = walk["count"] - walk["first"]
    if depth >= walk["tunnels"]:
        walk["limit_hit"] = 1
        return _TOO_MANY_LAYERS
    row["frame"] = walk["number"]
    row["time"] = walk["time"]
    row["source"] = walk["source"]
    row["wire_length"] = walk["wire"]
    row["captured_length"] = walk["captured"]
    row["vlan"] = walk["vlan"]
    row["depth"] = depth
    row["anomalies"] |= _missing(walk)
    _write_outer(walk, row)
    _write_inner(walk, row)
    walk["count"] += 1
    walk["start"] = walk["offset"]
    if not _push(walk, _LAYER_IPV6):
        return _TUNNELLED
    _announce(walk, walk["length"])
    return _STEP_INSIDE


@inlined
def _write_outer(walk: Record, row: Record) -> None:
    row["outer_version"] = walk["version"]
    row["outer_source_0"] = _swapped(walk["outer_source_0"])
    row["outer_source_1"] = _swapped(walk["outer_source_1"])
    row["outer_destination_0"] = _swapped(walk["outer_destination_0"])
    row["outer_destination_1"] = _swapped(walk["outer_destination_1"])
    row["outer_source_port"] = walk["source_port"]
    row["outer_destination_port"] = walk["destination_port"]
    row["outer_id"] = walk["identification"]


@inlined
def _write_inner(walk: Record, row: Record) -> None:
    row["inner_offset"] = walk["offset"] - walk["base"]
    row["inner_length"] = walk["length"]
    row["inner_source_0"] = _swapped(walk["inner_source_0"])
    row["inner_source_1"] = _swapped(walk["inner_source_1"])
    row["inner_destination_0"] = _swapped(walk["inner_destination_0"])
    row["inner_destination_1"] = _swapped(walk["inner_destination_1"])
    row["hop_limit"] = walk["hop_limit"]
    row["inner_transport"] = walk["transport"]
    row["has_transport"] = walk["has_transport"]


@inlined
def _finish(walk: Record, rows: Array) -> Number:
    """Give the frame's rows its whole stack, and say what they are worth together.

    A layer that is believed for itself proves the weak ones around it, which hold nothing else
    that could: IPv6 in IPv6 in UDP has no checksum but the innermost.
    """
    first, count = walk["first"], walk["count"]
    believed = -1
    for i in range(first, count):
        row = rows[i]
        row["stack_0"] = walk["stack_0"]
        row["stack_1"] = walk["stack_1"]
        row["stack_length"] = walk["depth"]
        if row["confidence"] > _WEAK:
            believed = i
    for i in range(first, believed):
        rows[i]["confidence"] = max(_STRONG, np.int64(rows[i]["confidence"]))
    if walk["limit_hit"]:
        rows[count - 1]["anomalies"] |= _LAYERS_LEFT_OUT
    return _WEAK_ONLY if believed < 0 else _TUNNELLED


@inlined
def _open(walk: Record, start: Number, captured: Number, wire: Number, time: Number) -> None:
    """Begin the walk through a frame."""
    walk["time"] = time
    walk["wire"] = wire
    walk["captured"] = captured
    walk["base"] = start
    walk["first"] = walk["count"]
    walk["depth"] = 0
    walk["limit_hit"] = 0
    walk["vlan"] = 0
    walk["stack_0"] = _ZERO
    walk["stack_1"] = _ZERO
    walk["start"] = start
    walk["end"] = start + captured
    walk["declared"] = start + max(wire, captured)
    walk["cut"] = _TRUNCATED if wire > captured else 0


@inlined
def _is_known(walk: Record, servers_4: Array, servers_6: Array) -> Flag:
    """Whether an end of the carrier is a known Teredo server."""
    servers = servers_4 if walk["version"] == 4 else servers_6
    return len(servers) > 0 and (
        _among(servers, walk["outer_source_0"], walk["outer_source_1"])
        or _among(servers, walk["outer_destination_0"], walk["outer_destination_1"])
    )


@inlined
def _carrier(walk: Record, rows: Array) -> Number:
    """How sure the carrier is: a frame's own headers are, what a candidate holds is no surer."""
    if walk["count"] == walk["first"]:
        return _CERTAIN
    return np.int64(rows[walk["count"] - 1]["confidence"])


def _example() -> tuple[Any, ...]:
    from sensor.decode.settings import DecodeSettings  # a builder's alone: it brings codecs

    columns = tuple(_read_only(dtype) for dtype in ("i8", "i8", "i8", "i8", "i4"))
    settings = _settings(DecodeSettings())
    rows = np.empty(0, dtype=ROW)
    return _read_only("u1"), columns, settings, np.empty(0, WALK), rows, np.empty(0, np.uint8), 0, 0


def _read_only(dtype: str) -> Array:
    """What is only read may be writable or not."""
    array = np.empty(0, dtype)
    array.flags.writeable = False
    return array


@entry(_example)
def _decode(
    arena: Array,
    columns: tuple[Array, ...],
    settings: tuple[Array, ...],
    walks: Array,
    rows: Array,
    reasons: Array,
    first_frame: Number,
    start: Number,
) -> Number:
    """Walk through the frames from ``start`` on while the rows of one more have room.

    The answer is the frame to go on with.
    """
    offsets, captured, wire, times, link_types = columns
    walk = walks[0]
    ordinary = walk["layers"] >= _ORDINARY_LAYERS
    i = start
    while i < len(offsets):
        reason = _UNDECIDED
        if ordinary and link_types[i] == LINK_ETHERNET:
            reason = _ordinary(arena, offsets[i], offsets[i] + captured[i])
        if reason == _UNDECIDED:
            if len(rows) - walk["count"] <= walk["tunnels"]:
                break
            walk["number"] = first_frame + i
            _open(walk, offsets[i], captured[i], wire[i], times[i])
            reason = _through(arena, settings, walk, rows, np.int64(link_types[i]))
        reasons[i] = reason
        i += 1
    return i


@inlined
def _through(
    arena: Array, settings: tuple[Array, ...], walk: Record, rows: Array, link_type: Number
) -> Number:
    """Walk through one frame."""
    domains, relays, servers_4, servers_6 = settings
    step = _link(arena, walk, link_type)
    while step >= _FIRST_STEP:
        row = rows[walk["count"]]
        if step == _STEP_IPV4:
            step = _ipv4(arena, walk)
        elif step == _STEP_UDP:
            step = _udp(arena, walk)
        elif step == _STEP_DATAGRAM:
            step = _datagram(arena, walk, row)
            if step == _STEP_TUNNEL and _is_known(walk, servers_4, servers_6):
                row["reasons"] |= _KNOWN_SERVER
        elif step == _STEP_PROTOCOL_41:
            step = _protocol_41(arena, walk, row, _carrier(walk, rows))
            if step == _STEP_TUNNEL:
                _judge_protocol_41(walk, row, domains, relays)
        elif step == _STEP_TUNNEL:
            step = _tunnel(walk, row)
        elif step == _STEP_INSIDE:
            step = _inside(walk)
        elif step == _STEP_NESTED:
            step = _nested(arena, walk, row, rows[walk["count"] - 1])
        else:
            step = _ipv6(arena, walk, row)
    return step if walk["count"] == walk["first"] else _finish(walk, rows)


def _settings(settings: DecodeSettings) -> tuple[Array, ...]:
    relays = [relay for domain in settings.sixrd for relay in domain.relays]
    return (
        _domains(settings),
        _addresses(relays),
        _addresses(server for server in settings.known_servers if len(server) == 4),
        _addresses(server for server in settings.known_servers if len(server) == 16),
    )


def _addresses(found: Iterable[bytes]) -> Array:
    """Addresses of one length as pairs of words, sorted for a binary search."""
    octets = b"".join(sorted(address.ljust(16, b"\0") for address in found))
    return np.frombuffer(octets, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def _domains(settings: DecodeSettings) -> Array:
    found = np.zeros(len(settings.sixrd), dtype=DOMAIN)
    for row, domain in zip(found, settings.sixrd, strict=True):
        bits = 32 - domain.ipv4_mask
        mask = (1 << 128) - (1 << 128 - domain.prefix_length)
        row["prefix_0"], row["prefix_1"] = _addresses([domain.prefix])[0]
        row["mask_0"], row["mask_1"] = _addresses([mask.to_bytes(16)])[0]
        row["shift"] = 128 - domain.prefix_length - bits
        row["embedded"] = (1 << bits) - 1
    return found


def _octets(arena: Array) -> Array:
    """The same octets in the one type that ``_decode`` is compiled for, and at least a word."""
    if arena.size < _WORD_SIZE:
        arena = np.pad(arena, (0, _WORD_SIZE))
    return np.ascontiguousarray(arena)


class Kernel:
    """Decodes batches as ``sensor.decode.scalar.decode_batch`` does."""

    def __init__(self, settings: DecodeSettings) -> None:
        self._settings = fixed(_settings(settings))
        self._walk = np.zeros(1, dtype=WALK)
        self._walk["layers"] = min(settings.layers, STACK_LIMIT)
        self._walk["tunnels"] = self._tunnels = min(settings.tunnels, STACK_LIMIT)
        self._rows = np.empty(_FIRST_ROWS, dtype=OBSERVATION)
        self._views = self._rows.view(ROW)

    def decode(self, batch: FrameBatch) -> Decoded:
        """Decode every frame of a batch, in order.

        Returns rows of dtype ``OBSERVATION`` (a frame has none, one, or one per nested tunnel,
        depth ascending), valid until the next call, and ``uint8[len(batch)]`` of ``Reason``. Never
        raises for what a frame holds.
        """
        columns = (batch.offsets, batch.captured, batch.wire, batch.times, batch.linktypes)
        frames = _octets(batch.arena), tuple(map(np.ascontiguousarray, columns))
        reasons = np.empty(len(batch), dtype=np.uint8)
        self._walk["source"] = batch.source
        self._walk["count"] = done = 0
        while done < len(batch):
            done = self._decode(*frames, reasons, int(batch.first_frame), done)
            if done < len(batch):
                self._grow(len(batch))
        return Decoded(self._rows[: self._walk["count"][0]], reasons)

    def _decode(
        self, arena: Array, columns: tuple[Array, ...], reasons: Array, first_frame: int, start: int
    ) -> int:
        with np.errstate(over="ignore"):  # uncompiled, the product of a digest overflows aloud
            done: int = _decode(
                arena, columns, self._settings, self._walk, self._views, reasons, first_frame, start
            )
        return done

    def _grow(self, frames: int) -> None:
        """Room for twice as many rows, up to what so many frames can have."""
        most = frames * self._tunnels + 1
        rows = np.empty(min(2 * len(self._rows), most), dtype=OBSERVATION)
        count = self._walk["count"][0]
        rows[:count] = self._rows[:count]
        self._rows, self._views = rows, rows.view(ROW)
