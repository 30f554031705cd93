"""The client against what other implementations sent: captures and vectors of theirs."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from sensor.lab.teredo.client import Client
from sensor.lab.teredo.settings import ClientSettings, following
from sensor.lab.teredo.style import MIREDO, OWN, WINDOWS_7, Style
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import addresses, icmpv6, teredo
from sensor.wire.addresses import packed
from tests.lab.teredo.world import advertisement

LOCAL = Endpoint(packed("192.168.0.2"), 41_658)
ADDRESS = packed("2001:0:c633:6401:180e:5d45:34ff:8efd")


class Scripted(Random):
    """Draws the nonces and flags that the captured client drew, everything else as it comes."""

    def __init__(self, nonces: list[bytes], flags: int) -> None:
        super().__init__(1)
        self._nonces = nonces
        self._flags = flags

    def randbytes(self, n: int) -> bytes:
        return self._nonces.pop(0) if n == teredo.NONCE_LENGTH else super().randbytes(n)

    def getrandbits(self, k: int) -> int:
        return self._flags


class Seen:
    """A datagram of a capture."""

    def __init__(self, frame: bytes) -> None:
        ip = frame[14:]
        start = (ip[0] & 15) * 4
        source, destination, length = struct.unpack_from("!HHH", ip, start)
        self.source = Endpoint(ip[12:16], source)
        self.destination = Endpoint(ip[16:20], destination)
        self.payload = ip[start + 8 : start + length]


def read(path: Path) -> list[Seen]:
    """Datagrams of a file of Ethernet frames, numbered from 1 on."""
    octets, at, found = path.read_bytes(), 24, [Seen(bytes(14) + b"\x45" + bytes(40))]
    while at < len(octets):
        (length,) = struct.unpack_from("<I", octets, at + 8)
        found.append(Seen(octets[at + 16 : at + 16 + length]))
        at += 16 + length
    return found


class Replay:
    """The client in the place of the captured one."""

    def __init__(self, seen: list[Seen]) -> None:
        self.seen = seen
        nonces = [seen[n].payload[4:12] for n in (1, 21)]
        settings = ClientSettings(packed("198.51.100.1"), LOCAL, style=MIREDO)
        self.client = Client(settings, Scripted(nonces, 0x180E))
        self.client.start(0.0)

    def sent(self) -> list[tuple[Endpoint, bytes]]:
        return [(d.destination, d.payload) for d in self.client.datagrams_to_send()]

    def give(self, number: int, now: float) -> list[tuple[Endpoint, bytes]]:
        """Hand it a captured datagram; what it sends."""
        found = self.seen[number]
        assert found.destination == LOCAL
        self.client.receive_datagram(found.payload, found.source, LOCAL, now)
        return self.sent()

    def expect(self, number: int) -> list[tuple[Endpoint, bytes]]:
        found = self.seen[number]
        assert found.source == LOCAL
        return [(found.destination, found.payload)]


@pytest.fixture
def replay(captures: Path) -> Replay:
    return Replay(read(captures / "miredo" / "nat-inside.pcap"))


def test_it_qualifies_with_miredos_octets_and_address(replay: Replay) -> None:
    assert replay.sent() == replay.expect(1)
    assert replay.give(2, 0.1) == []
    assert replay.client.address == ADDRESS
    assert replay.client.mapped == Endpoint(packed("203.0.113.2"), 41_658)


def test_it_refreshes_as_miredo_does(replay: Replay) -> None:
    replay.sent()
    replay.give(2, 0.1)
    assert replay.client.get_timer() == 30.0
    replay.client.handle_timer(30.0)
    assert replay.sent() == replay.expect(21)
    replay.give(22, 30.1)
    assert replay.client.address == ADDRESS
    assert replay.client.drops == {}


def test_the_whole_conversation_through_miredos_relay(replay: Replay) -> None:
    client = replay.client
    replay.sent()
    replay.give(2, 0.1)
    client.send_ipv6(replay.seen[7].payload, 14.0)
    ((server, ping),) = replay.sent()
    captured = replay.seen[3]
    assert server == captured.destination
    assert len(ping) == len(captured.payload)
    assert ping[:42] == captured.payload[:42]  # up to the checksum: the nonce differs
    assert replay.give(4, 14.1) == replay.expect(5)
    # The relay's answer to our nonce instead of Miredo's.
    reply = replay.seen[6]
    message = icmpv6.build(reply.payload[8:24], ADDRESS, icmpv6.ECHO_REPLY, 0, ping[44:])
    client.receive_datagram(reply.payload[:40] + message, reply.source, LOCAL, 14.2)
    assert replay.sent() == replay.expect(7)
    assert client.ipv6_to_deliver() == []
    for number in range(8, 21):
        found = replay.seen[number]
        if found.source == LOCAL:
            client.send_ipv6(found.payload, 14.3)
            assert replay.sent() == replay.expect(number)
        else:
            assert replay.give(number, 14.3) == []
            assert client.ipv6_to_deliver() == [found.payload]
    assert client.drops == {}


def test_microsofts_server_is_understood_as_server_and_as_relay(captures: Path) -> None:
    """Its advertisement has no MTU option and a dirty prefix; it relays from its own end."""
    seen = read(captures / "ndpi" / "teredo.pcap")
    server, local = seen[1].destination, seen[1].source
    nonces = [seen[1].payload[4:12], bytes(8)]
    client = Client(ClientSettings(server.ip, local, style=WINDOWS_7), Scripted(nonces, 0))
    client.start(0.0)
    client.receive_datagram(seen[2].payload, seen[2].source, local, 0.1)
    assert client.drops == {}
    asked = [datagram.destination for datagram in client.datagrams_to_send()]
    assert asked == [server, Endpoint(following(server.ip), server.port)]


def qualified(server: bytes, mapped: Endpoint, flags: int = 0, style: Style = MIREDO) -> Client:
    """A client whose Teredo address is known."""
    chosen = replace(style, asks_secondary=False)
    client = Client(ClientSettings(server, LOCAL, style=chosen), Scripted([bytes(8)], flags))
    client.start(0.0)
    (asked,) = client.datagrams_to_send()
    answer = advertisement(asked.payload, mapped, server=server)
    client.receive_datagram(answer, Endpoint(server, 3544), LOCAL, 0.1)
    return client


def test_miredos_forwarded_bubble_is_answered_at_its_origin() -> None:
    bubble = bytes.fromhex(
        "6000000000003bff 20010000cb007101000063bf34ff8ef5 20010000cb007101000063be34ff8ef5"
    )
    server, peer = packed("203.0.113.1"), Endpoint(packed("203.0.113.10"), 40_000)
    trailer = bytes.fromhex("0104deadbeef")
    client = qualified(server, Endpoint(peer.ip, 40_001), style=OWN)
    origin = bytes.fromhex("000063bf34ff8ef5")
    client.receive_datagram(origin + bubble + trailer, Endpoint(server, 3544), LOCAL, 1.0)
    answer = client.datagrams_to_send()[0]
    assert (answer.destination, answer.packet) == (peer, TeredoPacket.BUBBLE)
    assert answer.payload[8:40] == bubble[24:40] + bubble[8:24]
    assert answer.payload[40:] == trailer


def test_windows_bubble_without_origin_is_answered_at_its_embedded_mapping(
    captures: Path,
) -> None:
    """Inside GTP-U: a bubble with nonce and alternate address, from one Windows to another."""
    octets = (captures / "zeek" / "gtp8_teredo.pcap").read_bytes()
    ends = [packed(text) for text in (
        "2001:0:5ef5:79fd:3098:1099:acae:8abb", "2001:0:5ef5:79fd:2093:3b91:2b37:be87"
    )]  # fmt: skip
    start = octets.index(ends[0] + ends[1]) - 8
    payload = octets[start : start + 56]
    peer, own = (addresses.parse_teredo(end) for end in ends)
    assert peer is not None
    assert own is not None
    client = qualified(own.server, Endpoint(own.ip, own.port), own.flags, WINDOWS_7)
    assert client.address == ends[1]
    client.receive_datagram(payload, Endpoint(own.server, 3544), LOCAL, 1.0)
    direct, indirect = client.datagrams_to_send()
    assert direct.destination == Endpoint(peer.ip, peer.port)
    assert direct.payload == teredo.build_bubble(ends[1], ends[0]) + payload[40:46]
    assert indirect.destination == Endpoint(peer.server, 3544)
    assert len(indirect.payload) == len(payload)
