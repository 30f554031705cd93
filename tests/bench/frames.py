"""Frames of conversations, from their place in a script to the records of a pcap file."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensor.wire import icmpv6, sixinfour, tcp, udp
from sensor.wire.addresses import ALL_ROUTERS, TEREDO_PREFIX, build_server_link_local
from sensor.wire.ipv6 import NO_NEXT_HEADER
from sensor.wire.link import ETHERTYPE_IPV4, ETHERTYPE_IPV6, LINKTYPE_ETHERNET
from sensor.wire.teredo import BUBBLE_HOP_LIMIT

from . import layers
from .draws import Draws, Numbers, Octets, Purpose
from .scripts import Carrier, Content, Message, Script, Shape
from .world import Ends, Flags, World, big_endian, repeated

ETHERTYPE_ARP = 0x0806
_STEPS = 64  # more than the longest script has
_PORTS = 4  # every script's ports are repeated to so many
_MICROSECONDS = 1_000_000
_SNAPLEN = 262_144


@dataclass(frozen=True)
class Frames:
    """n frames: conversation, number of the step in a ``Book``, time in microseconds."""

    conversation: Numbers
    step: Numbers
    time: Numbers

    def __len__(self) -> int:
        return len(self.time)

    def at(self, chosen: Numbers | slice) -> Frames:
        return Frames(self.conversation[chosen], self.step[chosen], self.time[chosen])

    def before(self, other: Frames) -> Frames:
        pairs = (
            (self.conversation, other.conversation),
            (self.step, other.step),
            (self.time, other.time),
        )
        return Frames(*map(np.concatenate, pairs))


class Book:
    """The steps of all scripts, numbered through; one array for each of their properties."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        steps = [step for script in scripts for step in script.steps]
        self.shapes = list(dict.fromkeys(step.shape for step in steps))
        lengths = [len(script.steps) for script in scripts]
        assert max(lengths) < _STEPS
        assert all(_PORTS % len(script.ports) == 0 for script in scripts)
        self.length = np.array(lengths)
        self.first = np.cumsum(self.length) - self.length
        self.script = np.repeat(np.arange(len(scripts)), self.length)
        self.number = np.arange(len(steps)) - self.first[self.script]
        self.shape = np.array([self.shapes.index(step.shape) for step in steps])
        self.outbound = np.array([step.outbound for step in steps])
        self.word = np.array([step.word for step in steps])
        self.sequence = np.array([step.sequence for step in steps])
        self.acknowledgement = np.array([step.acknowledgement for step in steps])
        self.from_outside = np.array([script.from_outside for script in scripts])[self.script]
        ports = [script.ports * (_PORTS // len(script.ports)) for script in scripts]
        self.ports = np.array(ports)[self.script]


def pcap_header() -> bytes:
    return struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAPLEN, LINKTYPE_ETHERNET)


def records(times: Numbers, frames: Octets) -> Octets:
    """Frames of one length behind the headers of their records in a pcap file."""
    length = frames.shape[1].to_bytes(4, "little") * 2
    stamps = np.column_stack(np.divmod(times, _MICROSECONDS)).astype("<u4").view(np.uint8)
    return layers.joined(stamps, length, frames)


class Painter:
    """Turns frames of one shape into records."""

    def __init__(self, book: Book, world: World, draws: Draws) -> None:
        self._book = book
        self._world = world
        self._draws = draws

    def records(self, shape: Shape, frames: Frames) -> Octets:
        """(n, length): each frame behind the header of its record."""
        view = _View(self._book, self._world, self._draws, shape, frames)
        frame = layers.ethernet(view.packet(), view.ethertype, view.outbound, shape.vlan)
        return records(frames.time, frame)

    def tunnels(self, shape: Shape, frames: Frames) -> Numbers:
        """The number of the tunnel that carries each frame."""
        from_outside = self._book.from_outside[frames.step]
        return self._world.tunnel_of(shape.carrier, frames.conversation, from_outside)


class _View:
    """Frames of one shape with what their layers need."""

    def __init__(
        self, book: Book, world: World, draws: Draws, shape: Shape, frames: Frames
    ) -> None:
        step = frames.step
        self._world, self._draws, self._shape = world, draws, shape
        self._conversation = frames.conversation
        self._serial = frames.conversation * _STEPS + book.number[step]
        self._word, self._sequence = book.word[step], book.sequence[step]
        self._acknowledgement = book.acknowledgement[step]
        self._from_outside = book.from_outside[step]
        self.outbound: Flags = book.outbound[step]
        which = draws.below(_PORTS, Purpose.SERVICE, frames.conversation)
        self._service: Numbers = book.ports[step, which]

    @property
    def ethertype(self) -> int:
        if self._shape.message is Message.ARP:
            return ETHERTYPE_ARP
        outer = self._shape.carrier is not Carrier.NONE or self._shape.version == 4
        return ETHERTYPE_IPV4 if outer else ETHERTYPE_IPV6

    def packet(self) -> Octets:
        """What follows the link header."""
        carrier = self._shape.carrier
        if carrier is Carrier.NONE:
            return self._ordinary()
        tunnels = self._world.tunnel_of(carrier, self._conversation, self._from_outside)
        outer = self._world.outer(carrier, self._conversation, tunnels).turned(self.outbound)
        payload = self._inner(tunnels)
        if carrier is Carrier.PROTOCOL_41:
            return layers.ipv4_packet(outer, sixinfour.PROTOCOL, payload, self._serial)
        datagram = layers.udp_datagram(outer, self._indicated(payload, tunnels))
        return layers.ipv4_packet(outer, udp.PROTOCOL, datagram, self._serial)

    def _ordinary(self) -> Octets:
        version = self._shape.version
        ends = self._ends(*self._world.ordinary(version, self._conversation))
        if self._shape.message is Message.ARP:
            return layers.arp(ends, self._word)
        protocol, payload = self._transport(ends)
        if version == 6:
            return layers.ipv6_packet(ends, protocol, payload)
        return layers.ipv4_packet(ends, protocol, payload, self._serial)

    def _inner(self, tunnels: Numbers) -> Octets:
        """The packet inside the tunnel."""
        carrier, message = self._shape.carrier, self._shape.message
        if message in (Message.SOLICITATION, Message.ADVERTISEMENT):
            return self._setup(tunnels)
        ends = self._ends(*self._world.inner(carrier, self._conversation, tunnels))
        if message is Message.BUBBLE:
            nothing = np.zeros((len(tunnels), 0), np.uint8)
            return layers.ipv6_packet(ends, NO_NEXT_HEADER, nothing, BUBBLE_HOP_LIMIT)
        return layers.ipv6_packet(ends, *self._transport(ends))

    def _setup(self, tunnels: Numbers) -> Octets:
        """What clients and servers tell each other (RFC 4380 sections 5.2.1 and 5.3.2)."""
        client = self._world.link_local(self._shape.carrier, tunnels)
        ports = np.zeros(len(tunnels), np.int64)
        if self._shape.message is Message.SOLICITATION:
            return layers.solicitation(
                Ends(client, repeated(ALL_ROUTERS, len(tunnels)), ports, ports)
            )
        ips = self._world.server(tunnels)
        server = layers.joined(build_server_link_local(bytes(4))[:12], ~ips)
        prefixes = layers.joined(TEREDO_PREFIX, ips, bytes(8))
        return layers.advertisement(Ends(server, client, ports, ports), prefixes)

    def _indicated(self, packet: Octets, tunnels: Numbers) -> Octets:
        """Authentication around setup packets, an origin in front of what a server sends on."""
        if self._shape.carrier is not Carrier.SERVER:
            return packet
        parts = []
        if self._shape.message is Message.BUBBLE:
            parts.append(layers.origin(*self._world.relay(self._conversation)))
        else:
            nonces = self._draws.numbers(Purpose.NONCE, self._conversation)
            parts.append(layers.authentication(big_endian(nonces, 8)))
        if self._shape.message is Message.ADVERTISEMENT:
            parts.append(layers.origin(*self._world.mapped(self._shape.carrier, tunnels)))
        return layers.joined(*parts, packet)

    def _ends(self, near: Octets, far: Octets) -> Ends:
        opener = self._world.ephemeral(self._conversation)
        near_port = np.where(self._from_outside, self._service, opener)
        far_port = np.where(self._from_outside, opener, self._service)
        return Ends(near, far, near_port, far_port).turned(self.outbound)

    def _transport(self, ends: Ends) -> tuple[int, Octets]:
        """IP protocol number and segment, datagram or message."""
        payload = self._payload()
        if self._shape.message is Message.TCP:
            segment = layers.tcp_segment(ends, self._word, *self._tcp_numbers(), payload)
            return tcp.PROTOCOL, segment
        if self._shape.message is Message.UDP:
            return udp.PROTOCOL, layers.udp_datagram(ends, payload)
        identifier = self._world.ephemeral(self._conversation)
        body = layers.joined(big_endian(identifier, 2), big_endian(self._sequence, 2), payload)
        return icmpv6.PROTOCOL, layers.icmpv6_message(ends, self._word, body)

    def _tcp_numbers(self) -> tuple[Numbers, Numbers]:
        """Sequence and acknowledgement, counted from each side's initial number."""
        near, far = (
            self._draws.below(1 << 32, purpose, self._conversation)
            for purpose in (Purpose.NEAR_SEQUENCE, Purpose.FAR_SEQUENCE)
        )
        own, other = np.where(self.outbound, near, far), np.where(self.outbound, far, near)
        acknowledging = (self._word & tcp.ACK) != 0
        sequence = own + self._sequence & 0xFFFFFFFF
        return sequence, np.where(acknowledging, other + self._acknowledgement & 0xFFFFFFFF, 0)

    def _payload(self) -> Octets:
        content, length = self._shape.content, self._shape.payload
        if content in (Content.DNS_QUERY, Content.DNS_ANSWER):
            return self._dns()
        octets = self._draws.octets(length, self._serial)
        if content is Content.QUIC:
            octets[:, 0] = octets[:, 0] & 0x3F | 0x40
        elif content is Content.RTP:
            numbers = big_endian(self._sequence, 2), big_endian(self._sequence * 160, 4)
            return layers.joined(b"\x80\0", *numbers, octets[:, 8:])
        return octets

    def _dns(self) -> Octets:
        """A question for an address, or the answer to it; each conversation asks another name."""
        letters = self._draws.octets(12, self._conversation) % 26 + ord("a")
        number = big_endian(self._draws.below(1 << 16, Purpose.NONCE, self._conversation), 2)
        name = b"\x07example\x03com\0"
        question = layers.joined(b"\x0c", letters, name, b"\0\1\0\1")
        if self._shape.content is Content.DNS_QUERY:
            return layers.joined(number, bytes.fromhex("01000001000000000000"), question)
        answer = bytes.fromhex("c00c00010001000000780004") + bytes([23, 32, 0, 9])
        return layers.joined(number, bytes.fromhex("81800001000100000000"), question, answer)
