"""Stories of the lesser ways to carry IPv6 in UDP: L2TP, 6a44 and 6bed4."""

from __future__ import annotations

from sensor.lab.framing.l2tp import L2tpClient, L2tpServer
from sensor.lab.framing.settings import (
    L2tpClientSettings,
    L2tpServerSettings,
    SixA44ClientSettings,
    SixA44RelaySettings,
    SixBed4PeerSettings,
    SixBed4RouterSettings,
)
from sensor.lab.framing.sixa44 import SixA44Client, SixA44Relay
from sensor.lab.framing.sixbed4 import SixBed4Peer, SixBed4Router
from sensor.lab.network.behaviour import CONE
from sensor.lab.network.node import Node
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.visits import visited, watched_home
from sensor.lab.scenarios.world import World
from sensor.schema.records import Endpoint
from sensor.wire.addresses import SIXA44_RELAY, packed
from sensor.wire.ports import L2TP_PORT, SIXA44_PORT, SIXBED4_PORT

SOFTWIRES = packed("2001:db8:12b9:1::")
SIXA44, SIXBED4 = packed("2001:db8:6a44::"), packed("2001:db8:6bed:4::")


def l2tp(world: World) -> None:
    """A softwire (RFC 5571): its control messages carry no IPv6, its session does."""
    home = watched_home(world)
    host, far = home.host("alice"), world.stranger("concentrator")
    server = Endpoint(far.address, L2TP_PORT)
    serving = L2tpServer(L2tpServerSettings(server), world.chance("concentrator-end"))
    world.provider(Node(serving, far), (SOFTWIRES, 64)).start()
    near = Endpoint(host.address, world.port("alice"))
    settings = L2tpClientSettings(near, server, SOFTWIRES[:15] + b"\x02")
    client = L2tpClient(settings, world.chance("alice-end"))
    visited(world, world.tunnel_host(Node(client, host), place=home))


def sixa44(world: World) -> None:
    """A provider's relay at 192.88.99.2; addresses tell mapping and inside host in clear."""
    home = watched_home(world)
    host, far = home.host("alice"), world.stranger("relay")
    far.interface.addresses.append(SIXA44_RELAY)
    relay = SixA44RelaySettings(SIXA44[:6], Endpoint(SIXA44_RELAY, SIXA44_PORT))
    world.provider(Node(SixA44Relay(relay, world.chance("relay-end")), far), (SIXA44, 48)).start()
    settings = SixA44ClientSettings(Endpoint(host.address, world.port("alice")), relay.local)
    client = SixA44Client(settings, world.chance("alice-end"))
    visited(world, world.tunnel_host(Node(client, host), place=home))


def sixbed4(world: World) -> None:
    """A router tells a peer its prefix, which is its endpoint; empty datagrams keep it open."""
    home = watched_home(world, CONE)
    host, far = home.host("alice"), world.stranger("router")
    router = SixBed4RouterSettings(SIXBED4[:8], Endpoint(far.address, SIXBED4_PORT))
    world.provider(
        Node(SixBed4Router(router, world.chance("router-end")), far), (SIXBED4, 64)
    ).start()
    settings = SixBed4PeerSettings(Endpoint(host.address, world.port("alice")), router.local)
    peer = SixBed4Peer(settings, world.chance("alice-end"))
    visited(world, world.tunnel_host(Node(peer, host), place=home))


FRAMING = (
    Scenario("l2tp", "IPv6 in PPP in L2TP, a softwire", 470, l2tp),
    Scenario("sixa44", "6a44 by a provider's relay", 471, sixa44),
    Scenario("sixbed4", "6bed4 by a public router", 472, sixbed4),
)
