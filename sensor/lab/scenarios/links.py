"""The tunnels that are not Teredo's, as their packets pass one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from sensor.errors import DecodeError
from sensor.lab.network.packet import Label
from sensor.lab.network.tap import Tap
from sensor.lab.scenarios.truth import EmbeddedTruth, LinkTruth
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire import gre, ipv4, ipv6, link, sixinfour, tcp, teredo, udp
from sensor.wire.cursor import Cursor

if TYPE_CHECKING:
    from sensor.lab.scenarios.world import World

PORTED = (udp.PROTOCOL, tcp.PROTOCOL)


class Outer(NamedTuple):
    """The outer packet of a frame, as the NATs before this place left it; ``at`` its payload."""

    at: int
    protocol: int
    source: Endpoint
    destination: Endpoint
    payload: bytes

    @property
    def ends(self) -> tuple[Endpoint, Endpoint]:
        return self.source, self.destination


class _Passed(NamedTuple):
    """A packet of a tunnel that passed."""

    outer: Outer
    label: Label


def outer(frame: bytes) -> Outer:
    """Read a frame of Ethernet and IPv4; port 0 where there is none, as in later fragments."""
    cursor = Cursor(frame)
    link.parse(link.LINKTYPE_ETHERNET, cursor)
    start, header = cursor.position, ipv4.parse(cursor)
    payload = frame[cursor.position : start + header.total_length]
    ports = (0, 0)
    if header.protocol in PORTED and not header.fragment_offset:
        ports = cursor.u16(), cursor.u16()
    return Outer(
        start + header.header_length,
        header.protocol,
        Endpoint(header.source, ports[0]),
        Endpoint(header.destination, ports[1]),
        payload,
    )


def inner_end(frame: bytes) -> int:
    """Octets of a frame of Teredo up to the end of its inner IPv6 header."""
    found = outer(frame)
    try:
        inner = teredo.parse(found.payload[udp.HEADER_LENGTH :]).ipv6_offset
    except DecodeError:  # a fragment
        return found.at
    return found.at + udp.HEADER_LENGTH + inner + ipv6.HEADER_LENGTH


def links(world: World, tap: Tap) -> tuple[LinkTruth, ...]:
    """One for each pair of ends, or over UDP and TCP for each client's end."""
    apart: dict[tuple[object, ...], list[_Passed]] = {}
    for frame in tap.frames:
        label = frame.label
        if label is not None and not label.quoted and label.kind is not Kind.TEREDO:
            found = _Passed(outer(frame.octets), label)
            apart.setdefault(_identity(world, found), []).append(found)
    return tuple(_link(world, passed) for passed in apart.values())


def _identity(world: World, passed: _Passed) -> tuple[object, ...]:
    packet = passed.outer
    client = _client(world, packet)
    if packet.protocol in PORTED and client is not None:
        return packet.protocol, client
    return packet.protocol, frozenset(packet.ends), _key(packet)


def _client(world: World, packet: Outer) -> Endpoint | None:
    """The one end that is the watched network's."""
    own = [end for end in packet.ends if world.watched.home.owns(end.ip)]
    return own[0] if len(own) == 1 else None


def _key(packet: Outer) -> int | None:
    return gre.parse(Cursor(packet.payload)).key if packet.protocol == gre.PROTOCOL else None


def _link(world: World, passed: list[_Passed]) -> LinkTruth:
    packets = [each.outer for each in passed]
    embedded = dict.fromkeys(found for packet in packets for found in _embedded(world, packet))
    kinds = {each.label.kind for each in passed} | {found.scheme for found in embedded}
    if Kind.TSP in kinds and packets[0].protocol == udp.PROTOCOL:
        kinds.add(Kind.V6UDPV4)  # so its setup calls what it sets up (RFC 5572 section 4.5)
    return LinkTruth(
        kinds=tuple(sorted(kinds)),
        ends=_once(end for packet in packets for end in packet.ends),
        client=_client(world, packets[0]),
        key=_key(packets[0]),
        senders=tuple(dict.fromkeys(each.label.sender for each in passed)),
        embedded=tuple(embedded),
    )


def _once(ends: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    return tuple(sorted(set(ends)))


def _embedded(world: World, packet: Outer) -> Iterator[EmbeddedTruth]:
    if packet.protocol != sixinfour.PROTOCOL:
        return
    try:
        header = ipv6.parse(Cursor(packet.payload))
    except DecodeError:
        return
    for address in (header.source, header.destination):
        for scheme, ip in world.formed.of(address):
            yield EmbeddedTruth(address, scheme, ip)
