"""Every kind of tunnel, in every shape of its headers, with what must be said of it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import replace

from sensor.wire import ayiya, gre, gue, ipv6, l2tp, ppp, sixa44, sixbed4, teredo, tsp, udp
from sensor.wire.addresses import (
    ALL_NODES,
    ISATAP_PRIVATE,
    SIXA44_RELAY,
    LeakingAddress,
    build_isatap,
    build_sixa44,
    build_sixbed4,
    build_sixover4,
    build_sixtofour,
    packed,
    sixover4_multicast,
)
from sensor.wire.link import ETHERTYPE_IPV6, build_ethernet
from sensor.wire.ports import (
    AYIYA_OLD_PORT,
    AYIYA_PORT,
    GRE_PORT,
    GUE_PORT,
    L2TP_PORT,
    SIXA44_PORT,
    SIXBED4_PORT,
    TSP_PORT,
)
from sensor.wire.sixinfour import PROTOCOL

from .. import build
from ..build import CLIENT, MAPPED, NATIVE, PEER, RELAY, SERVER, TEREDO, V4A, V4B, End
from .made import (
    GRE,
    SIXRD,
    TCP,
    TIME,
    Change,
    Inside,
    Tunnel,
    bare6,
    echo6,
    icmp6,
    in_ipv4,
    in_ipv6,
    nothing,
    tcp6,
    words,
)

CLIENT6: End = (packed("2a00:db8:c::2"), CLIENT[1])
SERVER6: End = (packed("2a00:db8:5::1"), SERVER[1])
PUBLIC: tuple[End, End] = ((V4A, 40000), (V4B, 50000))
PLAIN: tuple[End, End] = ((V4A, 0), (V4B, 0))
_MACS = (bytes.fromhex("020000000011"), bytes.fromhex("020000000012"))
_STRANGER = packed("fe80::1234:5678:9abc:def0")


def before(header: bytes) -> Change:
    """A scheme that is a fixed header."""
    return functools.partial(_joined, header)


def _joined(header: bytes, body: bytes) -> bytes:
    return header + body


# Teredo

_FRONTS = {
    "": b"",
    "auth": build.authentication(),
    "origin": build.origin(RELAY),
    "auth origin": build.authentication() + build.origin(RELAY),
}
TRAILERS = {
    "nonce": teredo.build_trailer_nonce(b"\xde\xad\xbe\xef"),
    "alternate": teredo.build_trailer_alternate([CLIENT]),
    "discovery": teredo.build_trailer_neighbour_discovery(0),
    "port": teredo.build_trailer_random_port(40001),
}
_TRAILED = {"": b"", **TRAILERS, "all": b"".join(TRAILERS.values())}


def _teredo(
    packet: str, inside: Inside, ends: tuple[End, End], reasons: str, front: str = ""
) -> Tunnel:
    grammar = "grammar" if front else ""
    return Tunnel(
        family="teredo",
        name=" ".join(filter(None, (packet, front))),
        kind="teredo",
        inside=inside,
        source=ends[0],
        destination=ends[1],
        scheme=before(_FRONTS[front]),
        above=("teredo",),
        reasons=words(f"{reasons} {grammar}"),
        teredo=packet,
    )


def _teredo_bases() -> Iterator[Tunnel]:
    request, answer = (CLIENT, SERVER), (SERVER, CLIENT)
    solicits = icmp6(build.solicitation())
    for front in ("", "auth"):
        yield _teredo("router-solicitation", solicits, request, "router-solicitation", front)
    advertises = icmp6(build.advertisement())
    signs = "router-advertisement server-equals-outer"
    for front in ("origin", "auth origin"):
        yield _teredo("router-advertisement", advertises, answer, signs, front)
    forwarded = bare6(build.bubble(_STRANGER))
    for front in ("", "origin"):
        yield _teredo("bubble", forwarded, answer, "teredo-address bubble", front)
    yield _teredo("connectivity-test", echo6(TEREDO, NATIVE), request, "teredo-address")
    yield _teredo("data", tcp6(NATIVE, TEREDO), (RELAY, CLIENT), "teredo-address")
    mapped = "teredo-address mapping-equals-outer"
    outside = _teredo("data", tcp6(TEREDO, NATIVE), (MAPPED, PEER), mapped)
    yield replace(outside, name="data outside the NAT")


def _teredo_over_ipv6() -> Iterator[Tunnel]:
    """The same, where neither server nor mapping can be an outer end."""
    moved = {CLIENT: CLIENT6, SERVER: SERVER6, RELAY: SERVER6, MAPPED: CLIENT6, PEER: SERVER6}
    for each in _teredo_bases():
        yield replace(
            each,
            family="teredo over ipv6",
            source=moved[each.source],
            destination=moved[each.destination],
            reasons=each.reasons - {"server-equals-outer", "mapping-equals-outer"},
            teredo="data" if each.teredo == "connectivity-test" else each.teredo,
        )


def _teredo_trailers() -> Iterator[Tunnel]:
    bubble = _teredo(
        "bubble", bare6(build.bubble(TEREDO, build.teredo_address(PEER))), (CLIENT, SERVER),
        "teredo-address bubble",
    )  # fmt: skip
    for name, tail in _TRAILED.items():
        yield replace(bubble, name=f"bubble {name} trailer", tail=tail, trailed=True)


# protocol 41


def _forty_one(
    kind: str, inside: Inside, ends: tuple[bytes, bytes] = (V4A, V4B), reasons: str = ""
) -> Tunnel:
    return Tunnel(
        family=kind,
        name=kind,
        kind=kind,
        inside=inside,
        source=(ends[0], 0),
        destination=(ends[1], 0),
        protocol=PROTOCOL,
        reasons=words(f"protocol-41 {reasons}"),
        transport="ipv6",
    )


SIXINFOUR = _forty_one("6in4", tcp6())


def _embedding() -> Iterator[Tunnel]:
    embedded = "embedded-equals-outer"
    both = tcp6(build_sixtofour(V4A), build_sixtofour(V4B))
    yield replace(_forty_one("6to4", both, reasons=embedded), name="6to4 to 6to4")
    anycast = (packed("192.88.99.1"), V4B)
    relayed = _forty_one("6to4", tcp6(NATIVE, build_sixtofour(V4B)), anycast, embedded)
    yield replace(relayed, name="6to4 from the anycast relay")
    private = (packed("192.168.0.2"), packed("192.168.0.1"))
    isatap = tcp6(build_isatap(packed("2a00:db8:7::")[:8], private[0]), NATIVE)
    yield _forty_one("isatap", isatap, private, embedded)
    universal = tcp6(build_isatap(packed("2a00:db8:7::")[:8], V4A, universal=True), NATIVE)
    yield replace(_forty_one("isatap", universal, reasons=embedded), name="isatap, u bit")
    mixed = build_sixtofour(V4A, interface=ISATAP_PRIVATE + V4A)
    two = _forty_one("6to4", tcp6(mixed, build_sixtofour(V4B)), reasons=embedded)
    yield replace(two, name="6to4 and isatap", kinds=words("6to4 isatap"))
    edge = packed("10.100.100.1")
    rd = f"{embedded} configured-prefix"
    delegated = SIXRD.delegate(edge)[0][:15] + b"\x01"
    yield _forty_one("6rd", tcp6(delegated, NATIVE), (edge, SIXRD.relays[0]), rd)
    group = (packed("192.0.2.4"), sixover4_multicast(ALL_NODES))
    yield _forty_one("6over4", echo6(build_sixover4(group[0]), ALL_NODES), group, embedded)
    compatible = tcp6(bytes(12) + V4A, bytes(12) + V4B)
    yield _forty_one("ipv4-compatible", compatible, reasons=embedded)


# GRE


def _gre6(name: str, scheme: Change, above: str = "gre") -> Tunnel:
    return Tunnel(
        family="gre6",
        name=name,
        kind="gre6",
        inside=tcp6(),
        source=(V4A, 0),
        destination=(V4B, 0),
        protocol=GRE,
        scheme=scheme,
        above=tuple(above.split()),
        reasons=words("gre"),
        transport="gre",
    )


def _gre_schemes() -> Iterator[tuple[str, Change]]:
    for check, keyed, numbered in itertools.product((False, True), repeat=3):
        fields = [n for n, on in (("C", check), ("K", keyed), ("S", numbered)) if on]
        key, number = 0x1234 if keyed else None, 77 if numbered else None
        yield (
            " ".join(["gre", *fields]),
            functools.partial(_gre, check=check, key=key, number=number),
        )


def _gre(body: bytes, *, check: bool, key: int | None, number: int | None) -> bytes:
    return gre.build(gre.IPV6, body, checksum=check, key=key, sequence=number)


def _gre_ethernet(body: bytes, vlans: tuple[int, ...] = ()) -> bytes:
    frame = build_ethernet(body, ETHERTYPE_IPV6, *_MACS, vlans)
    return gre.build(gre.TRANSPARENT_ETHERNET, frame, key=9)


def _gre_routed(body: bytes) -> bytes:
    return gre.build(gre.IPV6, body, routes=(V4A, V4B))


def _pptp(body: bytes, *, numbered: bool, address: bool) -> bytes:
    frame = ppp.build(ppp.IPV6, body, address_control=address)
    number = 5 if numbered else None
    return gre.build_pptp(3, frame, sequence=number, acknowledgement=number)


def _gre6_kinds() -> Iterator[Tunnel]:
    for name, scheme in _gre_schemes():
        yield _gre6(name, scheme)
    yield _gre6("gre routed", _gre_routed)
    yield _gre6("gre 0x6558", _gre_ethernet, "gre ethernet")
    tagged = functools.partial(_gre_ethernet, vlans=(5,))
    yield _gre6("gre 0x6558 vlan", tagged, "gre ethernet vlan")
    for numbered, address in itertools.product((False, True), repeat=2):
        scheme = functools.partial(_pptp, numbered=numbered, address=address)
        yield _gre6(f"pptp{' S A' * numbered}{' ff 03' * address}", scheme, "gre ppp")


def _gre_in_udp() -> Iterator[Tunnel]:
    for name, scheme in _gre_schemes():
        yield replace(
            _gre6(f"{name} in udp", scheme),
            family="gre6 in udp",
            source=(V4A, 50123),
            destination=(V4B, GRE_PORT),
            protocol=udp.PROTOCOL,
            transport="udp",
        )


# AYIYA

_SIGNATURES = {ayiya.NO_HASH: 0, ayiya.MD5: 16, ayiya.SHA1: 20, ayiya.UMAC: 8}
EPOCH = TIME // 10**9


def ayiya_header(
    identity: int = 16,
    method: int = ayiya.SHA1,
    opcode: int = ayiya.FORWARD,
    following: int = PROTOCOL,
    epoch: int = EPOCH,
) -> bytes:
    signature = bytes(range(_SIGNATURES[method]))
    return ayiya.Header(
        1, bytes(range(1, 17)) * (identity // 16), method, signature, method and 1, opcode,
        following, epoch,
    ).build()  # fmt: skip


def ayiya_tunnel(name: str, header: bytes, inside: Inside | None = None, **more: object) -> Tunnel:
    tunnel = Tunnel(
        family="ayiya",
        name=f"ayiya {name}",
        kind="ayiya",
        inside=inside or tcp6(),
        source=(V4A, 40000),
        destination=(V4B, AYIYA_PORT),
        scheme=before(header),
        above=("ayiya",),
        reasons=words("ayiya epoch scheme-port"),
    )
    return replace(tunnel, **more)  # type: ignore[arg-type]


def _ayiya_kinds() -> Iterator[Tunnel]:
    for identity in (16, 32, 64, 128, 256):
        for method in _SIGNATURES:
            yield ayiya_tunnel(f"{identity} hash {method}", ayiya_header(identity, method))
    for opcode in range(ayiya.QUERY_REPLY + 1):
        yield ayiya_tunnel(f"opcode {opcode}", ayiya_header(opcode=opcode))
    old = AYIYA_OLD_PORT
    yield ayiya_tunnel("old port", ayiya_header(), destination=(V4B, old))
    bare = words("ayiya epoch")
    yield ayiya_tunnel("any port", ayiya_header(), destination=(V4B, 33333), reasons=bare)
    late = ayiya_header(epoch=EPOCH - 400 * 86_400)
    yield ayiya_tunnel("wrong clock", late, reasons=words("ayiya scheme-port"))
    there = (V4B, 33333)
    yield ayiya_tunnel("wrong clock, any port", late, destination=there, reasons=words("ayiya"))
    for each in _ayiya_control():
        yield replace(each, family="ayiya control")


def _ayiya_control() -> Iterator[Tunnel]:
    exact = words("ayiya epoch scheme-port exact-length")
    for opcode in range(ayiya.QUERY_REPLY + 1):
        header = ayiya_header(opcode=opcode, following=ipv6.NO_NEXT_HEADER)
        yield ayiya_tunnel(f"control {opcode}", header, nothing(), reasons=exact)
    motd = ayiya_header(opcode=ayiya.MOTD, following=ipv6.NO_NEXT_HEADER)
    yield ayiya_tunnel("message of the day", motd, nothing(b"Welcome to this broker"))
    noop = ayiya_header(opcode=ayiya.NOOP, following=ipv6.NO_NEXT_HEADER)
    signs = words("ayiya epoch exact-length")
    there = (V4B, 33333)
    yield ayiya_tunnel("no-op, any port", noop, nothing(), destination=there, reasons=signs)


# TSP

_COMMANDS = (
    b"VERSION=2.0.0\r\n",
    b"CAPABILITY TUNNEL=V6V4 TUNNEL=V6UDPV4 AUTH=ANONYMOUS\r\n",
    b"AUTHENTICATE ANONYMOUS\r\n",
    b"Content-length: 61\r\n<tunnel action='create' type='v6udpv4'></tunnel>\r\n",
)
_REPLIES = (b"200 Success\r\n", b"300 Authentication failed\r\n", b"501 Unknown\r\n")


def _tsp(name: str, text: bytes, ends: tuple[End, End], reasons: str) -> Tunnel:
    return Tunnel(
        family="tsp over udp",
        name=f"tsp {name}",
        kind="tsp",
        inside=nothing(tsp.build(7, 1, text)),
        source=ends[0],
        destination=ends[1],
        above=("tsp",),
        reasons=words(reasons),
    )


def _tsp_kinds() -> Iterator[Tunnel]:
    asks, tells = ((V4A, 40000), (V4B, TSP_PORT)), ((V4B, TSP_PORT), (V4A, 40000))
    texts = [(each, asks) for each in _COMMANDS] + [(each, tells) for each in _REPLIES]
    for text, ends in texts:
        name = text.split()[0].decode().lower()
        over_udp = _tsp(name, text, ends, "tsp scheme-port")
        yield over_udp
        yield replace(
            over_udp,
            family="tsp over tcp",
            inside=nothing(text),
            protocol=TCP,
            transport="tcp",
        )
    for text in _COMMANDS:
        yield _tsp(f"{text.split()[0].decode().lower()} on any port", text, PUBLIC, "tsp")


# L2TP


def _l2tp(
    body: bytes,
    *,
    length: bool = False,
    numbered: bool = False,
    offset: int | None = None,
    address: bool = False,
    short: bool = False,
) -> bytes:
    frame = ppp.build(ppp.IPV6, body, address_control=address, compressed=short)
    return l2tp.build_data(
        1, 2, frame, length=length, sequence=(3, 4) if numbered else None, offset=offset
    )


def _l2tp6(name: str, scheme: Change) -> Tunnel:
    return Tunnel(
        family="l2tp6",
        name=f"l2tp {name}",
        kind="l2tp6",
        inside=tcp6(),
        source=(V4A, L2TP_PORT),
        destination=(V4B, L2TP_PORT),
        scheme=scheme,
        above=("l2tp", "ppp"),
        reasons=words("l2tp"),
    )


def _l2tp_kinds() -> Iterator[Tunnel]:
    for length, numbered, offset in itertools.product((False, True), (False, True), (None, 0, 6)):
        scheme = functools.partial(_l2tp, length=length, numbered=numbered, offset=offset)
        yield _l2tp6(f"L{length:d} S{numbered:d} O{offset}", scheme)
    for address, short in ((True, False), (False, True), (True, True)):
        scheme = functools.partial(_l2tp, address=address, short=short)
        yield _l2tp6(f"ppp{' ff 03' * address}{' compressed' * short}", scheme)
    client = replace(_l2tp6("from any port", _l2tp), source=(V4A, 40000))
    yield client
    yield replace(client, name="l2tp to any port", source=(V4A, 1701), destination=(V4B, 40000))


# bare IPv6 in UDP


def _bare(
    family: str, name: str, kind: str, inside: Inside, ends: tuple[End, End], reasons: str = ""
) -> Tunnel:
    return Tunnel(family, name, kind, inside, *ends, reasons=words(reasons))


_RELAY44: End = (SIXA44_RELAY, SIXA44_PORT)
_SERVER4: End = (sixbed4.SERVER, SIXBED4_PORT)


def _leaking() -> Iterator[Tunnel]:
    """6a44 and 6bed4: the outer ends stand in the inner addresses."""
    signs = "embedded-equals-outer scheme-port anycast-relay"
    ours = build_sixa44(packed("2a00:db8:644::")[:6], LeakingAddress(*MAPPED, CLIENT[0]))
    out, back = tcp6(ours, NATIVE), tcp6(NATIVE, ours)
    yield _bare("6a44", "6a44 public, out", "6a44", out, (MAPPED, _RELAY44), signs)
    yield _bare("6a44", "6a44 public, back", "6a44", back, (_RELAY44, MAPPED), signs)
    yield _bare("6a44", "6a44 private, out", "6a44", out, (CLIENT, _RELAY44), signs)
    yield _bare("6a44", "6a44 private, back", "6a44", back, (_RELAY44, CLIENT), signs)
    bubble = nothing(sixa44.Bubble(ours[:12], bytes(range(8))).build())
    signs = "scheme-port anycast-relay exact-length"
    for name, ends in (("out", (MAPPED, _RELAY44)), ("back", (_RELAY44, CLIENT))):
        yield _bare("6a44 bubble", f"6a44 bubble {name}", "6a44", bubble, ends, signs)
    number = LeakingAddress(*MAPPED, (1).to_bytes(2))
    bed = build_sixbed4(packed("fc64:bed:9188:1::")[:8], number)
    signs = "embedded-equals-outer scheme-port"
    yield _bare("6bed4", "6bed4 out", "6bed4", tcp6(bed, NATIVE), (MAPPED, _SERVER4), signs)
    yield _bare("6bed4", "6bed4 back", "6bed4", tcp6(NATIVE, bed), (_SERVER4, MAPPED), signs)
    embedded = "embedded-equals-outer"
    yield _bare("6bed4", "6bed4 to a peer", "6bed4", tcp6(bed, NATIVE), (MAPPED, PEER), embedded)
    asks = icmp6(sixbed4.build_solicitation())
    yield _bare("6bed4", "6bed4 solicitation", "6bed4", asks, (MAPPED, _SERVER4), "scheme-port")


def _bare_kinds() -> Iterator[Tunnel]:
    broker = ((V4A, 40000), (V4B, TSP_PORT))
    data = _bare("v6udpv4", "v6udpv4", "tsp", tcp6(), broker, "scheme-port")
    data = replace(data, kinds=words("tsp v6udpv4"))
    yield data
    yield replace(data, name="v6udpv4 keepalive", inside=echo6())
    yield _bare("ip6-in-udp", "ip6-in-udp", "ip6-in-udp", tcp6(), PUBLIC)
    yield _bare("ip6-in-udp", "ip6-in-udp echo", "ip6-in-udp", echo6(), PUBLIC)
    ends6 = (CLIENT6, (SERVER6[0], 50000))
    yield _bare("ip6-in-udp", "ip6-in-udp over ipv6", "ip6-in-udp", tcp6(), ends6)


# IP in UDP

_HOSTS = (packed("10.1.0.1"), packed("10.1.0.2"))


def _in_udp(packet: bytes, header: bytes = b"", port: int = 5555) -> bytes:
    return build.udp((V4A, 40000), (V4B, port), header + packet)


def _fou_kinds() -> Iterator[Tunnel]:
    """FOU, and GUE with and without its port, around IPv4, IPv6 and GRE."""
    inner = replace(SIXINFOUR, source=(_HOSTS[0], 0), destination=(_HOSTS[1], 0))
    fou = replace(inner, family="6in4 in fou", name="6in4 in fou", around=_in_udp)
    yield replace(fou, outside=("ipv4", "udp", "fou"))
    for port, fields in ((GUE_PORT, b""), (GUE_PORT, bytes(8)), (5555, b"")):
        where = f"port {port}{' fields' * bool(fields)}"
        four = functools.partial(_in_udp, header=gue.build(4, b"", fields=fields), port=port)
        outside = ("ipv4", "udp", "gue")
        yield replace(
            inner, family="6in4 in gue", name=f"6in4 in gue {where}", around=four, outside=outside
        )
        own = port == GUE_PORT
        yield Tunnel(
            family="ip6 in gue",
            name=f"gue 41 {where}",
            kind="ip6-in-udp",
            inside=tcp6(),
            source=(V4A, 40000),
            destination=(V4B, port),
            scheme=before(gue.build(PROTOCOL, b"", fields=fields)),
            above=("gue",),
            reasons=words("scheme-port" if own else ""),
        )
        carried = functools.partial(_gre_in_gue, fields=fields)
        yield replace(
            _gre6(f"gue gre {where}", carried, "gue gre"),
            family="gre6 in gue",
            source=(V4A, 40000),
            destination=(V4B, port),
            protocol=udp.PROTOCOL,
            transport="udp",
        )


def _gre_in_gue(body: bytes, fields: bytes) -> bytes:
    return gue.build(gre.PROTOCOL, gre.build(gre.IPV6, body, key=8), fields=fields)


# IP in IP


def _nested_ip() -> Iterator[Tunnel]:
    twice = functools.partial(in_ipv4, source=V4A, destination=V4B)
    inner = replace(SIXINFOUR, source=(_HOSTS[0], 0), destination=(_HOSTS[1], 0))
    name = "6in4 in ip-in-ip"
    yield replace(inner, family=name, name=name, around=twice, outside=("ipv4",))
    lite = functools.partial(in_ipv6, source=CLIENT6[0], destination=SERVER6[0])
    name = "6in4 in ds-lite"
    yield replace(inner, family=name, name=name, around=lite, outside=("ipv6",))


@functools.cache
def kinds() -> tuple[Tunnel, ...]:
    """All of them; those of one family stand in one line of the table."""
    return tuple(
        itertools.chain(
            _teredo_bases(), _teredo_trailers(), _teredo_over_ipv6(), [SIXINFOUR], _embedding(),
            _gre6_kinds(), _gre_in_udp(), _ayiya_kinds(), _tsp_kinds(), _l2tp_kinds(),
            _leaking(), _bare_kinds(), _fou_kinds(), _nested_ip(),
        )
    )  # fmt: skip


def families() -> list[str]:
    return list(dict.fromkeys(each.family for each in kinds()))
