"""One frame or a few of every shape that the sensor decodes, with the rows that they should give.

Made octet by octet, without the sensor's own codecs of these formats: rows and frames are both
written by hand, so that only Wireshark tells whether they belong together.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from sensor.wire import ipv4, ipv6
from sensor.wire import tcp as tcp_wire
from sensor.wire import udp as udp_wire
from sensor.wire.addresses import build_sixtofour, packed, text
from tests import build
from tests.build import (
    CLIENT,
    NATIVE,
    OTHER,
    PEER,
    RELAY,
    TEREDO,
    V4A,
    V4B,
    End,
    ethernet,
    four_in_six,
    six_in_six,
    tcp6,
    udp,
)
from tests.inspect.agreement import LinkFrame

Row = dict[str, Any]

ETHERNET = 1

# Two more hosts, with IPv4 in an outer IPv6, or around another IPv4.
B4, AFTR = packed("2a00:db8:5::1"), packed("2a00:db8:5::2")
FAR, NEAR = packed("198.51.100.3"), packed("192.0.2.99")
IDENTITY = packed("2a00:db8:7::1")
LONG_IDENTITY = bytes(range(1, 65))
ANYCAST = packed("192.88.99.2")


@dataclass(frozen=True)
class Shape:
    """Frames, each with its row or None, and what should come of comparing them."""

    frames: list[LinkFrame]
    rows: list[Row | None]
    undecoded: bool = False  # by Wireshark, although it has a row
    unseen: bool = False  # a tunnel to Wireshark, although it has no row
    reasons: dict[str, str] = field(default_factory=dict)  # of differences, by name


# inner packets

NATIVE_TCP = tcp6()
TO_TEREDO = tcp6(NATIVE, TEREDO, (49138, 8080))
DATAGRAM = udp_wire.build(NATIVE, OTHER, 1111, 22222, b"z" * 200)
NATIVE_UDP = ipv6.build(NATIVE, OTHER, udp_wire.PROTOCOL, DATAGRAM)


def inner(source: End, destination: End, hop_limit: int = 64, ports: bool = True) -> Row:
    return {
        "source": _end(source, ports),
        "destination": _end(destination, ports),
        "hop_limit": hop_limit,
    }


def _end(end: End, ports: bool) -> Row:
    return {"ip": text(end[0])} | ({"port": end[1]} if ports else {})


OF_TCP = inner((NATIVE, 49152), (OTHER, 443))
OF_UDP = inner((NATIVE, 1111), (OTHER, 22222))
OF_TO_TEREDO = inner((NATIVE, 49138), (TEREDO, 8080))
TEREDO_BLOCK = {
    "destination": {"server": "198.51.100.1", "port": 41658, "ip": "203.0.113.2", "legacy": False}
}


def row(
    kind: str, stack: str, source: End, destination: End, packet: Row | None, **more: Any
) -> Row:
    """A row with the keys that are compared; ports of its outer ends only where there are any."""
    layers = stack.split()
    ported = source[1] > 0
    made: Row = {
        "kind": kind,
        "kinds": [kind],
        "stack": layers,
        "outer": {
            "transport": more.pop("transport", "udp" if ported else "ipv6"),
            "source": _end(source, ported),
            "destination": _end(destination, ported),
        },
    }
    if packet is not None:
        made["inner"] = packet
    return made | more


# reasons


_INNER = (
    "inner.destination.ip",
    "inner.destination.port",
    "inner.hop_limit",
    "inner.source.ip",
    "inner.source.port",
)
_AYIYA_AS_IPV6 = dict.fromkeys(
    (*_INNER, "stack"), "Wireshark takes an AYIYA header that begins with a 6 for one of IPv6"
)
_IN_REDIRECT = dict.fromkeys(
    _INNER, "of what a redirect quotes, Wireshark reads 8 octets behind the IP header"
)
_STOPS_THERE = dict.fromkeys(
    ("inner.destination.port", "inner.source.port"),
    "Wireshark does not go on behind a Mobility or HIP header",
)

# headers


def ip4(
    protocol: int, payload: bytes, source: bytes = V4A, destination: bytes = V4B, **more: Any
) -> bytes:
    return ipv4.build(source, destination, protocol, payload, **more)


def datagram(port: int, payload: bytes, source: int = 40000) -> bytes:
    return udp((V4A, source), (V4B, port), payload)


def eth(ethertype: int, payload: bytes) -> bytes:
    return ethernet(build.bubble())[:12] + struct.pack("!H", ethertype) + payload


def vlan(number: int, ethertype: int, payload: bytes) -> bytes:
    return struct.pack("!HH", number, ethertype) + payload


def gre(protocol: int, payload: bytes, flags: int = 0, fields: bytes = b"") -> bytes:
    return struct.pack("!HH", flags, protocol) + fields + payload


def ayiya(
    payload: bytes,
    *,
    operation: int = 1,
    following: int = 41,
    signature: int = 20,
    identity: bytes = IDENTITY,
    epoch: int = 1_700_000_000,
) -> bytes:
    lengths = bytes([(len(identity).bit_length() - 1) << 4 | 1, signature // 4 << 4 | 2])
    operations = bytes([0x10 | operation, following])
    return lengths + operations + struct.pack("!I", epoch) + identity + bytes(signature) + payload


def l2tp(payload: bytes) -> bytes:
    return struct.pack("!HHHH", 0x4002, len(payload) + 8, 7, 9) + payload


def ppp(protocol: int, payload: bytes) -> bytes:
    return struct.pack("!BBH", 0xFF, 3, protocol) + payload


def pppoe(protocol: int, payload: bytes) -> bytes:
    return struct.pack("!BBHHH", 0x11, 0, 1, len(payload) + 2, protocol) + payload


def mpls(labels: int, payload: bytes) -> bytes:
    entries = [(100 + i) << 12 | (i == labels - 1) << 8 | 64 for i in range(labels)]
    return struct.pack(f"!{labels}I", *entries) + payload


def vxlan(frame: bytes) -> bytes:
    return struct.pack("!II", 0x08000000, 42 << 8) + frame


def geneve(protocol: int, payload: bytes, options: bytes = b"") -> bytes:
    return struct.pack("!BBHI", len(options) // 4, 0, protocol, 42 << 8) + options + payload


def gtpu(packet: bytes) -> bytes:
    return struct.pack("!BBHI", 0x30, 255, len(packet), 1) + packet


def icmp(quoted: bytes, error: int = 3) -> bytes:
    return ip4(1, struct.pack("!BBHI", error, 4, 0, 0) + quoted, V4B, V4A)


def icmp6(quoted: bytes, source: bytes, destination: bytes) -> bytes:
    return ipv6.build(source, destination, 58, struct.pack("!BBHI", 1, 0, 0, 0) + quoted)


def fragments4(protocol: int, payload: bytes, ends: tuple[bytes, bytes], mark: int) -> list[bytes]:
    return [
        ipv4.build(
            *ends,
            protocol,
            payload[at : at + 104],
            identification=mark,
            more_fragments=at + 104 < len(payload),
            fragment_offset=at,
        )
        for at in range(0, len(payload), 104)
    ]


def fragments6(following: int, payload: bytes, ends: tuple[bytes, bytes], mark: int) -> list[bytes]:
    return [
        ipv6.build(
            *ends,
            ipv6.FRAGMENT,
            ipv6.build_fragment(following, mark, at, at + 104 < len(payload))
            + payload[at : at + 104],
        )
        for at in range(0, len(payload), 104)
    ]


# The tunnel that most carriers below carry, or that is one side of a nesting.

FAR_SIXINFOUR = ip4(41, NATIVE_TCP, FAR, NEAR)
FAR_TEREDO = udp(RELAY, CLIENT, TO_TEREDO)
_WIRED = b"\x02" + ethernet(FAR_SIXINFOUR)[1:]  # to an address that begins as control words do
OUTER = (V4A, 0), (V4B, 0)
FAR_OUTER = (FAR, 0), (NEAR, 0)


def of(packet: bytes, made: Row | None, **more: Any) -> Shape:
    """One IP packet on Ethernet."""
    return Shape([(ETHERNET, ethernet(packet))], [made], **more)


def framed(link_type: int, frame: bytes, made: Row | None, **more: Any) -> Shape:
    return Shape([(link_type, frame)], [made], **more)


def over_udp(kind: str, stack: str, port: int, packet: Row | None = OF_TCP, **more: Any) -> Row:
    return row(kind, stack, (V4A, 40000), (V4B, port), packet, **more)


def carried(stack: str) -> Row:
    """FAR_SIXINFOUR in some carrier."""
    return row("6in4", stack, *FAR_OUTER, OF_TCP)


def teredo(stack: str, **more: Any) -> Row:
    """FAR_TEREDO in some carrier."""
    return row("teredo", stack, RELAY, CLIENT, OF_TO_TEREDO, teredo=TEREDO_BLOCK, **more)


def plain(stack: str = "ipv4 ipv6 tcp", **more: Any) -> Row:
    return row("6in4", stack, *OUTER, OF_TCP, **more)


KINDS = {
    "6in4": of(ip4(41, NATIVE_TCP), plain()),
    "6to4": of(
        ip4(41, tcp6(build_sixtofour(V4A), OTHER)),
        row(
            "6to4",
            "ethernet ipv4 ipv6 tcp",
            *OUTER,
            inner((build_sixtofour(V4A), 49152), (OTHER, 443)),
            embedded=[{"address": "2002:cb00:7105::1", "scheme": "6to4", "ip": "203.0.113.5"}],
        ),
    ),
    "teredo": of(FAR_TEREDO, teredo("ethernet ipv4 udp teredo ipv6 tcp")),
    "teredo on a port of DNS": of(
        udp(RELAY, (V4B, 53), TO_TEREDO),
        row(
            "teredo",
            "ethernet ipv4 udp teredo ipv6 tcp",
            RELAY,
            (V4B, 53),
            OF_TO_TEREDO,
            teredo=TEREDO_BLOCK,
        ),
    ),
    "teredo over IPv6": of(
        udp((B4, 40000), (AFTR, 3544), TO_TEREDO),
        row(
            "teredo",
            "ethernet ipv6 udp teredo ipv6 tcp",
            (B4, 40000),
            (AFTR, 3544),
            OF_TO_TEREDO,
            teredo=TEREDO_BLOCK,
        ),
    ),
    "gre": of(
        ip4(47, gre(0x86DD, NATIVE_TCP)),
        row("gre6", "ethernet ipv4 gre ipv6 tcp", *OUTER, OF_TCP, transport="gre"),
    ),
    "gre with checksum, key and sequence": of(
        ip4(47, gre(0x86DD, NATIVE_TCP, 0xB000, bytes(12))),
        row("gre6", "ethernet ipv4 gre ipv6 tcp", *OUTER, OF_TCP, transport="gre"),
    ),
    "gre with ethernet": of(
        ip4(47, gre(0x6558, eth(0x8100, vlan(5, 0x86DD, NATIVE_TCP)))),
        row(
            "gre6",
            "ethernet ipv4 gre ethernet vlan ipv6 tcp",
            *OUTER,
            OF_TCP,
            transport="gre",
        ),
    ),
    "gre with 6in4": of(ip4(47, gre(0x0800, FAR_SIXINFOUR)), carried("ipv4 gre ipv4 ipv6 tcp")),
    "ayiya": of(
        datagram(5072, ayiya(NATIVE_TCP)),
        over_udp("ayiya", "ethernet ipv4 udp ayiya ipv6 tcp", 5072),
    ),
    "ayiya on its former port": of(
        datagram(8374, ayiya(NATIVE_TCP, signature=0)),
        over_udp("ayiya", "ethernet ipv4 udp ayiya ipv6 tcp", 8374),
    ),
    "ayiya elsewhere": of(
        datagram(40001, ayiya(NATIVE_TCP)),
        over_udp("ayiya", "ethernet ipv4 udp ayiya ipv6 tcp", 40001),
        undecoded=True,
    ),
    "ayiya without packet": of(
        datagram(5072, ayiya(b"", operation=0, following=59)),
        over_udp("ayiya", "ethernet ipv4 udp ayiya", 5072, None),
    ),
    "ayiya that asks for an echo": of(
        datagram(5072, ayiya(NATIVE_TCP, operation=3)),
        over_udp("ayiya", "ethernet ipv4 udp ayiya ipv6 tcp", 5072),
        reasons=dict.fromkeys(
            _INNER, "Wireshark reads what AYIYA carries only if its operation is to forward"
        ),
    ),
    "ayiya of a long identity, as long as an IPv6 packet would be": of(
        # Its time is read as a payload's length, and that nothing follows.
        datagram(
            40001,
            ayiya(
                NATIVE_TCP,
                identity=LONG_IDENTITY,
                epoch=(8 + 64 + 20 + len(NATIVE_TCP) - 40) << 16 | 59 << 8,
            ),
        ),
        over_udp("ayiya", "ethernet ipv4 udp ayiya ipv6 tcp", 40001),
        reasons=_AYIYA_AS_IPV6,
    ),
    "ayiya of a long identity, from the port of IP in UDP": of(
        datagram(5072, ayiya(NATIVE_TCP, identity=LONG_IDENTITY), source=5555),
        row("ayiya", "ethernet ipv4 udp ayiya ipv6 tcp", (V4A, 5555), (V4B, 5072), OF_TCP),
        reasons=_AYIYA_AS_IPV6,
    ),
    "ayiya of a long identity without packet": of(
        datagram(
            5072,
            ayiya(b"", operation=0, following=59, identity=LONG_IDENTITY),
            source=5555,
        ),
        row("ayiya", "ethernet ipv4 udp ayiya", (V4A, 5555), (V4B, 5072), None),
        reasons={
            name: reason for name, reason in _AYIYA_AS_IPV6.items() if not name.endswith(".port")
        },
    ),
    "ayiya of a long identity": of(
        datagram(5072, ayiya(NATIVE_TCP, identity=LONG_IDENTITY)),
        over_udp("ayiya", "ethernet ipv4 udp ayiya ipv6 tcp", 5072),
    ),
    "tsp control over udp": of(
        datagram(3653, struct.pack("!II", 0xF0000001, 1) + b"VERSION=2.0.0\r\n"),
        over_udp("tsp", "ethernet ipv4 udp tsp", 3653, None),
        undecoded=True,
    ),
    "tsp control over tcp": of(
        ip4(
            6,
            tcp_wire.build(
                V4A,
                V4B,
                40000,
                3653,
                sequence=1,
                acknowledgement=1,
                flags=tcp_wire.PSH | tcp_wire.ACK,
                payload=b"VERSION=2.0.0\r\n",
            ),
        ),
        over_udp("tsp", "ethernet ipv4 tcp tsp", 3653, None, transport="tcp"),
        undecoded=True,
    ),
    "tsp data": of(
        datagram(3653, NATIVE_TCP), over_udp("tsp", "ethernet ipv4 udp tsp ipv6 tcp", 3653)
    ),
    "l2tp": of(
        datagram(1701, l2tp(ppp(0x57, NATIVE_TCP))),
        over_udp("l2tp6", "ethernet ipv4 udp l2tp ppp ipv6 tcp", 1701),
    ),
    "6a44": of(
        udp((V4A, 40000), (ANYCAST, 1027), NATIVE_TCP),
        row("6a44", "ethernet ipv4 udp ipv6 tcp", (V4A, 40000), (ANYCAST, 1027), OF_TCP),
    ),
    "6a44 bubble": of(
        udp((V4A, 40000), (ANYCAST, 1027), bytes(20)),
        row("6a44", "ethernet ipv4 udp", (V4A, 40000), (ANYCAST, 1027), None),
        undecoded=True,
    ),
    "6bed4": of(
        datagram(25790, NATIVE_TCP), over_udp("6bed4", "ethernet ipv4 udp ipv6 tcp", 25790)
    ),
    "IPv6 in UDP": of(
        datagram(40001, NATIVE_TCP), over_udp("ip6-in-udp", "ethernet ipv4 udp ipv6 tcp", 40001)
    ),
    "6bed4 to a Teredo address": of(
        datagram(25790, TO_TEREDO),
        over_udp("6bed4", "ethernet ipv4 udp ipv6 tcp", 25790, OF_TO_TEREDO),
        reasons=dict.fromkeys(
            ("teredo.destination.ip", "teredo.destination.port", "teredo.destination.server"),
            "Wireshark takes every IPv6 packet in UDP for Teredo",
        ),
    ),
    "6in4 in UDP": of(
        datagram(5555, FAR_SIXINFOUR), carried("ethernet ipv4 udp fou ipv4 ipv6 tcp")
    ),
    "6in4 in UDP elsewhere": of(
        datagram(40001, FAR_SIXINFOUR),
        carried("ethernet ipv4 udp fou ipv4 ipv6 tcp"),
        undecoded=True,
    ),
    "6in4 in GUE": of(
        datagram(6080, struct.pack("!BBH", 0, 4, 0) + FAR_SIXINFOUR),
        carried("ethernet ipv4 udp gue ipv4 ipv6 tcp"),
        undecoded=True,
    ),
}

CARRIERS = {
    "IPv4 in IPv4": of(ip4(4, FAR_SIXINFOUR), carried("ethernet ipv4 ipv4 ipv6 tcp")),
    "teredo in IPv4 in IPv4": of(
        ip4(4, FAR_TEREDO), teredo("ethernet ipv4 ipv4 udp teredo ipv6 tcp")
    ),
    "DS-Lite": of(four_in_six(FAR_SIXINFOUR, B4, AFTR), carried("ethernet ipv6 ipv4 ipv6 tcp")),
    "teredo in DS-Lite": of(
        four_in_six(FAR_TEREDO, B4, AFTR), teredo("ethernet ipv6 ipv4 udp teredo ipv6 tcp")
    ),
    "tag": framed(
        1, eth(0x8100, vlan(5, 0x0800, ip4(41, NATIVE_TCP))), plain("ethernet vlan ipv4 ipv6 tcp")
    ),
    "three tags": framed(
        1,
        eth(0x88A8, vlan(5, 0x8100, vlan(6, 0x8100, vlan(7, 0x0800, ip4(41, NATIVE_TCP))))),
        plain("ethernet vlan vlan vlan ipv4 ipv6 tcp"),
    ),
    "tags of type 9100": framed(
        1,
        eth(0x9100, vlan(5, 0x8100, vlan(6, 0x0800, ip4(41, NATIVE_TCP)))),
        plain("ethernet vlan vlan ipv4 ipv6 tcp"),
    ),
    "pppoe": framed(
        1,
        eth(0x8864, pppoe(0x21, FAR_TEREDO)),
        teredo("ethernet pppoe ppp ipv4 udp teredo ipv6 tcp"),
    ),
    "mpls": framed(1, eth(0x8847, mpls(3, FAR_SIXINFOUR)), carried("ethernet mpls ipv4 ipv6 tcp")),
    "mpls with IPv6": framed(
        1,
        eth(0x8847, mpls(1, four_in_six(FAR_SIXINFOUR, B4, AFTR))),
        carried("ethernet mpls ipv6 ipv4 ipv6 tcp"),
    ),
    "a tag in a pseudowire": framed(
        1,
        eth(0x8847, mpls(1, _WIRED[:12] + struct.pack("!HH", 0x8100, 9) + _WIRED[12:])),
        carried("ethernet mpls ethernet vlan ipv4 ipv6 tcp"),
        reasons={
            "stack": "Wireshark takes the first octets of an Ethernet address for a control word"
        },
    ),
    "vxlan": of(
        datagram(4789, vxlan(ethernet(FAR_SIXINFOUR))),
        carried("ethernet ipv4 udp vxlan ethernet ipv4 ipv6 tcp"),
    ),
    "vxlan with native IPv6": of(datagram(4789, vxlan(ethernet(NATIVE_TCP))), None),
    "geneve": of(
        datagram(6081, geneve(0x6558, ethernet(FAR_SIXINFOUR))),
        carried("ethernet ipv4 udp geneve ethernet ipv4 ipv6 tcp"),
    ),
    "geneve with options": of(
        datagram(6081, geneve(0x0800, FAR_TEREDO, bytes(8))),
        teredo("ethernet ipv4 udp geneve ipv4 udp teredo ipv6 tcp"),
    ),
    "geneve with native IPv6": of(datagram(6081, geneve(0x86DD, NATIVE_TCP)), None),
    "geneve with DS-Lite": of(
        datagram(6081, geneve(0x86DD, four_in_six(FAR_SIXINFOUR, B4, AFTR))),
        carried("ethernet ipv4 udp geneve ipv6 ipv4 ipv6 tcp"),
    ),
    "gtp-u": of(
        udp((V4A, 2152), (V4B, 2152), gtpu(FAR_TEREDO)),
        teredo("ethernet ipv4 udp gtpu ipv4 udp teredo ipv6 tcp"),
    ),
    "gtp-u with native IPv6": of(udp((V4A, 2152), (V4B, 2152), gtpu(NATIVE_TCP)), None),
    "l2tp with 6in4": of(
        datagram(1701, l2tp(ppp(0x21, FAR_SIXINFOUR))),
        carried("ethernet ipv4 udp l2tp ppp ipv4 ipv6 tcp"),
    ),
    "IPv6 in IPv6 in 6in4": of(
        ip4(41, six_in_six(NATIVE_TCP, B4, AFTR)), plain("ethernet ipv4 ipv6 ipv6 tcp")
    ),
    "6in4 in teredo": of(
        udp(RELAY, CLIENT, ipv6.build(NATIVE, TEREDO, 4, FAR_SIXINFOUR)),
        row(
            "teredo",
            "ethernet ipv4 udp teredo ipv6 ipv4 ipv6 tcp",
            RELAY,
            CLIENT,
            OF_TCP,
            teredo=TEREDO_BLOCK,
        ),
    ),
    "teredo in 6in4 in 6bed4": of(
        datagram(25790, four_in_six(udp(RELAY, CLIENT, TO_TEREDO), B4, AFTR)),
        over_udp(
            "6bed4",
            "ethernet ipv4 udp ipv6 ipv4 udp teredo ipv6 tcp",
            25790,
            OF_TO_TEREDO,
            teredo=TEREDO_BLOCK,
        ),
    ),
    "IPv6 in UDP in 6in4, too weak to be believed": of(
        ip4(41, udp((B4, 40000), (AFTR, 40001), NATIVE_TCP)),
        row("6in4", "ethernet ipv4 ipv6 udp", *OUTER, inner((B4, 40000), (AFTR, 40001))),
        reasons=dict.fromkeys(
            (
                "inner.destination.ip",
                "inner.destination.port",
                "inner.source.ip",
                "inner.source.port",
                "stack",
            ),
            "Wireshark takes every IPv6 packet in UDP for Teredo",
        ),
    ),
    "a TCP header that is none": of(
        ip4(41, NATIVE_TCP[:52] + bytes(8)),
        row(
            "6in4",
            "ethernet ipv4 ipv6",
            *OUTER,
            inner((NATIVE, 0), (OTHER, 0), ports=False),
        ),
        reasons=dict.fromkeys(
            ("inner.destination.port", "inner.source.port"),
            "nothing is read here of a TCP or UDP header that is damaged",
        ),
    ),
    "behind a Mobility header": of(
        ip4(41, ipv6.build(NATIVE, OTHER, 135, bytes([6, 0, 5, 0, 0, 0, 1, 4]) + NATIVE_TCP[40:])),
        plain(),
        reasons=_STOPS_THERE,
    ),
    "behind a HIP header": of(
        ip4(
            41, ipv6.build(NATIVE, OTHER, 139, bytes([6, 4, 1, 0x11, *bytes(36)]) + NATIVE_TCP[40:])
        ),
        plain(),
        reasons=_STOPS_THERE,
    ),
    "a second IPv6 header that is cut off": of(
        ip4(41, six_in_six(NATIVE_TCP, B4, AFTR))[:80],
        row(
            "6in4",
            "ethernet ipv4 ipv6",
            *OUTER,
            inner((B4, 0), (AFTR, 0), ports=False),
            anomalies=["length-mismatch"],
        ),
    ),
    "teredo that only its flow tells, around teredo": of(
        datagram(25791, four_in_six(FAR_TEREDO, B4, AFTR)),
        over_udp(
            "teredo",
            "ethernet ipv4 udp ipv6 ipv4 udp teredo ipv6 tcp",
            25791,
            OF_TO_TEREDO,
            teredo={"packet": "data"},
        ),
    ),
    "IPv6 that is no tunnel": of(six_in_six(NATIVE_TCP, B4, AFTR), None),
    "protocol 41 without IPv6": of(ip4(41, b"x" * 60), None),
    "DNS whose number begins with 6": of(
        datagram(53, bytes.fromhex("6ee601000001000000000000") + b"\x04code\x04msdn" + bytes(20)),
        None,
    ),
    "too many layers": of(
        ip4(4, ip4(4, FAR_SIXINFOUR)),
        {
            "kind": "none",
            "kinds": [],
            "stack": ["ethernet", "ipv4", "ipv4"],
            "anomalies": ["too-many-layers"],
        },
        reasons=dict.fromkeys(
            (*_INNER, "outer.destination.ip", "outer.source.ip", "outer.transport", "stack"),
            "layers beyond the limit are not followed here",
        ),
    ),
    "too many layers, with ends": of(
        ip4(4, ip4(4, FAR_SIXINFOUR)),
        {
            "kind": "none",
            "kinds": [],
            "stack": ["ethernet", "ipv4", "ipv4"],
            "outer": {"source": _end(OUTER[0], False), "destination": _end(OUTER[1], False)},
            "anomalies": ["too-many-layers"],
        },
        reasons=dict.fromkeys(
            (*_INNER, "outer.destination.ip", "outer.source.ip", "outer.transport", "stack"),
            "layers beyond the limit are not followed here",
        ),
    ),
    "too many layers around no tunnel": of(
        ip4(4, ip4(4, datagram(40001, b"x"))),
        {
            "kind": "none",
            "kinds": [],
            "stack": ["ethernet", "ipv4", "ipv4"],
            "outer": {"source": _end(OUTER[0], False), "destination": _end(OUTER[1], False)},
            "anomalies": ["too-many-layers"],
        },
    ),
    "a tunnel that only Wireshark sees": of(ip4(41, NATIVE_TCP), None, unseen=True),
}

QUOTED = {
    "8 octets of 6in4": of(
        icmp(ip4(41, NATIVE_TCP)[:28]),
        row("6in4", "ethernet ipv4 icmp ipv4", *OUTER, None, quoted=True),
    ),
    "6in4": of(icmp(ip4(41, NATIVE_TCP)), plain("ethernet ipv4 icmp ipv4 ipv6 tcp", quoted=True)),
    "6in4 cut in its ports": of(
        icmp(ip4(41, NATIVE_TCP)[:66]),
        row(
            "6in4",
            "ethernet ipv4 icmp ipv4 ipv6",
            *OUTER,
            inner((NATIVE, 0), (OTHER, 0), ports=False),
            quoted=True,
        ),
        reasons=dict.fromkeys(
            ("inner.destination.port", "inner.source.port"),
            "the error quotes no more of the packet: how much of the rest is still read differs",
        ),
    ),
    "6in4 in a redirect": of(
        icmp(ip4(41, NATIVE_TCP), 5),
        plain("ethernet ipv4 icmp ipv4 ipv6 tcp", quoted=True),
        reasons=_IN_REDIRECT,
    ),
    "gre in a redirect": of(
        icmp(ip4(47, gre(0x86DD, NATIVE_TCP)), 5),
        row(
            "gre6",
            "ethernet ipv4 icmp ipv4 gre ipv6 tcp",
            *OUTER,
            OF_TCP,
            transport="gre",
            quoted=True,
        ),
        reasons=_IN_REDIRECT,
    ),
    "8 octets of 6in4 in a redirect": of(
        icmp(ip4(41, NATIVE_TCP)[:28], 5),
        row("6in4", "ethernet ipv4 icmp ipv4", *OUTER, None, quoted=True),
    ),
    "8 octets of teredo": of(
        icmp(FAR_TEREDO[:28]),
        row("teredo", "ethernet ipv4 icmp ipv4 udp", RELAY, CLIENT, None, quoted=True),
        undecoded=True,
    ),
    "teredo": of(
        icmp(FAR_TEREDO), teredo("ethernet ipv4 icmp ipv4 udp teredo ipv6 tcp", quoted=True)
    ),
    "gre": of(
        icmp(ip4(47, gre(0x86DD, NATIVE_TCP))),
        row(
            "gre6",
            "ethernet ipv4 icmp ipv4 gre ipv6 tcp",
            *OUTER,
            OF_TCP,
            transport="gre",
            quoted=True,
        ),
    ),
    "DS-Lite in ICMPv6": of(
        icmp6(four_in_six(FAR_SIXINFOUR, B4, AFTR), AFTR, B4),
        row(
            "6in4",
            "ethernet ipv6 icmpv6 ipv6 ipv4 ipv6 tcp",
            *FAR_OUTER,
            OF_TCP,
            quoted=True,
        ),
    ),
    "native IPv6 in an error in 6in4": of(
        ip4(41, icmp6(NATIVE_TCP, OTHER, NATIVE)),
        row(
            "6in4",
            "ethernet ipv4 ipv6 icmpv6",
            *OUTER,
            inner((OTHER, 0), (NATIVE, 0), ports=False),
        ),
    ),
}


def _last(pieces: list[bytes], made: Row, **more: Any) -> Shape:
    """Fragments, of which the last makes the packet whole."""
    nothing: list[Row | None] = [None] * (len(pieces) - 1)
    return Shape([(ETHERNET, ethernet(piece)) for piece in pieces], [*nothing, made], **more)


_TEREDO_UDP = ipv6.build(
    NATIVE, TEREDO, udp_wire.PROTOCOL, udp_wire.build(NATIVE, TEREDO, 1111, 22222, b"z" * 200)
)
_FIRST = {"id": 88, "offset": 0, "more": True}
_SECOND = {"id": 88, "offset": 104, "more": False}
_WHOLE_AGAIN = "Wireshark shows a fragmented packet where it is whole again"

FRAGMENTS = {
    "6in4": _last(
        fragments4(41, NATIVE_UDP, (V4A, V4B), 77),
        row("6in4", "ethernet ipv4 ipv6 udp", *OUTER, OF_UDP),
    ),
    "teredo": _last(
        fragments4(
            17,
            udp_wire.build(PEER[0], CLIENT[0], PEER[1], CLIENT[1], _TEREDO_UDP),
            (PEER[0], CLIENT[0]),
            78,
        ),
        row(
            "teredo",
            "ethernet ipv4 udp teredo ipv6 udp",
            PEER,
            CLIENT,
            inner((NATIVE, 1111), (TEREDO, 22222)),
            teredo=TEREDO_BLOCK,
        ),
    ),
    "IPv6 in 6in4": Shape(
        [
            (ETHERNET, ethernet(ip4(41, piece)))
            for piece in fragments6(17, DATAGRAM, (NATIVE, OTHER), 88)
        ],
        [
            row(
                "6in4",
                "ethernet ipv4 ipv6",
                *OUTER,
                inner((NATIVE, 0), (OTHER, 0), ports=False) | {"fragment": _FIRST},
            ),
            row("6in4", "ethernet ipv4 ipv6 udp", *OUTER, OF_UDP | {"fragment": _SECOND}),
        ],
    ),
    "IPv6 in 6in4, not made whole": framed(
        1,
        ethernet(ip4(41, fragments6(17, DATAGRAM, (AFTR, OTHER), 92)[0])),
        row(
            "6in4",
            "ethernet ipv4 ipv6 udp",
            *OUTER,
            inner((AFTR, 1111), (OTHER, 22222)) | {"fragment": _FIRST},
        ),
        reasons=dict.fromkeys(("inner.destination.port", "inner.source.port"), _WHOLE_AGAIN),
    ),
    "DS-Lite": _last(
        fragments6(4, ip4(41, NATIVE_UDP, FAR, NEAR), (B4, AFTR), 90),
        row("6in4", "ethernet ipv6 ipv4 ipv6 udp", *FAR_OUTER, OF_UDP),
    ),
    "without an end": Shape(
        [(ETHERNET, ethernet(piece)) for piece in fragments4(41, NATIVE_UDP, (FAR, V4B), 79)[:2]],
        [
            row(
                "6in4",
                "ethernet ipv4 ipv6 udp",
                (FAR, 0),
                (V4B, 0),
                OF_UDP,
                anomalies=["fragment-incomplete"],
            ),
            None,
        ],
        undecoded=True,
    ),
    "without an end, in 6in4": framed(
        1,
        ethernet(ip4(41, fragments6(17, DATAGRAM, (B4, OTHER), 91)[0])),
        row(
            "6in4",
            "ethernet ipv4 ipv6 udp",
            *OUTER,
            inner((B4, 1111), (OTHER, 22222)) | {"fragment": {"id": 91, "offset": 0, "more": True}},
            anomalies=["fragment-incomplete"],
        ),
        reasons=dict.fromkeys(("inner.destination.port", "inner.source.port"), _WHOLE_AGAIN),
    ),
}

_PACKET = ip4(41, NATIVE_TCP)
_SNAP = bytes.fromhex("aaaa030000000800")
_WLAN = bytes.fromhex("08010000") + bytes(range(18)) + bytes(2) + _SNAP + _PACKET

LINK_TYPES = {
    "null": framed(0, struct.pack("<I", 2) + _PACKET, plain("null ipv4 ipv6 tcp")),
    "null of a big-endian machine": framed(
        0, struct.pack(">I", 2) + _PACKET, plain("null ipv4 ipv6 tcp")
    ),
    "loop": framed(108, struct.pack(">I", 2) + _PACKET, plain("null ipv4 ipv6 tcp")),
    "raw": framed(101, _PACKET, plain()),
    "ipv4": framed(228, _PACKET, plain()),
    "ipv6": framed(229, four_in_six(FAR_SIXINFOUR, B4, AFTR), carried("ipv6 ipv4 ipv6 tcp")),
    "sll": framed(113, build.sll(_PACKET), plain("sll ipv4 ipv6 tcp")),
    "sll2": framed(276, build.sll2(_PACKET), plain("sll2 ipv4 ipv6 tcp")),
    "ppp": framed(9, ppp(0x21, _PACKET), plain("ppp ipv4 ipv6 tcp")),
    "ppp with hdlc": framed(50, ppp(0x21, _PACKET), plain("ppp ipv4 ipv6 tcp")),
    "cisco hdlc": framed(104, bytes.fromhex("0f000800") + _PACKET, plain("hdlc ipv4 ipv6 tcp")),
    "802.11": framed(105, _WLAN, plain("wlan ipv4 ipv6 tcp")),
    "radiotap": framed(
        127, bytes.fromhex("0000080000000000") + _WLAN, plain("radiotap wlan ipv4 ipv6 tcp")
    ),
}

SHAPES = {
    f"{group}: {name}": shape
    for group, shapes in (
        ("kind", KINDS),
        ("carrier", CARRIERS),
        ("quoted", QUOTED),
        ("fragments", FRAGMENTS),
        ("link type", LINK_TYPES),
    )
    for name, shape in shapes.items()
}
