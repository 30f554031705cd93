"""Hosts of ISATAP: whom they ask, whom they believe, and where they send (RFC 5214)."""

from __future__ import annotations

from random import Random

import pytest

from sensor.lab.inner.refusal import BAD_CHECKSUM, HOP_LIMIT, LOOP, MALFORMED
from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour.isatap import (
    ADVERTISEMENT_SOURCE,
    LEAST_REST,
    NO_POTENTIAL_ROUTER,
    IsatapHost,
    isatap_address,
)
from sensor.lab.sixinfour.isatap_router import IsatapRouter
from sensor.lab.sixinfour.node import NO_DESTINATION, NO_ROUTER, NO_USE
from sensor.lab.sixinfour.refusal import (
    EMBEDDED_DIFFERS,
    FORGED_SOURCE,
    NOT_MINE,
    NOT_UNICAST,
)
from sensor.lab.sixinfour.routers import ROUTERS, TOO_MANY
from sensor.lab.sixinfour.settings import IsatapHostSettings, IsatapRouterSettings
from sensor.schema.words import Kind
from sensor.wire import icmpv4, icmpv6, ipv4, sixinfour
from sensor.wire.addresses import LINK_LOCAL_PREFIX, packed
from tests.lab.sixinfour.site import (
    NATIVE,
    PREFIX,
    Member,
    Site,
    advertisement,
    data,
    information,
    kinds_of,
    neighbour,
    outer,
)

HOST = packed("10.1.1.2")
OTHER = packed("10.1.2.3")
ROUTER = packed("10.1.0.1")
STRANGER = packed("10.9.9.9")
HOST_LOCAL = isatap_address(LINK_LOCAL_PREFIX, HOST)
ROUTER_LOCAL = isatap_address(LINK_LOCAL_PREFIX, ROUTER)
HOST_ADDRESS = isatap_address(PREFIX, HOST)
OTHER_ADDRESS = isatap_address(PREFIX, OTHER)


def make_host(ip: bytes = HOST, *routers: bytes, refresh: float = 3_600.0) -> IsatapHost:
    return IsatapHost(IsatapHostSettings(ip, routers or (ROUTER,), refresh), Random(1))


def make_router(
    lifetime: int = 1_800, preferred: int = 604_800, valid: int = 2_592_000
) -> IsatapRouter:
    settings = IsatapRouterSettings(ROUTER, PREFIX, lifetime, preferred, valid)
    return IsatapRouter(settings, Random(1))


def connected(now: float = 0.0) -> IsatapHost:
    """A host that heard its router."""
    host = make_host()
    host.start(now)
    hear(host, advertisement(ROUTER_LOCAL, HOST_LOCAL, information()), now=now)
    assert host.address == HOST_ADDRESS
    host.packets_to_send()
    return host


def hear(host: IsatapHost, packet: bytes, source: bytes = ROUTER, now: float = 0.0) -> None:
    host.receive_packet(outer(source, HOST, packet), now)


def solicitations(member: Member) -> list[OuterPacket]:
    return [p for p in member.sent if p.payload[40] == icmpv6.ROUTER_SOLICITATION]


def test_identifiers_say_whether_the_ipv4_address_is_global() -> None:
    assert packed("fe80::5efe:10.1.1.2") == HOST_LOCAL
    assert isatap_address(PREFIX, packed("203.0.113.5"))[8:] == bytes.fromhex("02005efecb007105")
    assert isatap_address(PREFIX, packed("100.64.0.1"))[8:12] == bytes.fromhex("00005efe")


def test_a_host_solicits_by_unicast_and_forms_its_address() -> None:
    site = Site()
    router, host = site.add(make_router()), site.add(make_host())
    (asked,) = host.sent
    assert asked[:3] == (HOST, ROUTER, sixinfour.PROTOCOL)
    assert asked.kind is Kind.ISATAP
    assert asked.payload[7:40] == b"\xff" + HOST_LOCAL + ROUTER_LOCAL
    site.run(1)
    assert host.address == HOST_ADDRESS
    assert host.words == ["router-found", "address"]
    assert host.told[0].end is not None
    assert host.told[0].end.ip == ROUTER
    assert host.told[1].address == HOST_ADDRESS
    assert [packet.destination for packet in router.sent] == [HOST]


def test_it_asks_three_times_and_again_after_a_refresh() -> None:
    site = Site()
    host = site.add(make_host(refresh=100.0))
    times = []
    while site.now < 120.0:
        before = len(host.sent)
        site.run(1.0)
        times += [site.now] * (len(host.sent) - before)
    assert times == [4.0, 8.0, 108.0, 112.0, 116.0]


def test_it_asks_again_in_half_the_time_that_is_left() -> None:
    site = Site()
    site.add(make_router(lifetime=1_000))
    host = site.add(make_host())
    site.run(499)
    assert len(solicitations(host)) == 1
    site.run(2)
    assert len(solicitations(host)) == 2
    site.run(10_000)
    assert "router-lost" not in host.words


def test_short_lifetimes_make_nobody_ask_more_often_than_the_least_rest() -> None:
    site = Site()
    site.add(make_router(lifetime=1, valid=1, preferred=1))
    host = site.add(make_host())
    site.run(LEAST_REST * 10)
    assert len(solicitations(host)) <= 12
    assert {"router-lost", "address-lost"} <= set(host.words)


def test_a_router_that_falls_silent_is_lost_and_found_again() -> None:
    site = Site()
    router = site.add(make_router(lifetime=300, valid=600, preferred=400))
    host = site.add(make_host())
    site.run(1)
    site.stop(router)
    site.run(400)
    assert host.words == ["router-found", "address", "router-lost"]
    site.send(host, data(host.address, NATIVE))
    assert host.machine.drops[NO_ROUTER] == 1
    site.run(300)
    assert host.words[3:] == ["address-lost"]
    assert host.machine.address is None
    site.add(make_router())
    site.run(3_700)
    assert host.words[4:] == ["router-found", "address"]


def test_a_router_may_say_that_it_is_none() -> None:
    host = connected()
    hear(host, advertisement(ROUTER_LOCAL, HOST_LOCAL, lifetime=0))
    host.send_ipv6(data(HOST_ADDRESS, NATIVE), 0.0)
    assert host.drops[NO_ROUTER] == 1
    words = []
    while (event := host.next_event()) is not None:
        words.append(event.what)
    assert words == ["router-found", "address", "router-lost"]


@pytest.mark.parametrize(
    ("destination", "next_hop"),
    [
        (OTHER_ADDRESS, OTHER),
        (isatap_address(LINK_LOCAL_PREFIX, OTHER), OTHER),
        (ROUTER_LOCAL, ROUTER),
        (NATIVE, ROUTER),
        (PREFIX + bytes(7) + b"\1", ROUTER),
        (isatap_address(packed("2001:db8:77::")[:8], OTHER), ROUTER),
    ],
)
def test_it_sends_straight_to_neighbours_and_to_the_router_for_others(
    destination: bytes, next_hop: bytes
) -> None:
    host = connected()
    packet = data(HOST_ADDRESS, destination)
    host.send_ipv6(packet, 0.0)
    (sent,) = host.packets_to_send()
    assert (sent.source, sent.destination, sent.payload) == (HOST, next_hop, packet)
    assert sent.kind is Kind.ISATAP


@pytest.mark.parametrize(
    ("packet", "word"),
    [
        (b"", MALFORMED),
        (data(HOST_ADDRESS, NATIVE)[:-1], MALFORMED),
        (data(NATIVE, OTHER_ADDRESS), FORGED_SOURCE),
        (data(HOST_ADDRESS, packed("ff02::1")), NO_DESTINATION),
        (data(HOST_ADDRESS, packed("fe80::1")), NO_DESTINATION),
        (data(HOST_ADDRESS, packed("::")), NO_DESTINATION),
        (data(HOST_ADDRESS, packed("::1")), NO_DESTINATION),
        (data(HOST_ADDRESS, HOST_LOCAL), LOOP),
        (data(HOST_ADDRESS, isatap_address(PREFIX, packed("224.0.0.1"))), NOT_UNICAST),
        (data(HOST_ADDRESS, isatap_address(PREFIX, packed("127.0.0.1"))), NOT_UNICAST),
    ],
)
def test_what_it_does_not_send(packet: bytes, word: str) -> None:
    host = connected()
    host.send_ipv6(packet, 0.0)
    assert host.packets_to_send() == []
    assert host.drops == {word: 1}


@pytest.mark.parametrize(
    ("packet", "source"),
    [
        (data(OTHER_ADDRESS, HOST_ADDRESS), OTHER),
        (data(isatap_address(LINK_LOCAL_PREFIX, OTHER), HOST_LOCAL), OTHER),
        (data(NATIVE, HOST_ADDRESS), ROUTER),
    ],
)
def test_it_takes_packets_of_neighbours_and_of_its_routers(packet: bytes, source: bytes) -> None:
    host = connected()
    hear(host, packet + b"padding", source)
    assert host.ipv6_to_deliver() == [packet]
    assert not host.drops


@pytest.mark.parametrize(
    ("packet", "source", "word"),
    [
        (data(OTHER_ADDRESS, HOST_ADDRESS), STRANGER, EMBEDDED_DIFFERS),
        (data(NATIVE, HOST_ADDRESS), STRANGER, EMBEDDED_DIFFERS),
        (
            data(isatap_address(packed("2001:db8:9::")[:8], OTHER), HOST_ADDRESS),
            OTHER,
            EMBEDDED_DIFFERS,
        ),
        (data(HOST_ADDRESS, HOST_LOCAL), ROUTER, LOOP),
        (data(OTHER_ADDRESS, NATIVE), OTHER, NOT_MINE),
        (data(OTHER_ADDRESS, HOST_ADDRESS), packed("255.255.255.255"), NOT_UNICAST),
        (data(OTHER_ADDRESS, HOST_ADDRESS), HOST, LOOP),
    ],
)
def test_it_checks_where_packets_come_from(packet: bytes, source: bytes, word: str) -> None:
    host = connected()
    hear(host, packet, source)
    assert host.ipv6_to_deliver() == []
    assert host.drops == {word: 1}


STRANGER_LOCAL = isatap_address(LINK_LOCAL_PREFIX, STRANGER)
GOOD = advertisement(ROUTER_LOCAL, HOST_LOCAL, information())


@pytest.mark.parametrize(
    ("packet", "source", "word"),
    [
        (GOOD, STRANGER, EMBEDDED_DIFFERS),
        (
            advertisement(STRANGER_LOCAL, HOST_LOCAL, information()),
            STRANGER,
            NO_POTENTIAL_ROUTER,
        ),
        (
            advertisement(STRANGER_LOCAL, HOST_LOCAL, information()),
            ROUTER,
            ADVERTISEMENT_SOURCE,
        ),
        (
            advertisement(isatap_address(PREFIX, ROUTER), HOST_LOCAL, information()),
            ROUTER,
            ADVERTISEMENT_SOURCE,
        ),
        (
            advertisement(ROUTER_LOCAL, HOST_LOCAL, information(), hop_limit=254),
            ROUTER,
            HOP_LIMIT,
        ),
        (GOOD[:-1] + b"\1", ROUTER, BAD_CHECKSUM),
        (advertisement(ROUTER_LOCAL, packed("ff02::1"), information()), ROUTER, NOT_MINE),
        (neighbour(ROUTER_LOCAL, HOST_LOCAL, icmpv6.REDIRECT, NATIVE), ROUTER, NO_USE),
    ],
)
def test_it_believes_no_forged_advertisement(packet: bytes, source: bytes, word: str) -> None:
    host = make_host()
    host.start(0.0)
    hear(host, packet, source)
    assert host.address is None
    assert host.drops == {word: 1}
    assert host.next_event() is None


def test_its_router_may_write_the_other_universal_bit() -> None:
    host = make_host()
    host.start(0.0)
    other = LINK_LOCAL_PREFIX + bytes.fromhex("02005efe") + ROUTER
    hear(host, advertisement(other, HOST_LOCAL, information()))
    hear(host, advertisement(ROUTER_LOCAL, HOST_LOCAL, information()))
    assert host.address == HOST_ADDRESS
    assert [event.what for event in (host.next_event(), host.next_event()) if event] == [
        "router-found", "address"
    ]  # fmt: skip
    assert host.next_event() is None


def test_it_answers_who_asks_whether_it_is_still_there() -> None:
    host = connected()
    asking = isatap_address(LINK_LOCAL_PREFIX, OTHER)
    kind = icmpv6.NEIGHBOUR_SOLICITATION
    hear(host, neighbour(asking, HOST_LOCAL, kind, HOST_ADDRESS), OTHER)
    (answer,) = host.packets_to_send()
    assert answer.destination == OTHER
    assert answer.payload == neighbour(
        HOST_ADDRESS, asking, icmpv6.NEIGHBOUR_ADVERTISEMENT, HOST_ADDRESS, flags=0x40
    )
    hear(host, neighbour(asking, HOST_LOCAL, kind, NATIVE), OTHER)
    assert host.packets_to_send() == []
    assert host.drops == {NOT_MINE: 1}


def test_nobody_speaks_for_nobody() -> None:
    host = connected()
    kind = icmpv6.NEIGHBOUR_SOLICITATION
    hear(host, neighbour(bytes(16), HOST_LOCAL, kind, HOST_LOCAL))
    assert host.drops == {MALFORMED: 1}
    assert host.packets_to_send() == []


def test_an_icmp_error_about_its_packet_reaches_the_host() -> None:
    host = connected()
    packet = data(HOST_ADDRESS, NATIVE)
    quoted = ipv4.build(HOST, ROUTER, sixinfour.PROTOCOL, packet)
    error = icmpv4.build_error(icmpv4.UNREACHABLE, 1, quoted)
    host.receive_packet(OuterPacket(ROUTER, HOST, icmpv4.PROTOCOL, error), 0.0)
    (told,) = host.ipv6_to_deliver()
    assert told[24:40] == HOST_ADDRESS
    assert told[40] == icmpv6.UNREACHABLE
    elsewhere = ipv4.build(HOST, OTHER, sixinfour.PROTOCOL, packet)
    error = icmpv4.build_error(icmpv4.UNREACHABLE, 1, elsewhere)
    host.receive_packet(OuterPacket(ROUTER, HOST, icmpv4.PROTOCOL, error), 0.0)
    assert host.ipv6_to_deliver() == []


def test_who_answers_for_the_name_may_name_anybody() -> None:
    many = tuple(bytes([10, 2, 0, n + 1]) for n in range(ROUTERS + 3))
    host = make_host(HOST, packed("0.0.0.0"), packed("239.0.0.1"), HOST, *many, many[0])
    assert host.drops == {NOT_UNICAST: 3, TOO_MANY: 3}
    host.start(0.0)
    assert [packet.destination for packet in host.packets_to_send()] == list(many[:ROUTERS])


def test_routers_named_twice_are_asked_once() -> None:
    host = make_host(HOST, ROUTER, ROUTER)
    host.start(0.0)
    assert len(host.packets_to_send()) == 1


def test_a_stopped_host_has_no_address_and_no_timer() -> None:
    host = connected()
    host.stop(1.0)
    assert host.address is None
    assert host.get_timer() is None
    host.start(2.0)
    assert kinds_of(host.packets_to_send()) == [icmpv6.ROUTER_SOLICITATION]
