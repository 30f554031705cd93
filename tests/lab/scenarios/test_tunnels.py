"""Hosts, networks and providers at the ends of tunnels that are not Teredo's."""

from __future__ import annotations

from sensor.lab.network.raw_node import RawNode
from sensor.lab.scenarios.tunnels import TunnelHost
from sensor.lab.scenarios.world import World
from sensor.wire.addresses import packed
from tests.lab.network.pipes import RawPipe

OWN, PREFIX = packed("2001:db8:a::20"), (packed("2001:db8:a::"), 48)
LAN_HOSTS = [packed("2001:db8:a:1::1"), packed("2001:db8:a:1::2")]


def broker_and(world: World, ip: bytes) -> bytes:
    """A provider of the prefix at the other end of a tunnel to ``ip``; its IPv4 address."""
    host = world.stranger("broker")
    world.provider(RawNode(RawPipe(host.address, ip), host), PREFIX).start()
    return host.address


def tunnel_host(world: World) -> TunnelHost:
    campus = world.campus("campus")
    world.watch(campus)
    host = campus.host("alice")
    pipe = RawPipe(host.address, broker_and(world, host.address))
    return world.tunnel_host(RawNode(pipe, host), OWN, place=campus)


def test_a_host_with_a_tunnel_is_reached_from_the_native_internet() -> None:
    world = World(1)
    alice = tunnel_host(world)
    alice.serve(80)
    alice.start()
    tried = world.remote("reader").fetch(alice, 80)
    world.wait(5)
    assert tried.whole
    assert world.party_of(OWN) is alice
    (opening,) = alice.stack.log
    assert opening.talk.own.ip == OWN


def test_a_tunnel_that_was_closed_leads_nowhere() -> None:
    world = World(1)
    alice = tunnel_host(world)
    alice.start()
    alice.stop()
    tried = world.remote("reader").ping(alice)
    world.wait(5)
    assert not tried.answered


def test_hosts_behind_a_tunnel_router_reach_out_and_are_reached() -> None:
    world = World(1)
    campus = world.campus("campus")
    world.watch(campus)
    host = campus.host("router")
    pipe = RawPipe(host.address, broker_and(world, host.address))
    gateway = world.gateway(RawNode(pipe, host), campus)
    first, second = (gateway.host(f"host-{n}", ip) for n, ip in enumerate(LAN_HOSTS))
    gateway.start()
    reader = world.remote("reader")
    reader.serve(80)
    second.serve(22)
    tries = [first.fetch(reader, 80), reader.fetch(second, 22), first.ping(second)]
    world.wait(5)
    assert [tried.whole for tried in tries] == [True, True, True]
    assert not any(frame.label is None for frame in world.watched.inside.frames)
