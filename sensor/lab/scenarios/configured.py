"""A configured tunnel from a campus to somebody on the Internet, who leads it to native IPv6."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from sensor.lab.network.host import Host
from sensor.lab.network.raw_node import RawNode
from sensor.lab.network.segment import Segment
from sensor.lab.scenarios.home import ClientParty
from sensor.lab.scenarios.infrastructure import NativeParty
from sensor.lab.scenarios.party import Party, Try
from sensor.lab.scenarios.premises import Campus
from sensor.lab.scenarios.tunnels import TunnelHost
from sensor.lab.scenarios.world import SERVER, World
from sensor.lab.sixinfour.peer import Peer
from sensor.lab.sixinfour.settings import LinkSettings, PeerSettings
from sensor.lab.teredo.settings import ClientSettings
from sensor.schema.records import Endpoint
from sensor.wire import tcp
from sensor.wire.addresses import packed

FAR_END = packed("192.0.2.200")
PREFIX = packed("2001:db8:41::")
PREFIX_BITS = 64
ALICE = packed("2001:db8:41::a11c")

IRC_PORT = 6_667
IRC_LOGIN = b"NICK eve\r\nUSER eve 0 * :eve\r\n"
IRC_WELCOME = b":irc.example.net 001 eve :Welcome\r\n:irc.example.net 422 eve :No message\r\n"

ORDINARY = LinkSettings()

HostMaker = Callable[[str, Segment, Sequence[bytes], Random], Host]


class Ends(NamedTuple):
    """``alice`` is inside; ``remote`` a native host that reaches her through the tunnel."""

    campus: Campus
    alice: TunnelHost
    remote: NativeParty


def configured(
    world: World,
    inside: HostMaker = Host,
    outside: HostMaker = Host,
    link: LinkSettings = ORDINARY,
) -> Ends:
    """6in4 between a watched campus and a far end, both up."""
    campus = world.campus("campus")
    world.watch(campus)
    near = inside("alice", campus.segment, [campus.next_address()], world.chance("alice"))
    far = outside("far-end", world.internet, [FAR_END], world.chance("far-end"))
    here, there = (
        Peer(PeerSettings(own.address, other.address, link), world.chance(f"{own.name}-peer"))
        for own, other in ((near, far), (far, near))
    )
    alice = world.tunnel_host(RawNode(here, near), ALICE, place=campus)
    provider = world.provider(RawNode(there, far), (PREFIX, PREFIX_BITS))
    alice.start()
    provider.start()
    return Ends(campus, alice, world.remote("remote"))


def public_client(world: World, campus: Campus, name: str, make: HostMaker) -> ClientParty:
    """A Teredo client on a network of public addresses, where there is no NAT to cross."""
    host = make(name, campus.segment, [campus.next_address()], world.chance(name))
    settings = ClientSettings(SERVER, Endpoint(host.address, world.port(name)))
    party = ClientParty(campus, host, settings)
    world.clients.append(party)
    return party


def serve_irc(party: Party) -> None:
    """Run an IRC server that welcomes and says good-bye."""
    party.stack.tcp.serve(IRC_PORT, lambda asked: IRC_WELCOME if asked == IRC_LOGIN else None)


def log_in(party: Party, whom: Party) -> Try:
    """Use it."""
    connection = party.stack.tcp.connect(whom.address, IRC_PORT, IRC_LOGIN)
    service = Endpoint(whom.address, IRC_PORT)
    tried = Try(party.name, whom.name, tcp.PROTOCOL, service, connection)
    party.world.tries.append(tried)
    return tried
