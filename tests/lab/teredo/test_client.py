"""The client among NATs, a server and a relay: whole stories in virtual time."""

from __future__ import annotations

import pytest

from sensor.lab.teredo.style import MIREDO, OWN, WINDOWS_7, WINDOWS_XP, Style
from sensor.schema.records import Endpoint
from sensor.schema.words import NatType, TeredoPacket
from sensor.wire import addresses, icmpv6, ipv6, teredo
from sensor.wire.addresses import packed
from tests.lab.teredo.parties import data
from tests.lab.teredo.world import (
    LOCAL,
    MAPPED,
    NATIVE,
    OTHER,
    OTHER_LOCAL,
    PUBLIC,
    RELAY,
    SECOND,
    SERVER,
    Host,
    Nat,
    World,
    address_of,
    bubbles,
)


def qualified(world: World, nat: Nat | None = None, **settings: object) -> Host:
    host = world.add(nat or Nat(PUBLIC), **settings)  # type: ignore[arg-type]
    world.run(15.0)
    assert host.client.state == "qualified"
    return host


def words(host: Host) -> list[str]:
    return [event.what for event in host.told]


def sources(host: Host) -> list[str]:
    return [addresses.text(datagram.payload[-40:-24]) for datagram in host.sent]


def test_behind_a_restricted_nat_both_servers_see_one_mapping() -> None:
    host = qualified(World())
    assert host.client.nat is NatType.RESTRICTED
    assert host.client.mapped == MAPPED
    assert [d.destination for d in host.sent] == [SERVER, SECOND]
    assert {d.packet for d in host.sent} == {TeredoPacket.ROUTER_SOLICITATION}
    found = addresses.parse_teredo(host.address)
    assert found is not None
    assert (found.server, found.ip, found.port) == (SERVER.ip, *MAPPED)
    assert found.flags & 0xC300 == 0
    assert found.random
    text = f"qualified, NAT restricted, address {addresses.text(host.address)}, via 198.51.100.1"
    assert (host.told[-1].what, host.told[-1].text) == ("qualified", text)


def test_every_solicitation_to_another_address_has_a_nonce_of_its_own() -> None:
    host = qualified(World())
    nonces = [teredo.parse(d.payload).authentications[0].nonce for d in host.sent]
    assert len(set(nonces)) == 2


def test_a_cone_nat_lets_the_other_address_through() -> None:
    host = qualified(World(), Nat(PUBLIC, "none"), style=WINDOWS_XP)
    assert host.client.nat is NatType.CONE
    assert addresses.parse_teredo(host.address) == (SERVER.ip, 0x8000, MAPPED.port, PUBLIC, False)
    assert len(host.sent) == 1


def test_a_cone_phase_in_vain_falls_back_to_the_plain_one() -> None:
    host = qualified(World(), Nat(PUBLIC, "port"), style=WINDOWS_XP)
    assert host.client.nat is NatType.RESTRICTED
    assert addresses.parse_teredo(host.address) == (SERVER.ip, 0, MAPPED.port, PUBLIC, False)
    cone = [bool(d.payload[29] & 0x80) for d in host.sent]
    assert cone == [True, True, True, False, False]


@pytest.mark.parametrize("extended", [True, False])
def test_a_symmetric_nat_needs_the_extensions(extended: bool) -> None:
    world = World()
    host = world.add(Nat(PUBLIC, symmetric=True), symmetric=extended)
    world.run(5.0)
    assert host.client.nat is NatType.SYMMETRIC
    assert host.client.state == ("qualified" if extended else "off-line")
    if not extended:
        assert host.told[-1].text == "off-line, Unsupported symmetric NAT"
        assert host.client.address is None


def test_miredos_style_asks_one_server_and_knows_no_nat_type() -> None:
    host = qualified(World(), style=MIREDO)
    assert len(host.sent) == 1
    assert host.client.nat is NatType.UNKNOWN
    assert len(host.sent[0].payload) == 61


def test_without_a_server_it_is_off_line_and_tries_again() -> None:
    world = World()
    world.server_up = False
    host = world.add(Nat(PUBLIC))
    world.run(150.0)
    assert len(host.sent) == 6
    assert host.client.state == "off-line"
    assert [event.text for event in host.told] == ["off-line, no answer from 198.51.100.1"] * 2
    world.server_up = True
    world.run(100.0)
    assert host.client.state == "qualified"


def test_the_mapping_is_refreshed_within_the_jittered_interval() -> None:
    world = World()
    host = qualified(world)
    world.run(600.0)
    refreshes = [d for d in host.sent[2:] if d.packet is TeredoPacket.ROUTER_SOLICITATION]
    assert 20 <= len(refreshes) <= 28
    assert words(host).count("qualified") == 1


def test_a_lost_server_is_noticed_and_the_address_kept_for_its_return() -> None:
    world = World()
    host = qualified(world)
    before = host.address
    world.server_up = False
    world.run(60.0)
    assert host.client.state == "off-line"
    assert host.client.address is None
    world.server_up = True
    world.run(120.0)
    assert host.address == before
    assert words(host)[-2:] == ["off-line", "qualified"]


def test_a_new_mapping_gives_a_new_address_and_peers_are_tried_anew() -> None:
    world = World()
    host = qualified(world)
    before = host.address
    world.send(host, data(before, NATIVE))
    world.run(1.0)
    host.nat.forget()
    world.run(60.0)
    assert host.client.mapped == Endpoint(PUBLIC, 50_001)
    assert host.address != before
    changed = next(event for event in host.told if event.what == "mapping-changed")
    assert "from 203.0.113.2:50000 to 203.0.113.2:50001" in changed.text
    world.send(host, data(host.address, NATIVE))
    world.run(1.0)
    tests = [d for d in host.sent if d.packet is TeredoPacket.CONNECTIVITY_TEST]
    assert len(tests) == 2


@pytest.mark.parametrize("style", [OWN, WINDOWS_7, WINDOWS_XP, MIREDO], ids=lambda s: s.trial.value)
def test_a_native_host_is_tested_first_and_then_reached_through_its_relay(style: Style) -> None:
    world = World()
    host = qualified(world, style=style)
    world.send(host, data(host.address, NATIVE, b"first"))
    world.run(1.0)
    assert host.sent[-1].destination == RELAY
    assert host.sent[-1].payload == data(host.address, NATIVE, b"first")
    assert host.told[-1].what == "relay-learned"
    assert host.got == []  # the answer to the test is not the host's
    world.from_native(host, data(NATIVE, host.address, b"back"))
    world.run(1.0)
    assert host.got == [data(NATIVE, host.address, b"back")]


def test_a_bubble_to_a_relay_comes_from_the_address_it_was_sent_to() -> None:
    world = World()
    host = qualified(world)
    world.send(host, data(host.address, NATIVE))
    world.run(1.0)
    (bubble,) = bubbles(host)
    assert bubble.destination == RELAY
    assert bubble.payload[8:24] == host.address


def test_packets_of_a_native_stranger_wait_for_its_trial() -> None:
    world = World()
    host = qualified(world, Nat(PUBLIC, "none"))
    world.from_native(host, data(NATIVE, host.address, b"opening"))
    world.run(0.015)
    assert host.got == []
    assert host.sent[-1].packet is TeredoPacket.CONNECTIVITY_TEST
    world.run(1.0)
    assert host.got == [data(NATIVE, host.address, b"opening")]


def test_a_forged_opening_is_never_delivered() -> None:
    world = World()
    host = qualified(world, Nat(PUBLIC, "none"))
    forger = Endpoint(packed("192.0.2.66"), 666)
    world.route(data(NATIVE, host.address, b"forged"), forger, MAPPED)
    world.run(20.0)
    assert host.got == []
    assert host.client.drops["relay-mismatch"] == 1


def test_a_native_host_that_does_not_answer_is_reported_unreachable() -> None:
    world = World()
    host = qualified(world)
    world.lost = lambda datagram: datagram.packet is TeredoPacket.CONNECTIVITY_TEST
    world.send(host, data(host.address, NATIVE))
    world.run(20.0)
    tests = [d for d in host.sent if d.packet is TeredoPacket.CONNECTIVITY_TEST]
    assert len(tests) == 4
    (error,) = host.got
    assert error[40:42] == bytes([icmpv6.UNREACHABLE, 3])
    assert error[24:40] == host.address
    assert error[48:] == data(host.address, NATIVE)


PAIRS = {
    "cone-cone": (Nat(PUBLIC, "none"), Nat(OTHER, "none")),
    "cone-restricted": (Nat(PUBLIC, "none"), Nat(OTHER, "port")),
    "restricted-restricted": (Nat(PUBLIC, "port"), Nat(OTHER, "address")),
    "port-port": (Nat(PUBLIC, "port"), Nat(OTHER, "port")),
    "symmetric-cone": (Nat(PUBLIC, symmetric=True), Nat(OTHER, "none")),
    "cone-symmetric": (Nat(PUBLIC, "none"), Nat(OTHER, symmetric=True)),
    "symmetric-address": (Nat(PUBLIC, symmetric=True), Nat(OTHER, "address")),
    "address-symmetric": (Nat(PUBLIC, "address"), Nat(OTHER, symmetric=True)),
    "preserving-port": (Nat(PUBLIC, symmetric=True, preserving=True), Nat(OTHER, "port")),
    "port-preserving": (Nat(PUBLIC, "port"), Nat(OTHER, symmetric=True, preserving=True)),
    "preserving-preserving": (
        Nat(PUBLIC, symmetric=True, preserving=True),
        Nat(OTHER, symmetric=True, preserving=True),
    ),
}
HOPELESS = {
    "symmetric-port": (Nat(PUBLIC, symmetric=True), Nat(OTHER, "port")),
    "symmetric-symmetric": (Nat(PUBLIC, symmetric=True), Nat(OTHER, symmetric=True)),
    "preserving-symmetric": (
        Nat(PUBLIC, symmetric=True, preserving=True),
        Nat(OTHER, symmetric=True),
    ),
}


def converse(pair: tuple[Nat, Nat]) -> tuple[World, Host, Host]:
    world = World()
    for nat in pair:
        nat.forget()
    first = qualified(world, pair[0])
    second = qualified(world, pair[1], local=OTHER_LOCAL)
    world.send(first, data(first.address, second.address, b"one"))
    world.run(3.0)
    world.send(second, data(second.address, first.address, b"two"))
    world.run(3.0)
    return world, first, second


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_clients_reach_one_another(pair: tuple[Nat, Nat]) -> None:
    _, first, second = converse(pair)
    assert second.got == [data(first.address, second.address, b"one")]
    assert first.got == [data(second.address, first.address, b"two")]
    assert "peer-reached" in words(first)
    assert "peer-reached" in words(second)


@pytest.mark.parametrize("pair", HOPELESS.values(), ids=HOPELESS)
def test_pairs_without_hope_end_in_silence(pair: tuple[Nat, Nat]) -> None:
    world, first, second = converse(pair)
    world.run(30.0)
    sent = len(bubbles(first)), len(bubbles(second))
    world.run(30.0)
    assert (len(bubbles(first)), len(bubbles(second))) == sent
    assert not any(packet[6] == 17 for host in (first, second) for packet in host.got)
    assert [packet[40] for packet in first.got] == [icmpv6.UNREACHABLE]


@pytest.mark.parametrize("alternates", [True, False])
def test_neighbours_behind_a_nat_without_hairpin_need_alternate_addresses(
    alternates: bool,
) -> None:
    world, nat = World(), Nat(PUBLIC)
    first = qualified(world, nat, hairpin=alternates)
    second = qualified(
        world, nat, local=Endpoint(packed("192.168.0.3"), 41_000), hairpin=alternates
    )
    world.send(first, data(first.address, second.address, b"one"))
    world.run(3.0)
    got = [data(first.address, second.address, b"one")]
    assert second.got == (got if alternates else [])


def test_neighbours_find_one_another_by_multicast() -> None:
    world, nat = World(), Nat(PUBLIC)
    first = qualified(world, nat, local_discovery=True, hairpin=False)
    end = Endpoint(packed("192.168.0.3"), 41_000)
    second = qualified(world, nat, local=end, local_discovery=True, hairpin=False)
    world.send(first, data(first.address, second.address, b"one"))
    world.run(3.0)
    assert second.got == [data(first.address, second.address, b"one")]
    assert first.sent[-1].destination == end


def test_a_peer_that_fell_silent_is_reached_anew() -> None:
    world, first, second = converse(PAIRS["port-port"])
    world.run(40.0)
    before = len(bubbles(first))
    world.send(first, data(first.address, second.address, b"three"))
    world.run(3.0)
    assert len(bubbles(first)) > before
    assert second.got[-1] == data(first.address, second.address, b"three")


def test_a_stopped_client_is_silent_and_deaf() -> None:
    world = World()
    host = qualified(world)
    address = host.address
    host.client.stop(world.now)
    host.client.stop(world.now)
    host.client.receive_datagram(data(NATIVE, address), RELAY, LOCAL, world.now)
    host.client.send_ipv6(data(address, NATIVE), world.now)
    assert host.client.get_timer() is None
    assert host.client.datagrams_to_send() == []
    assert host.client.ipv6_to_deliver() == []
    assert host.client.state == "stopped"
    event = host.client.next_event()
    assert event is not None
    assert event.what == "stopped"
    assert host.client.next_event() is None
    assert host.client.drops == {"stopped": 1, "not-qualified": 1}


def test_the_interval_that_the_nat_keeps_mappings_for_is_found() -> None:
    world = World()
    host = qualified(world, interval_port=40_001)
    assert len(host.client.ends) == 2
    world.run(400.0)
    assert "interval" in words(host)
    assert list(host.client.ends) == [LOCAL]
    asked = len(host.sent)
    world.run(600.0)
    assert 6 <= len(host.sent) - asked <= 10  # every 67 to 90 seconds


def test_windows_trailers_stand_on_its_indirect_bubbles_only() -> None:
    world = World()
    first = qualified(world, style=WINDOWS_7)
    second = qualified(world, Nat(OTHER), local=OTHER_LOCAL, style=WINDOWS_7)
    world.send(first, data(first.address, second.address))
    world.run(1.0)
    direct, indirect = bubbles(first)[:2]
    assert len(direct.payload) == ipv6.HEADER_LENGTH
    kinds = [trailer.type for trailer in teredo.parse(indirect.payload).trailers]
    assert kinds == [teredo.TRAILER_NONCE, teredo.TRAILER_ALTERNATE_ADDRESS]
    answer = bubbles(second)[0]
    assert teredo.parse(answer.payload).trailers[0] == teredo.parse(indirect.payload).trailers[0]


def test_a_native_host_three_seconds_away_is_reached_all_the_same() -> None:
    """Its answers come when the next request has left already."""
    world = World()
    host = qualified(world)
    world.fate = lambda: [0.75]
    world.send(host, data(host.address, NATIVE, b"far"))
    world.run(20.0)
    assert data(host.address, NATIVE, b"far") in [datagram.payload for datagram in host.sent]
    assert host.client.drops == {}


@pytest.mark.parametrize("style", [OWN, MIREDO], ids=["own", "miredo"])
def test_a_client_that_was_stopped_can_be_started_again(style: Style) -> None:
    world = World()
    host = qualified(world, style=style, local_discovery=True)
    host.client.stop(world.now)
    world.run(50.0)
    host.sent.clear()
    host.client.start(world.now)
    assert host.client.state == "starting"
    world.drain(host)
    world.run(1.0)
    assert host.client.state == "qualified"
    assert any(datagram.ttl == 1 for datagram in host.sent)  # neighbours are told, too
    world.send(host, data(host.address, NATIVE, b"again"))
    world.run(1.0)
    assert host.sent[-1].payload == data(host.address, NATIVE, b"again")


@pytest.mark.parametrize("style", [OWN, WINDOWS_XP, MIREDO], ids=["own", "xp", "miredo"])
def test_after_a_long_sleep_it_finds_its_feet(style: Style) -> None:
    world = World()
    host = qualified(world, style=style, interval_port=40_001)
    world.send(host, data(host.address, NATIVE))
    world.run(1.0)
    host.nat.forget()
    world.now += 86_400.0
    world.send(host, data(host.address, NATIVE, b"old address"))
    world.run(150.0)
    assert host.client.state == "qualified"
    assert host.client.mapped != MAPPED
    world.send(host, data(host.address, NATIVE, b"awake"))
    world.run(1.0)
    assert data(host.address, NATIVE, b"awake") in [datagram.payload for datagram in host.sent]


def test_what_waits_for_a_peer_goes_with_the_address_and_is_counted() -> None:
    world = World()
    host = qualified(world)
    world.lost = lambda datagram: datagram.packet is TeredoPacket.CONNECTIVITY_TEST
    due = host.client.get_timer()
    assert due is not None
    world.run(due - world.now - 1.0)
    host.nat.forget()
    before = host.address
    world.send(host, data(before, NATIVE))
    world.run(2.0)
    assert host.address != before
    assert host.client.drops == {"queue-lost": 1}
    world.run(20.0)
    assert host.got == []


def test_an_extra_end_is_used_by_its_own_peer_only() -> None:
    """It is closed with that one: another's packets would leave from an end that is no more."""
    world = World()
    host = qualified(world, Nat(PUBLIC, symmetric=True, preserving=True))
    world.send(host, data(host.address, address_of(Endpoint(OTHER, 60_000))))
    (extra,) = [end for end in host.client.ends if end != LOCAL]
    second = Endpoint(OTHER, 60_001)
    packet = data(address_of(second), host.address)
    host.client.receive_datagram(packet, second, extra, world.now)
    world.run(31.0)
    assert list(host.client.ends) == [LOCAL]
    host.client.receive_datagram(packet, second, extra, world.now)
    world.send(host, data(host.address, address_of(second), b"still"))
    assert (host.sent[-1].source, host.sent[-1].destination) == (LOCAL, second)
