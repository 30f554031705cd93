"""What is embedded in an address, bit by bit, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sensor.emit.detail import wrapped
from sensor.emit.networks import network, use
from sensor.emit.texts import mac_text
from sensor.wire import addresses
from sensor.wire.addresses import TeredoAddress, text
from sensor.wire.ports import TEREDO_PORT

_EUI64 = bytes.fromhex("fffe")  # between the halves of a MAC address, RFC 4291 appendix A
_NAT64 = bytes.fromhex("0064ff9b") + bytes(8)
_UNIVERSAL_BIT = 0x02

_NOTHING = (
    "Nothing that can be recognised is embedded in it. A 6rd address cannot be told from others"
    " without its provider's prefix."
)

# Sources of Teredo router solicitations, by the identifier behind fe80::/64.
_SOLICITORS = {
    "0000ffffffffffff": "Vista, Miredo",
    "0000fffffffffffe": "Windows 7 and later",
    "8000fffffffffffd": "Windows XP SP2 and 2003, asking for a cone NAT",
    "0000fffffffffffd": "Windows XP SP2 and 2003",
    "800054455245444f": "early Windows XP and Miredo (TEREDO), asking for a cone NAT",
    "000054455245444f": "early Windows XP and Miredo (TEREDO)",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Some bits of an address: their octets or bits as they stand, and what they say."""

    bits: str
    raw: str
    name: str
    value: str


@dataclass(slots=True)
class Finding:
    """One scheme that an address follows, or seems to."""

    title: str
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def explain_ipv6(address: bytes) -> Iterator[str]:
    """Lines on an IPv6 address of 16 bytes."""
    yield text(address)
    yield f"  {': '.join(network(address))}"
    found = findings(address)
    for finding in found:
        yield ""
        yield from _section(finding)
    if not found:
        yield ""
        yield from wrapped("  ", _NOTHING)


def embeds(address: bytes) -> bool:
    """Whether anything can be told from the address."""
    return bool(findings(address))


def _section(finding: Finding) -> Iterator[str]:
    yield f"  {finding.title}"
    for part in finding.parts:
        yield from wrapped(f"    {part.bits:<8} {part.raw:<17} {part.name:<15} ", part.value)
    for note in finding.notes:
        yield from wrapped("    ", note)
    if not finding.wrong:
        yield "    wrong with it: nothing"
    for wrong in finding.wrong:
        yield from wrapped("    wrong with it: ", wrong)


def findings(address: bytes) -> list[Finding]:
    """Every scheme that fits an IPv6 address; several may."""
    found = (
        _teredo(address),
        _server_link_local(address),
        _solicitor(address),
        _sixtofour(address),
        _isatap(address),
        _sixover4(address),
        _compatible(address),
        _mapped(address),
        _nat64(address),
        _eui64(address),
    )
    return [finding for finding in found if finding is not None]


# Teredo


def _teredo(address: bytes) -> Finding | None:
    decoded = addresses.parse_teredo(address)
    if decoded is None:
        return None
    prefix = "former Teredo prefix" if decoded.legacy else "Teredo prefix"
    return Finding(
        "Teredo address (RFC 4380 section 4, RFC 5991 section 3.1)",
        [
            Part("0-31", address[:4].hex(), "prefix", prefix),
            Part("32-63", address[4:8].hex(), "server", _with_use(decoded.server)),
            *_flag_parts(decoded.flags),
            *_mapping_parts(address[8:], decoded),
        ],
        _teredo_notes(decoded),
        list(_teredo_wrongs(decoded)),
    )


def _flag_parts(flags: int) -> list[Part]:
    bit = f"{flags:016b}"
    cone = "claims to be behind a cone NAT" if bit[0] == "1" else "no cone NAT claimed"
    return [
        Part("64-79", f"{flags:04x}", "flags", "C z R1(4) U G R2(8)"),
        Part("64", bit[0], "  C", cone),
        Part("65", bit[1], "  z", "reserved, to be 0"),
        Part("66-69", bit[2:6], "  R1", f"random, {flags >> 10 & 15}"),
        Part("70", bit[6], "  U", "universal, to be 0"),
        Part("71", bit[7], "  G", "group, to be 0"),
        Part("72-79", bit[8:], "  R2", f"random, {flags & 255}"),
    ]


def _mapping_parts(identifier: bytes, decoded: TeredoAddress) -> list[Part]:
    port = f"every bit inverted: 0x{decoded.port:04x} = {decoded.port}"
    ip = f"every bit inverted: 0x{decoded.ip.hex()} = {_with_use(decoded.ip)}"
    return [
        Part("80-95", identifier[2:4].hex(), "mapped port", port),
        Part("96-127", identifier[4:8].hex(), "mapped address", ip),
    ]


def _with_use(ip: bytes) -> str:
    return f"{text(ip)} ({use(ip)})"


def _teredo_notes(decoded: TeredoAddress) -> list[str]:
    public = f"{text(decoded.ip)}:{decoded.port}"
    notes = [f"The client is {public}/udp to the IPv4 Internet; its server {text(decoded.server)}."]
    if decoded.cone:
        notes.append("The cone bit is a claim of the client; RFC 5991 has its peers ignore it.")
    return notes


def _teredo_wrongs(decoded: TeredoAddress) -> Iterator[str]:
    if decoded.legacy:
        yield "the prefix was given back in 2006: an old stack, an old capture, or a forgery"
    yield from _not_global("server", decoded.server)
    yield from _not_global("mapped address", decoded.ip)
    if decoded.port == 0:
        yield "no NAT maps to port 0"
    if decoded.reserved:
        yield "the reserved flag bit z is set"
    if decoded.universal:
        yield "the flag bit U is set, which Teredo leaves clear"
    if decoded.group:
        yield "the flag bit G is set, which Teredo leaves clear"
    if decoded.ip == decoded.server and decoded.port == TEREDO_PORT:
        yield "the mapping is the server itself: a packet to it loops"


def _not_global(name: str, ip: bytes) -> Iterator[str]:
    if addresses.is_bogon(ip) or not addresses.is_global_unicast(ip):
        yield f"the {name} {text(ip)} is no global unicast address ({use(ip)})"


def _server_link_local(address: bytes) -> Finding | None:
    server = addresses.server_link_local(address)
    if server is None:
        return None
    raw = address[12:].hex()
    value = f"every bit inverted: 0x{server.hex()} = {_with_use(server)}"
    return Finding(
        "link-local address of a Teredo server (RFC 4380 section 5.3.2)",
        [
            Part("64-79", "8000", "flags", "cone bit set"),
            Part("80-95", "f227", "port", f"every bit inverted: {TEREDO_PORT}"),
            Part("96-127", raw, "server", value),
        ],
        wrong=list(_not_global("server", server)),
    )


def _solicitor(address: bytes) -> Finding | None:
    who = _SOLICITORS.get(address[8:].hex())
    if who is None or not address.startswith(addresses.LINK_LOCAL_PREFIX):
        return None
    part = Part("64-127", address[8:].hex(), "identifier", f"used by {who}")
    return Finding("source of a Teredo router solicitation (RFC 4380 section 5.2.1)", [part])


# the schemes of protocol 41


def _sixtofour(address: bytes) -> Finding | None:
    ip = addresses.sixtofour(address)
    if ip is None:
        return None
    finding = Finding(
        "6to4 address (RFC 3056 section 2)",
        [
            Part("0-15", address[:2].hex(), "prefix", "6to4"),
            Part("16-47", ip.hex(), "IPv4 address", _with_use(ip)),
            Part("48-63", address[6:8].hex(), "subnet", str(int.from_bytes(address[6:8]))),
            Part("64-127", address[8:].hex(), "identifier", ""),
        ],
        [f"Packets to it travel in IPv4 protocol 41 to {text(ip)}."],
    )
    if address[8:] == bytes(4) + ip:
        finding.notes.append("The identifier repeats the IPv4 address, as Windows does.")
    if ip == addresses.SIXTOFOUR_ANYCAST:
        finding.wrong.append("the anycast relay 192.88.99.1 is deprecated by RFC 7526")
    elif addresses.is_bogon(ip):
        finding.wrong.extend(_not_global("embedded address", ip))
    return finding


def _isatap(address: bytes) -> Finding | None:
    ip = addresses.isatap(address)
    if ip is None:
        return None
    universal = bool(address[8] & _UNIVERSAL_BIT)
    finding = Finding(
        "ISATAP address (RFC 5214 section 6.1)",
        [
            Part("0-63", address[:8].hex(), "prefix", use(address)),
            Part("64-95", address[8:12].hex(), "marker", f"u bit {int(universal)}"),
            Part("96-127", ip.hex(), "IPv4 address", _with_use(ip)),
        ],
    )
    if universal and addresses.is_bogon(ip):
        finding.wrong.append(f"the u bit says that {text(ip)} is globally unique ({use(ip)})")
    return finding


def _sixover4(address: bytes) -> Finding | None:
    ip = addresses.sixover4(address)
    if ip is None or address[8:].hex() in _SOLICITORS:
        return None
    return Finding(
        "6over4 address, or that of a configured tunnel's end (RFC 2529 section 4, RFC 4213 3.7)",
        [Part("96-127", ip.hex(), "IPv4 address", _with_use(ip))],
    )


def _compatible(address: bytes) -> Finding | None:
    ip = addresses.ipv4_compatible(address)
    if ip is None:
        return None
    return Finding(
        "IPv4-compatible address (RFC 4291 section 2.5.5.1)",
        [Part("96-127", ip.hex(), "IPv4 address", _with_use(ip))],
        wrong=["automatic tunnels to such addresses were withdrawn by RFC 4213"],
    )


def _mapped(address: bytes) -> Finding | None:
    ip = addresses.ipv4_mapped(address)
    if ip is None:
        return None
    return Finding(
        "IPv4-mapped address (RFC 4291 section 2.5.5.2)",
        [Part("96-127", ip.hex(), "IPv4 address", _with_use(ip))],
        wrong=["inside a tunnel it is forged: RFC 4213 section 3.6 has it dropped"],
    )


# other identifiers


def _nat64(address: bytes) -> Finding | None:
    if not address.startswith(_NAT64):
        return None
    ip = address[12:]
    part = Part("96-127", ip.hex(), "IPv4 address", _with_use(ip))
    return Finding("NAT64 address (RFC 6052 section 2.1): translated, not tunnelled", [part])


def _eui64(address: bytes) -> Finding | None:
    if address[11:13] != _EUI64 or address[0] == 0xFF or _is_teredo(address):
        return None
    mac = bytes([address[8] ^ _UNIVERSAL_BIT]) + address[9:11] + address[13:]
    part = Part("64-127", address[8:].hex(), "MAC address", mac_text(mac))
    return Finding("identifier made from a MAC address (RFC 4291 appendix A)", [part])


def _is_teredo(address: bytes) -> bool:
    return addresses.parse_teredo(address) is not None or _solicitor(address) is not None


# IPv4


def explain_ipv4(ip: bytes) -> Iterator[str]:
    """Lines on an IPv4 address of 4 bytes: how it looks embedded in IPv6 and in Teredo."""
    inverted = addresses.invert(ip)
    yield f"{text(ip)} = 0x{ip.hex()}"
    yield f"  {': '.join(network(ip))}"
    yield ""
    yield "  how it looks"
    for name, value in (
        ("mapped by a NAT, in Teredo", f"every bit inverted, at its end: {_groups(inverted)}"),
        ("in an origin indication", f"every bit inverted: {inverted.hex(' ')}"),
        ("as Teredo server", f"{text(addresses.TEREDO_PREFIX + ip + bytes(8))}/64"),
        ("server's own link-local", text(addresses.build_server_link_local(ip))),
        ("6to4", f"{text(addresses.build_sixtofour(ip, interface=bytes(8)))}/48"),
        ("6to4, as Windows does", text(addresses.build_sixtofour(ip, interface=bytes(4) + ip))),
        ("ISATAP, u bit 0", text(addresses.build_isatap(addresses.LINK_LOCAL_PREFIX, ip))),
        ("ISATAP, u bit 1", text(addresses.build_isatap(addresses.LINK_LOCAL_PREFIX, ip, True))),
        ("6over4", text(addresses.build_sixover4(ip))),
        ("IPv4-compatible", f"::{text(ip)}"),
        ("IPv4-mapped", f"::ffff:{text(ip)}"),
        ("NAT64", text(_NAT64 + ip)),
    ):
        yield f"    {name:<27} {value}"
    for wrong in _not_global("address", ip):
        yield ""
        yield from wrapped("  ", f"No Teredo or 6to4 end on the Internet: {wrong}.")


def _groups(octets: bytes) -> str:
    return f"{octets[:2].hex()}:{octets[2:].hex()}"
