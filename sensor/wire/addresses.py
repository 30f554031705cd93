"""IPv4 addresses and ports embedded in IPv6 addresses, and what kind an address is.

Every function takes raw bytes: 16 for IPv6, 4 for IPv4. A recogniser answers None for an address
of another scheme or another length. That an address follows a scheme is a claim of its sender.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sensor.schema.words import Kind

TEREDO_PREFIX = bytes.fromhex("20010000")
LEGACY_TEREDO_PREFIX = bytes.fromhex("3ffe831f")
SIXA44_RELAY = bytes([192, 88, 99, 2])
DISCOVERY_GROUP = bytes([224, 0, 0, 253])

# RFC 5991 section 3.1; RFC 4380 section 4 knows the cone, universal and group bits only.
FLAG_CONE = 0x8000
FLAG_RESERVED = 0x4000
FLAG_RANDOM1 = 0x3C00
FLAG_UNIVERSAL = 0x0200
FLAG_GROUP = 0x0100
FLAG_RANDOM2 = 0x00FF

UNSPECIFIED = bytes(16)
LOOPBACK = bytes(15) + b"\x01"
ALL_NODES = bytes.fromhex("ff02") + bytes(13) + b"\x01"
ALL_ROUTERS = bytes.fromhex("ff02") + bytes(13) + b"\x02"
LINK_LOCAL_PREFIX = bytes.fromhex("fe80") + bytes(6)
COMPATIBLE_PREFIX = bytes(12)
MAPPED_PREFIX = bytes(10) + b"\xff\xff"

SIXTOFOUR_PREFIX = bytes.fromhex("2002")
SIXTOFOUR_ANYCAST = bytes([192, 88, 99, 1])

ISATAP_PRIVATE = bytes.fromhex("00005efe")
ISATAP_UNIVERSAL = bytes.fromhex("02005efe")

# A server's link-local identifier: cone flag and obfuscated port 3544 (RFC 4380 section 5.3.2).
_SERVER_LINK_LOCAL = LINK_LOCAL_PREFIX + bytes.fromhex("8000f227")


def invert(data: bytes) -> bytes:
    """Every bit flipped: the obfuscation of mapped ports and addresses (RFC 4380 section 4)."""
    mask = (1 << len(data) * 8) - 1
    return (int.from_bytes(data) ^ mask).to_bytes(len(data))


class TeredoAddress(NamedTuple):
    """What a Teredo address says (RFC 4380 section 4, RFC 5991 section 3.1).

    ``server`` and ``ip`` are 4 bytes, ``port`` is the mapped port and ``ip`` the mapped address,
    both in clear; ``legacy`` is True for the prefix 3ffe:831f::/32.
    """

    server: bytes
    flags: int
    port: int
    ip: bytes
    legacy: bool

    @property
    def cone(self) -> bool:
        return bool(self.flags & FLAG_CONE)

    @property
    def reserved(self) -> bool:
        return bool(self.flags & FLAG_RESERVED)

    @property
    def random(self) -> int:
        """The 12 random bits of RFC 5991, joined."""
        return (self.flags & FLAG_RANDOM1) >> 2 | self.flags & FLAG_RANDOM2

    @property
    def universal(self) -> bool:
        return bool(self.flags & FLAG_UNIVERSAL)

    @property
    def group(self) -> bool:
        return bool(self.flags & FLAG_GROUP)

    @property
    def identifier(self) -> bytes:
        """The low 8 bytes: flags, obfuscated port, obfuscated address."""
        return struct.pack("!HH", self.flags, self.port ^ 0xFFFF) + invert(self.ip)

    def build(self) -> bytes:
        """The 16 bytes of the address."""
        prefix = LEGACY_TEREDO_PREFIX if self.legacy else TEREDO_PREFIX
        return prefix + self.server + self.identifier

    def build_link_local(self) -> bytes:
        """The 16 bytes of the link-local address with the same identifier; drops the server."""
        return LINK_LOCAL_PREFIX + self.identifier


def parse_identifier(
    identifier: bytes, server: bytes = bytes(4), legacy: bool = False
) -> TeredoAddress:
    """Decode flags, obfuscated port and obfuscated IPv4 address (8 bytes, RFC 4380 section 4)."""
    flags, port = struct.unpack_from("!HH", identifier)
    return TeredoAddress(server, flags, port ^ 0xFFFF, invert(identifier[4:8]), legacy)


def parse_teredo(address: bytes) -> TeredoAddress | None:
    """Decode an address of 2001:0::/32 or of the former 3ffe:831f::/32, else None."""
    prefix = address[:4]
    if len(address) != 16 or prefix not in (TEREDO_PREFIX, LEGACY_TEREDO_PREFIX):
        return None
    return parse_identifier(address[8:], address[4:8], prefix == LEGACY_TEREDO_PREFIX)


def parse_teredo_link_local(address: bytes) -> TeredoAddress | None:
    """Read an address of fe80::/64 as a Teredo link-local address (RFC 4380 section 4), else None.

    Its ``server`` is 0.0.0.0. Any fe80::/64 address fits the layout: only the context (the source
    of a Router Solicitation inside UDP) makes it one.
    """
    if len(address) != 16 or not address.startswith(LINK_LOCAL_PREFIX):
        return None
    return parse_identifier(address[8:])


def server_link_local(address: bytes) -> bytes | None:
    """The server's IPv4 address in fe80::8000:f227:V4 (RFC 4380 section 5.3.2), else None."""
    if len(address) != 16 or not address.startswith(_SERVER_LINK_LOCAL):
        return None
    return invert(address[12:])


def build_server_link_local(server: bytes) -> bytes:
    """The link-local address of the Teredo server at ``server``."""
    return _SERVER_LINK_LOCAL + invert(server)


def sixtofour(address: bytes) -> bytes | None:
    """The IPv4 address in 2002:V4::/48 (RFC 3056 section 2), else None."""
    if len(address) != 16 or not address.startswith(SIXTOFOUR_PREFIX):
        return None
    return address[2:6]


def build_sixtofour(ip: bytes, subnet: int = 0, interface: bytes = bytes(7) + b"\x01") -> bytes:
    """2002:``ip``:``subnet``:``interface``, the interface identifier being 8 bytes."""
    return SIXTOFOUR_PREFIX + ip + subnet.to_bytes(2) + interface


def isatap(address: bytes) -> bytes | None:
    """The IPv4 address in an ISATAP identifier, either u bit (RFC 5214 section 6.1), else None."""
    if len(address) != 16 or address[8:12] not in (ISATAP_PRIVATE, ISATAP_UNIVERSAL):
        return None
    return address[12:]


def build_isatap(prefix8: bytes, ip: bytes, universal: bool = False) -> bytes:
    """The ISATAP address of ``ip`` under a prefix of 8 bytes."""
    return prefix8 + (ISATAP_UNIVERSAL if universal else ISATAP_PRIVATE) + ip


def ipv4_compatible(address: bytes) -> bytes | None:
    """The IPv4 address in ::/96 (RFC 4291 section 2.5.5.1), else None.

    0.0.0.0/8 names no host: ``::``, ``::1`` and their like embed nothing.
    """
    if len(address) != 16 or not address.startswith(COMPATIBLE_PREFIX):
        return None
    return address[12:] if address[12] else None


def ipv4_mapped(address: bytes) -> bytes | None:
    """The IPv4 address in ::ffff:0:0/96 (RFC 4291 section 2.5.5.2), else None."""
    if len(address) != 16 or not address.startswith(MAPPED_PREFIX):
        return None
    return address[12:]


def sixover4(address: bytes) -> bytes | None:
    """The IPv4 address in fe80::V4 (RFC 2529 section 4, RFC 4213 section 3.7), else None.

    0.0.0.0/8 names no host: fe80::1 and its like are numbered by hand.
    """
    if len(address) != 16 or not address.startswith(LINK_LOCAL_PREFIX + bytes(4)):
        return None
    return address[12:] if address[12] else None


def build_sixover4(ip: bytes) -> bytes:
    """The 6over4 link-local address of ``ip``."""
    return LINK_LOCAL_PREFIX + bytes(4) + ip


def sixover4_multicast(group16: bytes) -> bytes:
    """The IPv4 group 239.192.x.y that carries an IPv6 group (RFC 2529 section 6)."""
    return bytes([239, 192]) + group16[14:]


@dataclass(frozen=True, slots=True)
class SixRdDomain:
    """A provider's 6rd parameters (RFC 5969 sections 4 and 7.1.1).

    ``prefix`` is 16 bytes, zero after ``prefix_length`` bits; ``ipv4_mask`` counts the high bits
    that all IPv4 addresses of the domain share and that are therefore not embedded; ``relays``
    are IPv4 addresses. Values that cannot form a domain raise ValueError.
    """

    prefix: bytes
    prefix_length: int
    ipv4_mask: int
    relays: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.prefix) != 16 or any(len(relay) != 4 for relay in self.relays):
            raise ValueError("a 6rd prefix has 16 bytes and a relay 4")
        if not 0 <= self.prefix_length <= 128 or not 0 <= self.ipv4_mask <= 32:
            raise ValueError("a 6rd prefix length is 0 to 128 and an IPv4 mask length 0 to 32")
        if self.prefix_length + self._embedded_bits > 128:
            raise ValueError("6rd prefix and embedded IPv4 bits exceed 128 bits")
        if int.from_bytes(self.prefix) & ((1 << 128 - self.prefix_length) - 1):
            raise ValueError("6rd prefix has bits set after its length")

    @property
    def _embedded_bits(self) -> int:
        return 32 - self.ipv4_mask

    @property
    def _shift(self) -> int:
        return 128 - self.prefix_length - self._embedded_bits

    def embedded(self, address: bytes, common: bytes) -> bytes | None:
        """The IPv4 address in ``address``, or None if it is not under the prefix.

        ``common`` is any IPv4 address of the domain: it gives the high ``ipv4_mask`` bits.
        """
        value = int.from_bytes(address)
        if len(address) != 16 or (value ^ int.from_bytes(self.prefix)) >> 128 - self.prefix_length:
            return None
        low_mask = (1 << self._embedded_bits) - 1
        high = int.from_bytes(common) & ~low_mask
        return (high | value >> self._shift & low_mask).to_bytes(4)

    def delegate(self, ip: bytes) -> tuple[bytes, int]:
        """The prefix (16 bytes) and its length that the customer edge at ``ip`` receives."""
        low = int.from_bytes(ip) & ((1 << self._embedded_bits) - 1)
        prefix = int.from_bytes(self.prefix) | low << self._shift
        return prefix.to_bytes(16), self.prefix_length + self._embedded_bits


def packed(text: str) -> bytes:
    """The 4 or 16 bytes of an address in text form; ValueError if it is none (no zone index)."""
    if "%" in text:
        raise ValueError(f"{text!r} has a zone index")
    return ipaddress.ip_address(text).packed


def text(address: bytes) -> str:
    """Dotted quad for 4 bytes, RFC 5952 text for 16; ValueError for any other length.

    Only IPv4-mapped addresses end in a dotted quad (RFC 5952 section 5).
    """
    if len(address) == 4:
        return ".".join(map(str, address))
    if len(address) != 16:
        raise ValueError(f"an address has 4 or 16 bytes, not {len(address)}")
    mapped = ipv4_mapped(address)
    if mapped is not None:
        return "::ffff:" + text(mapped)
    groups = struct.unpack("!8H", address)
    start, length = _longest_zero_run(groups)
    if length < 2:
        return _colons(groups)
    return f"{_colons(groups[:start])}::{_colons(groups[start + length :])}"


def _colons(groups: Sequence[int]) -> str:
    return ":".join(f"{group:x}" for group in groups)


def _longest_zero_run(groups: Sequence[int]) -> tuple[int, int]:
    """Start and length of the first of the longest runs of zero groups."""
    best_start = best_length = start = 0
    for position, group in enumerate(groups):
        if group:
            start = position + 1
        elif position + 1 - start > best_length:
            best_start, best_length = start, position + 1 - start
    return best_start, best_length


Networks = tuple[tuple[int, int], ...]


def _networks(*texts: str) -> Networks:
    """Pairs of (network, mask) for IPv4 networks written ADDRESS/LENGTH."""
    pairs = (ipaddress.IPv4Network(text) for text in texts)
    return tuple((int(pair.network_address), int(pair.netmask)) for pair in pairs)


def _within(ip: bytes, networks: Networks) -> bool:
    value = int.from_bytes(ip)
    return len(ip) == 4 and any(value & mask == network for network, mask in networks)


_PRIVATE = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
# RFC 4380 section 5.2.4, to the letter: 100.64/10 and 240/4 pass.
_NOT_GLOBAL_UNICAST = _networks(
    "0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.168.0.0/16", "192.88.99.0/24", "224.0.0.0/4", "255.255.255.255/32",
)  # fmt: skip
# Documentation and benchmark networks are left out: laboratories use them as public addresses.
_BOGONS = _networks(
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
)  # fmt: skip


def is_private(ip: bytes) -> bool:
    """True in the networks of RFC 1918 and in the shared space 100.64.0.0/10 (RFC 6598)."""
    return _within(ip, _PRIVATE)


def is_global_unicast(ip: bytes) -> bool:
    """The test of RFC 4380 section 5.2.4, without the broadcast addresses of attached subnets."""
    return len(ip) == 4 and not _within(ip, _NOT_GLOBAL_UNICAST)


def is_bogon(ip: bytes) -> bool:
    """True if ``ip`` cannot be a public tunnel end; 192.88.99.0/24 can, as the 6to4 anycast."""
    return len(ip) != 4 or _within(ip, _BOGONS)


def is_multicast6(address: bytes) -> bool:
    """True in ff00::/8."""
    return len(address) == 16 and address[0] == 0xFF


def is_link_local6(address: bytes) -> bool:
    """True in fe80::/10."""
    return len(address) == 16 and address[0] == 0xFE and address[1] & 0xC0 == 0x80


def is_site_local6(address: bytes) -> bool:
    """Whether an address is in fec0::/10, deprecated by RFC 3879."""
    return len(address) == 16 and address[0] == 0xFE and address[1] >= 0xC0


def is_global6(address: bytes) -> bool:
    """True in 2000::/3, the only global unicast space handed out so far."""
    return len(address) == 16 and address[0] & 0xE0 == 0x20


class LeakingAddress(NamedTuple):
    """A public endpoint together with what a scheme tells of the host behind it.

    ``inside`` is the private IPv4 address in a 6a44 address, the number in the LAN in a 6bed4 one.
    Neither has a fixed prefix: that an address follows one of them must be known from elsewhere.
    """

    ip: bytes
    port: int
    inside: bytes


def parse_sixa44(address: bytes) -> LeakingAddress:
    """The last 80 bits of a 6a44 address: endpoint and inside address in clear (RFC 6751 5)."""
    return LeakingAddress(address[6:10], int.from_bytes(address[10:12]), address[12:])


def build_sixa44(prefix6: bytes, found: LeakingAddress) -> bytes:
    """The 6a44 address under a provider's prefix of 6 bytes."""
    return prefix6 + found.ip + found.port.to_bytes(2) + found.inside


def parse_sixbed4(address: bytes) -> LeakingAddress:
    """The interface identifier of a 6bed4 address.

    Two bits of the IPv4 address's first octet, in the place of u and g, stand before the 14 bits
    of the host's number, which ``inside`` holds in two bytes.
    """
    last = int.from_bytes(address[14:])
    first = address[8] & 0xFC | last >> 14
    ip = bytes([first]) + address[9:12]
    return LeakingAddress(ip, int.from_bytes(address[12:14]), (last & 0x3FFF).to_bytes(2))


def build_sixbed4(prefix8: bytes, found: LeakingAddress) -> bytes:
    """The 6bed4 address under a prefix of 8 bytes; ``inside`` is the host's 14-bit number."""
    last = (found.ip[0] & 3) << 14 | int.from_bytes(found.inside)
    identifier = bytes([found.ip[0] & 0xFC]) + found.ip[1:] + found.port.to_bytes(2)
    return prefix8 + identifier + last.to_bytes(2)


def embeddings(
    address: bytes, end: bytes, sixrd: Sequence[SixRdDomain]
) -> list[tuple[Kind, bytes]]:
    """Every scheme that fits an IPv6 address, with the IPv4 address it embeds.

    ``end`` is the outer IPv4 address of the same side: 6rd takes its common high bits from there.
    Teredo is not among them: its addresses embed two (``parse_teredo``).
    """
    found = [
        (Kind.SIXTOFOUR, sixtofour(address)),
        (Kind.ISATAP, isatap(address)),
        (Kind.SIXOVERFOUR, sixover4(address)),
        (Kind.IPV4_COMPATIBLE, ipv4_compatible(address)),
        *((Kind.SIXRD, domain.embedded(address, end)) for domain in sixrd),
    ]
    return [(kind, ip) for kind, ip in found if ip is not None]
