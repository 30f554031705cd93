"""A world for one story: the Internet with its servers, homes behind NATs, and where we look.

All IPv4 addresses are those of documentation (RFC 5737), of benchmarks (RFC 2544) and of private
networks, so that nothing in a capture is anybody's.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple, TypeVar

from sensor.errors import SensorError
from sensor.lab.network.behaviour import NatBehaviour
from sensor.lab.network.clock import Clock
from sensor.lab.network.host import Host
from sensor.lab.network.medium import Interface
from sensor.lab.network.native import Native
from sensor.lab.network.node import Node
from sensor.lab.network.raw_node import RawNode
from sensor.lab.network.routes import Prefix
from sensor.lab.network.segment import Segment
from sensor.lab.network.tap import WHOLE, Tap
from sensor.lab.scenarios.formed import Formed
from sensor.lab.scenarios.home import ClientParty, Home
from sensor.lab.scenarios.infrastructure import (
    RELAY_PORT,
    NativeParty,
    RelayingParty,
    Site,
    TeredoRelay,
    TeredoServer,
    build_site,
)
from sensor.lab.scenarios.party import HTTP_PORT, Party, Try
from sensor.lab.scenarios.premises import Campus, Premises
from sensor.lab.scenarios.tunnels import Gateway, LanHost, Provider, TunnelHost
from sensor.lab.teredo.settings import ServerSettings, following
from sensor.schema.records import Endpoint
from sensor.wire import dns
from sensor.wire.addresses import LEGACY_TEREDO_PREFIX, SixRdDomain, packed
from sensor.wire.ports import DNS_PORT

INTERNET_LATENCY = 0.012  # seconds from anybody's access to anybody else's
SERVER, OTHER_SERVER = packed("198.51.100.1"), packed("198.51.100.9")
SERVER_NAME = "teredo.example.net"
RELAY = Endpoint(packed("192.0.2.66"), RELAY_PORT)
RELAY_SOURCE = packed("2001:db8:66::1")
LEGACY_RELAY = Endpoint(packed("192.0.2.67"), RELAY_PORT)
LEGACY_RELAY_SOURCE = packed("2001:db8:67::1")
RESOLVER = packed("192.0.2.53")
SITE = Site("www.example.net", packed("192.0.2.80"), HTTP_PORT)
SITE_PAGE = b"<p>news of the day\n" * 200
# The first address of what homes, hosts with relays and native hosts get, counted up.
FIRST_PUBLIC = packed("203.0.113.7")
FIRST_SINGLE = packed("192.0.2.130")
FIRST_NATIVE = packed("2001:db8:77::5")
CARRIER_NETWORK = (100, 64, 0)
CAMPUS_NETWORKS = (198, 18)
NOBODY = "nobody"

Admitted = TypeVar("Admitted", TunnelHost, LanHost)


class Watch(NamedTuple):
    """Where a world is looked at: one tap on each side of a network's boxes."""

    home: Premises
    inside: Tap
    outside: Tap

    @property
    def taps(self) -> dict[str, Tap]:
        """By vantage."""
        return {"inside": self.inside, "outside": self.outside}


class World:
    """Who is where; ``wait`` lets time pass."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.clock = Clock()
        self.internet = Segment(
            "internet", self.clock, self.chance("internet"), latency=INTERNET_LATENCY
        )
        self.native = Native(self.clock, self.chance("native"))
        self.places: list[Premises] = []
        self.clients: list[ClientParty] = []
        self.tunnelled: list[Party] = []  # those whose tunnel is not Teredo's
        self.formed = Formed()
        self.sixrd: list[SixRdDomain] = []
        self.remotes: list[NativeParty] = []
        self.tries: list[Try] = []
        self._names: dict[str, bytes] = {SITE.name: SITE.ip, SERVER_NAME: SERVER}
        self._watch: Watch | None = None
        self._public, self._single, self._native = FIRST_PUBLIC, FIRST_SINGLE, FIRST_NATIVE
        self.server = self.teredo_server("server", SERVER)
        self.relay = TeredoRelay(self, "relay", RELAY, RELAY_SOURCE)
        self.site = SITE
        build_site(self, SITE, SITE_PAGE)
        self.resolver = Host("resolver", self.internet, [RESOLVER], self.chance("resolver"))
        self.resolver.serve_udp(DNS_PORT, self._resolve)

    def chance(self, name: str) -> Random:
        """Each part has its own, so that one draw more of one shifts nothing of another."""
        return Random(f"{self.seed}/{name}")

    def port(self, name: str) -> int:
        """One of those that systems give out (RFC 6335 section 6)."""
        return self.chance(f"{name}-port").randint(49_152, 65_535)

    # who is where

    def home(self, name: str, behaviour: NatBehaviour, carrier: Home | None = None) -> Home:
        """A network with a NAT of its own, at the Internet or behind a carrier's NAT."""
        network = (192, 168, len(self.places) + 1)
        return self._place(name, behaviour, network, carrier)

    def carrier(self, name: str, behaviour: NatBehaviour) -> Home:
        """A provider's network, shared by homes (RFC 6598), behind one NAT."""
        return self._place(name, behaviour, CARRIER_NETWORK, None)

    def _place(
        self,
        name: str,
        behaviour: NatBehaviour,
        network: tuple[int, int, int],
        carrier: Home | None,
    ) -> Home:
        if carrier is None:
            outside = self.internet, self._public
            self._public = following(self._public)
        else:
            outside = carrier.segment, carrier.next_address()
        home = Home(self, name, behaviour, network, outside, carrier)
        self.places.append(home)
        return home

    def campus(self, name: str) -> Campus:
        """A network of public addresses behind a router that translates nothing."""
        outside, self._public = self._public, following(self._public)
        network = (*CAMPUS_NETWORKS, len(self.places) + 1)
        campus = Campus(self, name, network, (self.internet, outside))
        self.places.append(campus)
        return campus

    def stranger(self, name: str) -> Host:
        """A host on the IPv4 Internet, and nothing else yet."""
        address, self._single = self._single, following(self._single)
        return Host(name, self.internet, [address], self.chance(name))

    def tunnel_host(
        self, node: Node | RawNode, *addresses: bytes, place: Premises | None = None
    ) -> TunnelHost:
        """An IPv6 host that is a tunnel's end itself; without addresses its machine gives one."""
        return self.admit(TunnelHost(self, node, addresses, place))

    def gateway(self, node: Node | RawNode, place: Premises | None = None) -> Gateway:
        """A tunnel's end that is a router: hosts of native IPv6 can be put behind it."""
        return Gateway(self, node, place)

    def provider(self, node: Node | RawNode, *prefixes: Prefix) -> Provider:
        """A tunnel's end that leads to the native Internet, which sends ``prefixes`` there."""
        return Provider(self, node, prefixes)

    def admit(self, party: Admitted) -> Admitted:
        """Somebody whose services others may open through a tunnel."""
        self.tunnelled.append(party)
        return party

    def teredo_server(
        self,
        name: str,
        primary: bytes = OTHER_SERVER,
        secrets: tuple[tuple[bytes, bytes], ...] = (),
    ) -> TeredoServer:
        """A server on two addresses; with ``secrets`` it answers only those who know one."""
        settings = ServerSettings(primary, following(primary), secrets=secrets)
        return TeredoServer(self, name, settings)

    def legacy_server(self, name: str, primary: bytes = OTHER_SERVER) -> TeredoServer:
        """One that gives out 3ffe:831f::/32, with a relay that leads there."""
        prefix = LEGACY_TEREDO_PREFIX
        TeredoRelay(self, f"{name}-relay", LEGACY_RELAY, LEGACY_RELAY_SOURCE, prefix)
        settings = ServerSettings(primary, following(primary), prefix=prefix, mtu=None)
        return TeredoServer(self, name, settings)

    def remote(self, name: str) -> NativeParty:
        """A host on the native IPv6 Internet."""
        party = NativeParty(self, name, self._native_address())
        self.remotes.append(party)
        return party

    def relaying_remote(self, name: str) -> RelayingParty:
        """One with a relay of its own, at a public IPv4 address."""
        end = Endpoint(self._single, self.port(name))
        self._single = following(self._single)
        party = RelayingParty(self, name, self._native_address(), end)
        self.remotes.append(party)
        return party

    def _native_address(self) -> bytes:
        address = self._native
        self._native = (int.from_bytes(address) + 1).to_bytes(16)
        return address

    # where we look

    def watch(self, home: Premises, beside: Interface | None = None, snaplen: int = WHOLE) -> None:
        """Capture inside a network, and outside beside its outermost box or ``beside`` another.

        Of each frame ``snaplen`` octets are kept.
        """
        place = beside or home.way_out[-1].box.outside
        inside, outside = Tap(home.segment, None, snaplen), Tap(self.internet, place, snaplen)
        self._watch = Watch(home, inside, outside)

    @property
    def watched(self) -> Watch:
        """Where the story said to look."""
        if self._watch is None:
            raise SensorError("the story does not say where to look: world.watch(home)")
        return self._watch

    def party_of(self, address: bytes) -> Party | None:
        """Whose IPv6 address this is, or was."""
        for client in self.clients:
            if any(had.address == address for had in client.had):
                return client
        others = (*self.remotes, *self.tunnelled)
        return next((one for one in others if address in one.stack.addresses), None)

    def name(self, name: str, ip: bytes) -> None:
        """Enter an IPv4 address into the resolver."""
        self._names[name] = ip

    # what happens

    def wait(self, seconds: float) -> None:
        """Let happen what happens."""
        self.clock.run(self.clock.now + seconds)

    def _resolve(self, query: bytes) -> bytes | None:
        asked = dns.parse(query)
        (question,) = asked.questions
        known = self._names.get(question.name)
        return dns.build_response(asked.id, question.name, question.type, [known] if known else [])
