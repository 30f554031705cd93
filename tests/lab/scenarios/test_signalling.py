"""Both sides of a TSP dialogue over TCP hear each other, and their words are labelled."""

from __future__ import annotations

from sensor.lab.brokers.dialogue import BrokerDialogue, ClientDialogue
from sensor.lab.brokers.pool import Pool
from sensor.lab.brokers.settings import TspBrokerSettings, TspRequest
from sensor.lab.brokers.tunnel import V6V4
from sensor.lab.network.connection import Outcome
from sensor.lab.network.tap import Tap
from sensor.lab.scenarios.brokers import BROKER, NETWORK
from sensor.lab.scenarios.signalling import SignallingHost, Talk
from sensor.lab.scenarios.world import World
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire.addresses import packed
from sensor.wire.ports import TSP_PORT

ALICE, FAR = packed("198.51.100.30"), packed("198.51.100.31")
HTTP = 80


def hosts(world: World) -> tuple[SignallingHost, SignallingHost]:
    alice, far = (
        SignallingHost(name, world.internet, [ip], world.chance(name))
        for name, ip in (("alice", ALICE), ("far", FAR))
    )
    return alice, far


def test_a_dialogue_ends_in_the_same_tunnel_on_both_sides() -> None:
    world = World(1)
    alice, far = hosts(world)
    tap = Tap(world.internet)
    settings = TspBrokerSettings(Endpoint(FAR, TSP_PORT), BROKER, NETWORK[:8])
    answering = BrokerDialogue(settings, Pool(settings, world.chance("pool")), ALICE, (V6V4,))
    asking = ClientDialogue(TspRequest(V6V4, ALICE))
    far.tcp.listen(TSP_PORT, Talk(answering).follow)
    call = alice.tcp.connect(FAR, TSP_PORT, asking.start())
    Talk(asking).follow(call)
    world.wait(2)
    call.close()
    world.wait(2)
    assert asking.agreed is not None
    assert asking.agreed == answering.agreed
    assert call.outcome is Outcome.ANSWERED
    labels = [frame.label for frame in tap.frames]
    spoken = [label for label in labels if label is not None]
    assert {label.kind for label in spoken} == {Kind.TSP}
    assert {label.sender for label in spoken} == {"alice", "far"}
    assert len(spoken) < len(labels), "a handshake has no words"


def test_what_such_a_host_says_elsewhere_is_of_no_tunnel() -> None:
    world = World(1)
    alice, far = hosts(world)
    tap = Tap(world.internet)
    far.tcp.serve(HTTP, lambda _: b"page")
    call = alice.tcp.connect(FAR, HTTP, b"request")
    world.wait(2)
    assert call.received == b"page"
    assert {frame.label for frame in tap.frames} == {None}
