"""Datagrams and frames of other protocols, none of which is a tunnel from IPv4 to IPv6."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

from sensor.wire import ayiya, geneve, gre, gtpu, gue, l2tp, tsp, vxlan
from sensor.wire.ports import (
    AYIYA_OLD_PORT,
    AYIYA_PORT,
    GENEVE_PORT,
    GRE_PORT,
    GTPU_PORT,
    GUE_PORT,
    L2TP_PORT,
    SIXBED4_PORT,
    TSP_PORT,
    VXLAN_LINUX_PORT,
    VXLAN_PORT,
)

from ..build import CLIENT, NATIVE, OTHER, PEER, echo6, udp_frame
from ..decode.test_lookalikes import ntp, quic_long, quic_short, rtp, wireguard
from .carriers import Carrier, carrier
from .made import tcp6

Dice = random.Random
Maker = Callable[[Dice], bytes]

# Ports that a carrier or a scheme listens on.
PORTS = (
    VXLAN_PORT, VXLAN_LINUX_PORT, GENEVE_PORT, GRE_PORT, GTPU_PORT, L2TP_PORT, GUE_PORT,
    AYIYA_PORT, AYIYA_OLD_PORT, TSP_PORT, SIXBED4_PORT, 3544, 53, 4500,
)  # fmt: skip


def _stun(dice: Dice) -> bytes:
    size = dice.randrange(0, 200, 4)
    kind = dice.choice((0x0001, 0x0101, 0x0111))
    return struct.pack("!HHI", kind, size, 0x2112A442) + dice.randbytes(12 + size)


def _dns(dice: Dice) -> bytes:
    name = b"\x07example\x03com\x00"
    head = struct.pack("!HH4H", dice.choice((0, 1, 0x6000, 0x60FF)), 0x8180, 1, 2, 0, 0)
    answer = b"\xc0\x0c" + struct.pack("!HHIH", 28, 1, 300, 16) + NATIVE
    return head + name + struct.pack("!HH", 28, 1) + answer * 2


def _rpc(dice: Dice) -> bytes:
    head = bytes([0x60 | dice.randrange(16)]) + dice.randbytes(3)
    call = struct.pack("!5I", dice.randrange(2), 2, 100003, 3, dice.randrange(22))
    return head + call + bytes(dice.randrange(16, 400))


def _esp(dice: Dice) -> bytes:
    """ESP in UDP: an SPI that is not zero, a number, then what is encrypted."""
    return struct.pack("!II", dice.randrange(1, 2**32), dice.randrange(2**16)) + dice.randbytes(96)


_DATAGRAMS: dict[str, tuple[int, Maker]] = {
    "stun": (3478, _stun),
    "dns": (53, _dns),
    "rpc": (2049, _rpc),
    "rtp": (16384, rtp),
    "quic": (443, quic_short),
    "quic that begins": (443, quic_long),
    "ntp": (123, ntp),
    "wireguard": (51820, wireguard),
    "esp in udp": (4500, _esp),
}

# Carriers of an IPv6 network, where nothing goes through IPv4.
NATIVES = (
    "ethernet", "llc/snap", "qinq 9100", "three tags", "pppoe", "pppoe qinq 9100", "mpls 1",
    "mpls 8", "mpls ethernet", "vxlan", "vxlan vlan", "geneve", "geneve ip", "geneve options",
    "gtpu", "gtpu extensions", "ds-lite", "radiotap", "ppp", "hdlc 0f",
)  # fmt: skip


def datagrams(seed: int, count: int) -> Iterator[tuple[str, int, bytes]]:
    """Name, link type and frame of messages of other protocols."""
    dice = random.Random(seed)
    for name, (port, make) in _DATAGRAMS.items():
        for _ in range(count):
            yield name, 1, udp_frame(CLIENT, (PEER[0], port), make(dice))


def natives() -> Iterator[tuple[str, int, bytes]]:
    """Native IPv6 in what may carry it beside IPv4."""
    for name in NATIVES:
        around: Carrier = carrier(name)
        for packet in (tcp6().packet, echo6(NATIVE, OTHER)):
            yield f"native ipv6 in {name}", around.link_type, around.wrap(packet)


def noise(seed: int, count: int) -> Iterator[tuple[str, int, bytes]]:
    """Random octets to and from each port that means something, some behind a right header."""
    dice = random.Random(seed)
    for i in range(count):
        port = PORTS[i % len(PORTS)]
        headers = _HEADERS.get(port, ())
        header = dice.choice(headers) if headers and dice.randrange(4) == 0 else b""
        ends = ((CLIENT[0], port), (PEER[0], port))
        yield f"noise on {port}", 1, _frame(*ends, header + _shaped(dice))


_AYIYA = ayiya.Header(1, bytes(16), ayiya.SHA1, bytes(20), 1, 1, 4, 1).build()

# What is encrypted or compressed looks like this. No header here names IPv6: that is a tunnel.
_HEADERS: dict[int, tuple[bytes, ...]] = {
    VXLAN_PORT: (vxlan.build(42, b""),),
    VXLAN_LINUX_PORT: (vxlan.build(42, b""),),
    GENEVE_PORT: (geneve.build(42, gre.TRANSPARENT_ETHERNET, b""), geneve.build(42, 0x800, b"")),
    GRE_PORT: (gre.build(gre.IPV4, b""), gre.build(gre.TRANSPARENT_ETHERNET, b"")),
    GTPU_PORT: (gtpu.build(77, b""),),
    L2TP_PORT: (l2tp.build_data(1, 2, b""), l2tp.build_data(1, 2, b"", sequence=(1, 2))),
    GUE_PORT: tuple(gue.build(protocol, b"") for protocol in (4, 47)),
    AYIYA_PORT: (_AYIYA,),
    TSP_PORT: (tsp.build(1, 1, b""),),
}


def _shaped(dice: Dice) -> bytes:
    """Half of it plain, half with a length that fits IPv6 or IPv4."""
    payload = dice.randbytes(min(20 + int(dice.expovariate(1 / 80)), 1400))
    shape = dice.randrange(4)
    if shape == 0:
        length = max(0, len(payload) - 40).to_bytes(2)
        return bytes([0x60 | payload[0] & 15]) + payload[1:4] + length + payload[6:]
    if shape == 1:
        return b"\x45\0" + len(payload).to_bytes(2) + payload[4:]
    return payload


_HEAD = udp_frame(CLIENT, PEER, b"")[:34]


def _frame(source: tuple[bytes, int], destination: tuple[bytes, int], payload: bytes) -> bytes:
    """A frame without sums, which nobody checks: summing would take most of the time."""
    length = 8 + len(payload)
    header = _HEAD[:16] + (20 + length).to_bytes(2) + _HEAD[18:26] + source[0] + destination[0]
    return header + struct.pack("!4H", source[1], destination[1], length, 0) + payload
