"""Link-layer headers of captures, down to the EtherType of what they carry."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

LINKTYPE_NULL = 0
LINKTYPE_ETHERNET = 1
LINKTYPE_RAW_BSD = 12
LINKTYPE_RAW_OPENBSD = 14
LINKTYPE_RAW = 101
LINKTYPE_LINUX_SLL = 113
LINKTYPE_IPV4 = 228
LINKTYPE_IPV6 = 229
LINKTYPE_LINUX_SLL2 = 276

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_VLAN = 0x8100
ETHERTYPE_IPV6 = 0x86DD
ETHERTYPE_PROVIDER_VLAN = 0x88A8
ETHERTYPE_STACKED_VLAN = 0x9100
TAG_TYPES = frozenset((ETHERTYPE_VLAN, ETHERTYPE_PROVIDER_VLAN, ETHERTYPE_STACKED_VLAN))
MAX_TAGS = 8

# AF_INET6 differs between the systems that write DLT_NULL: Linux, NetBSD, FreeBSD, macOS.
_FAMILIES = {2: ETHERTYPE_IPV4} | dict.fromkeys((10, 24, 28, 30), ETHERTYPE_IPV6)
_VERSIONS = {4: ETHERTYPE_IPV4, 6: ETHERTYPE_IPV6}
_RAW_TYPES = frozenset((LINKTYPE_RAW, LINKTYPE_RAW_BSD, LINKTYPE_RAW_OPENBSD))
_FIXED_TYPES = {LINKTYPE_IPV4: ETHERTYPE_IPV4, LINKTYPE_IPV6: ETHERTYPE_IPV6}


@dataclass(frozen=True, slots=True)
class Link:
    """What stood before the network layer.

    ``protocol`` is an EtherType (below 0x600: an IEEE 802.3 length, or a Linux cooked code),
    ``vlans`` the VLAN numbers, outermost first; ``source`` and ``destination`` are link
    addresses, None where the link type has none.
    """

    protocol: int
    vlans: tuple[int, ...]
    layers: tuple[str, ...]
    source: bytes | None
    destination: bytes | None


def parse(linktype: int, cursor: Cursor) -> Link:
    """Pass the link header; the cursor then stands at the network layer.

    ``linktype`` is a LINKTYPE_ value of the capture file. DecodeError for an unknown one, a cut
    header, more than MAX_TAGS VLAN tags, an unknown address family or IP version.
    """
    if linktype == LINKTYPE_ETHERNET:
        destination, source = cursor.take(6), cursor.take(6)
        return _tagged("ethernet", cursor.u16(), cursor, source, destination)
    if linktype == LINKTYPE_LINUX_SLL:
        _, _, length, address, protocol = struct.unpack("!HHH8sH", cursor.take(16))
        return _tagged("sll", protocol, cursor, address[:length] or None, None)
    if linktype == LINKTYPE_LINUX_SLL2:
        protocol, _, _, _, _, length, address = struct.unpack("!HHIHBB8s", cursor.take(20))
        return _tagged("sll2", protocol, cursor, address[:length] or None, None)
    if linktype == LINKTYPE_NULL:
        return Link(_null_protocol(cursor), (), ("null",), None, None)
    return Link(_raw_protocol(linktype, cursor), (), (), None, None)


def _tagged(
    layer: str, protocol: int, cursor: Cursor, source: bytes | None, destination: bytes | None
) -> Link:
    """Pass the VLAN tags behind a header of which all else is known."""
    vlans: list[int] = []
    while protocol in TAG_TYPES:
        if len(vlans) == MAX_TAGS:
            raise DecodeError("too many VLAN tags", cursor.position)
        vlans.append(cursor.u16() & 0x0FFF)
        protocol = cursor.u16()
    layers = (layer, *("vlan",) * len(vlans))
    return Link(protocol, tuple(vlans), layers, source, destination)


def _null_protocol(cursor: Cursor) -> int:
    """The address family comes in the byte order of the machine that captured."""
    start, field = cursor.position, cursor.take(4)
    family = min(int.from_bytes(field, "big"), int.from_bytes(field, "little"))
    if family not in _FAMILIES:
        raise DecodeError(f"unknown address family {family}", start)
    return _FAMILIES[family]


def _raw_protocol(linktype: int, cursor: Cursor) -> int:
    if linktype in _FIXED_TYPES:
        return _FIXED_TYPES[linktype]
    if linktype not in _RAW_TYPES:
        raise DecodeError(f"unknown link type {linktype}", cursor.position)
    version = cursor.peek_u8() >> 4
    if version not in _VERSIONS:
        raise DecodeError(f"unknown IP version {version}", cursor.position)
    return _VERSIONS[version]


def build_ethernet(
    payload: bytes,
    ethertype: int,
    source: bytes,
    destination: bytes,
    vlans: tuple[int, ...] = (),
) -> bytes:
    """A frame without padding or check sequence; of stacked tags all but the last are 802.1ad."""
    types = [ETHERTYPE_PROVIDER_VLAN] * (len(vlans) - 1) + [ETHERTYPE_VLAN] * bool(vlans)
    tags = b"".join(struct.pack("!HH", *tag) for tag in zip(types, vlans, strict=True))
    return destination + source + tags + ethertype.to_bytes(2) + payload
