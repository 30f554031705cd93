"""The provider's customers, its relay and its domain."""

from __future__ import annotations

from sensor.lab.scenarios.sixrd import PREFIX, SHARED, Customer
from sensor.lab.scenarios.world import World
from sensor.schema.words import Kind
from sensor.wire.addresses import SixRdDomain, packed, text
from tests.lab.scenarios.linked import embedded, ends, host
from tests.lab.scenarios.stories import answers, services, told

RELAY = "198.18.2.20"
ALICE, BOB, CAROL = (f"198.18.1.{number}" for number in (20, 21, 22))


def test_customers_speak_directly_and_with_others_by_the_relay() -> None:
    _, truth = told("sixrd-provider")
    direct = {ALICE, BOB}
    assert direct in ends("sixrd-provider", "inside")
    assert direct not in ends("sixrd-provider", "outside"), "it never left the access network"
    assert ends("sixrd-provider", "outside") == [
        {ALICE, RELAY},
        {CAROL, RELAY},
        {BOB, RELAY},
    ]
    assert services(truth) == {
        ("carol", 80): "answered",
        ("bob", 8_080): "answered",
        ("bob", 22): "refused",
    }
    assert [whole for _, _, whole in answers(truth)] == [True, True, True, False]


def test_addresses_embed_what_customers_do_not_share() -> None:
    found = embedded("sixrd-provider", "inside", Kind.SIXRD)
    assert found["3fff:600:114::1"] == ALICE
    assert found["3fff:600:116::10"] == CAROL


def test_an_operator_knows_the_domain() -> None:
    _, truth = told("sixrd-provider")
    (domain,) = truth.sixrd
    assert (domain.prefix, domain.ipv4_mask) == (PREFIX, SHARED)
    assert [text(relay) for relay in domain.relays] == [RELAY]


def test_the_relay_answers_who_probes_it() -> None:
    world, _ = told("sixrd-provider")
    assert [event.what for _, event in host(world, "alice").node.events] == ["relay-answered"]


def test_a_relay_that_is_not_there_is_found_silent() -> None:
    world = World(1)
    domain = SixRdDomain(PREFIX, 32, SHARED, (packed("192.0.2.200"),))
    customer = Customer(world, world.campus("access").host("alice"), domain)
    customer.node.start()
    customer.probe(world)
    world.wait(10)
    assert [event.what for _, event in customer.node.events] == ["relay-silent"]
    assert customer.address(0x10) == packed("3fff:600:114::10")
