"""Link-layer headers of captures, down to the EtherType of what they carry."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from sensor.errors import DecodeError
from sensor.wire import llc, ppp, pppoe, wlan
from sensor.wire.cursor import Cursor

LINKTYPE_NULL = 0
LINKTYPE_ETHERNET = 1
LINKTYPE_PPP = 9
LINKTYPE_RAW_BSD = 12
LINKTYPE_RAW_OPENBSD = 14
LINKTYPE_PPP_HDLC = 50
LINKTYPE_PPP_ETHER = 51
LINKTYPE_RAW = 101
LINKTYPE_C_HDLC = 104
LINKTYPE_IEEE802_11 = 105
LINKTYPE_LOOP = 108
LINKTYPE_LINUX_SLL = 113
LINKTYPE_RADIOTAP = 127
LINKTYPE_IPV4 = 228
LINKTYPE_IPV6 = 229
LINKTYPE_LINUX_SLL2 = 276

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_VLAN = 0x8100
ETHERTYPE_IPV6 = 0x86DD
ETHERTYPE_MPLS = 0x8847
ETHERTYPE_MPLS_MULTICAST = 0x8848
ETHERTYPE_PROVIDER_VLAN = 0x88A8
ETHERTYPE_STACKED_VLAN = 0x9100
TAG_TYPES = frozenset((ETHERTYPE_VLAN, ETHERTYPE_PROVIDER_VLAN, ETHERTYPE_STACKED_VLAN))
MAX_TAGS = 16  # as many as a decoder follows layers at most

# A smaller number in the place of an EtherType is a length (IEEE 802.3), or a Linux cooked code.
_FIRST_ETHERTYPE = 0x600

# AF_INET6 differs between the systems that write DLT_NULL: Linux, NetBSD, FreeBSD, macOS.
_FAMILIES = {2: ETHERTYPE_IPV4} | dict.fromkeys((10, 24, 28, 30), ETHERTYPE_IPV6)
_VERSIONS = {4: ETHERTYPE_IPV4, 6: ETHERTYPE_IPV6}
_PPP_PROTOCOLS = {
    ppp.IPV4: ETHERTYPE_IPV4,
    ppp.IPV6: ETHERTYPE_IPV6,
    ppp.MPLS: ETHERTYPE_MPLS,
    ppp.MPLS_MULTICAST: ETHERTYPE_MPLS_MULTICAST,
}
_HDLC_ADDRESSES = frozenset((0x0F, 0x8F))  # unicast and broadcast


@dataclass(frozen=True, slots=True)
class Link:
    """What stood before the network layer.

    ``protocol`` is an EtherType (below 0x600: an IEEE 802.3 length, or a Linux cooked code),
    ``vlans`` the VLAN numbers, outermost first; ``source`` and ``destination`` are link
    addresses, None where the link type has none. ``trailer`` octets at the end of a whole frame
    belong to the link layer too: a frame that was cut has lost them.
    """

    protocol: int
    vlans: tuple[int, ...]
    layers: tuple[str, ...]
    source: bytes | None
    destination: bytes | None
    trailer: int = 0


def parse(linktype: int, cursor: Cursor) -> Link:
    """Pass the link header; the cursor then stands at the network layer.

    ``linktype`` is a LINKTYPE_ value of the capture file. DecodeError for an unknown one, a cut
    header, more than MAX_TAGS VLAN tags, an unknown address family or IP version, and for PPP
    and 802.11 frames that carry no network protocol.
    """
    if linktype not in _PARSERS:
        raise DecodeError(f"unknown link type {linktype}", cursor.position)
    return _PARSERS[linktype](cursor)


def ppp_ethertype(cursor: Cursor) -> int:
    """Pass a PPP header; DecodeError unless what it carries has an EtherType."""
    start = cursor.position
    protocol = ppp.parse(cursor)
    if protocol not in _PPP_PROTOCOLS:
        raise DecodeError("no network protocol", start)
    return _PPP_PROTOCOLS[protocol]


def _ethernet(cursor: Cursor) -> Link:
    destination, source = cursor.take(6), cursor.take(6)
    return _tagged(("ethernet",), cursor.u16(), cursor, source, destination)


def _sll(cursor: Cursor) -> Link:
    _, _, length, address, protocol = struct.unpack("!HHH8sH", cursor.take(16))
    return _tagged(("sll",), protocol, cursor, address[:length] or None, None)


def _sll2(cursor: Cursor) -> Link:
    protocol, _, _, _, _, length, address = struct.unpack("!HHIHBB8s", cursor.take(20))
    return _tagged(("sll2",), protocol, cursor, address[:length] or None, None)


def _wlan(cursor: Cursor) -> Link:
    header = wlan.parse(cursor)
    return _tagged(("wlan",), llc.parse(cursor), cursor, header.source, header.destination)


def _radiotap(cursor: Cursor) -> Link:
    radio = wlan.parse_radiotap(cursor)
    header = wlan.parse(cursor, radio.padded)
    layers = ("radiotap", "wlan")
    ethertype = llc.parse(cursor)
    return _tagged(layers, ethertype, cursor, header.source, header.destination, radio.trailer)


def _tagged(
    layers: tuple[str, ...],
    protocol: int,
    cursor: Cursor,
    source: bytes | None,
    destination: bytes | None,
    trailer: int = 0,
) -> Link:
    """Pass SNAP and VLAN tags behind a header of which all else is known."""
    vlans: list[int] = []
    protocol = _snap(protocol, cursor)
    while protocol in TAG_TYPES:
        if len(vlans) == MAX_TAGS:
            raise DecodeError("too many VLAN tags", cursor.position)
        vlans.append(cursor.u16() & 0x0FFF)
        protocol = _snap(cursor.u16(), cursor)
    layers += ("vlan",) * len(vlans)
    return Link(protocol, tuple(vlans), layers, source, destination, trailer)


def _snap(protocol: int, cursor: Cursor) -> int:
    """Where a length stands, the EtherType behind SNAP, if there is one."""
    if protocol >= _FIRST_ETHERTYPE:
        return protocol
    snap = cursor.data.startswith(llc.PREFIXES, cursor.position, cursor.end)
    return llc.parse(cursor) if snap else protocol


def _ppp(cursor: Cursor) -> Link:
    return _bare("ppp", ppp_ethertype(cursor))


def _ppp_hdlc(cursor: Cursor) -> Link:
    """Link type 50 is either, as the first octet tells."""
    return _hdlc(cursor) if cursor.peek_u8() in _HDLC_ADDRESSES else _ppp(cursor)


def _ppp_ether(cursor: Cursor) -> Link:
    pppoe.parse(cursor)
    return Link(ppp_ethertype(cursor), (), ("pppoe", "ppp"), None, None)


def _hdlc(cursor: Cursor) -> Link:
    start = cursor.position
    address, control = cursor.u8(), cursor.u8()
    if address not in _HDLC_ADDRESSES or control:
        raise DecodeError("no Cisco HDLC", start)
    return _bare("hdlc", cursor.u16())


def _null(cursor: Cursor) -> Link:
    """The address family comes in the byte order of the machine that captured."""
    start, field = cursor.position, cursor.take(4)
    family = min(int.from_bytes(field, "big"), int.from_bytes(field, "little"))
    if family not in _FAMILIES:
        raise DecodeError(f"unknown address family {family}", start)
    return _bare("null", _FAMILIES[family])


def _raw(cursor: Cursor) -> Link:
    version = cursor.peek_u8() >> 4
    if version not in _VERSIONS:
        raise DecodeError(f"unknown IP version {version}", cursor.position)
    return Link(_VERSIONS[version], (), (), None, None)


def _ipv4(cursor: Cursor) -> Link:
    return Link(ETHERTYPE_IPV4, (), (), None, None)


def _ipv6(cursor: Cursor) -> Link:
    return Link(ETHERTYPE_IPV6, (), (), None, None)


def _bare(layer: str, protocol: int) -> Link:
    """A header without addresses, in front of no tags."""
    return Link(protocol, (), (layer,), None, None)


_PARSERS: dict[int, Callable[[Cursor], Link]] = {
    LINKTYPE_NULL: _null,
    LINKTYPE_ETHERNET: _ethernet,
    LINKTYPE_PPP: _ppp,
    LINKTYPE_RAW_BSD: _raw,
    LINKTYPE_RAW_OPENBSD: _raw,
    LINKTYPE_PPP_HDLC: _ppp_hdlc,
    LINKTYPE_PPP_ETHER: _ppp_ether,
    LINKTYPE_RAW: _raw,
    LINKTYPE_C_HDLC: _hdlc,
    LINKTYPE_IEEE802_11: _wlan,
    LINKTYPE_LOOP: _null,
    LINKTYPE_LINUX_SLL: _sll,
    LINKTYPE_RADIOTAP: _radiotap,
    LINKTYPE_IPV4: _ipv4,
    LINKTYPE_IPV6: _ipv6,
    LINKTYPE_LINUX_SLL2: _sll2,
}


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
