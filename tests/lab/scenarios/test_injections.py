"""What is put into IPv4 by hand is what it says, and is labelled with who sent it."""

from __future__ import annotations

from sensor.lab.machine import OuterPacket
from sensor.lab.network.packet import Label
from sensor.lab.scenarios.injections import (
    advertisement,
    echo,
    inject,
    opening,
    routed_echo,
)
from sensor.lab.scenarios.world import World
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import checksum, icmpv6, ipv6, sixinfour, tcp
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor

SOURCE, DESTINATION, THIRD = (packed(f"2001:db8::{number}") for number in (1, 2, 3))
PREFIX = packed("2001:db8:5::")[:8]


def transport(packet: bytes) -> tuple[ipv6.Chain, bytes]:
    """Where the extension headers end, and what follows them."""
    cursor = Cursor(packet)
    chain = ipv6.walk_extensions(ipv6.parse(cursor).next_header, cursor)
    return chain, cursor.rest()


def sums(packet: bytes, destination: bytes = DESTINATION) -> bool:
    chain, octets = transport(packet)
    pseudo = checksum.pseudo_ipv6(SOURCE, destination, chain.transport, len(octets))
    return checksum.verify(pseudo, octets)


def test_it_goes_by_protocol_41_from_whatever_address() -> None:
    world = World(1)
    stranger, target = world.stranger("stranger"), world.stranger("target")
    came: list[OuterPacket] = []
    target.listen(sixinfour.PROTOCOL, came.append)
    campus = world.campus("campus")
    world.watch(campus, beside=target.interface)
    packet = echo(SOURCE, DESTINATION)
    inject(stranger, packet, target.address, Kind.SIXINFOUR)
    inject(stranger, packet, target.address, Kind.SIXTOFOUR, campus.network + b"\x09", flawed=True)
    world.wait(1)
    assert [(each.source, each.payload) for each in came] == [
        (stranger.address, packet),
        (campus.network + b"\x09", packet),
    ]
    labels = [frame.label for frame in world.watched.outside.frames]
    assert labels == [
        Label(Kind.SIXINFOUR, TeredoPacket.NONE, "stranger"),
        Label(Kind.SIXTOFOUR, TeredoPacket.NONE, "stranger", flawed=True),
    ]


def test_an_echo_request_is_one() -> None:
    packet = echo(SOURCE, DESTINATION, 7)
    _, octets = transport(packet)
    message = icmpv6.parse(Cursor(octets))
    assert message.type == icmpv6.ECHO_REQUEST
    assert icmpv6.parse_echo(message.body).identifier == 7
    assert sums(packet)


def test_an_opening_is_a_syn() -> None:
    packet = opening(SOURCE, DESTINATION, 80)
    header = tcp.parse(Cursor(transport(packet)[1]))
    assert (header.destination_port, header.flags) == (80, tcp.SYN)
    assert sums(packet)


def test_a_routed_echo_visits_another_first_and_sums_for_the_last() -> None:
    packet = routed_echo(SOURCE, THIRD, DESTINATION)
    chain, octets = transport(packet)
    assert packet[24:40] == THIRD
    assert (chain.headers, chain.routing_types) == ((ipv6.ROUTING,), (0,))
    assert packet[ipv6.HEADER_LENGTH + 8 :][:16] == DESTINATION
    assert icmpv6.parse(Cursor(octets)).type == icmpv6.ECHO_REQUEST
    assert sums(packet)


def test_an_advertisement_is_of_the_link_and_of_the_prefix() -> None:
    packet = advertisement(SOURCE, DESTINATION, PREFIX)
    header = ipv6.parse(Cursor(packet))
    told = icmpv6.parse_router_advertisement(icmpv6.parse(Cursor(packet, 40)).body)
    assert header.hop_limit == 255
    assert [prefix.prefix for prefix in told.prefixes] == [PREFIX + bytes(8)]
    assert told.router_lifetime > 0
    assert sums(packet)
