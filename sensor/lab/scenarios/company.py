"""A company with Teredo of its own, as DirectAccess gives it: server and relay in one box."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from random import Random
from typing import TYPE_CHECKING

from sensor.lab.machine import Datagram, Event
from sensor.lab.network.host import Host
from sensor.lab.network.node import Node
from sensor.lab.network.routes import Prefix
from sensor.lab.scenarios.infrastructure import RELAY_PORT
from sensor.lab.scenarios.tunnels import LanHost
from sensor.lab.teredo.relay import Relay
from sensor.lab.teredo.server import Server
from sensor.lab.teredo.settings import RelaySettings, ServerSettings, following
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire.addresses import build_sixtofour, packed

if TYPE_CHECKING:
    from sensor.lab.scenarios.world import World

SERVER = packed("198.51.100.21")
SUBNET, SITE_BITS = 1, 48


class Gateway:
    """A machine (``sensor.lab.machine``) that is both; what one sends to the other needs no wire.

    The relay's bubbles go to the clients' server, which is this box's own. Neither sends to the
    relay, so that one pass brings all that is for the box itself.
    """

    def __init__(self, server: ServerSettings, relay: RelaySettings, rng: Random) -> None:
        self.drops: Counter[str] = Counter()
        self._server = Server(server, rng)
        self._relay = Relay(relay, rng)
        self._out: list[Datagram] = []

    @property
    def ends(self) -> Collection[Endpoint]:
        return (*self._server.ends, *self._relay.ends)

    def start(self, now: float) -> None:
        self._server.start(now)
        self._relay.start(now)

    def stop(self, now: float) -> None:
        self._server.stop(now)
        self._relay.stop(now)

    def receive_datagram(
        self, payload: bytes, source: Endpoint, destination: Endpoint, now: float
    ) -> None:
        machine = self._relay if destination in self._relay.ends else self._server
        machine.receive_datagram(payload, source, destination, now)
        self._pass_on(now)

    def send_ipv6(self, packet: bytes, now: float) -> None:
        self._relay.send_ipv6(packet, now)
        self._pass_on(now)

    def handle_timer(self, now: float) -> None:
        self._relay.handle_timer(now)
        self._pass_on(now)

    def get_timer(self) -> float | None:
        return self._relay.get_timer()

    def _pass_on(self, now: float) -> None:
        for datagram in self._relay.datagrams_to_send():
            if datagram.destination in self._server.ends:
                self._server.receive_datagram(*_as_heard(datagram), now)
            else:
                self._out.append(datagram)
        self._out += self._server.datagrams_to_send()
        self.drops = self._server.drops + self._relay.drops

    def datagrams_to_send(self) -> list[Datagram]:
        taken, self._out = self._out, []
        return taken

    def ipv6_to_deliver(self) -> list[bytes]:
        return self._server.ipv6_to_deliver() + self._relay.ipv6_to_deliver()

    def next_event(self) -> Event | None:
        return self._server.next_event() or self._relay.next_event()


def _as_heard(datagram: Datagram) -> tuple[bytes, Endpoint, Endpoint]:
    return datagram.payload, datagram.source, datagram.destination


class Company:
    """Its box on two addresses that follow each other, and behind it a network with 6to4 addresses.

    ``server`` is the first of the two.
    """

    server = SERVER

    def __init__(self, world: World) -> None:
        second = following(SERVER)
        site: Prefix = (build_sixtofour(SERVER, 0, bytes(8)), SITE_BITS)
        world.formed.note(site[0], Kind.SIXTOFOUR, SERVER, SITE_BITS)
        machine = Gateway(
            ServerSettings(SERVER, second),
            RelaySettings(Endpoint(SERVER, RELAY_PORT), build_sixtofour(SERVER), (site,)),
            world.chance("gateway-relay"),
        )
        host = Host("gateway", world.internet, [SERVER, second], world.chance("gateway"))
        self._gateway = world.gateway(Node(machine, host))
        self._gateway.start()

    def host(self, name: str) -> LanHost:
        """One of its own, which nobody else can reach."""
        return self._gateway.host(name, build_sixtofour(self.server, SUBNET))
