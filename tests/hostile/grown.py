"""Frames grown at random: inner packets of every kind in carriers of every kind, several deep.

Damaging frames of captures seldom reaches what needs two rare things at once; growing does.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from sensor.decode.teredo import STUN_COOKIE
from sensor.wire import icmpv6, ipv4, ipv6, link, sixinfour, tcp, teredo, udp
from sensor.wire.addresses import (
    ALL_ROUTERS,
    LEGACY_TEREDO_PREFIX,
    LOOPBACK,
    UNSPECIFIED,
    build_isatap,
    build_server_link_local,
    build_sixover4,
    build_sixtofour,
    packed,
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
        "255.255.255.255", "0.0.0.1", "192.88.99.1", "1.2.3.4",
    )
]  # fmt: skip
PORTS = (0, 53, 3544, 3545, 41658, 50000, 65535)
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
]


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
        packet = self._inner()
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

    # carriers

    def _around(self, packet: bytes) -> bytes:
        dice = self._dice
        if packet[0] >> 4 == 4:
            carriers = (self._four_in_four, self._four_in_six)
            return dice.choice(carriers)(packet)
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
        return self._four(4, packet)

    def _four_in_six(self, packet: bytes) -> bytes:
        return self._six(self._address(), self._address(), 4, packet)

    def _four(self, protocol: int, payload: bytes) -> bytes:
        dice = self._dice
        packet = bytearray(
            ipv4.build(
                *self._ends(), protocol, payload, identification=dice.getrandbits(16),
                more_fragments=dice.randrange(10) == 0,
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
                b"\5", b"junk",
            )
        )  # fmt: skip
        return front + packet + tail

    # link layers

    def _linked(self, packet: bytes) -> Whole:
        dice = self._dice
        six = packet[0] >> 4 == 6
        ethertype = link.ETHERTYPE_IPV6 if six else link.ETHERTYPE_IPV4
        match dice.randrange(12):
            case 0:
                return Whole("sll", build.sll(packet, ethertype), 113)
            case 1:
                return Whole("sll2", build.sll2(packet, ethertype), 276)
            case 2:
                order = dice.choice(("big", "little"))
                family = dice.choice(FAMILIES).to_bytes(4, order)  # type: ignore[arg-type]
                return Whole("null", family + packet, 0)
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


def grown(dice: random.Random, count: int) -> list[Whole]:
    """``count`` frames."""
    grower = Grower(dice)
    return [grower.frame() for _ in range(count)]
