"""Who takes part in a story of deviants: clients and servers whose hosts wear a disguise."""

from __future__ import annotations

from sensor.lab.deviants.disguise import Disguise, DisguisedHost
from sensor.lab.network.node import Node
from sensor.lab.network.packet import Label
from sensor.lab.scenarios.home import ClientParty, Home
from sensor.lab.scenarios.world import SERVER, World
from sensor.lab.teredo.server import Server
from sensor.lab.teredo.settings import ClientSettings, ServerSettings, following
from sensor.lab.teredo.style import OWN, Style
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import addresses, teredo
from sensor.wire.ports import TEREDO_PORT

OWN_SERVER = addresses.packed("198.51.100.20")  # of those who run one for themselves


def client(
    home: Home,
    name: str,
    disguise: Disguise | None = None,
    *,
    server: bytes = SERVER,
    style: Style = OWN,
    refresh: float = 30.0,
) -> ClientParty:
    """A Teredo client of a home; ``refresh`` is in seconds."""
    world = home.world
    place, chance = [home.next_address()], world.chance(name)
    host = DisguisedHost(name, home.segment, place, chance, disguise or Disguise())
    local = Endpoint(host.address, world.port(name))
    party = ClientParty(home, host, ClientSettings(server, local, style=style, refresh=refresh))
    world.clients.append(party)
    return party


def run_server(world: World, name: str, disguise: Disguise, port: int = TEREDO_PORT) -> bytes:
    """A Teredo server of their own; its primary address."""
    settings = ServerSettings(OWN_SERVER, following(OWN_SERVER), port=port)
    ends = [settings.primary, settings.secondary]
    host = DisguisedHost(name, world.internet, ends, world.chance(name), disguise)
    node = Node(Server(settings, world.chance(f"{name}-server")), host)
    node.bridge(world.native)
    node.start()
    return OWN_SERVER


def knock(sender: ClientParty, peer: ClientParty, *, by_server: bool = False) -> None:
    """A bubble of somebody's own accord, straight to a client or by way of that one's server."""
    mapped = peer.client.mapped
    assert mapped is not None, "the story has both qualify first"
    end = Endpoint(peer.settings.server, TEREDO_PORT) if by_server else mapped
    bubble = teredo.build_bubble(sender.address, peer.address)
    label = Label(Kind.TEREDO, TeredoPacket.BUBBLE, sender.name)
    sender.host.send_udp(bubble, sender.settings.local, end, label=label)
