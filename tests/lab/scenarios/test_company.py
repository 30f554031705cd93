"""A company's box serves its laptops and nobody else's hosts."""

from __future__ import annotations

from random import Random

from sensor.lab.deviants import forgery
from sensor.lab.machine import Machine
from sensor.lab.network.behaviour import PORT_RESTRICTED
from sensor.lab.scenarios.company import SERVER, Company, Gateway
from sensor.lab.scenarios.infrastructure import RELAY_PORT
from sensor.lab.scenarios.world import World
from sensor.lab.teredo.settings import RelaySettings, ServerSettings, following
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire.addresses import TeredoAddress, build_sixtofour
from tests.lab.teredo.parties import CLIENT_END, NATIVE, NONCE, bubble, data, echo

FIRST, SECOND = Endpoint(SERVER, 3544), Endpoint(following(SERVER), 3544)
RELAY = Endpoint(SERVER, RELAY_PORT)
SITE = build_sixtofour(SERVER, 0, bytes(8))
FILES = build_sixtofour(SERVER, 1)
LAPTOP = TeredoAddress(SERVER, 0, CLIENT_END.port, CLIENT_END.ip, False).build()


def gateway() -> Gateway:
    servers = ServerSettings(FIRST.ip, SECOND.ip)
    relays = RelaySettings(RELAY, build_sixtofour(SERVER), ((SITE, 48),))
    return Gateway(servers, relays, Random(2))


def test_it_is_a_server_on_two_addresses_and_a_relay() -> None:
    machine: Machine = gateway()
    machine.start(0.0)
    assert tuple(machine.ends) == (FIRST, SECOND, RELAY)
    asked = forgery.solicitation(CLIENT_END, SECOND, NONCE)
    machine.receive_datagram(asked.payload, CLIENT_END, SECOND, 0.0)
    (answer,) = machine.datagrams_to_send()
    assert (answer.source, answer.packet) == (SECOND, TeredoPacket.ROUTER_ADVERTISEMENT)


def test_the_relays_bubble_reaches_the_client_by_the_server_in_the_same_box() -> None:
    machine = gateway()
    machine.send_ipv6(data(FILES, LAPTOP), 0.0)
    (sent,) = machine.datagrams_to_send()
    assert (sent.source, sent.destination) == (FIRST, CLIENT_END)
    assert sent.packet is TeredoPacket.BUBBLE
    machine.receive_datagram(bubble(LAPTOP, build_sixtofour(SERVER)), CLIENT_END, RELAY, 0.1)
    (delivered,) = machine.datagrams_to_send()
    assert (delivered.source, delivered.destination) == (RELAY, CLIENT_END)
    (event,) = [machine.next_event()]
    assert event is not None
    assert event.what == "peer-reached"
    assert machine.next_event() is None


def test_a_client_that_does_not_answer_is_given_up() -> None:
    machine = gateway()
    machine.send_ipv6(data(FILES, LAPTOP), 0.0)
    while (due := machine.get_timer()) is not None:
        machine.handle_timer(due)
    assert len(machine.datagrams_to_send()) == 3
    assert machine.drops["not-reached"] == 1


def test_both_sides_count_in_one_place_and_hand_out_in_one_place() -> None:
    machine = gateway()
    machine.receive_datagram(echo(LAPTOP, FILES), CLIENT_END, FIRST, 0.0)
    machine.receive_datagram(echo(LAPTOP, FILES, octets=8), CLIENT_END, RELAY, 0.0)
    assert len(machine.ipv6_to_deliver()) == 2
    machine.receive_datagram(data(LAPTOP, NATIVE), CLIENT_END, RELAY, 0.0)
    machine.receive_datagram(b"", CLIENT_END, FIRST, 0.0)
    assert machine.drops == {"not-served": 1, "malformed": 1}
    machine.stop(1.0)
    told = []
    while (event := machine.next_event()) is not None:
        told.append(event.what)
    assert told == ["stopped", "peer-reached", "stopped"]


def test_its_hosts_are_reached_by_its_laptops_alone() -> None:
    world = World(4)
    company = Company(world)
    files = company.host("files")
    files.serve(443)
    home = world.home("home", PORT_RESTRICTED)
    laptop = home.client("laptop", server=company.server)
    stranger = world.remote("stranger")
    laptop.start()
    world.wait(3)
    read, refused = laptop.fetch(files, 443), stranger.fetch(files, 443)
    world.wait(10)
    assert (read.whole, refused.answered) == (True, False)
    assert world.formed.of(files.address) == [(Kind.SIXTOFOUR, SERVER)]
