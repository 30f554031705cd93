"""An inside network with its NAT, and who lives there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypedDict, Unpack

from sensor.errors import SensorError
from sensor.lab.network.behaviour import NatBehaviour
from sensor.lab.network.host import Host
from sensor.lab.network.nat import NatBox
from sensor.lab.network.node import Node
from sensor.lab.network.segment import Segment
from sensor.lab.scenarios.noted import NotedClient
from sensor.lab.scenarios.openings import LoggingStack
from sensor.lab.scenarios.party import Party, request
from sensor.lab.teredo.settings import ClientSettings
from sensor.lab.teredo.style import OWN, Style
from sensor.schema.records import Endpoint
from sensor.wire import dns
from sensor.wire.ports import DNS_PORT

if TYPE_CHECKING:
    from sensor.lab.network.connection import Connection
    from sensor.lab.scenarios.infrastructure import Site
    from sensor.lab.scenarios.world import World

FIRST_HOST = 20
ADDRESS_EVENTS = ("qualified", "mapping-changed")


class Choices(TypedDict, total=False):
    """Fields of ClientSettings that a story may set."""

    server: bytes
    identifier: bytes
    secret: bytes
    retry: float
    local_discovery: bool
    interval_port: int | None
    symmetric: bool
    hairpin: bool


class Home:
    """A network behind a NAT, on the Internet or on the network of a ``carrier``."""

    def __init__(
        self,
        world: World,
        name: str,
        behaviour: NatBehaviour,
        network: tuple[int, int, int],
        outside: tuple[Segment, bytes],
        carrier: Home | None,
    ) -> None:
        self.name = name
        self.world = world
        self.carrier = carrier
        self.segment = Segment(name, world.clock, world.chance(name))
        self._network = bytes(network)
        self._hosts = FIRST_HOST - 1
        self.box = NatBox(
            f"{name}-nat",
            self.segment,
            outside[0],
            self._network + b"\x01",
            outside[1],
            behaviour,
            world.chance(f"{name}-nat"),
        )

    @property
    def way_out(self) -> list[Home]:
        """The networks on the way to the Internet, this one first."""
        return [self, *(self.carrier.way_out if self.carrier else [])]

    @property
    def boxes(self) -> list[NatBox]:
        """Their NATs."""
        return [home.box for home in self.way_out]

    def client(self, name: str, style: Style = OWN, **choices: Unpack[Choices]) -> ClientParty:
        """A host with a Teredo client, which waits to be started."""
        host = self._host(name)
        choices.setdefault("server", self.world.server.primary)
        settings = ClientSettings(
            local=Endpoint(host.address, self.world.port(name)), style=style, **choices
        )
        party = ClientParty(self, host, settings)
        self.world.clients.append(party)
        return party

    def neighbour(self, name: str) -> Neighbour:
        """A host with IPv4 alone."""
        return Neighbour(self._host(name), self.world)

    def rebind(self) -> None:
        """The NAT is switched off and on: what goes out from now on gets another mapping."""
        self.box.forget()

    def next_address(self) -> bytes:
        """An IPv4 address that nobody has here."""
        self._hosts += 1
        return self._network + bytes([self._hosts])

    def _host(self, name: str) -> Host:
        return Host(name, self.segment, [self.next_address()], self.world.chance(name))


class Had(NamedTuple):
    """A Teredo address that a client got at ``since``, in seconds, for a mapping."""

    address: bytes
    mapped: Endpoint
    since: float


class ClientParty(Party):
    """A host with a Teredo client."""

    def __init__(self, home: Home, host: Host, settings: ClientSettings) -> None:
        world = home.world
        stack = LoggingStack(host.name, world.clock, world.chance(f"{host.name}-stack"))
        super().__init__(world, host.name, stack)
        self.home = home
        self.host = host
        self.settings = settings
        self.client = NotedClient(settings, world.chance(f"{host.name}-client"))
        self.node = Node(self.client, host)
        self.node.carry(self.stack)

    @property
    def address(self) -> bytes:
        address = self.client.address
        if address is None:
            raise SensorError(f"the story wants an address of {self.name}, who is not qualified")
        return address

    @property
    def had(self) -> list[Had]:
        """Its Teredo addresses so far; one may come back."""
        had: list[Had] = []
        for at, event in self.node.events:
            if event.what in ADDRESS_EVENTS and event.address is not None and event.end is not None:
                now = Had(event.address, event.end, at)
                if not had or had[-1].address != now.address:
                    had.append(now)
        return had

    def start(self) -> None:
        """Begin to qualify."""
        self.node.start()

    def stop(self) -> None:
        """End the process: its sockets are closed."""
        self.node.stop()
        for end in self.client.ends:
            self.host.unbind(end)


class Neighbour:
    """A host without tunnels: what it does is what a network is mostly full of."""

    def __init__(self, host: Host, world: World) -> None:
        self.host = host
        self._world = world
        self._number = 0

    def resolve(self, name: str) -> None:
        """Ask the resolver for an IPv4 address."""
        self._number += 1
        query = dns.build_query(self._number, name, dns.TYPE_A)
        self.host.ask(Endpoint(self._world.resolver.address, DNS_PORT), query)

    def browse(self, site: Site) -> Connection:
        """Look its name up and fetch a page, over IPv4."""
        self.resolve(site.name)
        return self.host.tcp.connect(site.ip, site.port, request(site.name))

    def ping(self, site: Site) -> None:
        """Send one echo request over IPv4."""
        self.host.ping(site.ip)
