"""6over4: neighbours by multicast, a router that advertises, a host that believes it (RFC 2529)."""

from __future__ import annotations

from random import Random

import pytest

from sensor.lab.inner.errors import A_SECOND, TOO_MANY
from sensor.lab.inner.refusal import LOOP, MALFORMED, NOT_REACHED, NOT_SERVED, TOO_BIG
from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour.neighbours import NEIGHBOURS, QUEUED
from sensor.lab.sixinfour.node import NO_DESTINATION, NO_ROUTER, NO_USE
from sensor.lab.sixinfour.refusal import (
    EMBEDDED_DIFFERS,
    FORGED_SOURCE,
    FULL_TURN,
    NOT_FORWARDED,
    NOT_MINE,
    NOT_UNICAST,
)
from sensor.lab.sixinfour.settings import SixOverFourSettings
from sensor.lab.sixinfour.sixoverfour import GROUP_DIFFERS, SixOverFour
from sensor.schema.words import Kind
from sensor.wire import icmpv4, icmpv6, ipv4, sixinfour
from sensor.wire.addresses import ALL_NODES, ALL_ROUTERS, build_sixover4, packed
from sensor.wire.cursor import Cursor
from sensor.wire.icmpv6 import Option
from tests.lab.sixinfour.site import (
    NATIVE,
    PREFIX,
    Member,
    Site,
    advertisement,
    data,
    discovery,
    information,
    kinds_of,
    neighbour,
    outer,
)

HOST = packed("10.1.1.2")
OTHER = packed("10.1.2.3")
ROUTER = packed("10.1.0.1")
STRANGER = packed("10.9.9.9")
HOST_LOCAL = build_sixover4(HOST)
OTHER_LOCAL = build_sixover4(OTHER)
ROUTER_LOCAL = build_sixover4(ROUTER)
NODES_GROUP = packed("239.192.0.1")
ROUTERS_GROUP = packed("239.192.0.2")
HOST_GROUP = packed("239.192.1.2")
OTHER_GROUP = packed("239.192.2.3")

SOLICITS = icmpv6.NEIGHBOUR_SOLICITATION
ADVERTISES = icmpv6.NEIGHBOUR_ADVERTISEMENT


def make(ip: bytes = HOST, prefix: bytes | None = None) -> SixOverFour:
    return SixOverFour(SixOverFourSettings(ip, prefix), Random(1))


def make_router() -> SixOverFour:
    return make(ROUTER, PREFIX)


def address_of(ip: bytes) -> bytes:
    return PREFIX + bytes(4) + ip


HOST_ADDRESS, OTHER_ADDRESS, ROUTER_ADDRESS = map(address_of, (HOST, OTHER, ROUTER))


def option(ip: bytes, kind: int = 1) -> bytes:
    return bytes([kind, 1, 0, 0]) + ip


def said_by(ip: bytes, destination: bytes = ALL_NODES, lifetime: int = 1_800) -> bytes:
    source = build_sixover4(ip)
    place = (Option(1, bytes(2) + ip),)
    return advertisement(source, destination, information(), lifetime=lifetime, options=place)


def attached() -> SixOverFour:
    """A host that heard its router."""
    host = make()
    host.start(0.0)
    hear(host, said_by(ROUTER), ROUTER, NODES_GROUP)
    assert host.address == HOST_ADDRESS
    host.packets_to_send()
    return host


def hear(
    machine: SixOverFour,
    packet: bytes,
    source: bytes = OTHER,
    destination: bytes = HOST,
    now: float = 0.0,
) -> None:
    machine.receive_packet(outer(source, destination, packet), now)


def words_of(machine: SixOverFour) -> list[str]:
    words = []
    while (event := machine.next_event()) is not None:
        words.append(event.what)
    return words


def furnished() -> tuple[Site, Member, Member, Member]:
    site = Site()
    router, host, other = (site.add(machine) for machine in (make_router(), make(), make(OTHER)))
    site.run(5)
    return site, router, host, other


def test_hosts_find_their_router_and_form_addresses() -> None:
    _, router, host, other = furnished()
    assert router.machine.address == ROUTER_ADDRESS
    assert (host.address, other.address) == (HOST_ADDRESS, OTHER_ADDRESS)
    assert host.words == ["router-found", "address"]
    assert host.told[0].address == ROUTER_LOCAL
    (solicitation,) = host.sent
    assert solicitation[:3] == (HOST, ROUTERS_GROUP, sixinfour.PROTOCOL)
    assert (solicitation.kind, solicitation.ttl) == (Kind.SIXOVERFOUR, 8)
    assert solicitation.payload == discovery(
        HOST_LOCAL, ALL_ROUTERS, icmpv6.ROUTER_SOLICITATION, bytes(4) + option(HOST)
    )


def test_neighbours_are_resolved_by_multicast_and_then_spoken_to_by_unicast() -> None:
    site, _, host, other = furnished()
    host.sent.clear()
    packet = data(host.address, other.address)
    site.send(host, packet)
    site.run(1)
    asked, sent = host.sent
    assert (asked.destination, sent.destination) == (OTHER_GROUP, OTHER)
    assert asked.payload == neighbour(
        HOST_ADDRESS, packed("ff02::1:ff01:203"), SOLICITS, OTHER_ADDRESS, options=option(HOST)
    )
    assert other.sent[-1].destination == HOST
    assert other.sent[-1].payload == neighbour(
        OTHER_ADDRESS, HOST_ADDRESS, ADVERTISES, OTHER_ADDRESS, 0x60, option(OTHER, 2)
    )
    assert other.got == [packet]
    site.send(host, packet)
    site.run(1)
    assert kinds_of(host.sent) == [SOLICITS, None, None]
    answer = data(other.address, host.address)
    site.send(other, answer)
    site.run(1)
    assert host.got == [answer]


def test_link_local_addresses_need_no_router() -> None:
    site = Site()
    host, other = site.add(make()), site.add(make(OTHER))
    packet = data(HOST_LOCAL, OTHER_LOCAL)
    site.send(host, packet)
    site.run(1)
    assert other.got == [packet]


def test_others_are_reached_by_the_router() -> None:
    site, router, host, _ = furnished()
    packet = data(host.address, NATIVE)
    site.send(host, packet)
    site.run(1)
    assert router.got == [packet]
    answer = data(NATIVE, host.address)
    site.send(router, answer)
    site.run(1)
    assert host.got == [answer]


def test_multicast_goes_to_the_group_of_its_last_octets() -> None:
    site, router, host, other = furnished()
    packet = data(host.address, ALL_NODES)
    site.send(host, packet)
    site.run(1)
    assert host.sent[-1].destination == NODES_GROUP
    assert (router.got, other.got) == ([packet], [packet])
    host.machine.send_ipv6(data(HOST_ADDRESS, packed("ff05::1:aabb")), 0.0)
    (sent,) = host.machine.packets_to_send()
    assert sent.destination == packed("239.192.170.187")


def test_the_groups_it_listens_to() -> None:
    assert set(make().groups) == {NODES_GROUP, HOST_GROUP}
    assert set(make_router().groups) == {NODES_GROUP, ROUTERS_GROUP, packed("239.192.0.1")}
    assert set(attached().groups) == {NODES_GROUP, HOST_GROUP}


def test_a_neighbour_that_does_not_answer_is_asked_three_times_and_then_told_of() -> None:
    host = attached()
    packet = data(HOST_ADDRESS, OTHER_ADDRESS)
    for _ in range(QUEUED + 1):
        host.send_ipv6(packet, 0.0)
    for now in (1.0, 2.0, 3.0):
        host.handle_timer(now)
    assert kinds_of(host.packets_to_send()) == [SOLICITS] * 3
    errors = host.ipv6_to_deliver()
    assert len(errors) == QUEUED
    assert errors[0][24:40] == HOST_ADDRESS
    assert errors[0][40:42] == bytes([icmpv6.UNREACHABLE, 3])
    assert host.drops == {"queue-full": 1, NOT_REACHED: QUEUED}


def test_a_prefix_that_is_scanned_fills_no_more_than_the_cache() -> None:
    router = make_router()
    for number in range(NEIGHBOURS + 5):
        target = PREFIX + bytes(6) + number.to_bytes(2)
        router.send_ipv6(data(NATIVE, target), 0.0)
    assert router.drops == {"neighbour-evicted": 5, "queue-lost": 5}


def test_a_scan_of_the_prefix_is_told_of_so_many_times_a_second() -> None:
    router = make_router()
    for number in range(2 * A_SECOND):
        router.send_ipv6(data(NATIVE, PREFIX + bytes(6) + number.to_bytes(2)), 0.0)
    for now in (1.0, 2.0, 3.0):
        router.handle_timer(now)
    errors = router.ipv6_to_deliver()
    assert len(errors) == A_SECOND
    assert errors[0][8:40] == ROUTER_ADDRESS + NATIVE
    assert router.drops == {NOT_REACHED: 2 * A_SECOND, TOO_MANY: A_SECOND}


def test_a_neighbour_not_heard_for_long_is_asked_where_it_was() -> None:
    site, _, host, other = furnished()
    site.send(host, data(host.address, other.address))
    site.run(40)
    host.sent.clear()
    site.send(host, data(host.address, other.address))
    site.run(10)
    sent, asked = host.sent
    assert sent.destination == asked.destination == OTHER
    assert asked.payload[24:40] == OTHER_ADDRESS
    site.run(30)
    site.stop(other)
    host.sent.clear()
    site.send(host, data(host.address, OTHER_ADDRESS))
    site.run(20)
    assert kinds_of(host.sent) == [None, *[SOLICITS] * 3]
    site.send(host, data(host.address, OTHER_ADDRESS))
    assert host.sent[-1].destination == OTHER_GROUP


def test_a_host_asks_three_times_and_not_again_soon() -> None:
    site = Site()
    host = site.add(make())
    site.run(100)
    assert kinds_of(host.sent) == [icmpv6.ROUTER_SOLICITATION] * 3
    site.run(700)
    assert kinds_of(host.sent) == [icmpv6.ROUTER_SOLICITATION] * 6


def test_a_router_advertises_to_all_at_first_often_then_seldom() -> None:
    site = Site()
    router = site.add(make_router())
    site.run(33)
    assert [packet.destination for packet in router.sent] == [NODES_GROUP] * 3
    site.run(6_000)
    assert 12 < len(router.sent) < 34
    site.stop(router)
    message = icmpv6.parse(Cursor(router.sent[-1].payload, 40))
    assert icmpv6.parse_router_advertisement(message.body).router_lifetime == 0
    assert router.machine.get_timer() is None


def test_a_router_that_goes_is_lost_and_looked_for() -> None:
    site, router, host, _ = furnished()
    site.stop(router)
    site.run(1)
    assert host.words[2:] == ["router-lost"]
    site.send(host, data(host.address, NATIVE))
    assert host.machine.drops[NO_ROUTER] == 1
    site.run(20)
    site.add(make_router())
    site.run(700)
    assert host.words[3:] == ["router-found"]


def test_a_router_that_dies_is_lost_when_its_lifetime_ends() -> None:
    site, router, host, _ = furnished()
    site.members.remove(router)
    site.run(1_801)
    assert host.words[2:] == ["router-lost"]
    assert host.address == HOST_ADDRESS
    site.run(5)
    assert host.sent[-1].destination == ROUTERS_GROUP


@pytest.mark.parametrize(
    ("flags", "destination", "group", "asked_again"),
    [
        (0x60, HOST_ADDRESS, HOST, False),
        (0x20, HOST_ADDRESS, HOST, True),
        (0x60, ALL_NODES, NODES_GROUP, True),
    ],
)
def test_only_an_answer_to_its_question_says_that_a_neighbour_hears(
    flags: int, destination: bytes, group: bytes, asked_again: bool
) -> None:
    host = attached()
    host.send_ipv6(data(HOST_ADDRESS, OTHER_ADDRESS), 0.0)
    for now, told, to, via in (
        (0.0, 0x60, HOST_ADDRESS, HOST),
        (29.0, flags, destination, group),
    ):
        said = neighbour(OTHER_ADDRESS, to, ADVERTISES, OTHER_ADDRESS, told, option(OTHER, 2))
        hear(host, said, OTHER, via, now)
    host.packets_to_send()
    host.send_ipv6(data(HOST_ADDRESS, OTHER_ADDRESS), 31.0)
    host.handle_timer(36.0)
    assert (SOLICITS in kinds_of(host.packets_to_send())) is asked_again


def test_who_has_no_address_yet_makes_the_router_tell_all_but_not_at_every_word() -> None:
    router = make_router()
    router.start(0.0)
    router.packets_to_send()
    asking = discovery(bytes(16), ALL_ROUTERS, icmpv6.ROUTER_SOLICITATION, bytes(4))
    for _ in range(5):
        hear(router, asking, HOST, ROUTERS_GROUP, 1.0)
    assert router.packets_to_send() == []
    assert router.get_timer() == 3.0
    hear(router, asking, HOST, ROUTERS_GROUP, 10.0)
    (told,) = router.packets_to_send()
    assert told.destination == NODES_GROUP


def test_who_is_about_to_take_its_address_is_told() -> None:
    host = make()
    group = packed("ff02::1:ff01:102")
    hear(host, neighbour(bytes(16), group, SOLICITS, HOST_LOCAL), OTHER, HOST_GROUP)
    (answer,) = host.packets_to_send()
    assert answer.destination == NODES_GROUP
    assert answer.payload == neighbour(
        HOST_LOCAL, ALL_NODES, ADVERTISES, HOST_LOCAL, 0x20, option(HOST, 2)
    )
    hear(host, neighbour(bytes(16), group, SOLICITS, OTHER_LOCAL), OTHER, HOST_GROUP)
    assert host.packets_to_send() == []
    assert host.drops == {NOT_MINE: 1}


@pytest.mark.parametrize(
    ("packet", "source", "destination", "word"),
    [
        (data(OTHER_ADDRESS, HOST_ADDRESS), STRANGER, HOST, EMBEDDED_DIFFERS),
        (data(OTHER_LOCAL, HOST_LOCAL), STRANGER, HOST, EMBEDDED_DIFFERS),
        (data(packed("fe80::1:1:1"), HOST_LOCAL), STRANGER, HOST, EMBEDDED_DIFFERS),
        (data(OTHER_ADDRESS, HOST_ADDRESS), OTHER, NODES_GROUP, GROUP_DIFFERS),
        (data(OTHER_ADDRESS, ALL_NODES), OTHER, HOST, GROUP_DIFFERS),
        (data(OTHER_ADDRESS, packed("ff05::1")), OTHER, NODES_GROUP, NOT_MINE),
        (data(OTHER_ADDRESS, ALL_ROUTERS), OTHER, ROUTERS_GROUP, NOT_MINE),
        (data(OTHER_ADDRESS, NATIVE), OTHER, HOST, NOT_MINE),
        (data(bytes(16), HOST_ADDRESS), OTHER, HOST, FORGED_SOURCE),
        (data(OTHER_ADDRESS, HOST_ADDRESS), HOST, HOST, LOOP),
        (data(OTHER_ADDRESS, HOST_ADDRESS), packed("239.1.1.1"), HOST, NOT_UNICAST),
        (b"\x60", OTHER, NODES_GROUP, GROUP_DIFFERS),
        (b"\x60", OTHER, HOST, MALFORMED),
        (
            neighbour(OTHER_LOCAL, HOST_LOCAL, SOLICITS, HOST_LOCAL, options=option(STRANGER)),
            OTHER,
            HOST,
            EMBEDDED_DIFFERS,
        ),
        (
            neighbour(packed("2001:db8::1"), HOST_LOCAL, SOLICITS, HOST_LOCAL),
            OTHER,
            HOST,
            EMBEDDED_DIFFERS,
        ),
        (
            neighbour(OTHER_LOCAL, HOST_LOCAL, ADVERTISES, ROUTER_LOCAL, 0x60, option(OTHER, 2)),
            OTHER,
            HOST,
            EMBEDDED_DIFFERS,
        ),
        (said_by(ROUTER), STRANGER, NODES_GROUP, EMBEDDED_DIFFERS),
        (
            advertisement(OTHER_ADDRESS, ALL_NODES, information()),
            OTHER,
            NODES_GROUP,
            FORGED_SOURCE,
        ),
        (discovery(OTHER_LOCAL, HOST_LOCAL, 133, bytes(4)), OTHER, HOST, NO_USE),
        (neighbour(ROUTER_LOCAL, HOST_LOCAL, 137, NATIVE), ROUTER, HOST, NO_USE),
        (neighbour(OTHER_LOCAL, OTHER_LOCAL, SOLICITS, HOST_LOCAL), OTHER, HOST, NOT_MINE),
    ],
)
def test_what_a_host_does_not_take(
    packet: bytes, source: bytes, destination: bytes, word: str
) -> None:
    host = attached()
    words_of(host)
    hear(host, packet, source, destination)
    assert host.ipv6_to_deliver() == []
    assert host.packets_to_send() == []
    assert words_of(host) == []
    assert host.drops == {word: 1}


@pytest.mark.parametrize(
    ("packet", "word"),
    [
        (b"", MALFORMED),
        (data(NATIVE, OTHER_ADDRESS), FORGED_SOURCE),
        (data(HOST_ADDRESS, packed("fe80:1::1")), NO_DESTINATION),
        (data(HOST_ADDRESS, packed("::1")), NO_DESTINATION),
        (data(HOST_ADDRESS, HOST_LOCAL), LOOP),
        (data(HOST_ADDRESS, ALL_NODES, bytes(1_500)), TOO_BIG),
    ],
)
def test_what_a_host_does_not_send(packet: bytes, word: str) -> None:
    host = attached()
    host.send_ipv6(packet, 0.0)
    assert host.packets_to_send() == []
    assert host.drops == {word: 1}


@pytest.mark.parametrize(
    ("packet", "word"),
    [
        (data(HOST_LOCAL, NATIVE), NOT_FORWARDED),
        (data(HOST_ADDRESS, packed("fe80:1::1")), NOT_FORWARDED),
        (data(HOST_ADDRESS, OTHER_ADDRESS), FULL_TURN),
        (said_by(HOST, ROUTER_LOCAL), NO_USE),
    ],
)
def test_what_a_router_does_not_pass_on(packet: bytes, word: str) -> None:
    router = make_router()
    hear(router, packet, HOST, ROUTER)
    assert router.ipv6_to_deliver() == []
    assert router.drops == {word: 1}


@pytest.mark.parametrize(
    ("packet", "word"),
    [
        (data(NATIVE, packed("2001:db8:1::1")), NOT_SERVED),
        (data(HOST_ADDRESS, OTHER_ADDRESS), FORGED_SOURCE),
        (data(NATIVE, ALL_NODES), NOT_FORWARDED),
        (data(packed("fe80::1"), HOST_ADDRESS), NOT_FORWARDED),
        (data(NATIVE, ROUTER_ADDRESS), LOOP),
    ],
)
def test_which_native_packets_a_router_does_not_send(packet: bytes, word: str) -> None:
    router = make_router()
    router.send_ipv6(packet, 0.0)
    assert router.packets_to_send() == []
    assert router.drops == {word: 1}


def test_icmp_errors_count_where_its_packets_went() -> None:
    host = attached()
    packet = data(HOST_ADDRESS, NATIVE)
    for place, destination, told in ((ROUTER, HOST, 1), (OTHER, HOST, 0), (ROUTER, NODES_GROUP, 0)):
        quoted = ipv4.build(HOST, place, sixinfour.PROTOCOL, packet)
        error = icmpv4.build_error(icmpv4.TIME_EXCEEDED, 0, quoted)
        host.receive_packet(OuterPacket(STRANGER, destination, icmpv4.PROTOCOL, error), 0.0)
        assert len(host.ipv6_to_deliver()) == told
    unknown = data(HOST_ADDRESS, OTHER_ADDRESS)
    quoted = ipv4.build(HOST, OTHER, sixinfour.PROTOCOL, unknown)
    error = icmpv4.build_error(icmpv4.TIME_EXCEEDED, 0, quoted)
    host.receive_packet(OuterPacket(STRANGER, HOST, icmpv4.PROTOCOL, error), 0.0)
    assert host.ipv6_to_deliver() == []
    group = data(HOST_ADDRESS, ALL_NODES)
    quoted = ipv4.build(HOST, NODES_GROUP, sixinfour.PROTOCOL, group)
    error = icmpv4.build_error(icmpv4.TIME_EXCEEDED, 0, quoted)
    host.receive_packet(OuterPacket(STRANGER, HOST, icmpv4.PROTOCOL, error), 0.0)
    assert host.ipv6_to_deliver() == []
    assert host.drops["error-about-multicast"] == 1


def test_a_stopped_host_has_no_address_and_no_timer() -> None:
    host = attached()
    host.send_ipv6(data(HOST_ADDRESS, OTHER_ADDRESS), 0.0)
    host.stop(1.0)
    assert host.address is None
    assert host.get_timer() is None
    assert words_of(host)[-1] == "stopped"
