"""What the attackers of several stories have in common, and who falls for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sensor.lab.deviants.eavesdropper import Eavesdropper
from sensor.lab.deviants.lax_client import LaxClient
from sensor.lab.deviants.volley import Volley
from sensor.lab.machine import Datagram
from sensor.lab.network.host import Host
from sensor.lab.network.native import Native
from sensor.lab.network.node import Node
from sensor.lab.network.routes import EVERYWHERE
from sensor.lab.network.tap import Tap
from sensor.lab.scenarios.home import ClientParty
from sensor.lab.scenarios.infrastructure import RELAY_PORT, TeredoServer
from sensor.lab.scenarios.links import outer
from sensor.lab.scenarios.noted import NotedClient
from sensor.lab.scenarios.tunnels import LAN_LATENCY
from sensor.lab.scenarios.world import World
from sensor.lab.teredo.settings import RelaySettings
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import teredo, udp
from sensor.wire.addresses import TEREDO_PREFIX, packed
from sensor.wire.ports import TEREDO_PORT

ROGUE_SITE = packed("2001:db8:bad::")
MALLORY = packed("2001:db8:bad::1")  # a native host that need not exist
ATTACKERS_PORT = 40_000
_AHEAD = 0.5  # seconds


class NotedLaxClient(NotedClient, LaxClient):
    """One whose account goes into the truth."""


class Rogue(NamedTuple):
    """A server, and the relay that its clients are led to."""

    server: TeredoServer
    relay: Node
    machine: Eavesdropper


def rogue_infrastructure(world: World) -> Rogue:
    """A server that hands its clients' connectivity tests to an eavesdropper instead of the world.

    So their native hosts answer through that one, and are reached through it.
    """
    server = world.teredo_server("rogue-server")
    host = world.stranger("eavesdropper")
    settings = RelaySettings(Endpoint(host.address, RELAY_PORT), MALLORY, (EVERYWHERE,))
    victims = TEREDO_PREFIX + server.primary
    machine = Eavesdropper(
        settings, world.chance("eavesdropper-relay"), victims=victims, site=ROGUE_SITE
    )
    node = Node(machine, host)
    node.bridge(world.native, (machine.prefix + bytes(8), 64))
    backroom = Native(world.clock, world.chance("backroom"), LAN_LATENCY, "backroom")
    backroom.attach("eavesdropper", [EVERYWHERE], lambda packet: node.send_ipv6(packet.octets))
    server.node.bridge(backroom)
    node.start()
    return Rogue(server, node, machine)


def fire(host: Host, datagrams: Iterable[Datagram], gap: float) -> Volley:
    """Let a host send datagrams, one every ``gap`` seconds, from whatever ends they claim."""
    volley = Volley(own_end(host), tuple(datagrams), gap)
    Node(volley, host).start()
    return volley


def own_end(host: Host) -> Endpoint:
    """Where an attacker is in truth."""
    return Endpoint(host.address, ATTACKERS_PORT)


def server_end(ip: bytes) -> Endpoint:
    """Where a server listens, and what who pretends to be one sends from."""
    return Endpoint(ip, TEREDO_PORT)


def mapped(client: ClientParty) -> Endpoint:
    """Where a client is at the Internet."""
    return client.had[-1].mapped


def until_refresh(world: World, client: ClientParty) -> None:
    """Wait until just before a client asks its server again."""
    due = client.client.get_timer()
    if due is not None:
        world.wait(due - _AHEAD - world.clock.now)


class Wiretap:
    """Hears all that crosses the Internet."""

    def __init__(self, world: World) -> None:
        self._tap = Tap(world.internet)

    def payloads(self, packet: TeredoPacket, sender: str) -> list[bytes]:
        """Of somebody's datagrams of one sort, in order."""
        return [
            outer(frame.octets).payload[udp.HEADER_LENGTH :]
            for frame in self._tap.frames
            if frame.label and (frame.label.packet, frame.label.sender) == (packet, sender)
        ]

    def nonce(self, sender: str) -> bytes:
        """The first that somebody's bubbles told (RFC 6081 section 4.2)."""
        heard = [
            trailer.value
            for payload in self.payloads(TeredoPacket.BUBBLE, sender)
            for trailer in teredo.parse(payload).trailers
            if trailer.type == teredo.TRAILER_NONCE
        ]
        return heard[0]
