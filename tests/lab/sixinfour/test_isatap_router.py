"""ISATAP routers: whom they advertise to, what they pass on, and what would go round in circles."""

from __future__ import annotations

from random import Random

import pytest

from sensor.lab.inner.refusal import (
    BAD_CHECKSUM,
    HOP_LIMIT,
    LOOP,
    MALFORMED,
    NOT_SERVED,
    TOO_BIG,
)
from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour.isatap import isatap_address
from sensor.lab.sixinfour.isatap_router import (
    ADVERTISEMENTS_A_SECOND,
    ADVERTISEMENTS_LIMITED,
    IsatapRouter,
)
from sensor.lab.sixinfour.node import NO_USE
from sensor.lab.sixinfour.refusal import (
    EMBEDDED_DIFFERS,
    FORGED_SOURCE,
    FULL_TURN,
    NOT_FORWARDED,
    NOT_MINE,
    NOT_UNICAST,
)
from sensor.lab.sixinfour.settings import IsatapRouterSettings
from sensor.schema.words import Kind
from sensor.wire import icmpv6
from sensor.wire.addresses import (
    ALL_ROUTERS,
    LINK_LOCAL_PREFIX,
    build_sixtofour,
    packed,
)
from sensor.wire.cursor import Cursor
from tests.lab.sixinfour.site import (
    NATIVE,
    PREFIX,
    data,
    discovery,
    neighbour,
    outer,
)

ROUTER = packed("203.0.113.1")
HOST = packed("10.1.1.2")
OTHER = packed("10.1.2.3")
STRANGER = packed("198.51.100.66")
ROUTER_LOCAL = isatap_address(LINK_LOCAL_PREFIX, ROUTER)
ROUTER_ADDRESS = isatap_address(PREFIX, ROUTER)
HOST_LOCAL = isatap_address(LINK_LOCAL_PREFIX, HOST)
HOST_ADDRESS = isatap_address(PREFIX, HOST)
OTHER_ADDRESS = isatap_address(PREFIX, OTHER)
SOLICITATION = discovery(HOST_LOCAL, ROUTER_LOCAL, icmpv6.ROUTER_SOLICITATION, bytes(4))

# Addresses of other prefixes that lead back to this router's IPv4 address (RFC 6324 section 2).
CIRCLES = [
    build_sixtofour(ROUTER),
    isatap_address(packed("2001:db8:ffff::")[:8], ROUTER),
    packed("2001:db8:ffff::5efe:0:0")[:8] + bytes.fromhex("00005efe") + ROUTER,
]


class Trusting(IsatapRouter):
    """As all were before RFC 6324."""

    def loops(self, address: bytes) -> bool:
        return False


@pytest.fixture
def router() -> IsatapRouter:
    return IsatapRouter(IsatapRouterSettings(ROUTER, PREFIX), Random(1))


def hear(router: IsatapRouter, packet: bytes, source: bytes = HOST) -> None:
    router.receive_packet(outer(source, ROUTER, packet), 0.0)


@pytest.mark.parametrize("destination", [ROUTER_LOCAL, ALL_ROUTERS])
def test_it_advertises_to_who_solicits(router: IsatapRouter, destination: bytes) -> None:
    router.start(0.0)
    hear(router, discovery(HOST_LOCAL, destination, icmpv6.ROUTER_SOLICITATION, bytes(4)))
    (answer,) = router.packets_to_send()
    assert (answer.source, answer.destination, answer.kind) == (ROUTER, HOST, Kind.ISATAP)
    assert answer.payload[7:40] == b"\xff" + ROUTER_LOCAL + HOST_LOCAL
    message = icmpv6.parse(Cursor(answer.payload, 40))
    said = icmpv6.parse_router_advertisement(message.body)
    assert said.router_lifetime == 1_800
    (prefix,) = said.prefixes
    assert prefix == (64, 0xC0, 2_592_000, 604_800, PREFIX + bytes(8))
    assert router.get_timer() is None


@pytest.mark.parametrize(
    ("packet", "source", "word"),
    [
        (SOLICITATION, OTHER, EMBEDDED_DIFFERS),
        (SOLICITATION[:-1] + b"\1", HOST, BAD_CHECKSUM),
        (
            discovery(HOST_LOCAL, ROUTER_LOCAL, icmpv6.ROUTER_SOLICITATION, bytes(4), 64),
            HOST,
            HOP_LIMIT,
        ),
        (
            discovery(HOST_LOCAL, ROUTER_LOCAL, icmpv6.ROUTER_SOLICITATION, bytes(4), code=1),
            HOST,
            MALFORMED,
        ),
        (
            discovery(HOST_LOCAL, ROUTER_LOCAL, icmpv6.ROUTER_SOLICITATION, bytes(4) + b"\1\0"),
            HOST,
            MALFORMED,
        ),
        (
            discovery(HOST_ADDRESS, ROUTER_LOCAL, icmpv6.ROUTER_SOLICITATION, bytes(4)),
            HOST,
            FORGED_SOURCE,
        ),
        (discovery(HOST_LOCAL, NATIVE, icmpv6.ROUTER_SOLICITATION, bytes(4)), HOST, NOT_MINE),
        (neighbour(HOST_LOCAL, ROUTER_LOCAL, icmpv6.REDIRECT, NATIVE), HOST, NO_USE),
        (bytes(16) + SOLICITATION[16:], HOST, MALFORMED),
    ],
)
def test_whom_it_does_not_answer(
    router: IsatapRouter, packet: bytes, source: bytes, word: str
) -> None:
    hear(router, packet, source)
    assert router.packets_to_send() == []
    assert router.drops == {word: 1}


def test_it_says_that_it_is_there_and_a_router(router: IsatapRouter) -> None:
    kind = icmpv6.NEIGHBOUR_SOLICITATION
    hear(router, neighbour(HOST_LOCAL, ROUTER_LOCAL, kind, ROUTER_LOCAL))
    (answer,) = router.packets_to_send()
    assert answer.payload == neighbour(
        ROUTER_LOCAL, HOST_LOCAL, icmpv6.NEIGHBOUR_ADVERTISEMENT, ROUTER_LOCAL, flags=0xC0
    )


@pytest.mark.parametrize("destination", [NATIVE, ROUTER_ADDRESS])
def test_packets_of_hosts_come_out(router: IsatapRouter, destination: bytes) -> None:
    packet = data(HOST_ADDRESS, destination)
    hear(router, packet)
    assert router.ipv6_to_deliver() == [packet]


@pytest.mark.parametrize(
    ("packet", "source", "word"),
    [
        (data(HOST_ADDRESS, NATIVE), STRANGER, EMBEDDED_DIFFERS),
        (data(NATIVE, packed("2001:db8:1::1")), HOST, EMBEDDED_DIFFERS),
        (
            data(isatap_address(packed("2001:db8:9::")[:8], HOST), NATIVE),
            HOST,
            EMBEDDED_DIFFERS,
        ),
        (data(HOST_LOCAL, NATIVE), HOST, NOT_FORWARDED),
        (data(HOST_ADDRESS, packed("ff0e::1")), HOST, NOT_FORWARDED),
        (data(HOST_ADDRESS, packed("fe80::1")), HOST, NOT_FORWARDED),
        (data(HOST_ADDRESS, packed("::1")), HOST, NOT_FORWARDED),
        (data(HOST_ADDRESS, OTHER_ADDRESS), HOST, FULL_TURN),
        (data(HOST_ADDRESS, HOST_ADDRESS), HOST, FULL_TURN),
        (data(ROUTER_ADDRESS, NATIVE), ROUTER, LOOP),
        *((data(HOST_ADDRESS, circle), HOST, LOOP) for circle in CIRCLES),
    ],
)
def test_what_does_not_come_out(
    router: IsatapRouter, packet: bytes, source: bytes, word: str
) -> None:
    hear(router, packet, source)
    assert router.ipv6_to_deliver() == []
    assert router.packets_to_send() == []
    assert router.drops == {word: 1}


@pytest.mark.parametrize("source", [NATIVE, ROUTER_ADDRESS])
def test_native_packets_go_to_the_host_that_their_destination_embeds(
    router: IsatapRouter, source: bytes
) -> None:
    packet = data(source, HOST_ADDRESS)
    router.send_ipv6(packet, 0.0)
    (sent,) = router.packets_to_send()
    assert (sent.source, sent.destination, sent.payload) == (ROUTER, HOST, packet)


@pytest.mark.parametrize(
    ("packet", "word"),
    [
        (b"\x60", MALFORMED),
        (data(NATIVE, packed("2001:db8:1::1")), NOT_SERVED),
        (data(NATIVE, PREFIX + bytes(7) + b"\1"), NOT_SERVED),
        (data(NATIVE, HOST_LOCAL), NOT_SERVED),
        (data(NATIVE, isatap_address(PREFIX, packed("224.0.0.5"))), NOT_UNICAST),
        (data(NATIVE, isatap_address(PREFIX, packed("0.0.0.5"))), NOT_UNICAST),
        (data(NATIVE, isatap_address(PREFIX, packed("255.255.255.255"))), NOT_UNICAST),
        (data(NATIVE, ROUTER_ADDRESS), LOOP),
        (data(OTHER_ADDRESS, HOST_ADDRESS), FORGED_SOURCE),
        (data(packed("fe80::1"), HOST_ADDRESS), NOT_FORWARDED),
        *((data(circle, HOST_ADDRESS), LOOP) for circle in CIRCLES),
    ],
)
def test_which_native_packets_go_nowhere(router: IsatapRouter, packet: bytes, word: str) -> None:
    router.send_ipv6(packet, 0.0)
    assert router.packets_to_send() == []
    assert router.drops == {word: 1}


def test_its_own_prefix_may_embed_its_address() -> None:
    """A site that has its prefix by 6to4 from this very router."""
    prefix = build_sixtofour(ROUTER, 7)[:8]
    router = IsatapRouter(IsatapRouterSettings(ROUTER, prefix), Random(1))
    packet = data(isatap_address(prefix, HOST), NATIVE)
    hear(router, packet)
    assert router.ipv6_to_deliver() == [packet]
    router.send_ipv6(data(NATIVE, isatap_address(prefix, HOST)), 0.0)
    assert len(router.packets_to_send()) == 1


@pytest.mark.parametrize("circle", CIRCLES)
def test_without_its_check_a_router_is_half_of_a_loop(circle: bytes) -> None:
    """The other half is a router that embeds: of 6to4, say (RFC 6324 section 2)."""
    router = Trusting(IsatapRouterSettings(ROUTER, PREFIX), Random(1))
    packet = data(isatap_address(PREFIX, STRANGER), circle)
    hear(router, packet, STRANGER)
    assert router.ipv6_to_deliver() == [packet]
    answer = data(circle, isatap_address(PREFIX, STRANGER))
    router.send_ipv6(answer, 0.0)
    (sent,) = router.packets_to_send()
    assert (sent.destination, sent.payload) == (STRANGER, answer)


def test_what_is_too_big_is_said_to_the_native_side(router: IsatapRouter) -> None:
    router.send_ipv6(data(NATIVE, HOST_ADDRESS, bytes(1_400)), 0.0)
    (told,) = router.ipv6_to_deliver()
    assert told[8:40] == ROUTER_ADDRESS + NATIVE
    assert told[40] == icmpv6.TOO_BIG
    assert router.drops == {TOO_BIG: 1}


def test_it_is_at_one_address_and_says_when_it_stops(router: IsatapRouter) -> None:
    assert list(router.addresses) == [ROUTER]
    assert router.address == ROUTER_ADDRESS
    router.receive_packet(OuterPacket(HOST, OTHER, 41, SOLICITATION), 0.0)
    assert router.drops == {NOT_MINE: 1}
    router.stop(1.0)
    event = router.next_event()
    assert event is not None
    assert event.what == "stopped"


def test_it_advertises_only_so_often(router: IsatapRouter) -> None:
    damaged = SOLICITATION[:-1] + b"\1"
    for packet in (damaged, SOLICITATION):
        for _ in range(ADVERTISEMENTS_A_SECOND + 5):
            router.receive_packet(outer(HOST, ROUTER, packet), 100.0)
    assert len(router.packets_to_send()) == ADVERTISEMENTS_A_SECOND
    assert router.drops == {
        BAD_CHECKSUM: ADVERTISEMENTS_A_SECOND + 5,
        ADVERTISEMENTS_LIMITED: 5,
    }
    router.receive_packet(outer(HOST, ROUTER, SOLICITATION), 101.0)
    assert len(router.packets_to_send()) == 1
