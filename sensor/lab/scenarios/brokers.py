"""Stories of tunnel brokers: AYIYA, and TSP over UDP and TCP (RFC 5572)."""

from __future__ import annotations

from sensor.lab.brokers.ayiya import AyiyaBroker, AyiyaClient
from sensor.lab.brokers.dialogue import BrokerDialogue, ClientDialogue
from sensor.lab.brokers.pool import Pool
from sensor.lab.brokers.settings import (
    AyiyaAccount,
    AyiyaBrokerSettings,
    AyiyaClientSettings,
    TspAccount,
    TspBrokerSettings,
    TspClientSettings,
    TspRequest,
)
from sensor.lab.brokers.tsp import TspBroker, TspClient
from sensor.lab.brokers.tunnel import V6V4
from sensor.lab.network.node import Node
from sensor.lab.network.routes import Prefix
from sensor.lab.scenarios.account import EPOCH
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.signalling import SignallingHost, Talk
from sensor.lab.scenarios.sixinfour import broker, configured
from sensor.lab.scenarios.truth import NANOSECONDS
from sensor.lab.scenarios.visits import visited, watched_home
from sensor.lab.scenarios.world import World
from sensor.schema.records import Endpoint
from sensor.wire.addresses import packed
from sensor.wire.ports import AYIYA_PORT, TSP_PORT

NETWORK = packed("2001:db8:7590:1::")
BITS = 64
ROUTED: Prefix = (NETWORK, BITS)
BROKER, USER = NETWORK[:15] + b"\x01", NETWORK[:15] + b"\x02"
BROKER_IP = packed("192.0.2.36")
NAME, PASSWORD = "alice", "not a good secret"
SECONDS = EPOCH / NANOSECONDS  # from 1970 to when every clock starts


def ayiya(world: World) -> None:
    """Signed packets and a heartbeat to a broker, as SixXS had it."""
    home = watched_home(world)
    host, far = home.host("alice"), world.stranger("broker")
    near, end = Endpoint(host.address, world.port("alice")), Endpoint(far.address, AYIYA_PORT)
    secret = PASSWORD.encode()
    client = AyiyaClientSettings(near, end, USER, BROKER, secret, SECONDS)
    account = AyiyaAccount(USER, BROKER, secret)
    serving = AyiyaBroker(
        AyiyaBrokerSettings(end, BROKER, (account,), SECONDS), world.chance("broker-end")
    )
    world.provider(Node(serving, far), ROUTED).start()
    alice = world.tunnel_host(
        Node(AyiyaClient(client, world.chance("alice-end")), host), place=home
    )
    visited(world, alice)


def tsp_udp(world: World) -> None:
    """A dialogue, then data and keep-alives, all over one pair of UDP ends (v6udpv4)."""
    home = watched_home(world)
    host, far = home.host("alice"), world.stranger("broker")
    near, end = Endpoint(host.address, world.port("alice")), Endpoint(far.address, TSP_PORT)
    settings = TspBrokerSettings(end, BROKER, NETWORK[:8])
    serving = TspBroker(settings, world.chance("broker-end"))
    world.provider(Node(serving, far), ROUTED).start()
    client = TspClient(TspClientSettings(near, end), world.chance("alice-end"))
    alice = world.tunnel_host(Node(client, host), place=home)
    visited(world, alice)


def tsp_protocol41(world: World) -> None:
    """The dialogue over TCP, then a configured tunnel to the same broker (v6v4)."""
    campus = world.campus("campus")
    world.watch(campus)
    own = campus.next_address()
    host = SignallingHost("alice", campus.segment, [own], world.chance("alice"))
    far = SignallingHost("broker", world.internet, [BROKER_IP], world.chance("broker"))
    settings = TspBrokerSettings(
        Endpoint(far.address, TSP_PORT), BROKER, NETWORK[:8], (TspAccount(NAME, PASSWORD, USER),)
    )
    pool = Pool(settings, world.chance("pool"))
    answering = BrokerDialogue(settings, pool, host.address, (V6V4,))
    asking = ClientDialogue(TspRequest(V6V4, host.address, NAME, PASSWORD))
    far.tcp.listen(TSP_PORT, Talk(answering).follow)
    call = host.tcp.connect(far.address, TSP_PORT, asking.start())
    Talk(asking).follow(call)
    world.wait(2)
    call.close()
    broker(world, far, host.address, ROUTED)
    alice = world.tunnel_host(configured(world, host, far.address), USER, place=campus)
    visited(world, alice)


BROKERS = (
    Scenario("ayiya", "AYIYA to a broker, with its heartbeat", 460, ayiya),
    Scenario("tsp-udp", "TSP and its data over UDP", 461, tsp_udp),
    Scenario("tsp-protocol41", "TSP over TCP sets up a 6in4 tunnel", 462, tsp_protocol41),
)
