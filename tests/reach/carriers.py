"""Every carrier of IP packets, with the link type and the layers that it adds."""

from __future__ import annotations

import functools
import itertools
import struct
from collections.abc import Iterator
from typing import NamedTuple

from sensor.wire import (
    geneve,
    gre,
    gtpu,
    ipv4,
    ipv6,
    l2tp,
    link,
    llc,
    mpls,
    ppp,
    pppoe,
    udp,
    vxlan,
    wlan,
)
from sensor.wire.addresses import packed
from sensor.wire.ports import (
    GENEVE_PORT,
    GRE_PORT,
    GTPU_PORT,
    L2TP_PORT,
    VXLAN_LINUX_PORT,
    VXLAN_PORT,
)

from ..build import End, sll, sll2
from .made import Change, Made, Row, in_ipv4, in_ipv6

A4, B4 = packed("10.200.0.1"), packed("10.200.0.2")
A6, B6 = packed("2a00:db8:a::1"), packed("2a00:db8:b::1")
_MACS = (bytes.fromhex("020000000021"), bytes.fromhex("020000000022"))
_ETHERTYPES = {4: link.ETHERTYPE_IPV4, 6: link.ETHERTYPE_IPV6}
_PPP = {4: ppp.IPV4, 6: ppp.IPV6}
BOTH = frozenset((4, 6))
FOUR, SIX = frozenset((4,)), frozenset((6,))


class Tunnelled(NamedTuple):
    """What a carrier is to IPv6: a tunnel, whose row comes before those inside."""

    kind: str
    evidence: str
    transport: str
    source: End
    destination: End

    def row(self, made: Made) -> Row:
        reasons = {self.evidence, "exact-length"} | ({"checksum"} if made.head.summed else set())
        return Row(
            self.kind, frozenset({self.kind}), frozenset(reasons), frozenset(), self.transport,
            self.source, self.destination, made.head.source, made.head.destination, "none",
        )  # fmt: skip


class Carrier(NamedTuple):
    """``layers`` stand before those of the packet; ``trailer`` octets behind it."""

    name: str
    link_type: int
    layers: tuple[str, ...]
    wrap: Change
    versions: frozenset[int] = BOTH
    tunnel: Tunnelled | None = None
    trailer: int = 0

    def rows(self, made: Made) -> tuple[Row, ...]:
        if self.tunnel is None or made.version == 4:
            return made.rows
        return (self.tunnel.row(made), *made.rows)


# link types


def ethertype(packet: bytes) -> int:
    return _ETHERTYPES[packet[0] >> 4]


def ethernet(packet: bytes, tags: tuple[tuple[int, int], ...] = ()) -> bytes:
    """A frame with tags, pairs of a tag type and a VLAN number."""
    stacked = b"".join(struct.pack("!HH", *tag) for tag in tags)
    return _MACS[1] + _MACS[0] + stacked + ethertype(packet).to_bytes(2) + packet


def _padded(packet: bytes) -> bytes:
    """Octets behind the packet, as a short frame has, and some capture a check sequence."""
    return ethernet(packet) + b"\x60\x00\x00\x00\xde\xad"


def _snap(packet: bytes) -> bytes:
    body = llc.build(ethertype(packet)) + packet
    return _MACS[1] + _MACS[0] + len(body).to_bytes(2) + body


def _family(packet: bytes, order: str, six: int = 30) -> bytes:
    family = 2 if packet[0] >> 4 == 4 else six
    return struct.pack(f"{order}I", family) + packet


def _sll(packet: bytes) -> bytes:
    return sll(packet, ethertype(packet))


def _sll2(packet: bytes) -> bytes:
    return sll2(packet, ethertype(packet))


def _sll_vlan(packet: bytes) -> bytes:
    return sll(struct.pack("!HH", 5, ethertype(packet)) + packet, link.ETHERTYPE_VLAN)


def _ppp(packet: bytes, *, address: bool = False, short: bool = False) -> bytes:
    protocol = _PPP[packet[0] >> 4]
    return ppp.build(protocol, packet, address_control=address, compressed=short)


def _pppoe(packet: bytes) -> bytes:
    return pppoe.build(17, _ppp(packet))


def _hdlc(packet: bytes, address: int = 0x0F) -> bytes:
    return bytes([address, 0]) + ethertype(packet).to_bytes(2) + packet


def _wlan(packet: bytes, *, qos: bool = False) -> bytes:
    return wlan.build(llc.build(ethertype(packet)) + packet, *_MACS, qos=qos)


def _radiotap(packet: bytes, flags: int = 0, trailer: bytes = b"") -> bytes:
    return wlan.build_radiotap(flags) + _wlan(packet) + trailer


def _same(packet: bytes) -> bytes:
    return packet


def _link_types() -> Iterator[Carrier]:
    yield Carrier("ethernet", link.LINKTYPE_ETHERNET, ("ethernet",), ethernet)
    yield Carrier("padding", link.LINKTYPE_ETHERNET, ("ethernet",), _padded)
    yield Carrier("llc/snap", link.LINKTYPE_ETHERNET, ("ethernet",), _snap)
    for kind, (name, order) in itertools.product(
        (link.LINKTYPE_NULL, link.LINKTYPE_LOOP), (("le", "<"), ("be", ">"))
    ):
        label = "null" if kind == link.LINKTYPE_NULL else "loop"
        wrap = functools.partial(_family, order=order)
        yield Carrier(f"{label} {name}", kind, ("null",), wrap)
    for kind in (link.LINKTYPE_RAW, link.LINKTYPE_RAW_BSD, link.LINKTYPE_RAW_OPENBSD):
        yield Carrier(f"raw {kind}", kind, (), _same)
    yield Carrier("ipv4 link", link.LINKTYPE_IPV4, (), _same, FOUR)
    yield Carrier("ipv6 link", link.LINKTYPE_IPV6, (), _same, SIX)
    yield Carrier("sll", link.LINKTYPE_LINUX_SLL, ("sll",), _sll)
    yield Carrier("sll vlan", link.LINKTYPE_LINUX_SLL, ("sll", "vlan"), _sll_vlan)
    yield Carrier("sll2", link.LINKTYPE_LINUX_SLL2, ("sll2",), _sll2)
    yield from _ppp_links()
    for address in (0x0F, 0x8F):
        wrap = functools.partial(_hdlc, address=address)
        yield Carrier(f"hdlc {address:02x}", link.LINKTYPE_C_HDLC, ("hdlc",), wrap)
    for qos in (False, True):
        wrap = functools.partial(_wlan, qos=qos)
        yield Carrier(f"802.11{' qos' * qos}", link.LINKTYPE_IEEE802_11, ("wlan",), wrap)
    radio = ("radiotap", "wlan")
    yield Carrier("radiotap", link.LINKTYPE_RADIOTAP, radio, _radiotap)
    fcs = functools.partial(_radiotap, flags=wlan.FLAG_FCS, trailer=b"\xca\xfe\xba\xbe")
    yield Carrier("radiotap fcs", link.LINKTYPE_RADIOTAP, radio, fcs, trailer=wlan.FCS_LENGTH)


def _ppp_links() -> Iterator[Carrier]:
    for address, short in itertools.product((False, True), repeat=2):
        name = f"ppp{' ff 03' * address}{' short' * short}"
        wrap = functools.partial(_ppp, address=address, short=short)
        yield Carrier(name, link.LINKTYPE_PPP, ("ppp",), wrap)
    framed = functools.partial(_ppp, address=True)
    yield Carrier("ppp 50", link.LINKTYPE_PPP_HDLC, ("ppp",), framed)
    yield Carrier("ppp 50 hdlc", link.LINKTYPE_PPP_HDLC, ("hdlc",), _hdlc)
    yield Carrier("ppp_ether", link.LINKTYPE_PPP_ETHER, ("pppoe", "ppp"), _pppoe)


# layers inside an Ethernet frame

_TAGGED = {
    "vlan": ((0x8100, 5),),
    "qinq 88a8": ((0x88A8, 7), (0x8100, 5)),
    "qinq 9100": ((0x9100, 7), (0x8100, 5)),
    "three tags": ((0x88A8, 9), (0x88A8, 7), (0x8100, 5)),
}


def typed(payload: bytes, kind: int, tags: tuple[tuple[int, int], ...] = ()) -> bytes:
    """An Ethernet frame of any EtherType."""
    stacked = b"".join(struct.pack("!HH", *tag) for tag in tags)
    return _MACS[1] + _MACS[0] + stacked + kind.to_bytes(2) + payload


def _over_pppoe(packet: bytes, tags: tuple[tuple[int, int], ...] = ()) -> bytes:
    return typed(_pppoe(packet), pppoe.ETHERTYPE_SESSION, tags)


def _labelled(packet: bytes, count: int, tags: tuple[tuple[int, int], ...] = ()) -> bytes:
    return typed(mpls.build(range(100, 100 + count), packet), mpls.ETHERTYPE, tags)


def _pseudowire(packet: bytes) -> bytes:
    """Ethernet in MPLS behind a control word (RFC 4448)."""
    return typed(mpls.build((100,), bytes(4) + ethernet(packet)), mpls.ETHERTYPE)


def _in_ethernet() -> Iterator[Carrier]:
    kind = link.LINKTYPE_ETHERNET
    for name, tags in _TAGGED.items():
        layers = ("ethernet", *("vlan" for _ in tags))
        yield Carrier(name, kind, layers, functools.partial(ethernet, tags=tags))
    yield Carrier("pppoe", kind, ("ethernet", "pppoe", "ppp"), _over_pppoe)
    for name in ("qinq 88a8", "qinq 9100"):
        layers = ("ethernet", "vlan", "vlan", "pppoe", "ppp")
        wrap = functools.partial(_over_pppoe, tags=_TAGGED[name])
        yield Carrier(f"pppoe {name}", kind, layers, wrap)
    for count in range(1, 9):
        wrap = functools.partial(_labelled, count=count)
        yield Carrier(f"mpls {count}", kind, ("ethernet", "mpls"), wrap)
    layers = ("ethernet", "mpls", "ethernet")
    yield Carrier("mpls ethernet", kind, layers, _pseudowire)


# layers inside an IP packet


def _datagram(payload: bytes, port: int, source: int = 49152) -> bytes:
    return ipv4.build(A4, B4, udp.PROTOCOL, udp.build(A4, B4, source, port, payload))


def _vxlan(packet: bytes, port: int = VXLAN_PORT) -> bytes:
    return _datagram(vxlan.build(42, ethernet(packet)), port)


def _vxlan_tagged(packet: bytes) -> bytes:
    return _datagram(vxlan.build(42, ethernet(packet, _TAGGED["vlan"])), VXLAN_PORT)


def _geneve(packet: bytes, options: bytes = b"") -> bytes:
    framed = ethernet(packet)
    return _datagram(geneve.build(42, gre.TRANSPARENT_ETHERNET, framed, options), GENEVE_PORT)


def _geneve_ip(packet: bytes) -> bytes:
    return _datagram(geneve.build(42, ethertype(packet), packet), GENEVE_PORT)


def _gtpu(
    packet: bytes, sequence: int | None = None, extensions: tuple[tuple[int, bytes], ...] = ()
) -> bytes:
    body = gtpu.build(77, packet, sequence=sequence, extensions=extensions)
    return _datagram(body, GTPU_PORT, GTPU_PORT)


def _in_gre(body: bytes) -> bytes:
    return ipv4.build(A4, B4, gre.PROTOCOL, body)


def _gre(packet: bytes, *, full: bool = False) -> bytes:
    key, number = (3, 4) if full else (None, None)
    return _in_gre(gre.build(ethertype(packet), packet, checksum=full, key=key, sequence=number))


def _gre_ethernet(packet: bytes) -> bytes:
    return _in_gre(gre.build(gre.TRANSPARENT_ETHERNET, ethernet(packet)))


def _gre_mpls(packet: bytes) -> bytes:
    return _in_gre(gre.build(gre.MPLS, mpls.build((16, 17), packet)))


def _pptp(packet: bytes) -> bytes:
    return _in_gre(gre.build_pptp(5, _ppp(packet), sequence=1))


def _gre_udp(packet: bytes) -> bytes:
    return _datagram(gre.build(ethertype(packet), packet), GRE_PORT)


def _l2tp(packet: bytes, *, length: bool = False) -> bytes:
    body = l2tp.build_data(1, 2, _ppp(packet, address=True), length=length)
    return _datagram(body, L2TP_PORT, L2TP_PORT)


def _authenticated(packet: bytes) -> bytes:
    """IPv4 behind an authentication header in IPv4 (RFC 4302)."""
    header = ipv6.build_extension(ipv6.AUTHENTICATION, 4, bytes(22))
    return ipv4.build(A4, B4, ipv6.AUTHENTICATION, header + packet)


def _optioned(packet: bytes) -> bytes:
    return ipv4.build(A4, B4, 4, packet, options=b"\x01" * 8)


def _ds_lite_extended(packet: bytes) -> bytes:
    """IPv4 in IPv6 behind options and the fragment header of a whole packet (RFC 6946)."""
    fragment = ipv6.build_fragment(4, 99, 0, False)
    options = ipv6.build_extension(ipv6.DESTINATION, ipv6.FRAGMENT, bytes(6))
    hops = ipv6.build_extension(ipv6.HOP_BY_HOP, ipv6.DESTINATION, bytes(6))
    return ipv6.build(A6, B6, ipv6.HOP_BY_HOP, hops + options + fragment + packet)


_ipip = functools.partial(in_ipv4, source=A4, destination=B4)
_ds_lite = functools.partial(in_ipv6, source=A6, destination=B6)
_GRE6 = Tunnelled("gre6", "gre", "gre", (A4, 0), (B4, 0))
_GRE6_UDP = Tunnelled("gre6", "gre", "udp", (A4, 49152), (B4, GRE_PORT))
_L2TP6 = Tunnelled("l2tp6", "l2tp", "udp", (A4, L2TP_PORT), (B4, L2TP_PORT))
_UDP = ("ipv4", "udp")
_PORT_EXTENSION = (0x40, b"\x12\x34")
_PDU_SESSION = (0x85, bytes(2))


class Within(NamedTuple):
    """A carrier of IP packets that is itself an IP packet."""

    name: str
    layers: tuple[str, ...]
    wrap: Change
    versions: frozenset[int] = BOTH
    tunnel: Tunnelled | None = None

    def under(self, outer: Carrier) -> Carrier:
        return Carrier(
            name=self.name,
            link_type=outer.link_type,
            layers=outer.layers + self.layers,
            wrap=chained(self.wrap, outer.wrap),
            versions=self.versions,
            tunnel=self.tunnel,
            trailer=outer.trailer,
        )


def chained(*steps: Change) -> Change:
    """One step after the other, innermost first."""

    def wrap(packet: bytes) -> bytes:
        return functools.reduce(lambda octets, step: step(octets), steps, packet)

    return wrap


WITHIN = (
    Within("vxlan", (*_UDP, "vxlan", "ethernet"), _vxlan),
    Within(
        "vxlan 8472",
        (*_UDP, "vxlan", "ethernet"),
        functools.partial(_vxlan, port=VXLAN_LINUX_PORT),
    ),
    Within("vxlan vlan", (*_UDP, "vxlan", "ethernet", "vlan"), _vxlan_tagged),
    Within("geneve", (*_UDP, "geneve", "ethernet"), _geneve),
    Within(
        "geneve options",
        (*_UDP, "geneve", "ethernet"),
        functools.partial(_geneve, options=bytes(range(16))),
    ),
    Within("geneve ip", (*_UDP, "geneve"), _geneve_ip),
    Within("gtpu", (*_UDP, "gtpu"), _gtpu),
    Within("gtpu sequence", (*_UDP, "gtpu"), functools.partial(_gtpu, sequence=5)),
    Within(
        "gtpu extensions",
        (*_UDP, "gtpu"),
        functools.partial(_gtpu, extensions=(_PORT_EXTENSION, _PDU_SESSION)),
    ),
    Within("gre", ("ipv4", "gre"), _gre, tunnel=_GRE6),
    Within("gre c k s", ("ipv4", "gre"), functools.partial(_gre, full=True), tunnel=_GRE6),
    Within("gre ethernet", ("ipv4", "gre", "ethernet"), _gre_ethernet, tunnel=_GRE6),
    Within("gre mpls", ("ipv4", "gre", "mpls"), _gre_mpls, tunnel=_GRE6),
    Within("pptp", ("ipv4", "gre", "ppp"), _pptp, tunnel=_GRE6),
    Within("gre udp", (*_UDP, "gre"), _gre_udp, tunnel=_GRE6_UDP),
    Within("ip-in-ip", ("ipv4",), _ipip, FOUR),
    Within("ip-in-ip options", ("ipv4",), _optioned, FOUR),
    Within("authentication header", ("ipv4",), _authenticated, FOUR),
    Within("ds-lite", ("ipv6",), _ds_lite),
    Within("ds-lite extensions", ("ipv6",), _ds_lite_extended, FOUR),
    Within("l2tp", (*_UDP, "l2tp", "ppp"), _l2tp, tunnel=_L2TP6),
    Within(
        "l2tp length",
        (*_UDP, "l2tp", "ppp"),
        functools.partial(_l2tp, length=True),
        tunnel=_L2TP6,
    ),
)


def _nested() -> Iterator[Carrier]:
    """Carriers in carriers, of IPv4 alone: what they are to IPv6 is shown by each one alone."""
    by_name = {each.name: each for each in WITHIN}
    outers = {each.name: each for each in itertools.chain(_link_types(), _in_ethernet())}
    for outer, *inner in (
        ("three tags", "gtpu", "ip-in-ip"),
        ("pppoe", "vxlan", "gre"),
        ("mpls 8", "geneve", "ds-lite"),
        ("qinq 88a8", "vxlan", "gtpu sequence"),
        ("sll2", "gre", "gre", "gre"),
        ("raw 101", "l2tp length", "geneve ip"),
        ("radiotap fcs", "ds-lite", "gre ethernet", "ip-in-ip"),
        ("hdlc 0f", "pptp", "ip-in-ip"),
    ):
        carrier = outers[outer]
        for name in inner:
            carrier = by_name[name].under(carrier)
        yield carrier._replace(name=" > ".join((outer, *inner)), versions=FOUR, tunnel=None)


@functools.cache
def carriers() -> tuple[Carrier, ...]:
    """All of them, one for each column of the table."""
    links = {each.name: each for each in _link_types()}
    within = (each.under(links["ethernet"]) for each in WITHIN)
    return (*links.values(), *_in_ethernet(), *within, *_nested())


def carrier(name: str) -> Carrier:
    return next(each for each in carriers() if each.name == name)
