"""Our server and relay in the place of Miredo's: its client's packets, the same answers."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from sensor.lab.machine import Datagram
from sensor.lab.teredo.relay import Relay
from sensor.lab.teredo.server import Server
from sensor.lab.teredo.settings import RelaySettings, ServerSettings, following
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import ipv4, udp
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor
from tests.capture import plain
from tests.capture.build import Frame
from tests.lab.teredo.parties import INTERNET, less_a_hop, payloads

SERVER = Endpoint(packed("198.51.100.1"), 3544)
RELAY = Endpoint(packed("192.0.2.10"), 3545)
CLIENT = Endpoint(packed("203.0.113.2"), 41658)
# Where its relay's bubble came from.
RELAY_SOURCE = packed("fe80::f4f2:fade:f251:34f5")
ETHERNET = 14  # octets in front of IPv4
ORIGIN = 8


class Seen(NamedTuple):
    time: float  # seconds
    source: Endpoint
    destination: Endpoint
    payload: bytes


def seen(frame: Frame) -> Seen:
    cursor = Cursor(frame.data, ETHERNET)
    outer = ipv4.parse(cursor)
    header = udp.parse(cursor)
    return Seen(
        frame.time / 1e9,
        Endpoint(outer.source, header.source_port),
        Endpoint(outer.destination, header.destination_port),
        cursor.take(header.length - udp.HEADER_LENGTH),
    )


@pytest.fixture(scope="module")
def conversation(captures: Path) -> list[Seen]:
    """Outside the NAT: qualification, a connectivity test, ping, a TCP connection, refresh."""
    content = (captures / "miredo" / "nat-outside.pcap").read_bytes()
    return [seen(frame) for frame in plain.frames(content)]


def test_our_server_answers_as_miredo_server(conversation: list[Seen]) -> None:
    machine = Server(ServerSettings(SERVER.ip, following(SERVER.ip)), Random(1))
    answered = [packet for packet in conversation if packet.source == SERVER]
    advertised, bubble, refreshed = payloads_of(answered)
    asked = [packet for packet in conversation if packet.destination == SERVER]
    for packet in asked[:2]:
        machine.receive_datagram(packet.payload, packet.source, SERVER, packet.time)
    # The relay's bubble to the server, of which the NAT saw what the server made of it.
    machine.receive_datagram(bubble[ORIGIN:], RELAY, SERVER, asked[1].time)
    machine.receive_datagram(asked[2].payload, asked[2].source, SERVER, asked[2].time)
    assert payloads(machine.datagrams_to_send()) == [advertised, bubble, refreshed]
    assert machine.ipv6_to_deliver() == [asked[1].payload]


def payloads_of(packets: list[Seen]) -> list[bytes]:
    return [packet.payload for packet in packets]


def test_our_relay_carries_what_miredos_carried(conversation: list[Seen]) -> None:
    machine = Relay(RelaySettings(RELAY, RELAY_SOURCE, INTERNET), Random(1))
    sent: list[Datagram] = []
    handed_on: list[bytes] = []
    # The reply to the connectivity test waits for the client's bubble.
    test, reply = conversation[2], conversation[5]
    machine.send_ipv6(one_hop_before(reply.payload), test.time)
    (asked,) = machine.datagrams_to_send()
    assert asked.destination == SERVER
    for packet in conversation:
        if packet.destination == RELAY:
            machine.receive_datagram(packet.payload, packet.source, RELAY, packet.time)
        elif packet.source == RELAY and packet != reply:
            machine.send_ipv6(one_hop_before(packet.payload), packet.time)
        sent += machine.datagrams_to_send()
        handed_on += machine.ipv6_to_deliver()
    from_relay = [packet for packet in conversation if packet.source == RELAY]
    assert payloads(sent) == payloads_of(from_relay)
    assert {(data.destination, data.packet) for data in sent} == {(CLIENT, TeredoPacket.DATA)}
    to_relay = payloads_of([packet for packet in conversation if packet.destination == RELAY])
    assert handed_on == [less_a_hop(payload) for payload in to_relay[1:]]
    assert machine.drops == {}


def one_hop_before(packet: bytes) -> bytes:
    return packet[:7] + bytes([packet[7] + 1]) + packet[8:]
