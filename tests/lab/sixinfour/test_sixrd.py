"""A provider's domain: its customers' edges, its border relay, and the probe between them."""

from __future__ import annotations

from random import Random

import pytest

from sensor.lab.inner.refusal import HOP_LIMIT, LOOP, NOT_SERVED
from sensor.lab.machine import Event, RawMachine
from sensor.lab.sixinfour.refusal import (
    EMBEDDED_DIFFERS,
    FORGED_SOURCE,
    FULL_TURN,
    NO_RELAY,
    NOT_CONFIGURED,
    NOT_FORWARDED,
    NOT_UNICAST,
    ODD_SOURCE,
)
from sensor.lab.sixinfour.settings import SixToFourRelaySettings
from sensor.lab.sixinfour.sixrd import PROBE_WAIT, SixRdEdge
from sensor.lab.sixinfour.sixtofour import SixToFourRelay
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire import icmpv6, ipv6
from sensor.wire.addresses import SixRdDomain, build_isatap, build_sixtofour, packed, text
from sensor.wire.cursor import Cursor
from tests.lab.sixinfour.ends import (
    BORDER,
    DOMAIN,
    EDGE,
    NATIVE,
    OTHER_EDGE,
    REMOTE,
    STRANGER,
    border,
    carried,
    edge,
    error_about,
    hear,
    home,
)
from tests.lab.teredo.parties import data, less_a_hop

HERE = home(EDGE)
THERE = home(OTHER_EDGE)
# All 32 bits of IPv4 addresses of anywhere, and a provider that gives each customer one address.
WHOLE = SixRdDomain(packed("2a01:e000::"), 32, 0, (packed("192.0.2.1"),))
PUBLIC_EDGE = packed("203.0.113.5")
NARROW = SixRdDomain(packed("2a01:e000::1:0"), 112, 16, (BORDER,))


def events(machine: SixRdEdge) -> list[Event]:
    found = []
    while (event := machine.next_event()) is not None:
        found.append(event)
    return found


def probing(now: float = 10.0) -> tuple[SixRdEdge, bytes]:
    """An edge that has just sent a probe, and the probe."""
    machine = edge()
    machine.probe(now)
    (sent,) = machine.packets_to_send()
    assert (sent.source, sent.destination, sent.kind) == (EDGE, BORDER, Kind.SIXRD)
    return machine, sent.payload


@pytest.mark.parametrize(
    ("domain", "local", "prefix", "bits", "address"),
    [
        (DOMAIN, EDGE, "2a01:e000:1020:3000::", 52, "2a01:e000:1020:3000::1"),
        (WHOLE, PUBLIC_EDGE, "2a01:e000:cb00:7105::", 64, "2a01:e000:cb00:7105::1"),
        (NARROW, EDGE, "2a01:e000::1:203", 128, "2a01:e000::1:203"),
    ],
)
def test_an_edge_receives_the_prefix_of_its_ipv4_address(
    domain: SixRdDomain, local: bytes, prefix: str, bits: int, address: str
) -> None:
    machine = edge(domain, local)
    assert (text(machine.prefix[0]), machine.prefix[1]) == (prefix, bits)
    assert text(machine.address) == address


def test_another_edge_is_reached_directly_and_the_rest_by_the_relay() -> None:
    machine = edge()
    machine.send_ipv6(data(HERE, THERE), 0.0)
    machine.send_ipv6(data(HERE, NATIVE), 0.0)
    assert [(p.source, p.destination, p.kind) for p in machine.packets_to_send()] == [
        (EDGE, OTHER_EDGE, Kind.SIXRD),
        (EDGE, BORDER, Kind.SIXRD),
    ]


def test_the_traffic_class_goes_along() -> None:
    machine = edge()
    machine.send_ipv6(ipv6.build(HERE, NATIVE, 59, b"", traffic_class=0x2E), 0.0)
    (sent,) = machine.packets_to_send()
    assert sent.tos == 0x2E


@pytest.mark.parametrize("source", [THERE, NATIVE, bytes(16), packed("fe80::1")])
def test_only_the_own_prefix_sends(source: bytes) -> None:
    machine = edge()
    machine.send_ipv6(data(source, NATIVE), 0.0)
    assert machine.packets_to_send() == []
    assert machine.drops == {FORGED_SOURCE: 1}


def test_the_own_prefix_is_no_destination_in_the_tunnel() -> None:
    machine = edge()
    machine.send_ipv6(data(HERE, home(EDGE, 2)), 0.0)
    assert machine.packets_to_send() == []
    assert machine.drops == {LOOP: 1}


@pytest.mark.parametrize("destination", ["ff0e::1", "fe80::1", "fec0::1", "::", "::1.2.3.4"])
def test_no_packet_goes_where_no_router_sends_it(destination: str) -> None:
    machine = edge()
    machine.send_ipv6(data(HERE, packed(destination)), 0.0)
    assert machine.packets_to_send() == []
    assert machine.drops == {NOT_FORWARDED: 1}


@pytest.mark.parametrize("nobody", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"])
def test_no_packet_goes_where_no_edge_can_be(nobody: str) -> None:
    target = home(packed(nobody), domain=WHOLE)
    sender, relay = edge(WHOLE, PUBLIC_EDGE), border(WHOLE, packed("192.0.2.1"))
    sender.send_ipv6(data(home(PUBLIC_EDGE, domain=WHOLE), target), 0.0)
    relay.send_ipv6(data(NATIVE, target), 0.0)
    for machine in (sender, relay):
        assert machine.packets_to_send() == []
        assert machine.drops == {NOT_UNICAST: 1}


@pytest.mark.parametrize("relays", [(), (EDGE,), (packed("224.0.0.1"),)])
def test_a_domain_without_another_host_as_relay_is_an_island(relays: tuple[bytes, ...]) -> None:
    machine = edge(SixRdDomain(DOMAIN.prefix, DOMAIN.prefix_length, DOMAIN.ipv4_mask, relays))
    machine.send_ipv6(data(HERE, NATIVE), 0.0)
    machine.probe(0.0)
    assert machine.packets_to_send() == []
    assert machine.drops == {NO_RELAY: 2}
    assert machine.get_timer() is None
    machine.send_ipv6(data(HERE, THERE), 0.0)
    assert len(machine.packets_to_send()) == 1


@pytest.mark.parametrize(
    ("source", "outer"), [(THERE, OTHER_EDGE), (NATIVE, BORDER)], ids=["edge", "relay"]
)
def test_an_edge_hears_edges_and_the_relay(source: bytes, outer: bytes) -> None:
    machine = edge()
    hear(machine, data(source, HERE), outer, EDGE)
    assert machine.ipv6_to_deliver() == [data(source, HERE)]
    assert machine.drops == {}


@pytest.mark.parametrize(
    ("source", "destination", "outer", "word"),
    [
        (THERE, HERE, STRANGER, EMBEDDED_DIFFERS),
        (THERE, HERE, BORDER, EMBEDDED_DIFFERS),  # RFC 5969 section 9.2: edges speak directly
        (NATIVE, HERE, STRANGER, NOT_CONFIGURED),
        (NATIVE, HERE, OTHER_EDGE, NOT_CONFIGURED),
        (HERE, HERE, OTHER_EDGE, FORGED_SOURCE),
        (HERE, HERE, BORDER, FORGED_SOURCE),
        (packed("fe80::1"), HERE, BORDER, NOT_FORWARDED),
        (packed("ff0e::1"), HERE, BORDER, ODD_SOURCE),
        (NATIVE, THERE, BORDER, EMBEDDED_DIFFERS),
        (NATIVE, packed("2a00:db8::1"), BORDER, EMBEDDED_DIFFERS),
    ],
)
def test_what_an_edge_does_not_believe(
    source: bytes, destination: bytes, outer: bytes, word: str
) -> None:
    machine = edge()
    hear(machine, data(source, destination), outer, EDGE)
    assert machine.ipv6_to_deliver() == []
    assert machine.drops == {word: 1}


@pytest.mark.parametrize("nobody", ["192.0.2.1", "127.0.0.1", "224.0.0.1"])
def test_no_error_is_believed_about_a_packet_that_cannot_have_been_sent(nobody: str) -> None:
    relay = border(WHOLE, packed("192.0.2.1"))
    inner = data(NATIVE, home(packed(nobody), domain=WHOLE))
    forged = carried(inner, packed("192.0.2.1"), packed(nobody))
    relay.receive_packet(error_about(forged), 0.0)
    assert relay.ipv6_to_deliver() == []
    assert sum(relay.drops.values()) == 1


def test_a_relay_carries_both_ways() -> None:
    machine = border()
    hear(machine, data(HERE, NATIVE), EDGE, BORDER)
    assert machine.ipv6_to_deliver() == [data(HERE, NATIVE)]
    machine.send_ipv6(data(NATIVE, HERE), 0.0)
    (sent,) = machine.packets_to_send()
    assert (sent.source, sent.destination, sent.kind) == (BORDER, EDGE, Kind.SIXRD)


@pytest.mark.parametrize(
    ("source", "destination", "outer", "word"),
    [
        (HERE, NATIVE, OTHER_EDGE, EMBEDDED_DIFFERS),
        (NATIVE, packed("2a00:db8::1"), EDGE, EMBEDDED_DIFFERS),
        (NATIVE, HERE, EDGE, EMBEDDED_DIFFERS),
        (HERE, THERE, EDGE, FULL_TURN),
        (HERE, home(BORDER), EDGE, FULL_TURN),
        (HERE, packed("ff0e::1"), EDGE, NOT_FORWARDED),
        (HERE, packed("fe80::1"), EDGE, NOT_FORWARDED),
        (HERE, build_sixtofour(BORDER), EDGE, LOOP),
        (HERE, build_isatap(NATIVE[:8], BORDER), EDGE, LOOP),
    ],
)
def test_what_a_relay_does_not_carry_out(
    source: bytes, destination: bytes, outer: bytes, word: str
) -> None:
    machine = border()
    hear(machine, data(source, destination), outer, BORDER)
    assert machine.ipv6_to_deliver() == []
    assert machine.packets_to_send() == []
    assert machine.drops == {word: 1}


@pytest.mark.parametrize(
    ("source", "destination", "word"),
    [
        (NATIVE, packed("2a00:db8::1"), NOT_SERVED),
        (THERE, HERE, FORGED_SOURCE),
        (packed("fe80::1"), HERE, NOT_FORWARDED),
        (bytes(16), HERE, NOT_FORWARDED),
        (NATIVE, home(BORDER), LOOP),
        (build_sixtofour(BORDER), HERE, LOOP),
        (build_isatap(NATIVE[:8], BORDER), HERE, LOOP),
    ],
)
def test_what_a_relay_does_not_carry_in(source: bytes, destination: bytes, word: str) -> None:
    machine = border()
    machine.send_ipv6(data(source, destination), 0.0)
    assert machine.packets_to_send() == []
    assert machine.drops == {word: 1}


def test_a_relay_of_its_own_address_reaches_its_customers() -> None:
    machine = border()
    machine.send_ipv6(data(machine.address, HERE), 0.0)
    assert len(machine.packets_to_send()) == 1


def test_a_probe_is_a_ping_of_oneself_that_the_relay_sends_back() -> None:
    machine, probe = probing()
    header = ipv6.parse(Cursor(probe))
    assert header.source == header.destination == machine.address
    assert icmpv6.parse(Cursor(probe, ipv6.HEADER_LENGTH)).type == icmpv6.ECHO_REQUEST
    relay = border()
    relay.receive_packet(carried(probe, EDGE, BORDER), 10.0)
    (returned,) = relay.packets_to_send()
    assert (returned.source, returned.destination) == (BORDER, EDGE)
    assert returned.payload == less_a_hop(probe)
    assert relay.ipv6_to_deliver() == []
    machine.receive_packet(returned, 10.1)
    (event,) = events(machine)
    assert (event.what, event.text) == ("relay-answered", "relay 10.0.0.1 answered")
    assert event.end == Endpoint(BORDER, 0)
    assert machine.get_timer() is None
    assert machine.ipv6_to_deliver() == []
    assert machine.drops == {}


def test_a_relay_that_is_silent_is_told_of_once() -> None:
    machine, _ = probing(10.0)
    assert machine.get_timer() == 10.0 + PROBE_WAIT
    machine.handle_timer(10.0 + PROBE_WAIT - 0.01)
    assert events(machine) == []
    machine.handle_timer(10.0 + PROBE_WAIT)
    machine.handle_timer(99.0)
    assert [event.what for event in events(machine)] == ["relay-silent"]
    assert machine.get_timer() is None


def test_an_answer_counts_once_in_time_and_from_the_relay() -> None:
    machine, probe = probing()
    hear(machine, probe, OTHER_EDGE, EDGE)
    assert machine.drops == {FORGED_SOURCE: 1}
    hear(machine, probe, BORDER, EDGE)
    hear(machine, probe, BORDER, EDGE)
    assert machine.drops == {FORGED_SOURCE: 2}
    assert [event.what for event in events(machine)] == ["relay-answered"]
    machine, probe = probing()
    machine.handle_timer(99.0)
    hear(machine, probe, BORDER, EDGE)
    assert [event.what for event in events(machine)] == ["relay-silent"]


def test_nobody_answers_for_the_relay_unseen() -> None:
    """Only the last probe counts, and what is in it cannot be guessed."""
    machine, first = probing()
    machine.probe(11.0)
    (sent,) = machine.packets_to_send()
    assert sent.payload != first
    hear(machine, first, BORDER, EDGE)
    assert events(machine) == []
    assert machine.get_timer() == 11.0 + PROBE_WAIT
    hear(machine, sent.payload, BORDER, EDGE)
    assert [event.what for event in events(machine)] == ["relay-answered"]


def test_a_probe_loses_a_hop_on_each_turn_and_ends() -> None:
    relay = border()
    probe = data(HERE, HERE, hop_limit=3)
    for left in (2, 1):
        hear(relay, probe, EDGE, BORDER)
        (returned,) = relay.packets_to_send()
        probe = returned.payload
        assert probe[7] == left
    hear(relay, probe, EDGE, BORDER)
    assert relay.packets_to_send() == []
    assert relay.drops == {HOP_LIMIT: 1}


def test_another_relay_of_the_domain_may_answer() -> None:
    second = packed("10.0.0.2")
    relays = (BORDER, second)
    machine = edge(SixRdDomain(DOMAIN.prefix, DOMAIN.prefix_length, DOMAIN.ipv4_mask, relays))
    machine.probe(0.0)
    (sent,) = machine.packets_to_send()
    hear(machine, sent.payload, second, EDGE)
    (event,) = events(machine)
    assert (event.what, event.end) == ("relay-answered", Endpoint(second, 0))


def test_stopped_it_waits_no_more() -> None:
    machine, probe = probing()
    machine.stop(11.0)
    assert machine.get_timer() is None
    hear(machine, probe, BORDER, EDGE)
    assert [event.what for event in events(machine)] == ["stopped"]


def test_an_edge_that_embeds_all_bits_speaks_across_the_internet() -> None:
    one, other = edge(WHOLE, PUBLIC_EDGE), edge(WHOLE, STRANGER)
    packet = data(home(PUBLIC_EDGE, domain=WHOLE), home(STRANGER, domain=WHOLE))
    one.send_ipv6(packet, 0.0)
    (sent,) = one.packets_to_send()
    assert sent.destination == STRANGER
    other.receive_packet(sent, 0.0)
    assert other.ipv6_to_deliver() == [packet]


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        # From the one relay as the other's site, to the other as the one's.
        (build_sixtofour(PUBLIC_EDGE), home(REMOTE, domain=WHOLE)),
        (home(REMOTE, domain=WHOLE), build_sixtofour(PUBLIC_EDGE)),
    ],
)
def test_no_packet_goes_round_between_two_relays(source: bytes, destination: bytes) -> None:
    """A loop of RFC 6324: what comes out of the one relay, the native side gives to the other."""
    served = ((packed("2000::"), 3),)
    ends: tuple[RawMachine, ...] = (
        border(WHOLE, PUBLIC_EDGE),
        SixToFourRelay(SixToFourRelaySettings(REMOTE, served), Random(1)),
    )
    carried_in = 0
    native = [data(source, destination)]
    for _ in range(8):
        for machine in ends:
            for packet in native:
                machine.send_ipv6(packet, 0.0)
        sent = [packet for machine in ends for packet in machine.packets_to_send()]
        carried_in += len(sent)
        for outer in sent:
            for machine in ends:
                if outer.destination in machine.addresses:
                    machine.receive_packet(outer, 0.0)
        native = [packet for machine in ends for packet in machine.ipv6_to_deliver()]
    assert carried_in <= 1
    assert native == []
    assert sum(machine.drops[LOOP] for machine in ends) == 1
