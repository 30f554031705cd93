"""Frames grown at random: inner packets of every kind in carriers of every kind, several deep.

Damaging frames of captures seldom reaches what needs two rare things at once; growing does.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from sensor.decode.names import name_hashes
from sensor.decode.teredo import STUN_COOKIE
from sensor.wire import (
    ayiya,
    dns,
    geneve,
    gre,
    gtpu,
    gue,
    icmpv4,
    icmpv6,
    ipv4,
    ipv6,
    l2tp,
    link,
    llc,
    mpls,
    ppp,
    pppoe,
    sixinfour,
    tcp,
    teredo,
    tsp,
    udp,
    vxlan,
    wlan,
)
from sensor.wire.addresses import (
    ALL_ROUTERS,
    LEGACY_TEREDO_PREFIX,
    LOOPBACK,
    SIXA44_RELAY,
    UNSPECIFIED,
    LeakingAddress,
    build_isatap,
    build_server_link_local,
    build_sixa44,
    build_sixbed4,
    build_sixover4,
    build_sixtofour,
    packed,
)
from sensor.wire.ports import (
    AYIYA_PORT,
    DNS_PORT,
    GENEVE_PORT,
    GRE_PORT,
    GTPU_PORT,
    GUE_PORT,
    L2TP_PORT,
    LLMNR_PORT,
    MDNS_PORT,
    NETBIOS_PORT,
    SIXA44_PORT,
    SIXBED4_PORT,
    TSP_PORT,
    VXLAN_LINUX_PORT,
    VXLAN_PORT,
)

from .. import build
from .corpus import Whole

# Public, private, shared, group, anycast: every class that judging tells apart, and its edges.
IPS = [
    packed(text)
    for text in (
        "203.0.113.5", "192.0.2.4", "198.51.100.1", "198.51.100.77", "10.0.0.1", "9.255.255.255",
        "11.0.0.0", "172.16.0.1", "172.31.255.255", "172.32.0.0", "192.168.0.2", "100.64.0.1",
        "100.128.0.1", "169.254.1.1", "127.0.0.1", "224.0.0.253", "239.192.0.1", "240.0.0.1",
        "255.255.255.255", "0.0.0.1", "192.88.99.1", "192.88.99.2", "1.2.3.4",
    )
]  # fmt: skip
PORTS = (
    0, 53, 3544, 3545, 41658, 50000, 65535, 1023, 1024,
    SIXA44_PORT, SIXBED4_PORT, TSP_PORT, AYIYA_PORT, GUE_PORT,
)  # fmt: skip
# Words of TSP, whole and cut, large and small.
TEXTS = (
    b"VERSION=2.0.0\r\n", b"CAPABILITY TUNNEL=V6UDPV4", b"AUTHENTICATE ANONYMOUS\r\n",
    b"Content-length: 20\r\n<tunnel", b"CONTENT-LENGTH:9", b"content\rlength:9", b"<tunnel/>",
    b"<tunne", b"VERSION", b"200 Success\r\n", b"300\n", b"500\r", b"100 no", b"20a no", b"200",
    b"1200 Redirection\r\n", b"1302\n", b"1100 no", b"1200",
    b"2", b"", b"junk of text",
)  # fmt: skip
# What a sensor may look for, and names that it is asked for.
HASHES = name_hashes(["teredo.example.net"], ["isatap"], ["broker.example"])
NAMES = (
    "teredo.example.net", "TEREDO.example.NET", "isatap", "isatap.example.org", "a.broker.example",
    "a.b.broker.example", "broker.example", "www.example.net", "", "x" * 63, "x" * 63 + ".isatap",
    ".".join(["y" * 60] * 4), ".".join(["z" * 63] * 4),
)  # fmt: skip
EXTENSIONS = (0, 43, 51, 60, 135, 139, 140)
FAMILIES = (2, 10, 24, 28, 30, 7)
ADDRESSES: list[Callable[[random.Random], bytes]] = [
    lambda dice: build.NATIVE,
    lambda dice: build.OTHER,
    lambda dice: _teredo(dice, bytes.fromhex("20010000")),
    lambda dice: _teredo(dice, bytes.fromhex("20010000")),
    lambda dice: _teredo(dice, LEGACY_TEREDO_PREFIX),
    lambda dice: build_sixtofour(dice.choice(IPS)),
    lambda dice: build_isatap(build.NATIVE[:8], dice.choice(IPS), dice.random() < 0.5),
    lambda dice: build_sixover4(dice.choice(IPS)),
    lambda dice: bytes(12) + dice.choice(IPS),
    lambda dice: bytes(10) + b"\xff\xff" + dice.choice(IPS),
    lambda dice: packed("2001:db8::")[:4] + dice.choice(IPS) + dice.randbytes(8),
    lambda dice: packed("2001:db8::")[:4] + dice.choice(IPS)[1:] + dice.randbytes(9),
    lambda dice: build_server_link_local(dice.choice(IPS)),
    lambda dice: build.LINK_LOCAL,
    lambda dice: packed("fe80::1"),
    lambda dice: packed("fec0::1"),
    lambda dice: packed("ff02::1"),
    lambda dice: ALL_ROUTERS,
    lambda dice: LOOPBACK,
    lambda dice: UNSPECIFIED,
    lambda dice: dice.randbytes(16),
    lambda dice: build_sixa44(bytes(6), _leaking(dice, 4)),
    lambda dice: build_sixbed4(build.NATIVE[:8], _leaking(dice, 2)),
]


def _leaking(dice: random.Random, size: int) -> LeakingAddress:
    inside = bytes(2) if size == 2 else dice.choice(IPS)
    return LeakingAddress(dice.choice(IPS), dice.choice(PORTS), inside)


def _teredo(dice: random.Random, prefix: bytes) -> bytes:
    """An address whose flags, server and mapping often agree with what is around it."""
    flags = dice.choice((0, 0x8000, 0x4000, 0x0200, 0x0100, 0x3CFF, 0xFFFF))
    mapping = teredo.build_origin(dice.choice(IPS), dice.choice(PORTS))[2:]
    return prefix + dice.choice(IPS) + struct.pack("!H", flags) + mapping


class Grower:
    """Draws frames; the same dice give the same frames."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def frame(self) -> Whole:
        dice = self._dice
        packet = self._control() if dice.randrange(8) == 0 else self._inner()
        for _ in range(self._dice.choice((1, 1, 1, 2, 2, 3, 5, 9))):
            packet = self._around(packet)
            if len(packet) > 4000:
                break
        return self._linked(packet)

    def _address(self) -> bytes:
        return self._dice.choice(ADDRESSES)(self._dice)

    def _ends(self) -> tuple[bytes, bytes]:
        return self._dice.choice(IPS), self._dice.choice(IPS)

    # inner packets

    def _inner(self) -> bytes:
        source, destination = self._address(), self._address()
        if self._dice.randrange(8) == 0:
            source, destination = build.LINK_LOCAL, ALL_ROUTERS
        transport, body = self._transport(source, destination)
        return self._six(source, destination, transport, body)

    def _transport(self, source: bytes, destination: bytes) -> tuple[int, bytes]:
        dice = self._dice
        data = dice.randbytes(dice.choice((0, 1, 3, 4, 8, 61)))
        match dice.randrange(9):
            case 0 | 1:
                segment = tcp.build(
                    source, destination, dice.choice(PORTS), 443, sequence=dice.getrandbits(32),
                    acknowledgement=dice.getrandbits(32), flags=dice.getrandbits(8), payload=data,
                    options=bytes(dice.choice((0, 4, 40))),
                )  # fmt: skip
                return tcp.PROTOCOL, segment
            case 2:
                summed = dice.random() < 0.7
                datagram = udp.build(source, destination, 5353, 53, data, checksum=summed)
                return udp.PROTOCOL, datagram
            case 3:
                kind = dice.choice((1, 128, 129, 133, 134, 135, 137, 138))
                code = dice.choice((0, 0, 0, 1))
                return 58, icmpv6.build(source, destination, kind, code, data)
            case 4:
                return 58, self._advertisement(source, destination)
            case 5:
                options = (icmpv6.Option(1, bytes(6)),) * dice.randrange(2)
                return 58, icmpv6.build_router_solicitation(source, destination, options)
            case 6:
                return ipv6.NO_NEXT_HEADER, dice.choice((b"", data))
            case 7:
                return dice.choice((4, 6, 17, 33, 41, 46, 47, 50, 58, 88, 132, 136, 255)), data
            case _:
                return dice.choice((0, 43, 44, 51, 60, 135)), data

    def _advertisement(self, source: bytes, destination: bytes) -> bytes:
        """Sound or not, with prefixes of Teredo and others, and sometimes too many options."""
        dice = self._dice
        prefixes = [
            icmpv6.PrefixInformation(64, 0, 1, 1, dice.choice((build.teredo_prefix(), bytes(16))))
            for _ in range(dice.randrange(3))
        ]
        message = icmpv6.build_router_advertisement(
            source, destination, icmpv6.RouterAdvertisement(0, 0, 0, 0, 0, tuple(prefixes))
        )
        option = icmpv6.Option(dice.choice((1, 3)), bytes(6)).build()
        return (
            message
            + option * dice.choice((0, 0, 1, 62, 70))
            + dice.choice((b"", b"", b"\1", b"\1\0", b"\3\4"))
        )

    def _six(self, source: bytes, destination: bytes, transport: int, body: bytes) -> bytes:
        """Behind extension headers, some of the time."""
        dice = self._dice
        for _ in range(dice.choice((0, 0, 0, 0, 1, 2, 3, 66))):
            if dice.randrange(4) == 0:
                offset = dice.choice((0, 0, 0, 8))
                body = ipv6.build_fragment(transport, 7, offset, dice.random() < 0.4) + body
                transport = ipv6.FRAGMENT
                continue
            kind = dice.choice(EXTENSIONS)
            content = dice.randbytes(dice.choice((2, 6, 10, 14, 30)))
            if kind == ipv6.AUTHENTICATION:
                content = dice.randbytes(dice.choice((6, 10)))
                units = (2 + len(content)) // 4 - 2
                body = bytes([transport, units]) + content + body
            else:
                body = ipv6.build_extension(kind, transport, content) + body
            transport = kind
        hop_limit = dice.choice((0, 1, 21, 64, 255))
        label = dice.getrandbits(20)
        return ipv6.build(
            source, destination, transport, body, hop_limit=hop_limit, flow_label=label
        )

    def _control(self) -> bytes:
        """What sets up or keeps a tunnel and carries nothing through it."""
        dice = self._dice
        text = dice.choice(TEXTS)
        match dice.randrange(6):
            case 4 | 5:
                return self._lookup()
            case 0:
                ends, ports = self._ends(), (dice.choice((TSP_PORT, 50000)), dice.choice(PORTS))
                segment = tcp.build(
                    *ends, *ports, sequence=1, acknowledgement=1, flags=24, payload=text,
                    options=bytes(dice.choice((0, 4))),
                )  # fmt: skip
                if dice.randrange(4) == 0:
                    ends = (self._address(), self._address())
                    return self._six(*ends, tcp.PROTOCOL, segment)
                return self._four(tcp.PROTOCOL, segment)
            case 1:
                return self._datagram(tsp.build(dice.getrandbits(28), 0, text), TSP_PORT)
            case 2:
                here, there = (SIXA44_RELAY, SIXA44_PORT), (dice.choice(IPS), dice.choice(PORTS))
                if dice.random() < 0.5:
                    here, there = there, here
                return build.udp(here, there, dice.randbytes(dice.choice((20, 20, 20, 19, 21))))
            case _:
                header = self._ayiya(ipv6.NO_NEXT_HEADER)
                return self._datagram(header + dice.choice((b"", b"", b"MOTD")), AYIYA_PORT)

    def _lookup(self) -> bytes:
        """A message of a name service, now and then damaged."""
        dice = self._dice
        port = dice.choice((DNS_PORT, DNS_PORT, MDNS_PORT, LLMNR_PORT, NETBIOS_PORT, NETBIOS_PORT))
        encode = self._encoded if port == NETBIOS_PORT else self._name
        counts = [
            dice.choice((0, 1, 1, 1, 2, 20)) if i < 2 else dice.randrange(2) for i in range(4)
        ]
        body = b"".join(encode() + dice.randbytes(4) for _ in range(counts[0]))
        for _ in range(sum(counts[1:])):
            size = dice.choice((0, 4, 16))
            body += encode() + dice.randbytes(8) + size.to_bytes(2) + bytes(size)
        header = dice.randbytes(2) + dice.choice((b"\x01\0", b"\x85\x80"))
        message = header + struct.pack("!4H", *counts) + body
        if dice.randrange(6) == 0:
            message = message[: dice.randrange(len(message))]
        if dice.randrange(12) == 0:
            message = message[:4] + STUN_COOKIE + message[8:]
        return self._datagram(message, port)

    def _name(self) -> bytes:
        """As text says, or ended by a pointer or by an impossible length."""
        dice = self._dice
        made = dns.build_name(dice.choice(NAMES)) if dice.random() < 0.7 else b"\6isatap\0"
        return made[:-1] + dice.choice((b"\0", b"\0", b"\0", b"\xc0\x0c", b"\x40", b""))

    def _encoded(self) -> bytes:
        dice = self._dice
        text = dice.choice(("ISATAP", "isatap", "SERVER", "isatap.example.o", "a.broker.examplex"))
        octets = text.encode()[:15].ljust(dice.choice((15, 15, 15, 14)), b" ") + b"\0"
        letters = b"".join(bytes([0x41 + (o >> 4), 0x41 + (o & 15)]) for o in octets)
        if dice.randrange(6) == 0:
            letters = letters[:4] + dice.choice((b"@", b"Q")) + letters[5:]
        return bytes([len(letters)]) + letters + b"\0"

    # carriers

    def _around(self, packet: bytes) -> bytes:
        """One more carrier; now and then one of its first octets is wrong."""
        dice = self._dice
        if dice.random() < 0.4:
            made = self._carried(packet)
        elif packet[0] >> 4 == 4:
            made = dice.choice((self._four_in_four, self._four_in_six))(packet)
        else:
            made = self._six_around(packet)
        if dice.randrange(25) == 0:
            damaged = bytearray(made)
            damaged[dice.randrange(20, min(80, len(made)))] = dice.randrange(256)
            made = bytes(damaged)
        return made

    def _carried(self, packet: bytes) -> bytes:
        """In a header that names what it carries."""
        dice = self._dice
        six = packet[0] >> 4 == 6
        ethertype = link.ETHERTYPE_IPV6 if six else link.ETHERTYPE_IPV4
        protocol = sixinfour.PROTOCOL if six else 4
        match dice.randrange(14):
            case 0 | 1 | 2:
                return self._gre_around(packet, ethertype)
            case 3:
                frame = vxlan.build(dice.getrandbits(24), self._ether(packet, ethertype))
                return self._datagram(frame, dice.choice((VXLAN_PORT, VXLAN_LINUX_PORT)))
            case 4:
                options = bytes(dice.choice((0, 4, 252)))
                payload = packet
                if dice.random() < 0.3:
                    ethertype, payload = gre.TRANSPARENT_ETHERNET, self._ether(packet, ethertype)
                made = geneve.build(dice.getrandbits(24), ethertype, payload, options)
                return self._datagram(made, GENEVE_PORT)
            case 5:
                return self._datagram(self._gtpu(packet), GTPU_PORT)
            case 6 | 7:
                return self._datagram(self._l2tp(packet), L2TP_PORT)
            case 8:
                fields = bytes(dice.choice((0, 0, 0, 4, 124)))
                return self._datagram(gue.build(protocol, packet, fields=fields), GUE_PORT)
            case 9 | 10:
                payload = self._ayiya(protocol) + packet + dice.choice((b"", b"", b"", b"\0"))
                return self._datagram(payload, AYIYA_PORT)
            case 11:
                if six:
                    return self._datagram(packet, dice.choice((TSP_PORT, SIXBED4_PORT)))
                return self._datagram(packet + dice.choice((b"", b"", b"junk")), 5555)
            case 12:
                units = dice.choice((1, 4, 255))
                head = bytes([dice.choice((protocol, protocol, 51)), units]) + bytes(units * 4 + 6)
                return self._four(51, head + packet)
            case _:
                return self._error(packet)

    def _error(self, packet: bytes) -> bytes:
        """An ICMP error that quotes all or the start of a packet."""
        dice = self._dice
        quote = dice.choice((None, None, 28, 36, 68, 100, 0))
        if packet[0] >> 4 == 4:
            kind = dice.choice((3, 4, 5, 11, 12, 8, 13))
            return self._four(1, icmpv4.build_error(kind, 0, packet, quote=quote))
        ends = self._address(), self._address()
        body = icmpv6.build_error(*ends, dice.choice((1, 2, 3, 4, 5)), 0, packet[:quote])
        return self._six(*ends, icmpv6.PROTOCOL, body)

    def _gre_around(self, packet: bytes, ethertype: int) -> bytes:
        dice = self._dice
        payload = packet
        match dice.randrange(8):
            case 0:
                ethertype, payload = gre.TRANSPARENT_ETHERNET, self._ether(packet, ethertype)
            case 1:
                labels = [dice.getrandbits(20) for _ in range(dice.choice((1, 2, 16, 17)))]
                ethertype, payload = gre.MPLS, mpls.build(labels, packet)
            case 2:
                control = mpls.build([16], bytes(4) + self._ether(packet, ethertype))
                ethertype, payload = gre.MPLS_MULTICAST, control
            case 3:
                flags = {
                    "sequence": dice.choice((None, 1)),
                    "acknowledgement": dice.choice((None, 2)),
                }
                made = gre.build_pptp(7, self._ppp(packet), **flags)
                return self._four(gre.PROTOCOL, made)
            case 4:
                ethertype = dice.choice((0x8864, 0x880B, 0x0806, 0))
            case _:
                pass
        routes = dice.choice((None, None, None, None, (), (b"abcd",), (b"",) * 17))
        made = gre.build(
            ethertype,
            payload,
            key=dice.choice((None, dice.getrandbits(32))),
            sequence=dice.choice((None, None, 7)),
            checksum=dice.random() < 0.4,
            routes=routes,
        )
        if dice.randrange(6) == 0:
            made = made[:-1] + bytes([made[-1] ^ 1])
        match dice.randrange(4):
            case 0:
                return self._datagram(made, GRE_PORT)
            case 1:
                return self._six(self._address(), self._address(), gre.PROTOCOL, made)
            case _:
                return self._four(gre.PROTOCOL, made)

    def _ether(self, packet: bytes, ethertype: int) -> bytes:
        """An Ethernet frame, with tags and with SNAP some of the time."""
        dice = self._dice
        vlans = tuple(dice.randrange(4096) for _ in range(dice.choice((0, 0, 0, 1, 2, 8, 9))))
        if dice.randrange(4) == 0:
            payload = self._snap(ethertype) + packet
            return link.build_ethernet(payload, len(payload) & 0x3FF, bytes(6), bytes(6), vlans)
        return link.build_ethernet(packet, ethertype, bytes(6), bytes(6), vlans)

    def _snap(self, ethertype: int) -> bytes:
        organisation = self._dice.choice((llc.SNAP, llc.BRIDGE_TUNNEL, bytes(6)))
        return organisation + ethertype.to_bytes(2)

    def _ppp(self, packet: bytes) -> bytes:
        dice = self._dice
        protocol = ppp.IPV6 if packet[0] >> 4 == 6 else ppp.IPV4
        if dice.randrange(8) == 0:
            protocol, packet = ppp.MPLS, mpls.build([dice.getrandbits(20)], packet)
        elif dice.randrange(8) == 0:
            protocol = dice.choice((ppp.MPLS_MULTICAST, 0xC021))
        small = protocol & 1 and protocol < 0xFF and dice.random() < 0.3
        made = ppp.build(
            protocol, packet, address_control=dice.random() < 0.5, compressed=bool(small)
        )
        return made if dice.randrange(16) else b"\xff" + made

    def _gtpu(self, packet: bytes) -> bytes:
        dice = self._dice
        extensions = ((0x85, bytes(2)),) * dice.choice((0, 0, 1, 16, 17))
        made = gtpu.build(
            1, packet, kind=dice.choice((255, 255, 255, 1)), extensions=extensions,
            sequence=dice.choice((None, 1)),
        )  # fmt: skip
        if dice.randrange(4) == 0:
            made = made[:2] + dice.choice((bytes(2), b"\0\x30", b"\xff\xff")) + made[4:]
        return made

    def _l2tp(self, packet: bytes) -> bytes:
        dice = self._dice
        if dice.randrange(8) == 0:
            return l2tp.build_control(1, 2, 3, 4, packet)
        made = l2tp.build_data(
            1, 2, self._ppp(packet), length=dice.random() < 0.5,
            sequence=dice.choice((None, (3, 4))), offset=dice.choice((None, 0, 5)),
        )  # fmt: skip
        if dice.randrange(8) == 0:
            made = made[:2] + dice.choice((bytes(2), b"\0\x30", b"\xff\xff")) + made[4:]
        return made

    def _ayiya(self, next_header: int) -> bytes:
        """Mostly sound; the capture's time begins in 1970."""
        dice = self._dice
        method, size = dice.choice(((0, 0), (1, 16), (2, 20), (3, 12), (3, 60)))
        if dice.randrange(8) == 0:
            method, size = dice.randrange(5), 4 * dice.randrange(16)
        return ayiya.Header(
            identity_type=dice.choice((0, 1, 1, 2, 2, 3)),
            identity=bytes(1 << dice.choice((4, 4, 4, 5, 8, 3))),
            hash_method=method,
            signature=bytes(size),
            authentication=dice.choice((0, 1, 2, 2, 3)),
            opcode=dice.choice((0, 1, 1, 1, 7, 8)),
            next_header=next_header,
            epoch=dice.choice((0, 0, 86_400, 86_401, 1_700_000_000)),
        ).build()

    def _datagram(self, payload: bytes, port: int) -> bytes:
        """In UDP, over either IP, with the port at the one end or the other, or at none."""
        dice = self._dice
        source, destination = port, dice.choice(PORTS)
        if dice.random() < 0.5:
            source, destination = destination, source
        if dice.randrange(8) == 0:
            source, destination = self._ports()
        protocol, ends = udp.PROTOCOL, self._ends()
        if dice.randrange(4) == 0:
            ends = self._address(), self._address()
        datagram = udp.build(*ends, source, destination, payload[:65_000])
        if len(ends[0]) == 16:
            return self._six(*ends, protocol, datagram)
        return self._four(protocol, datagram)

    def _six_around(self, packet: bytes) -> bytes:
        dice = self._dice
        match dice.randrange(8):
            case 0 | 1 | 2:
                return self._teredo_packet(packet)
            case 3 | 4 | 5:
                return self._four(sixinfour.PROTOCOL, packet)
            case 6:
                return self._six(self._address(), self._address(), sixinfour.PROTOCOL, packet)
            case _:
                source, destination = self._address(), self._address()
                payload = udp.build(source, destination, *self._ports(), self._payload(packet))
                return self._six(source, destination, udp.PROTOCOL, payload)

    def _four_in_four(self, packet: bytes) -> bytes:
        """Now and then under the number of IPv6, or of nobody."""
        return self._four(self._dice.choice((*[4] * 12, sixinfour.PROTOCOL, 99)), packet)

    def _four_in_six(self, packet: bytes) -> bytes:
        return self._six(self._address(), self._address(), 4, packet)

    def _four(self, protocol: int, payload: bytes) -> bytes:
        dice = self._dice
        packet = bytearray(
            ipv4.build(
                *self._ends(), protocol, payload, identification=dice.getrandbits(16),
                more_fragments=dice.randrange(10) == 0,
                fragment_offset=8 * (dice.randrange(40) == 0),
                options=bytes(dice.choice((0, 0, 0, 4, 40))),
            )
        )  # fmt: skip
        if dice.randrange(20) == 0:
            packet[2:4] = bytes(2)
        return bytes(packet) + dice.choice((b"", b"", b"", b"\0\0"))

    def _ports(self) -> tuple[int, int]:
        return self._dice.choice(PORTS), self._dice.choice(PORTS)

    def _teredo_packet(self, packet: bytes) -> bytes:
        """In UDP; now and then the ends are those that the inner addresses embed."""
        dice = self._dice
        ends, ports = list(self._ends()), list(self._ports())
        for side, at in ((0, 8), (1, 24)):
            address = packet[at : at + 16]
            if dice.random() < 0.3:
                ends[side] = bytes(octet ^ 0xFF for octet in address[12:])
                ports[side] = int.from_bytes(address[10:12]) ^ 0xFFFF
            elif dice.random() < 0.2:
                ends[side] = address[4:8]
        datagram = bytearray(udp.build(ends[0], ends[1], ports[0], ports[1], self._payload(packet)))
        if dice.randrange(20) == 0:
            datagram[4:6] = dice.choice((bytes(2), b"\0\7", b"\0\x30", b"\xff\xff"))
        return ipv4.build(ends[0], ends[1], udp.PROTOCOL, bytes(datagram))

    def _payload(self, packet: bytes) -> bytes:
        """Indicators in any order before the packet, trailers sound and broken behind it."""
        dice = self._dice
        front = b"".join(
            dice.choice(
                (
                    build.authentication(),
                    build.authentication(b"id", b"value", 1),
                    build.origin(),
                    teredo.build_origin(dice.choice(IPS), dice.choice(PORTS)),
                    bytes.fromhex("000086dd2112a442"),
                    bytes.fromhex("0000797900004200"),
                )
            )
            for _ in range(dice.choice((0, 0, 0, 1, 1, 2, 3, 9)))
        )
        if dice.randrange(10) == 0:
            packet = packet[:4] + STUN_COOKIE + packet[8:]
        tail = dice.choice(
            (
                b"", b"", b"",
                teredo.build_trailer_nonce(b"abcd"),
                teredo.build_trailer_random_port(9) * dice.choice((1, 16, 17)),
                teredo.build_trailer_nonce(b"abcd") + b"\4\xff\0",
                b"\x7e\2\1\2", b"\1\3abc",  # no such type, no such length
                b"\5", b"junk",
            )
        )  # fmt: skip
        return front + packet + tail

    # link layers

    def _linked(self, packet: bytes) -> Whole:
        dice = self._dice
        six = packet[0] >> 4 == 6
        ethertype = link.ETHERTYPE_IPV6 if six else link.ETHERTYPE_IPV4
        match dice.randrange(19):
            case 12:
                return self._serial(packet)
            case 13:
                return self._wireless(packet, ethertype)
            case 14:
                return self._session(packet)
            case 15:
                labels = [dice.getrandbits(20) for _ in range(dice.choice((1, 2, 3, 16, 17)))]
                kind = dice.choice((mpls.ETHERTYPE, mpls.ETHERTYPE_MULTICAST))
                below = self._pseudowire(packet, ethertype) if dice.random() < 0.5 else packet
                stack = mpls.build(labels, below)
                return Whole("mpls", link.build_ethernet(stack, kind, bytes(6), bytes(6)))
            case 16:
                return Whole("ethernet in ethernet", self._ether(packet, ethertype))
            case 17:
                inner = self._ether(packet, ethertype)
                outer = link.build_ethernet(inner, gre.TRANSPARENT_ETHERNET, bytes(6), bytes(6))
                return Whole("bridged", outer)
            case 0:
                return Whole("sll", build.sll(packet, ethertype), 113)
            case 1:
                return Whole("sll2", build.sll2(packet, ethertype), 276)
            case 2:
                order = dice.choice(("big", "little"))
                family = dice.choice(FAMILIES).to_bytes(4, order)  # type: ignore[arg-type]
                return Whole("null", family + packet, dice.choice((0, 108)))
            case 3:
                return Whole("raw", packet, dice.choice((12, 14, 101)))
            case 4:
                return Whole("fixed", packet, 229 if six else 228)
            case 5:
                vlans = tuple(dice.randrange(4096) for _ in range(dice.choice((1, 2, 8, 9, 20))))
                return Whole("tagged", build.ethernet(packet, vlans))
            case 6:
                tag = bytes.fromhex("91000fff") if dice.random() < 0.5 else b""
                mac = bytes(12)
                return Whole("stacked", mac + tag + ethertype.to_bytes(2) + packet)
            case _:
                return Whole("ethernet", build.ethernet(packet))

    def _pseudowire(self, packet: bytes, ethertype: int) -> bytes:
        """Ethernet, whose addresses may begin like IP or a control word, which may be there."""
        dice = self._dice
        first = dice.choice((b"\0\0", b"\x45\0", b"\x60\0", b"\2\0"))
        address = first + dice.choice((b"\x08\0", b"\0\x48")) + bytes(2)
        frame = link.build_ethernet(packet, ethertype, address, address, (7,) * dice.randrange(3))
        return dice.choice((b"", bytes(4), b"\0\0\xff\1")) + frame

    def _serial(self, packet: bytes) -> Whole:
        dice = self._dice
        if dice.random() < 0.5:
            return Whole("ppp", self._ppp(packet), dice.choice((9, 50)))
        ethertype = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
        address = dice.choice((0x0F, 0x8F, 0x7F))
        return Whole("hdlc", bytes([address, 0]) + ethertype + packet, dice.choice((50, 104)))

    def _session(self, packet: bytes) -> Whole:
        """PPPoE, in Ethernet, where a short frame may be padded, and alone."""
        dice = self._dice
        made = pppoe.build(7, self._ppp(packet)[:65_000])
        if dice.randrange(8) == 0:
            made = made[:4] + dice.choice((bytes(2), b"\0\x20", b"\xff\xff")) + made[6:]
        if dice.randrange(3) == 0:
            return Whole("pppoe", made, 51)
        made += bytes(dice.choice((0, 0, 6)))
        return Whole("session", link.build_ethernet(made, 0x8864, bytes(6), bytes(6)))

    def _wireless(self, packet: bytes, ethertype: int) -> Whole:
        """802.11 with a header of each length, with or without radiotap."""
        dice = self._dice
        frame = bytearray(wlan.build(b"", bytes(6), bytes(6), qos=dice.random() < 0.5))
        frame[1] = dice.choice((0, 1, 2, 3, 3, 0x80, 0x81, 0x04, 0x40))
        if dice.randrange(8) == 0:
            frame[0] = dice.randrange(256)
        if frame[1] & 3 == 3:
            frame[24:24] = bytes(6)
        if frame[0] & 0x80 and frame[1] & 0x80:
            frame += bytes(4)
        if frame[0] & 0x80 and dice.randrange(3) == 0:
            frame[-2 if not frame[1] & 0x80 else -6] |= 0x80
            frame += bytes(14)
        flags = dice.choice((0, 0, 0x10, 0x20, 0x30))
        if dice.random() < 0.5:
            return Whole("wlan", bytes(frame) + self._snap(ethertype) + packet, 105)
        if flags & 0x20:
            frame += bytes(-len(frame) % 4)
        body = bytes(frame) + self._snap(ethertype) + packet + bytes(4 * (flags >> 4 & 1))
        return Whole("radiotap", self._radiotap(flags) + body, 127)

    def _radiotap(self, flags: int) -> bytes:
        dice = self._dice
        if dice.random() < 0.5:
            return wlan.build_radiotap(flags)
        words = dice.choice((1, 1, 2, 8, 9))
        more = [dice.choice((0, 2, 3)) | 1 << 31 for _ in range(words - 1)]
        present = b"".join(word.to_bytes(4, "little") for word in [*more, dice.choice((0, 2, 3))])
        fields = bytes(dice.choice((0, 1, 8, 9, 15, 16))) + bytes([flags])
        size = 4 + len(present) + len(fields)
        version = int(dice.randrange(16) == 0)
        length = dice.choice((size, size, size, size, 3, 0xFFFF))
        return struct.pack("<BBH", version, 0, length) + present + fields


def grown(dice: random.Random, count: int) -> list[Whole]:
    """``count`` frames."""
    grower = Grower(dice)
    return [grower.frame() for _ in range(count)]
