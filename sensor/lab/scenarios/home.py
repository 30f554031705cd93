"""An inside network with its NAT, and who lives there."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, NamedTuple, TypedDict, Unpack

from sensor.errors import SensorError
from sensor.lab.network.behaviour import NatBehaviour
from sensor.lab.network.host import Host
from sensor.lab.network.nat import NatBox
from sensor.lab.network.node import Node
from sensor.lab.network.segment import Segment
from sensor.lab.scenarios.noted import NotedClient
from sensor.lab.scenarios.openings import LoggingStack
from sensor.lab.scenarios.party import Party
from sensor.lab.scenarios.premises import Premises
from sensor.lab.teredo.settings import ClientSettings
from sensor.lab.teredo.style import OWN, Style
from sensor.schema.records import Endpoint

if TYPE_CHECKING:
    from sensor.lab.scenarios.world import World

Maker = Callable[[ClientSettings, Random], NotedClient]

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


class Home(Premises):
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
        super().__init__(world, name, network)
        self.carrier = carrier
        segment, address = outside
        gateway, chance = self.network + b"\x01", world.chance(f"{name}-nat")
        self.box: NatBox = NatBox(
            f"{name}-nat", self.segment, segment, gateway, address, behaviour, chance
        )

    @property
    def way_out(self) -> list[Premises]:
        return [self, *(self.carrier.way_out if self.carrier else [])]

    @property
    def boxes(self) -> list[NatBox]:
        return [self.box, *(self.carrier.boxes if self.carrier else [])]

    @property
    def public(self) -> bytes:
        """The IPv4 address that the Internet sees."""
        return self.boxes[-1].outside.addresses[0]

    @property
    def pools(self) -> tuple[bytes, ...]:
        return (self.public,)

    def client(
        self,
        name: str,
        style: Style = OWN,
        machine: Maker = NotedClient,
        port: int | None = None,
        **choices: Unpack[Choices],
    ) -> ClientParty:
        """A host with a Teredo client, which waits to be started.

        ``machine`` makes another one than the honest client; ``port`` is of its own choice.
        """
        host = self.host(name)
        choices.setdefault("server", self.world.server.primary)
        local = Endpoint(host.address, port or self.world.port(name))
        settings = ClientSettings(local=local, style=style, **choices)
        party = ClientParty(self, host, settings, machine)
        self.world.clients.append(party)
        return party

    def rebind(self) -> None:
        """The NAT is switched off and on: what goes out from now on gets another mapping."""
        self.box.forget()


class Had(NamedTuple):
    """A Teredo address that a client got at ``since``, in seconds, for a mapping."""

    address: bytes
    mapped: Endpoint
    since: float


class ClientParty(Party):
    """A host with a Teredo client."""

    def __init__(
        self, home: Premises, host: Host, settings: ClientSettings, machine: Maker = NotedClient
    ) -> None:
        world = home.world
        stack = LoggingStack(host.name, world.clock, world.chance(f"{host.name}-stack"))
        super().__init__(world, host.name, stack)
        self.home = self.place = home
        self.host = host
        self.settings = settings
        self.client = machine(settings, world.chance(f"{host.name}-client"))
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
