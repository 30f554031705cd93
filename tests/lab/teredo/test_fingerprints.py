"""What each style's client really puts on the wire, beside what its original was seen to."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import pytest

from sensor.lab.machine import Datagram
from sensor.lab.teredo.style import MIREDO, WINDOWS_7, WINDOWS_XP, Style
from sensor.schema.records import Endpoint
from sensor.schema.words import NatType, TeredoPacket
from sensor.wire import addresses, icmpv6, ipv6, teredo
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor
from tests.lab.teredo.parties import data
from tests.lab.teredo.world import (
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
    bubbles,
    client_settings,
)


class Print(NamedTuple):
    """A row of observations; sizes are of UDP payloads, in octets."""

    soliciting: str
    cone_first: bool
    asked: tuple[Endpoint, ...]  # behind a restricted NAT
    refresh: int  # size
    flags: int  # that an address may have
    bubble_hop_limit: int
    direct: int
    indirect: int
    indirect_symmetric: int  # the same behind a symmetric NAT, 0: off-line there
    ping: int
    ping_hop_limit: int
    jitter: tuple[float, float]  # seconds from one solicitation to the next


PRINTS = {
    "windows-xp": (
        WINDOWS_XP,
        Print("fe80::ffff:ffff:fffd", True, (SERVER,) * 4 + (SECOND,), 77, 0x8000, 21, 40, 40, 0,
              52, 21, (22.5, 30.0)),
    ),
    "windows-7": (
        WINDOWS_7,
        Print("fe80::ffff:ffff:fffe", False, (SERVER, SECOND), 61, 0x3CFF, 21, 40, 56, 60,
              52, 21, (22.5, 30.0)),
    ),
    "miredo": (
        MIREDO,
        Print("fe80::ffff:ffff:ffff", False, (SERVER,), 61, 0x3CFF, 0, 40, 40, 40,
              66, 128, (30.0, 30.0)),
    ),
}  # fmt: skip
EACH = pytest.mark.parametrize(("style", "seen"), PRINTS.values(), ids=PRINTS)


def qualified(style: Style, *, symmetric: bool = False) -> tuple[World, Host]:
    world = World()
    host = world.add(Nat(PUBLIC, symmetric=symmetric), style=style)
    world.run(15.0)
    return world, host


def of_kind(host: Host, packet: TeredoPacket) -> list[Datagram]:
    return [datagram for datagram in host.sent if datagram.packet is packet]


def inner(datagram: Datagram) -> ipv6.IPv6Header:
    return teredo.parse(datagram.payload).header


@EACH
def test_solicitations(style: Style, seen: Print) -> None:
    world, host = qualified(style)
    first = of_kind(host, TeredoPacket.ROUTER_SOLICITATION)
    assert tuple(datagram.destination for datagram in first) == seen.asked
    cone = [bool(inner(datagram).source[8] & 0x80) for datagram in first]
    assert cone == [True] * 3 * seen.cone_first + [False] * (len(first) - 3 * seen.cone_first)
    assert addresses.text(inner(first[-1]).source) == seen.soliciting
    assert {inner(datagram).hop_limit for datagram in first} == {255}
    assert {len(datagram.payload) for datagram in first} <= {61, seen.refresh}
    host.sent.clear()
    world.run(31.0)
    refresh = of_kind(host, TeredoPacket.ROUTER_SOLICITATION)[0]
    assert (len(refresh.payload), refresh.destination) == (seen.refresh, SERVER)


@EACH
def test_refresh_and_address(style: Style, seen: Print) -> None:
    world, host = qualified(style)
    found = addresses.parse_teredo(host.address)
    assert found is not None
    assert found.flags & ~seen.flags == 0
    times = []
    for _ in range(12):
        due = host.client.get_timer()
        assert due is not None
        host.sent.clear()
        world.run(due - world.now + 0.05)
        assert of_kind(host, TeredoPacket.ROUTER_SOLICITATION)
        times.append(due)
    gaps = [after - before for before, after in pairwise(times)]
    low, high = seen.jitter
    assert all(low - 1e-6 <= gap <= high + 1e-6 for gap in gaps)
    assert (len({round(gap, 6) for gap in gaps}) > 1) is (low < high)


@EACH
def test_an_xp_behind_a_cone_shows_its_former_mapping(style: Style, seen: Print) -> None:
    """The option as XP sent it (zeek/Teredo.pcap, frame 6): flags, port and address of its own."""
    world = World()
    host = world.add(Nat(PUBLIC, "none"), style=style)
    world.run(45.0)
    refresh = of_kind(host, TeredoPacket.ROUTER_SOLICITATION)[-1]
    told = refresh.payload[-16:] == bytes.fromhex("0102000000000000") + host.address[8:]
    assert told is style.tells_mapping
    assert (host.client.nat is NatType.CONE) is seen.cone_first


def test_an_xp_behind_a_restricted_nat_shows_no_cone_bit() -> None:
    world, host = qualified(WINDOWS_XP)
    world.run(31.0)
    refresh = of_kind(host, TeredoPacket.ROUTER_SOLICITATION)[-1]
    assert refresh.payload[-8:] == host.address[8:]


@EACH
@pytest.mark.parametrize("symmetric", [False, True])
def test_bubbles(style: Style, seen: Print, symmetric: bool) -> None:
    world, host = qualified(style, symmetric=symmetric)
    if symmetric and not seen.indirect_symmetric:
        assert host.client.state == "off-line"
        return
    other = world.add(Nat(OTHER), OTHER_LOCAL)
    world.run(1.0)
    world.send(host, data(host.address, other.address))
    world.run(1.0)
    direct, indirect = bubbles(host)[:2]
    size = seen.indirect_symmetric if symmetric else seen.indirect
    assert (len(direct.payload), len(indirect.payload)) == (seen.direct, size)
    assert (direct.destination, indirect.destination) == (other.client.mapped, SERVER)
    assert {inner(bubble).hop_limit for bubble in (direct, indirect)} == {seen.bubble_hop_limit}
    kinds = [trailer.type for trailer in teredo.parse(indirect.payload).trailers]
    assert kinds == {40: [], 56: [1, 3], 60: [1, 3, 5]}[size]
    sources = {inner(bubble).source for bubble in (direct, indirect)}
    assert len(sources) == 1
    assert (sources == {host.address}) is (style is not MIREDO)


@EACH
def test_connectivity_tests(style: Style, seen: Print) -> None:
    world, host = qualified(style)
    began = int(world.now)
    world.send(host, data(host.address, NATIVE))
    world.run(1.0)
    (ping,) = of_kind(host, TeredoPacket.CONNECTIVITY_TEST)
    assert (len(ping.payload), ping.destination) == (seen.ping, SERVER)
    assert inner(ping).hop_limit == seen.ping_hop_limit
    echo = icmpv6.parse_echo(icmpv6.parse(Cursor(ping.payload, ipv6.HEADER_LENGTH)).body)
    if style is MIREDO:
        assert (echo.sequence, echo.data[:2], len(echo.data)) == (began, bytes(2), 18)
    else:
        assert echo.data == bytes(4)
    assert host.sent[-1].destination == RELAY


@pytest.mark.parametrize("style", [WINDOWS_XP, WINDOWS_7])
def test_windows_names_the_relay_that_it_knew(style: Style) -> None:
    """As XP did (zeek/Teredo.pcap, frame 30)."""
    world, host = qualified(style)
    world.send(host, data(host.address, NATIVE))
    world.run(40.0)
    world.send(host, data(host.address, NATIVE))
    world.run(1.0)
    first, second = of_kind(host, TeredoPacket.CONNECTIVITY_TEST)
    assert (first.payload[-4:], second.payload[-4:]) == (bytes(4), RELAY.ip)


def test_miredos_bubbles_come_from_an_address_made_for_their_peer() -> None:
    world, host = qualified(MIREDO)
    other = world.add(Nat(OTHER), OTHER_LOCAL, style=MIREDO)
    world.run(1.0)
    world.send(host, data(host.address, other.address, b"one"))
    world.run(1.0)
    invented = inner(bubbles(host)[0]).source
    assert invented.startswith(addresses.LINK_LOCAL_PREFIX)
    assert invented[8] & 3 == 0
    (answer,) = bubbles(other)
    assert (inner(answer).source, inner(answer).destination) == (other.address, invented)
    assert answer.destination == host.client.mapped
    assert other.got == [data(host.address, other.address, b"one")]
    world.send(other, data(other.address, host.address, b"two"))
    world.run(1.0)
    assert host.got == [data(other.address, host.address, b"two")]


def test_an_answer_to_that_address_proves_a_peer_wherever_it_is() -> None:
    """As Miredo has it: so it reaches clients behind symmetric NATs that its server serves."""
    world, host = qualified(MIREDO)
    peer = packed("2001:0:c633:6401:0:159f:34ff:8ef6")  # at 203.0.113.9:60000
    host.client.send_ipv6(data(host.address, peer, b"waits"), world.now)
    direct, _ = host.client.datagrams_to_send()
    invented, elsewhere = inner(direct).source, Endpoint(OTHER, 7)
    own = (invented[:15] + bytes([invented[15] ^ 1]), host.address, invented)
    answers = [teredo.build_bubble(peer, destination) for destination in own]
    sent = []
    for answer in answers:
        host.client.receive_datagram(answer, elsewhere, client_settings().local, world.now)
        sent.append([d.destination for d in host.client.datagrams_to_send()])
    assert sent == [[], [], [elsewhere]]
    assert host.client.drops == {"destination": 1, "mapping-differs": 1}


def test_other_peers_are_told_other_addresses() -> None:
    world, host = qualified(MIREDO)
    for number in (1, 2):
        peer = packed(f"2001:0:c633:6401:0:159f:34ff:8ef{number}")
        world.send(host, data(host.address, peer))
    assert len({inner(bubble).source for bubble in bubbles(host)}) == 2


def test_miredo_takes_packets_with_any_trailer() -> None:
    for style, drops in ((MIREDO, {}), (WINDOWS_7, {"unknown-trailer": 1})):
        world, host = qualified(style)
        origin = teredo.build_origin(*RELAY)
        bubble = teredo.build_bubble(packed("fe80::1"), host.address) + b"\x41\x00"
        host.client.receive_datagram(origin + bubble, SERVER, client_settings().local, world.now)
        assert host.client.drops == drops
