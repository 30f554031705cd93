"""The UDP sockets behind a machine's ends."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable, Collection
from functools import lru_cache

from sensor.errors import ConfigError
from sensor.lab.live.totals import Totals
from sensor.lab.machine import Datagram
from sensor.schema.records import Endpoint
from sensor.wire.addresses import DISCOVERY_GROUP, text
from sensor.wire.ports import TEREDO_PORT

DISCOVERY = Endpoint(DISCOVERY_GROUP, TEREDO_PORT)
MAX_PAYLOAD = 65_507  # octets (RFC 4380 section 5.1.2)
RECEIVE_BUFFER = 4 << 20  # octets: a burst waits here while this program waits for its core
TTL = 64  # of packets that ask for no other
_CACHED = 4_096  # texts of addresses: those of all peers a table holds, and some

# Of Linux; the socket module knows them by name only since later versions, or never.
MTU_DISCOVER, NEVER_DISCOVER = 10, 0
_MULTICAST_ALL = 49
_FORCE_RECEIVE_BUFFER = 33

# How the reader of a socket is told to the loop, and how it is taken back.
Watch = Callable[[socket.socket, Endpoint], object]
Unwatch = Callable[[socket.socket], object]

cached_text = lru_cache(_CACHED)(text)
packed_text = lru_cache(_CACHED)(socket.inet_aton)


class Sockets:
    """Open sockets by the end they are bound to; what they cannot send is counted."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals
        self._open: dict[Endpoint, socket.socket] = {}
        self._matched: frozenset[Endpoint] | None = None
        self._watch: Watch | None = None
        self._unwatch: Unwatch | None = None

    def open(self, end: Endpoint) -> Endpoint:
        """Bind an end, port 0 for any; the end it became. ConfigError if it cannot be."""
        try:
            opened = _bound(end)
        except OSError as error:
            raise ConfigError(_fix(end, error)) from error
        self._matched = None
        became = Endpoint(end.ip, opened.getsockname()[1])
        self._keep(opened, became)
        return became

    def join_discovery(self, interface: bytes) -> None:
        """Hear the group of local discovery on the network of an address (RFC 4380 5.2.8)."""
        opened = _udp()
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.setsockopt(socket.IPPROTO_IP, _MULTICAST_ALL, 0)
            opened.bind((text(DISCOVERY.ip), DISCOVERY.port))
            group = DISCOVERY.ip + interface
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        except OSError as error:
            opened.close()
            raise ConfigError(
                f"local discovery cannot join {text(DISCOVERY.ip)}: {error.strerror};"
                " leave it out, or bind to an address of a network with multicast"
            ) from error
        self._keep(opened, DISCOVERY)

    def watch(self, watch: Watch, unwatch: Unwatch) -> None:
        """Have all sockets read, those of later ends too."""
        self._watch, self._unwatch = watch, unwatch
        for end, opened in self._open.items():
            watch(opened, end)

    def match(self, ends: Collection[Endpoint]) -> None:
        """Open and close sockets, so that there is one for each end, and the group's."""
        wanted = frozenset(ends)
        if wanted == self._matched:
            return
        self._matched = wanted
        for end in self._open.keys() - wanted - {DISCOVERY}:
            self._close(end)
        for end in wanted - self._open.keys():
            self._open_later(end)

    def __contains__(self, end: Endpoint) -> bool:
        return end in self._open

    def send(self, datagram: Datagram) -> None:
        """Send from the datagram's own end."""
        source = self._open.get(datagram.source)
        if source is None:
            self._totals.refused["send-unbound"] += 1
            return
        destination = (cached_text(datagram.destination.ip), datagram.destination.port)
        try:
            if datagram.ttl == TTL:
                source.sendto(datagram.payload, destination)
            else:
                ttl = (socket.IPPROTO_IP, socket.IP_TTL, struct.pack("=i", datagram.ttl))
                source.sendmsg([datagram.payload], [ttl], 0, destination)
        except OSError as error:
            self._totals.refuse("send", error)
        else:
            self._totals.sent.add(len(datagram.payload))

    def close(self) -> None:
        for end in list(self._open):
            self._close(end)

    def _open_later(self, end: Endpoint) -> None:
        """An end that the machine chose by itself: the port may be taken, which stops nothing."""
        try:
            self._keep(_bound(end), end)
        except OSError as error:
            self._totals.refuse("bind", error)

    def _keep(self, opened: socket.socket, end: Endpoint) -> None:
        self._open[end] = opened
        if self._watch is not None:
            self._watch(opened, end)

    def _close(self, end: Endpoint) -> None:
        closed = self._open.pop(end)
        if self._unwatch is not None:
            self._unwatch(closed)
        closed.close()


def address_towards(destination: bytes) -> bytes | None:
    """The address (4 or 16 bytes) this machine would send from; None where it has no way there."""
    family = socket.AF_INET if len(destination) == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((text(destination), TEREDO_PORT))  # sends nothing
            return socket.inet_pton(family, probe.getsockname()[0])
    except OSError:
        return None


def make_ready(opened: socket.socket) -> None:
    """Have a socket never wait, and hold what comes while nobody reads."""
    opened.setblocking(False)
    try:
        opened.setsockopt(socket.SOL_SOCKET, _FORCE_RECEIVE_BUFFER, RECEIVE_BUFFER)
    except PermissionError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def absent(ip: bytes) -> str:
    """What to do where an IPv4 address cannot be bound to."""
    return f"{text(ip)} is no address of this machine: `ip address` lists those it has"


def _udp() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    make_ready(opened)
    return opened


def _bound(end: Endpoint) -> socket.socket:
    opened = _udp()
    try:
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, TTL)
        # Datagrams may be fragmented on their way (RFC 4380 section 5.1.2).
        opened.setsockopt(socket.IPPROTO_IP, MTU_DISCOVER, NEVER_DISCOVER)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, end.ip)
        opened.bind((text(end.ip), end.port))
    except OSError:
        opened.close()
        raise
    return opened


def _fix(end: Endpoint, error: OSError) -> str:
    named = f"{text(end.ip)}:{end.port}"
    if error.errno == errno.EADDRNOTAVAIL:
        return absent(end.ip)
    if error.errno == errno.EADDRINUSE:
        return f"{named} is taken: end the program that has it, or choose another address or port"
    if error.errno == errno.EACCES:
        return f"{named} takes root: choose a port from 1024 on"
    return f"{named} cannot be bound: {error.strerror}"
