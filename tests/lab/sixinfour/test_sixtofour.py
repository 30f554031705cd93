"""6to4 sites and the relay between them and everybody else."""

from __future__ import annotations

import pytest

from sensor.lab.inner.refusal import LOOP, NOT_GLOBAL, NOT_SERVED
from sensor.lab.sixinfour.refusal import (
    EMBEDDED_DIFFERS,
    FORGED_SOURCE,
    FULL_TURN,
    NO_RELAY,
    NOT_FORWARDED,
    NOT_SENT,
    ODD_SOURCE,
)
from sensor.schema.words import Kind
from sensor.wire.addresses import SIXTOFOUR_ANYCAST, build_isatap, build_sixtofour, packed, text
from tests.lab.sixinfour.ends import (
    LOCAL,
    NATIVE,
    OTHER_SITE,
    OWN_SITE,
    REMOTE,
    STRANGER,
    carried,
    error_about,
    hear,
    relay,
    router,
)
from tests.lab.teredo.parties import data

RELAY = packed("192.0.2.200")
UNROUTED = ["::1.2.3.4", "::", "fe80::1", "fec0::1", "ff0e::1"]


def test_a_site_has_the_prefix_of_its_ipv4_address() -> None:
    prefix, bits = router().prefix
    assert (text(prefix), bits) == ("2002:cb00:7105::", 48)
    assert text(router().address) == "2002:cb00:7105::1"


def test_another_site_is_reached_directly_and_the_rest_by_the_relay() -> None:
    machine = router()
    machine.send_ipv6(data(OWN_SITE, OTHER_SITE), 0.0)
    machine.send_ipv6(data(OWN_SITE, NATIVE), 0.0)
    machine.send_ipv6(data(OWN_SITE, packed("2002:c058:6301::")), 0.0)
    assert [(p.source, p.destination, p.kind) for p in machine.packets_to_send()] == [
        (LOCAL, REMOTE, Kind.SIXTOFOUR),
        (LOCAL, SIXTOFOUR_ANYCAST, Kind.SIXTOFOUR),
        (LOCAL, SIXTOFOUR_ANYCAST, Kind.SIXTOFOUR),
    ]


def test_the_relay_may_be_another_or_none() -> None:
    machine = router(RELAY)
    machine.send_ipv6(data(OWN_SITE, NATIVE), 0.0)
    (sent,) = machine.packets_to_send()
    assert sent.destination == RELAY
    machine = router(None)
    machine.send_ipv6(data(OWN_SITE, NATIVE), 0.0)
    assert machine.packets_to_send() == []
    assert machine.drops == {NO_RELAY: 1}


@pytest.mark.parametrize("source", [OTHER_SITE, NATIVE, bytes(16), packed("fe80::1")])
def test_only_the_own_site_sends(source: bytes) -> None:
    machine = router()
    machine.send_ipv6(data(source, OTHER_SITE), 0.0)
    assert machine.packets_to_send() == []
    assert machine.drops == {FORGED_SOURCE: 1}


@pytest.mark.parametrize(
    ("site", "word"),
    [("10.1.2.3", NOT_GLOBAL), ("127.0.0.1", NOT_GLOBAL), ("224.0.0.1", NOT_GLOBAL),
     ("255.255.255.255", NOT_GLOBAL), ("0.0.0.0", NOT_GLOBAL), ("203.0.113.5", LOOP)],
)  # fmt: skip
def test_no_packet_goes_where_no_site_can_be(site: str, word: str) -> None:
    machine = router()
    machine.send_ipv6(data(OWN_SITE, build_sixtofour(packed(site))), 0.0)
    assert machine.packets_to_send() == []
    assert machine.drops == {word: 1}


@pytest.mark.parametrize("destination", UNROUTED)
def test_no_packet_goes_where_no_router_sends_it(destination: str) -> None:
    machine = router()
    machine.send_ipv6(data(OWN_SITE, packed(destination)), 0.0)
    assert machine.packets_to_send() == []
    assert machine.drops == {NOT_FORWARDED: 1}


def test_a_site_is_heard_from_its_own_address_only() -> None:
    machine = router()
    hear(machine, data(OTHER_SITE, OWN_SITE), REMOTE, LOCAL)
    assert machine.ipv6_to_deliver() == [data(OTHER_SITE, OWN_SITE)]
    hear(machine, data(OTHER_SITE, OWN_SITE), STRANGER, LOCAL)
    hear(machine, data(OTHER_SITE, OWN_SITE), SIXTOFOUR_ANYCAST, LOCAL)
    assert machine.drops == {EMBEDDED_DIFFERS: 2}


@pytest.mark.parametrize("outer", [SIXTOFOUR_ANYCAST, RELAY, STRANGER])
def test_native_hosts_are_heard_by_whatever_relay(outer: bytes) -> None:
    """The one on the way back is near the native host: nobody here knows it."""
    machine = router()
    hear(machine, data(NATIVE, OWN_SITE), outer, LOCAL)
    assert machine.ipv6_to_deliver() == [data(NATIVE, OWN_SITE)]


@pytest.mark.parametrize("destination", [OTHER_SITE, NATIVE])
def test_what_is_for_others_is_not_taken(destination: bytes) -> None:
    machine = router()
    hear(machine, data(OTHER_SITE, destination), REMOTE, LOCAL)
    assert machine.ipv6_to_deliver() == []
    assert machine.drops == {EMBEDDED_DIFFERS: 1}


def test_the_own_site_does_not_come_from_outside() -> None:
    machine = router()
    hear(machine, data(OWN_SITE, OWN_SITE), REMOTE, LOCAL)
    assert machine.drops == {EMBEDDED_DIFFERS: 1}
    assert machine.ipv6_to_deliver() == []


@pytest.mark.parametrize("outer", ["10.0.0.1", "100.64.0.1", "169.254.1.1", "192.168.1.1"])
def test_no_site_or_relay_has_such_an_address(outer: str) -> None:
    machine, serving = router(), relay()
    site = build_sixtofour(packed(outer))
    for packet in (data(site, OWN_SITE), data(NATIVE, OWN_SITE)):
        hear(machine, packet, packed(outer), LOCAL)
    hear(serving, data(site, NATIVE), packed(outer), LOCAL)
    assert machine.drops == {NOT_GLOBAL: 2}
    assert serving.drops == {NOT_GLOBAL: 1}
    assert machine.ipv6_to_deliver() == serving.ipv6_to_deliver() == []


@pytest.mark.parametrize("source", ["::", "fe80::1", "fec0::1", "0:1::1"])
def test_sources_that_no_router_passes_on_are_refused(source: str) -> None:
    for machine in (router(), relay()):
        hear(machine, data(packed(source), OWN_SITE), REMOTE, LOCAL)
        assert machine.drops == {NOT_FORWARDED: 1}


@pytest.mark.parametrize("destination", UNROUTED)
def test_destinations_that_no_router_passes_on_are_refused(destination: str) -> None:
    for machine in (router(), relay()):
        hear(machine, data(OTHER_SITE, packed(destination)), REMOTE, LOCAL)
        assert machine.drops == {NOT_FORWARDED: 1}


def test_multicast_sources_are_refused_as_in_all_tunnels() -> None:
    machine = router()
    hear(machine, data(packed("ff0e::1"), OWN_SITE), REMOTE, LOCAL)
    assert machine.drops == {ODD_SOURCE: 1}


@pytest.mark.parametrize(("anycast", "source"), [(False, LOCAL), (True, SIXTOFOUR_ANYCAST)])
def test_a_relay_sends_from_where_it_was_asked_to(anycast: bool, source: bytes) -> None:
    machine = relay(anycast=anycast)
    assert tuple(machine.addresses) == ((LOCAL, SIXTOFOUR_ANYCAST) if anycast else (LOCAL,))
    machine.send_ipv6(data(NATIVE, OTHER_SITE), 0.0)
    (sent,) = machine.packets_to_send()
    assert (sent.source, sent.destination, sent.kind) == (source, REMOTE, Kind.SIXTOFOUR)


def test_an_anycast_relay_hears_at_both_addresses_also_of_errors() -> None:
    machine = relay(anycast=True)
    for destination in (LOCAL, SIXTOFOUR_ANYCAST):
        hear(machine, data(OTHER_SITE, NATIVE), REMOTE, destination)
    assert machine.ipv6_to_deliver() == [data(OTHER_SITE, NATIVE)] * 2
    machine.send_ipv6(data(NATIVE, OTHER_SITE), 0.0)
    (sent,) = machine.packets_to_send()
    machine.receive_packet(error_about(sent), 0.0)
    (told,) = machine.ipv6_to_deliver()
    assert told[8:40] == build_sixtofour(LOCAL) + NATIVE


def test_a_relay_serves_its_networks_only() -> None:
    machine = relay()
    elsewhere = packed("2a01::1")
    hear(machine, data(OTHER_SITE, elsewhere), REMOTE, LOCAL)
    machine.send_ipv6(data(elsewhere, OTHER_SITE), 0.0)
    machine.send_ipv6(data(NATIVE, elsewhere), 0.0)
    assert machine.drops == {NOT_SERVED: 3}
    assert machine.ipv6_to_deliver() == []
    assert machine.packets_to_send() == []


def test_a_relay_never_carries_between_sites() -> None:
    machine = relay()
    for destination in (OWN_SITE, build_sixtofour(STRANGER)):
        hear(machine, data(OTHER_SITE, destination), REMOTE, LOCAL)
    assert machine.drops == {FULL_TURN: 2}
    machine.send_ipv6(data(OWN_SITE, OTHER_SITE), 0.0)
    assert machine.drops == {FULL_TURN: 2, NOT_SERVED: 1}
    assert machine.packets_to_send() == []


def test_a_relay_takes_no_native_source_from_a_tunnel_and_no_site_from_elsewhere() -> None:
    machine = relay()
    hear(machine, data(packed("2a01::1"), NATIVE), REMOTE, LOCAL)
    hear(machine, data(OTHER_SITE, NATIVE), STRANGER, LOCAL)
    assert machine.drops == {FORGED_SOURCE: 1, EMBEDDED_DIFFERS: 1}
    assert machine.ipv6_to_deliver() == []


@pytest.mark.parametrize(
    ("site", "word"),
    [("10.1.2.3", NOT_GLOBAL), ("224.0.0.1", NOT_GLOBAL), ("203.0.113.5", LOOP),
     ("192.88.99.1", LOOP)],
)  # fmt: skip
def test_a_relay_sends_to_sites_and_no_relay(site: str, word: str) -> None:
    machine = relay()
    machine.send_ipv6(data(NATIVE, build_sixtofour(packed(site))), 0.0)
    assert machine.packets_to_send() == []
    assert machine.drops == {word: 1}


def test_forged_errors_reach_nobody() -> None:
    """About a packet to another site than the destination's, or of another's source."""
    machine = router()
    machine.send_ipv6(data(OWN_SITE, OTHER_SITE), 0.0)
    (sent,) = machine.packets_to_send()
    machine.receive_packet(error_about(sent._replace(destination=STRANGER)), 0.0)
    forged = carried(data(NATIVE, OTHER_SITE), LOCAL, REMOTE)
    machine.receive_packet(error_about(forged), 0.0)
    assert machine.drops == {NOT_SENT: 1, FORGED_SOURCE: 1}
    assert machine.ipv6_to_deliver() == []


def test_a_site_and_a_native_host_speak_through_the_relay() -> None:
    site, serving = router(RELAY), relay(anycast=True, local=RELAY)
    site.send_ipv6(data(OWN_SITE, NATIVE), 0.0)
    (sent,) = site.packets_to_send()
    serving.receive_packet(sent, 0.0)
    assert serving.ipv6_to_deliver() == [data(OWN_SITE, NATIVE)]
    serving.send_ipv6(data(NATIVE, OWN_SITE), 0.0)
    (answer,) = serving.packets_to_send()
    assert (answer.source, answer.destination) == (SIXTOFOUR_ANYCAST, LOCAL)
    site.receive_packet(answer, 0.0)
    assert site.ipv6_to_deliver() == [data(NATIVE, OWN_SITE)]


@pytest.mark.parametrize("embedded", [LOCAL, SIXTOFOUR_ANYCAST])
def test_no_packet_goes_round_by_isatap_and_a_relay(embedded: bytes) -> None:
    """RFC 6324: a served address that leads to the relay by another kind of tunnel."""
    machine = relay(anycast=True)
    circle = build_isatap(NATIVE[:8], embedded)
    hear(machine, data(OTHER_SITE, circle), REMOTE, LOCAL)
    machine.send_ipv6(data(circle, OTHER_SITE), 0.0)
    assert machine.ipv6_to_deliver() == []
    assert machine.packets_to_send() == []
    assert machine.drops == {LOOP: 2}
