"""What several attacks build on does what it says."""

from __future__ import annotations

import pytest

from sensor.lab.deviants import forgery
from sensor.lab.network.behaviour import PORT_RESTRICTED
from sensor.lab.scenarios.attackers import (
    ROGUE_SITE,
    NotedLaxClient,
    Wiretap,
    fire,
    mapped,
    own_end,
    rogue_infrastructure,
    server_end,
    until_refresh,
)
from sensor.lab.scenarios.home import ClientParty
from sensor.lab.scenarios.world import SERVER, World
from sensor.schema.words import TeredoPacket
from sensor.wire import teredo
from sensor.wire.ports import TEREDO_PORT

INNER = bytes(15) + b"\1", bytes(15) + b"\2"


def qualified(world: World) -> ClientParty:
    alice = world.home("home", PORT_RESTRICTED).client("alice")
    alice.start()
    world.wait(3)
    return alice


def test_the_eavesdropper_reads_request_and_answer() -> None:
    world = World(3)
    rogue = rogue_infrastructure(world)
    alice = world.home("home", PORT_RESTRICTED).client("alice", server=rogue.server.primary)
    native = world.remote("native")
    native.serve(80, b"a secret page")
    alice.start()
    world.wait(3)
    page = alice.fetch(native, 80)
    world.wait(5)
    assert page.whole
    read = b"".join(rogue.machine.read)
    assert b"GET / HTTP/1.1" in read
    assert b"a secret page" in read
    assert rogue.machine.prefix.startswith(ROGUE_SITE[:6])


def test_who_has_another_server_is_not_read() -> None:
    world = World(3)
    rogue = rogue_infrastructure(world)
    alice, native = qualified(world), world.remote("native")
    native.serve(80)
    page = alice.fetch(native, 80)
    world.wait(5)
    assert page.whole
    assert list(rogue.machine.read) == []


def test_what_is_fired_leaves_at_its_pace_in_a_false_name() -> None:
    world = World(3)
    mallory, victim = world.stranger("mallory"), world.stranger("victim")
    wiretap = Wiretap(world)
    heard = []
    victim.bind(own_end(victim), lambda *what: heard.append((world.clock.now, what)))
    lie = forgery.bubble(server_end(SERVER), own_end(victim), INNER)
    fire(mallory, [lie] * 3, gap=0.5)
    world.wait(5)
    assert [what[1] for _, what in heard] == [server_end(SERVER)] * 3
    times = [at for at, _ in heard]
    assert times[2] - times[0] == pytest.approx(1.0)
    assert wiretap.payloads(TeredoPacket.BUBBLE, "mallory") == [lie.payload] * 3
    assert wiretap.payloads(TeredoPacket.BUBBLE, "victim") == []


def test_a_wiretap_hears_the_nonce_of_a_bubble() -> None:
    world = World(3)
    wiretap, mallory = Wiretap(world), world.stranger("mallory")
    told = forgery.bubble(own_end(mallory), server_end(SERVER), INNER, nonce=b"abcd")
    bare = forgery.bubble(own_end(mallory), server_end(SERVER), INNER)
    fire(mallory, [bare, told], gap=0.1)
    world.wait(1)
    assert wiretap.nonce("mallory") == b"abcd"


def test_a_client_is_waited_for_until_just_before_it_asks_again() -> None:
    world = World(3)
    alice, wiretap = qualified(world), Wiretap(world)
    until_refresh(world, alice)
    assert wiretap.payloads(TeredoPacket.ROUTER_SOLICITATION, "alice") == []
    world.wait(1)
    (asked,) = wiretap.payloads(TeredoPacket.ROUTER_SOLICITATION, "alice")
    assert teredo.parse(asked).authentications
    assert mapped(alice) == alice.client.mapped
    assert server_end(SERVER).port == TEREDO_PORT


def test_a_lax_client_keeps_account_as_others_do() -> None:
    world = World(3)
    home = world.home("home", PORT_RESTRICTED)
    alice = home.client("alice", machine=NotedLaxClient)
    alice.start()
    world.wait(3)
    assert isinstance(alice.client, NotedLaxClient)
    assert list(alice.client.used) == [alice.settings.local]
    assert world.server.primary in alice.client.asked
