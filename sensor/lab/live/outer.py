"""A machine that speaks IPv4 itself, on raw sockets: the kernel routes, fragments, reassembles.

To what nobody takes the kernel answers protocol unreachable; a protocol with a raw socket is taken.
"""

from __future__ import annotations

import errno
import socket
import struct
from functools import partial

from sensor.errors import ConfigError
from sensor.lab.live.driver import Unwatch, Watch
from sensor.lab.live.sockets import (
    MTU_DISCOVER,
    NEVER_DISCOVER,
    TTL,
    absent,
    cached_text,
    make_ready,
)
from sensor.lab.live.totals import Totals
from sensor.lab.machine import OuterPacket, RawMachine
from sensor.wire import icmpv4, ipv4
from sensor.wire.addresses import text
from sensor.wire.cursor import Cursor

_TOS = 0  # of packets that ask for no other

# Of Linux. With this a packet has "don't fragment" whatever the kernel knows of its way: the
# network's answer is the machine's to hear.
_DONT_FRAGMENT = 3
_RAW_LEVEL, _ICMP_FILTER = 255, 1
_ALL_BUT_ERRORS = 0xFFFF_FFFF & ~sum(1 << kind for kind in icmpv4.ERRORS)


class Outer:
    """The outer side of a driver, for a RawMachine; also what the network says of its packets."""

    def __init__(self, machine: RawMachine, totals: Totals) -> None:
        self._machine = machine
        self._totals = totals
        self._open: dict[tuple[int, bytes], _Socket] = {}
        self._unwatch: Unwatch | None = None
        for address in machine.addresses:
            for protocol in (*machine.protocols, icmpv4.PROTOCOL):
                self._bind(protocol, address)

    def watch(self, watch: Watch, unwatch: Unwatch) -> None:
        self._unwatch = unwatch
        for opened in self._open.values():
            watch(opened.raw, partial(self._take, opened.raw))

    def send(self) -> None:
        for packet in self._machine.packets_to_send():
            self._send(packet)

    def follow(self) -> None:
        """Its addresses stay as they are."""

    def close(self) -> None:
        while self._open:
            _, opened = self._open.popitem()
            if self._unwatch is not None:
                self._unwatch(opened.raw)
            opened.raw.close()

    def _bind(self, protocol: int, address: bytes) -> None:
        """ConfigError if it cannot be; what is open is closed then."""
        try:
            self._open[protocol, address] = _Socket(protocol, address)
        except OSError as error:
            self.close()
            raise ConfigError(_fix(address, error)) from error

    def _send(self, packet: OuterPacket) -> None:
        opened = self._open.get((packet.protocol, packet.source))
        if opened is None:
            self._totals.refused["send-unbound"] += 1
            return
        try:
            opened.send(packet)
        except OSError as error:
            self._totals.refuse("send", error)
        else:
            self._totals.sent.add(len(packet.payload))

    def _take(self, raw: socket.socket, now: float) -> int:
        packet = _parsed(raw.recv(ipv4.MAX_TOTAL_LENGTH))
        self._machine.receive_packet(packet, now)
        return len(packet.payload)


class _Socket:
    """A raw socket, and which of its options stand otherwise than they began."""

    __slots__ = ("dont_fragment", "raw")

    def __init__(self, protocol: int, address: bytes) -> None:
        self.raw = _bound(protocol, address)
        self.dont_fragment = False

    def send(self, packet: OuterPacket) -> None:
        if packet.dont_fragment != self.dont_fragment:
            discover = _DONT_FRAGMENT if packet.dont_fragment else NEVER_DISCOVER
            self.raw.setsockopt(socket.IPPROTO_IP, MTU_DISCOVER, discover)
            self.dont_fragment = packet.dont_fragment
        destination = (cached_text(packet.destination), 0)
        if (packet.ttl, packet.tos) == (TTL, _TOS):
            self.raw.sendto(packet.payload, destination)
        else:
            self.raw.sendmsg([packet.payload], _header(packet), 0, destination)


def _header(packet: OuterPacket) -> list[tuple[int, int, bytes]]:
    return [
        (socket.IPPROTO_IP, socket.IP_TTL, struct.pack("=i", packet.ttl)),
        (socket.IPPROTO_IP, socket.IP_TOS, struct.pack("=i", packet.tos)),
    ]


def _bound(protocol: int, address: bytes) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
    try:
        make_ready(opened)
        if protocol == icmpv4.PROTOCOL:
            opened.setsockopt(_RAW_LEVEL, _ICMP_FILTER, struct.pack("=I", _ALL_BUT_ERRORS))
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, TTL)
        opened.setsockopt(socket.IPPROTO_IP, MTU_DISCOVER, NEVER_DISCOVER)
        opened.bind((text(address), 0))
    except OSError:
        opened.close()
        raise
    return opened


def _parsed(raw: bytes) -> OuterPacket:
    """A packet as the kernel hands it on: its header found good, all its fragments together."""
    header = ipv4.parse(Cursor(raw))
    return OuterPacket(
        header.source,
        header.destination,
        header.protocol,
        raw[header.header_length :],
        ttl=header.ttl,
        tos=header.tos,
        dont_fragment=header.dont_fragment,
    )


def _fix(address: bytes, error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return absent(address)
    if error.errno == errno.EPERM:
        return "a raw socket takes root, or the capability CAP_NET_RAW"
    return f"{text(address)} cannot be bound: {error.strerror}"
