"""A small Internet for clients under test: NATs, a Teredo server, a relay, in virtual time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from random import Random

from sensor.lab.machine import Datagram, Event
from sensor.lab.teredo.client import Client
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.settings import ClientSettings
from sensor.lab.teredo.style import Style
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import addresses, icmpv6, ipv6, teredo
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor
from tests.lab.teredo.parties import address

SERVER = Endpoint(packed("198.51.100.1"), 3544)
SECOND = Endpoint(packed("198.51.100.2"), 3544)
LOCAL = Endpoint(packed("192.168.0.2"), 40_000)
PUBLIC = packed("203.0.113.2")
MAPPED = Endpoint(PUBLIC, 50_000)
RELAY = Endpoint(packed("192.0.2.10"), 3545)
NATIVE = packed("2a00:db8::2")
OTHER = packed("203.0.113.9")  # the public address of a second NAT, and a host behind it
OTHER_LOCAL = Endpoint(packed("192.168.7.7"), 41_000)
RELAY_LINK_LOCAL = packed("fe80::f4f2:fade:f251:34f5")
DELAY = 0.01  # seconds on any way


def advertisement(
    solicitation: bytes,
    mapped: Endpoint,
    *,
    server: bytes = SERVER.ip,
    prefix: bytes = addresses.TEREDO_PREFIX,
    length: int = 64,
    count: int = 1,
    nonce: bytes | None = None,
    confirmation: int = 0,
    destination: bytes | None = None,
    authenticated: bool = True,
    hop_limit: int = 255,
    origin: bool = True,
) -> bytes:
    """A server's answer to a solicitation's payload; the options make it a wrong one."""
    asked = teredo.parse(solicitation)
    found = asked.authentications[0].nonce if asked.authentications else bytes(8)
    to = destination or asked.header.source
    source = addresses.build_server_link_local(server)
    infos = (
        icmpv6.PrefixInformation(
            length, 0x40, 0xFFFFFFFF, 0xFFFFFFFF, prefix + server + b"\xff\x00\x00\x00\x20\x01\0\0"
        ),
    ) * count
    message = icmpv6.build_router_advertisement(
        source, to, icmpv6.RouterAdvertisement(0, 0, 0, 0, 2000, infos)
    )
    header = teredo.build_authentication(nonce or found, confirmation=confirmation)
    return teredo.encapsulate(
        ipv6.build(source, to, icmpv6.PROTOCOL, message, hop_limit=hop_limit),
        authentication=header if authenticated else None,
        origin=teredo.build_origin(*mapped) if origin else None,
    )


def link(style: Style | None = None, /, **settings: object) -> Link:
    """What the parts of a client share, qualified already."""
    made = Link(client_settings(style, **settings), Random(1))
    made.mapped = MAPPED
    made.address = address_of(MAPPED)
    return made


def client_settings(style: Style | None = None, **settings: object) -> ClientSettings:
    chosen = {"server": SERVER.ip, "local": LOCAL, **settings}
    if style is not None:
        chosen["style"] = style
    return ClientSettings(**chosen)  # type: ignore[arg-type]


def address_of(mapped: Endpoint, flags: int = 0, server: bytes = SERVER.ip) -> bytes:
    return address(mapped, server, flags)


class Nat:
    """``filtering`` is ``none``, ``address`` or ``port``; symmetric NATs filter by port."""

    def __init__(
        self,
        public: bytes,
        filtering: str = "port",
        *,
        symmetric: bool = False,
        preserving: bool = False,
        hairpin: bool = False,
    ) -> None:
        self.public = public
        self.filtering = filtering
        self.symmetric = symmetric
        self.preserving = preserving
        self.hairpin = hairpin
        self.mappings: dict[tuple[Endpoint, Endpoint | None], int] = {}
        self.contacted: dict[int, set[Endpoint]] = {}
        self.numbers = itertools.count(50_000)

    def forget(self) -> None:
        """As after a restart: mappings and holes are gone, numbers go on."""
        self.mappings.clear()
        self.contacted.clear()

    def out(self, source: Endpoint, destination: Endpoint) -> Endpoint:
        key = (source, destination if self.symmetric else None)
        if key not in self.mappings:
            free = source.port not in self.mappings.values()
            keep = self.preserving and free
            self.mappings[key] = source.port if keep else next(self.numbers)
        port = self.mappings[key]
        self.contacted.setdefault(port, set()).add(destination)
        return Endpoint(self.public, port)

    def inward(self, source: Endpoint, port: int) -> Endpoint | None:
        contacted = self.contacted.get(port, set())
        passes = {
            "none": bool(contacted),
            "address": source.ip in {end.ip for end in contacted},
            "port": source in contacted,
        }
        if not passes[self.filtering]:
            return None
        return next((key[0] for key, number in self.mappings.items() if number == port), None)


class Host:
    """A client behind a NAT; ``got`` are the packets it delivered, ``told`` its events."""

    def __init__(self, client: Client, nat: Nat) -> None:
        self.client = client
        self.nat = nat
        self.got: list[bytes] = []
        self.told: list[Event] = []
        self.sent: list[Datagram] = []

    @property
    def address(self) -> bytes:
        assert self.client.address is not None
        return self.client.address


class World:
    """Runs everything in the order of virtual time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.hosts: list[Host] = []
        self.server_up = True
        self.lost: Callable[[Datagram], bool] = lambda datagram: False
        self.fate: Callable[[], list[float]] = lambda: [DELAY]  # of each copy of a datagram
        self.waiting: dict[bytes, bytes] = {}  # replies that the relay keeps, by client
        self._count = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def add(
        self, nat: Nat, local: Endpoint = LOCAL, style: Style | None = None, **settings: object
    ) -> Host:
        chosen = client_settings(style, **(settings | {"local": local}))
        host = Host(Client(chosen, Random(len(self.hosts) + 7)), nat)
        self.hosts.append(host)
        host.client.start(self.now)
        self.drain(host)
        return host

    def run(self, seconds: float) -> None:
        """Let time pass; whoever keeps the world busy without end fails the test."""
        end = self.now + seconds
        for _ in range(100_000):
            timers = [(t, h) for h in self.hosts if (t := h.client.get_timer()) is not None]
            timer = min((t for t, _ in timers), default=end)
            event = self._due[0][0] if self._due else end
            if min(timer, event) >= end:
                self.now = end
                return
            self.now = max(self.now, min(timer, event))
            if event <= timer:
                heapq.heappop(self._due)[2]()
                continue
            for due, host in timers:
                if due <= self.now:
                    host.client.handle_timer(self.now)
                    self.drain(host)
        raise AssertionError("busy without end")

    def send(self, host: Host, packet: bytes) -> None:
        host.client.send_ipv6(packet, self.now)
        self.drain(host)

    def later(self, step: Callable[[], None]) -> None:
        for delay in self.fate():
            heapq.heappush(self._due, (self.now + delay, next(self._count), step))

    def drain(self, host: Host) -> None:
        host.got += host.client.ipv6_to_deliver()
        while (event := host.client.next_event()) is not None:
            host.told.append(event)
        for datagram in host.client.datagrams_to_send():
            host.sent.append(datagram)
            if not self.lost(datagram):
                self._leave(host, datagram)

    def _leave(self, host: Host, datagram: Datagram) -> None:
        neighbours = [h for h in self.hosts if h.nat is host.nat and h is not host]
        target = datagram.destination
        if target.ip[0] >= 224:
            for other in neighbours:
                self._deliver(other, datagram.payload, datagram.source, target)
            return
        for other in neighbours:
            if target in other.client.ends:
                self._deliver(other, datagram.payload, datagram.source, target)
                return
        if target.ip[0] != 192 or target.ip[1] != 168:
            self.route(datagram.payload, host.nat.out(datagram.source, target), target)

    def _deliver(self, host: Host, payload: bytes, source: Endpoint, end: Endpoint) -> None:
        def step() -> None:
            host.client.receive_datagram(payload, source, end, self.now)
            self.drain(host)

        self.later(step)

    def route(self, payload: bytes, source: Endpoint, target: Endpoint) -> None:
        """A datagram on the public Internet."""
        if target in (SERVER, SECOND):
            if self.server_up:
                self.later(lambda: self._serve(payload, source, target))
        elif target == RELAY:
            self._relay(payload, source)
        else:
            for host in self.hosts:
                if host.nat.public == target.ip:
                    self._enter(host.nat, payload, source, target)
                    return

    def _enter(self, nat: Nat, payload: bytes, source: Endpoint, target: Endpoint) -> None:
        if source.ip == nat.public and not nat.hairpin:
            return
        inner = nat.inward(source, target.port)
        for host in self.hosts:
            if host.nat is nat and inner is not None and inner in host.client.ends:
                self._deliver(host, payload, source, inner)

    def _serve(self, payload: bytes, source: Endpoint, end: Endpoint) -> None:
        asked = teredo.parse(payload)
        if asked.header.destination == addresses.ALL_ROUTERS:
            cone = asked.header.source[8] & 0x80
            other = SECOND if end == SERVER else SERVER
            self.route(advertisement(payload, source), other if cone else end, source)
            return
        peer = addresses.parse_teredo(asked.header.destination)
        if peer is None:
            self._native(payload)
        else:
            self.route(teredo.build_origin(*source) + payload, SERVER, Endpoint(peer.ip, peer.port))

    def _native(self, payload: bytes) -> None:
        """The native host answers a ping; its relay has to open the client's NAT first."""
        header = ipv6.parse(Cursor(payload))
        message = icmpv6.parse(Cursor(payload, ipv6.HEADER_LENGTH))
        echo = icmpv6.parse_echo(message.body)
        reply = icmpv6.build_echo_reply(header.destination, header.source, echo)
        self.waiting[header.source] = ipv6.build(
            header.destination, header.source, icmpv6.PROTOCOL, reply
        )
        bubble = teredo.build_bubble(RELAY_LINK_LOCAL, header.source)
        self.route(bubble, RELAY, SERVER)

    def _relay(self, payload: bytes, source: Endpoint) -> None:
        reply = self.waiting.pop(payload[8:24], None)
        if reply is not None:
            self.route(reply, RELAY, source)

    def from_native(self, host: Host, packet: bytes) -> None:
        """A packet of the native host through its relay, which has a hole in the NAT already."""
        mapped = host.client.mapped
        assert mapped is not None
        self.route(packet, RELAY, mapped)


def bubbles(host: Host) -> list[Datagram]:
    return [datagram for datagram in host.sent if datagram.packet is TeredoPacket.BUBBLE]
