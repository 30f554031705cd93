"""Every evasion, as a change of a tunnel, with the anomaly that it must give."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from sensor.schema.rows import TUNNEL_LIMIT
from sensor.wire import icmpv6, ipv6, teredo
from sensor.wire.addresses import (
    FLAG_CONE,
    FLAG_GROUP,
    FLAG_RANDOM1,
    FLAG_RANDOM2,
    FLAG_RESERVED,
    FLAG_UNIVERSAL,
    build_sixtofour,
    packed,
    parse_teredo,
)
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
from ..build import CLIENT, NATIVE, OTHER, V4A, V4B, End
from .kinds import TRAILERS, before
from .made import UDP, Inside, Row, Tunnel, bare6, echo6, icmp6, tcp6, words

Turn = Callable[[Tunnel], Tunnel]
Test = Callable[[Tunnel], bool]


def same(tunnel: Tunnel) -> Tunnel:
    return tunnel


class Evasion(NamedTuple):
    """``benign`` makes the companion that must not give ``word``."""

    name: str
    word: str
    applies: Test
    change: Turn
    benign: Turn = same


# which tunnels

_TEREDO = ("teredo", "teredo over ipv6")
_BARE = ("ip6-in-udp", "v6udpv4")
_LEAKING = ("6a44", "6bed4")


def data(tunnel: Tunnel) -> bool:
    return not tunnel.control


def teredo_packet(*types: str) -> Test:
    """Teredo packets of these types, without indicators of their own."""

    def test(tunnel: Tunnel) -> bool:
        plain = "auth" not in tunnel.name and "origin" not in tunnel.name and not tunnel.tail
        return tunnel.family in _TEREDO and tunnel.teredo in types and plain

    return test


def own_proof(tunnel: Tunnel) -> bool:
    """Whether something other than the inner checksum proves the kind."""
    unsaid = ("gue 41 port 5555", "ayiya wrong clock, any port")
    return data(tunnel) and tunnel.family not in _BARE and tunnel.name not in unsaid


def ordinary(tunnel: Tunnel) -> bool:
    """A TCP packet between hosts whose addresses say nothing."""
    return data(tunnel) and (tunnel.inside.source[0], tunnel.inside.destination[0]) == (
        NATIVE,
        OTHER,
    )


def with_tcp(tunnel: Tunnel) -> bool:
    return tunnel.inside.layers == ("tcp",)


def extended(tunnel: Tunnel) -> bool:
    """Extension headers fit before a transport."""
    return data(tunnel) and tunnel.inside.summed


def over_udp(tunnel: Tunnel) -> bool:
    return tunnel.protocol == UDP


def untailed(tunnel: Tunnel) -> bool:
    return data(tunnel) and not tunnel.tail


def both(*tests: Test) -> Test:
    return lambda tunnel: all(test(tunnel) for test in tests)


def family(*names: str) -> Test:
    return lambda tunnel: tunnel.family in names


# changes of the inner packet


def _packet(tunnel: Tunnel, packet: bytes) -> Inside:
    return tunnel.inside._replace(packet=packet)


def _poke(packet: bytes, offset: int, octets: bytes) -> bytes:
    return packet[:offset] + octets + packet[offset + len(octets) :]


def _hop_limit(tunnel: Tunnel, value: int) -> Tunnel:
    return replace(tunnel, inside=_packet(tunnel, _poke(tunnel.inside.packet, 7, bytes([value]))))


def _hop_zero(tunnel: Tunnel) -> Tunnel:
    return _hop_limit(tunnel, 0).odd("hop-limit-zero")


def _flow_label(tunnel: Tunnel) -> Tunnel:
    packet = _poke(tunnel.inside.packet, 1, b"\x01\x23\x45")
    return tunnel.odd("flow-label", inside=_packet(tunnel, packet))


def _traffic_class(tunnel: Tunnel) -> Tunnel:
    return replace(tunnel, inside=_packet(tunnel, _poke(tunnel.inside.packet, 0, b"\x6b\x80")))


def _extend(packet: bytes, kinds: list[int], body: bytes = bytes(6)) -> bytes:
    """Extension headers of these kinds, each with the same body, before the payload."""
    following, payload = packet[6], packet[ipv6.HEADER_LENGTH :]
    for kind in reversed(kinds):
        payload = ipv6.build_extension(kind, following, body) + payload
        following = kind
    head = _poke(packet[: ipv6.HEADER_LENGTH], 4, len(payload).to_bytes(2) + bytes([following]))
    return head + payload


def _options(tunnel: Tunnel, count: int) -> Tunnel:
    packet = _extend(tunnel.inside.packet, [ipv6.DESTINATION] * count)
    return replace(tunnel, inside=_packet(tunnel, packet))


def _eight_headers(tunnel: Tunnel) -> Tunnel:
    return _options(tunnel, 8).odd("extension-chain")


def _endless_headers(tunnel: Tunnel) -> Tunnel:
    long = _options(tunnel, ipv6.MAX_EXTENSION_HEADERS + 1)
    inside = bare6(long.inside.packet)
    return replace(long, inside=inside).odd("extension-chain").odd("too-many-layers")


_ROUTE = bytes([0, 1]) + bytes(4) + packed("2a00:db8:9::9")


def _routing(tunnel: Tunnel) -> Tunnel:
    """Type 0 with one more address to go through."""
    packet = _extend(tunnel.inside.packet, [ipv6.ROUTING], _ROUTE)
    inside = _packet(tunnel, packet)._replace(summed=False)
    return tunnel.odd("routing-header", inside=inside)


def _wrong_sum(tunnel: Tunnel) -> Tunnel:
    """Of TCP at octet 16, of ICMPv6 at octet 2."""
    at = ipv6.HEADER_LENGTH + (16 if tunnel.inside.layers == ("tcp",) else 2)
    packet = tunnel.inside.packet
    wrong = _poke(packet, at, bytes([packet[at] ^ 0x55]))
    inside = _packet(tunnel, wrong)._replace(summed=False)
    return tunnel.odd("bad-checksum", inside=inside)


def _announce(packet: bytes, more: int) -> bytes:
    length = int.from_bytes(packet[4:6]) + more
    return _poke(packet, 4, length.to_bytes(2))


def _too_long(tunnel: Tunnel) -> Tunnel:
    inside = _packet(tunnel, _announce(tunnel.inside.packet, 1))._replace(summed=False)
    return tunnel.odd("length-mismatch", inside=inside, lost=words("exact-length"))


def _too_short(tunnel: Tunnel) -> Tunnel:
    """The last four octets stand behind the packet then, and no checksum fits."""
    ends = (tunnel.inside.source[0], tunnel.inside.destination[0])
    longer = tcp6(*ends, b"12345678\xf0\xf1\xf2\xf3")
    inside = longer._replace(packet=_announce(longer.packet, -4), summed=False)
    odd = tunnel.odd("trailing-bytes", inside=inside, lost=words("exact-length"))
    return odd.odd("bad-checksum")


def _from(source: str) -> Turn:
    return lambda tunnel: replace(tunnel, inside=tcp6(packed(source), OTHER))


def _odd_source(source: str) -> Turn:
    return lambda tunnel: _from(source)(tunnel).odd("odd-inner-address")


def _six_in_six(tunnel: Tunnel, depth: int) -> tuple[Inside, tuple[Row, ...]]:
    """``depth`` more tunnels inside, of IPv6 in IPv6, and their rows."""
    inside, rows = tcp6(), list[Row]()
    for level in range(depth):
        ends = _level_ends(tunnel, depth - level)
        rows.insert(0, _nested_row(inside, ends))
        packet = ipv6.build(*ends, PROTOCOL, inside.packet)
        layers = ("ipv6", *inside.layers)
        inside = Inside(packet, (ends[0], 0), (ends[1], 0), layers)
    return inside, tuple(rows)


def _level_ends(tunnel: Tunnel, level: int) -> tuple[bytes, bytes]:
    """The packet that the tunnel itself carries keeps its ends."""
    if level == 1:
        return tunnel.inside.source[0], tunnel.inside.destination[0]
    return packed(f"2a00:db8:{level}::1"), packed(f"2a00:db8:{level}::2")


def _nested_row(inside: Inside, ends: tuple[bytes, bytes]) -> Row:
    summed = {"checksum"} if inside.summed else set()
    return Row(
        "ip6-in-ip6", frozenset(), frozenset({"protocol-41", "exact-length"} | summed),
        frozenset(), "ipv6", (ends[0], 0), (ends[1], 0), inside.source, inside.destination, "none",
    )  # fmt: skip


def _nested(tunnel: Tunnel, depth: int) -> Tunnel:
    """A tunnel inside a tunnel is met now and then; each one further in is odd."""
    inside, rows = _six_in_six(tunnel, depth)
    return replace(tunnel, inside=inside, nested=rows[:1] + tuple(map(_deeper, rows[1:])))


def _deeper(row: Row, word: str = "deep-nesting") -> Row:
    return row._replace(anomalies=row.anomalies | words(word))


def _deep(tunnel: Tunnel) -> Tunnel:
    return _nested(tunnel, 2)


def _shallow(tunnel: Tunnel) -> Tunnel:
    return _nested(tunnel, 1)


def _bottomless(tunnel: Tunnel) -> Tunnel:
    """Twelve tunnels, of which eight are followed, as the last of them tells."""
    deep = _nested(tunnel, 11)
    *others, last = deep.nested[: TUNNEL_LIMIT - 1]
    inside = deep.inside._replace(layers=("ipv6",) * (TUNNEL_LIMIT - 1))
    return replace(deep, nested=(*others, _deeper(last, "too-many-layers")), inside=inside)


# octets behind the inner packet

_JUNK = b"\xff\xfe\xfd"


def _trailing(tunnel: Tunnel) -> Tunnel:
    return tunnel.odd("trailing-bytes", tail=_JUNK, trailed=False)


def _tailed(tail: bytes) -> Turn:
    return lambda tunnel: replace(tunnel, tail=tail, trailed=True)


def _junk_trailer(tail: bytes) -> Turn:
    return lambda tunnel: _tailed(tail)(tunnel).odd("trailer-junk")


_nonce = _tailed(TRAILERS["nonce"])


def _maybe_nonce(tunnel: Tunnel) -> Tunnel:
    return _nonce(tunnel) if tunnel.family in _TEREDO else tunnel


# Teredo

_AUTH = build.authentication()
_ORIGIN = build.origin()
_LONG_AUTH = build.authentication(b"client", bytes(20))


def _front(octets: bytes, *odd: str, grammar: bool = True) -> Turn:
    def change(tunnel: Tunnel) -> Tunnel:
        reasons = tunnel.reasons | ({"grammar"} if grammar else set())
        anomalies = tunnel.anomalies | set(odd)
        return replace(tunnel, scheme=before(octets), reasons=reasons, anomalies=anomalies)

    return change


def _readdressed(tunnel: Tunnel, turn: Callable[[bytes], bytes]) -> Inside:
    source, destination = turn(tunnel.inside.source[0]), turn(tunnel.inside.destination[0])
    if tunnel.inside.layers == ("tcp",):
        return tcp6(source, destination)
    if tunnel.inside.layers == ("icmpv6",):
        return echo6(source, destination)
    return bare6(build.bubble(source, destination))


def _legacy_address(address: bytes) -> bytes:
    found = parse_teredo(address)
    return found._replace(legacy=True).build() if found else address


def _legacy(tunnel: Tunnel) -> Tunnel:
    return tunnel.odd("legacy-prefix", inside=_readdressed(tunnel, _legacy_address))


def _flagged(flags: int) -> Turn:
    def address(octets: bytes) -> bytes:
        found = parse_teredo(octets)
        return found._replace(flags=flags).build() if found else octets

    return lambda tunnel: replace(tunnel, inside=_readdressed(tunnel, address))


def _reserved(flags: int) -> Turn:
    return lambda tunnel: _flagged(flags)(tunnel).odd("reserved-flags")


def _private_mapping(tunnel: Tunnel) -> Tunnel:
    def address(octets: bytes) -> bytes:
        found = parse_teredo(octets)
        return found._replace(ip=packed("10.9.9.9")).build() if found else octets

    return tunnel.odd("embedded-not-global", inside=_readdressed(tunnel, address))


def _talking_bubble(tunnel: Tunnel) -> Tunnel:
    ends = (tunnel.inside.source[0], tunnel.inside.destination[0])
    packet = ipv6.build(*ends, ipv6.NO_NEXT_HEADER, b"payload!")
    reasons = tunnel.reasons - {"bubble"}
    odd = replace(tunnel, inside=bare6(packet), reasons=reasons, teredo="data")
    return odd.odd("bubble-with-payload")


# ports and lengths of the datagram

_SCHEME_PORTS = frozenset(
    (
        AYIYA_PORT,
        AYIYA_OLD_PORT,
        TSP_PORT,
        L2TP_PORT,
        GUE_PORT,
        GRE_PORT,
        SIXBED4_PORT,
        SIXA44_PORT,
    )
)
_WRAPPED = ("6in4 in fou", "6in4 in gue")


def _may_borrow(tunnel: Tunnel) -> bool:
    """Not where a port stands in the inner address too."""
    if tunnel.family in _LEAKING:
        return "private" in tunnel.name or "peer" in tunnel.name
    return tunnel.protocol == UDP


def _port(tunnel: Tunnel, port: int) -> Tunnel:
    """Another port at the end where it says nothing."""
    source, destination = tunnel.source, tunnel.destination
    names = source[1] in _SCHEME_PORTS and destination[1] not in _SCHEME_PORTS
    teredo_client = tunnel.family in _TEREDO and tunnel.source[1] == CLIENT[1]
    if names or teredo_client or tunnel.name == "6bed4 to a peer":
        return replace(tunnel, destination=(destination[0], port))
    return replace(tunnel, source=(source[0], port))


def _borrowed(port: int) -> Turn:
    return lambda tunnel: _port(tunnel, port).odd("borrowed-port")


def _around(tunnel: Tunnel, source_port: int) -> Tunnel:
    """Another source port of the datagram in which IPv4 stands."""

    def around(packet: bytes) -> bytes:
        outer = tunnel.around(packet)
        payload = outer[28:]
        destination: End = (V4B, int.from_bytes(outer[22:24]))
        return build.udp((V4A, source_port), destination, payload)

    return replace(tunnel, around=around)


def _around_borrowed(tunnel: Tunnel) -> Tunnel:
    return _around(tunnel, 53).odd("borrowed-port")


def _surplus(tunnel: Tunnel) -> Tunnel:
    """Octets that the IP header counts and the UDP header does not."""
    return tunnel.odd("length-mismatch", datagram=lambda octets: octets + b"hidden here")


# schemes


def _has_sum(tunnel: Tunnel) -> bool:
    return tunnel.family in ("gre6", "gre6 in udp") and tunnel.name.startswith("gre C")


def _wrong_gre(tunnel: Tunnel) -> Tunnel:
    def scheme(body: bytes) -> bytes:
        packet = tunnel.scheme(body)
        return _poke(packet, 4, bytes([packet[4] ^ 0x55]))

    return tunnel.odd("bad-checksum", scheme=scheme)


def _l2tp_length(tunnel: Tunnel) -> Tunnel:
    """A length that ends in the header: Linux does not look at it."""

    def scheme(body: bytes) -> bytes:
        return _poke(tunnel.scheme(body), 2, (8).to_bytes(2))

    return tunnel.odd("length-mismatch", scheme=scheme)


def _has_length(tunnel: Tunnel) -> bool:
    return tunnel.family == "l2tp6" and "L1" in tunnel.name


# protocol 41


def _teredo_inside(tunnel: Tunnel) -> Tunnel:
    return tunnel.odd("teredo-in-protocol-41", inside=tcp6(NATIVE, build.TEREDO))


def _discovers(tunnel: Tunnel) -> Tunnel:
    solicits = ipv6.build(
        NATIVE, OTHER, icmpv6.PROTOCOL, icmpv6.build_router_solicitation(NATIVE, OTHER)
    )
    return tunnel.odd("neighbour-discovery", inside=icmp6(solicits))


def _echoes(tunnel: Tunnel) -> Tunnel:
    return replace(tunnel, inside=echo6())


def _sixtofour(source: bytes, *odd: str, reasons: str = "protocol-41") -> Turn:
    def change(tunnel: Tunnel) -> Tunnel:
        inside = tcp6(build_sixtofour(source), NATIVE)
        anomalies = tunnel.anomalies | set(odd)
        kinds = {"kind": "6to4", "reasons": words(reasons), "anomalies": anomalies}
        return replace(tunnel, inside=inside, **kinds)  # type: ignore[arg-type]

    return change


_OWN_SIXTOFOUR = _sixtofour(V4A, reasons="protocol-41 embedded-equals-outer")


def _sixtofour_local(tunnel: Tunnel) -> Tunnel:
    local = tcp6(build_sixtofour(V4A), packed("fe80::9"))
    return _OWN_SIXTOFOUR(tunnel).odd("odd-inner-address", inside=local)


_SOURCES = ("::1", "::ffff:198.51.100.9", "ff02::5", "fec0::1")
_RESERVED = (FLAG_RESERVED, FLAG_UNIVERSAL, FLAG_GROUP)
_FREE_FLAGS = FLAG_CONE | FLAG_RANDOM1 | FLAG_RANDOM2
_named = teredo_packet("data", "bubble", "connectivity-test")
_bubbles = teredo_packet("bubble")
_solicits = teredo_packet("router-solicitation")
_bare_origin = teredo_packet("bubble", "data")
_setup = teredo_packet("router-solicitation", "router-advertisement", "bubble")
_trailed = family(*_TEREDO, *_BARE, *_LEAKING)
_tunnel41 = family("6in4")
_not_maps = both(_named, lambda tunnel: "outside" not in tunnel.name)
_announces = both(own_proof, with_tcp, lambda tunnel: "clock" not in tunnel.name)


_UNPROVED = ("l2tp6", "ip6 in gue", "gre6 in gue", "6a44", "6bed4")


def _unfit(tunnel: Tunnel) -> bool:
    """Receivers drop a packet that is longer than what carries it: only proof makes it a row.

    Teredo has it in its mapping; what a port alone tells may be any octets, and for 6a44 and 6bed4
    the datagram is told to be none before an address is looked at.
    """
    if tunnel.family in _TEREDO:
        return _announces(tunnel) and "mapping-equals-outer" in tunnel.reasons
    return _announces(tunnel) and tunnel.family not in _UNPROVED


def _of_the_inner_packet() -> tuple[Evasion, ...]:
    return (
        Evasion("hop limit 0", "hop-limit-zero", data, _hop_zero, lambda t: _hop_limit(t, 1)),
        Evasion("flow label", "flow-label", _setup, _flow_label, _traffic_class),
        Evasion(
            "8 extension headers", "extension-chain", extended, _eight_headers,
            lambda t: _options(t, 2),
        ),
        Evasion(
            "65 extension headers", "too-many-layers", both(with_tcp, untailed), _endless_headers
        ),
        Evasion(
            "routing header", "routing-header", with_tcp, _routing, lambda t: _options(t, 1)
        ),
        Evasion("inner checksum", "bad-checksum", both(own_proof, extended), _wrong_sum),
        Evasion("payload length long", "length-mismatch", _unfit, _too_long),
        Evasion("payload length short", "trailing-bytes", both(own_proof, with_tcp), _too_short),
        *(
            Evasion(
                f"inner source {each}", "odd-inner-address", both(ordinary, with_tcp),
                _odd_source(each), _from("fc00::1"),
            )
            for each in _SOURCES
        ),
        Evasion("deep nesting", "deep-nesting", with_tcp, _deep, _shallow),
        Evasion("12 tunnels", "too-many-layers", with_tcp, _bottomless, _deep),
    )  # fmt: skip


def _of_teredo() -> tuple[Evasion, ...]:
    """Indicators, trailers and addresses; octets behind the packet, whatever carries it."""
    return (
        Evasion("bytes behind", "trailing-bytes", untailed, _trailing, _maybe_nonce),
        Evasion(
            "trailer of no type", "trailer-junk", both(_trailed, untailed),
            _junk_trailer(bytes([0x7E, 2, 1, 2])), _nonce,
        ),
        Evasion(
            "trailer of no length", "trailer-junk", both(_trailed, untailed),
            _junk_trailer(bytes([teredo.TRAILER_NONCE, 3, 0, 0, 0])), _nonce,
        ),
        Evasion("authentication on data", "auth-on-data", _named, _front(_AUTH, "auth-on-data")),
        Evasion(
            "authentication lengths", "auth-lengths", _solicits,
            _front(_LONG_AUTH, "auth-lengths"), _front(_AUTH),
        ),
        Evasion(
            "origin twice", "duplicate-origin", _bare_origin,
            _front(_ORIGIN * 2, "duplicate-origin", "indicator-order", grammar=False),
            _front(_ORIGIN),
        ),
        Evasion(
            "authentication twice", "indicator-order", _solicits,
            _front(_AUTH * 2, "indicator-order", grammar=False), _front(_AUTH),
        ),
        Evasion(
            "origin first", "indicator-order", _solicits,
            _front(_ORIGIN + _AUTH, "indicator-order", grammar=False), _front(_AUTH + _ORIGIN),
        ),
        Evasion("legacy prefix", "legacy-prefix", _named, _legacy),
        *(
            Evasion(
                f"flags {each:04x}", "reserved-flags", _named, _reserved(each),
                _flagged(_FREE_FLAGS),
            )
            for each in _RESERVED
        ),
        Evasion("private mapping", "embedded-not-global", _not_maps, _private_mapping),
        Evasion("bubble with payload", "bubble-with-payload", _bubbles, _talking_bubble),
    )  # fmt: skip


def _of_headers() -> tuple[Evasion, ...]:
    """Ports, lengths and sums of what stands before the inner packet."""
    return (
        *(
            Evasion(
                f"port {each}", "borrowed-port", _may_borrow, _borrowed(each),
                lambda t: _port(t, 1024),
            )
            for each in (53, 123, 443)
        ),
        Evasion(
            "port 53 around", "borrowed-port", family(*_WRAPPED), _around_borrowed,
            lambda t: _around(t, 1024),
        ),
        Evasion("UDP length short", "length-mismatch", over_udp, _surplus),
        Evasion("GRE checksum", "bad-checksum", _has_sum, _wrong_gre),
        Evasion("L2TP length short", "length-mismatch", _has_length, _l2tp_length),
    )  # fmt: skip


def _of_protocol_41() -> tuple[Evasion, ...]:
    return (
        Evasion("Teredo in 41", "teredo-in-protocol-41", _tunnel41, _teredo_inside),
        Evasion("discovery from afar", "neighbour-discovery", _tunnel41, _discovers, _echoes),
        Evasion(
            "6to4 of another", "embedded-mismatch", _tunnel41,
            _sixtofour(V4B, "embedded-mismatch"), _OWN_SIXTOFOUR,
        ),
        Evasion(
            "6to4 of a private host", "embedded-not-global", _tunnel41,
            _sixtofour(CLIENT[0], "embedded-not-global", "embedded-mismatch"), _OWN_SIXTOFOUR,
        ),
        Evasion(
            "6to4 to a link", "odd-inner-address", _tunnel41, _sixtofour_local, _OWN_SIXTOFOUR
        ),
    )  # fmt: skip


@functools.cache
def evasions() -> tuple[Evasion, ...]:
    """All of them, one for each line of the table."""
    return (*_of_the_inner_packet(), *_of_teredo(), *_of_headers(), *_of_protocol_41())
