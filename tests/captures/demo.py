"""The bundled demo capture, ``sensor/data/demo.pcap``: one minute at the inside of a NAT.

``python -m tests.captures.demo`` writes the file. Every octet is decided here: addresses are those
of documentation, link-layer addresses are locally administered, and nothing is random.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sensor.capture.writer import PcapWriter
from sensor.wire import checksum, icmpv6, ipv4, ipv6, link, sixinfour, tcp, teredo, udp
from sensor.wire.addresses import ALL_ROUTERS, TeredoAddress, build_server_link_local, packed
from sensor.wire.ports import DNS_PORT, TEREDO_PORT
from sensor.wire.tcp import ACK, FIN, PSH, RST, SYN

PATH = Path(__file__).resolve().parents[2] / "sensor" / "data" / "demo.pcap"
START = 1_795_248_000_000_000_000  # 2026-11-21T08:00:00Z
MILLISECOND = 1_000_000
ETHERTYPE_ARP = 0x0806
SMALLEST_FRAME = 60  # without the check sequence

End = tuple[bytes, int]  # address and port


class Host(NamedTuple):
    """Someone on the wire: the inside hosts, and the gateway that stands for everyone else."""

    ip: bytes
    mac: bytes


ALICE = Host(packed("192.168.1.20"), bytes.fromhex("020000000020"))
BOB = Host(packed("192.168.1.30"), bytes.fromhex("020000000030"))
CAROL = Host(packed("192.168.1.40"), bytes.fromhex("020000000040"))
GATEWAY = Host(packed("192.168.1.1"), bytes.fromhex("020000000001"))
HOSTS = {host.ip: host for host in (ALICE, BOB, CAROL)}

# Teredo: ALICE's socket, its hole in the NAT, both addresses of the server, the relay.
CLIENT: End = (ALICE.ip, 53417)
MAPPED: End = (packed("203.0.113.7"), 61044)
SERVER: End = (packed("198.51.100.1"), TEREDO_PORT)
SECOND: End = (packed("198.51.100.2"), TEREDO_PORT)
RELAY: End = (packed("192.0.2.66"), 3545)
FLAGS = 0x1C4A  # random bits as RFC 5991 section 3.1 asks, no cone bit

ADDRESS = TeredoAddress(SERVER[0], FLAGS, MAPPED[1], MAPPED[0], legacy=False).build()
SOLICITING = TeredoAddress(SERVER[0], FLAGS, CLIENT[1], ALICE.ip, legacy=False).build_link_local()
RELAY_LINK_LOCAL = packed("fe80::3545:66")
REMOTE = packed("2001:db8:77::5")
SCANNER = packed("2001:db8:99::22")
NONCES = (
    bytes.fromhex("5d3f1a88c2e40b97"),
    bytes.fromhex("9e06c7714bd2f538"),
    bytes.fromhex("27b8e15f903c6ad4"),
)

# 6in4: BOB and the broker that gave him his prefix.
BROKER = packed("198.51.100.60")
BOB_ADDRESS = packed("2001:db8:30::2")
BROKER_ADDRESS = packed("2001:db8:30::1")
TLS_SERVER = packed("2001:db8:5::443")

MSS_INNER = bytes.fromhex("020404c4")  # 1220, for the 1280 octets of a tunnel
MSS_OUTER = bytes.fromhex("020405b4")  # 1460

Timed = tuple[float, bytes]  # milliseconds since START, an IPv4 packet or a whole frame


# frames


def frame(packet: bytes) -> bytes:
    """An IPv4 packet between an inside host and the gateway, padded as a card pads it."""
    source, destination = packet[12:16], packet[16:20]
    sender = HOSTS.get(source, GATEWAY)
    receiver = HOSTS.get(destination, GATEWAY)
    return _ethernet(packet, link.ETHERTYPE_IPV4, sender.mac, receiver.mac)


def _ethernet(payload: bytes, ethertype: int, source: bytes, destination: bytes) -> bytes:
    built = link.build_ethernet(payload, ethertype, source, destination)
    return built.ljust(SMALLEST_FRAME, b"\0")


def _number(packet: bytes) -> int:
    """An IPv4 identification from the packet itself: different ones for different packets."""
    return checksum.internet_checksum(packet)


def datagram(source: End, destination: End, payload: bytes) -> bytes:
    built = udp.build(source[0], destination[0], source[1], destination[1], payload)
    return _ipv4(source[0], destination[0], udp.PROTOCOL, built)


def _ipv4(source: bytes, destination: bytes, protocol: int, payload: bytes) -> bytes:
    return ipv4.build(
        source,
        destination,
        protocol,
        payload,
        ttl=64 if source in HOSTS else 54,
        identification=_number(payload),
    )


# conversations over TCP, whatever carries them


class Side:
    """One end of a TCP connection; its segments are IP packets of the right version."""

    def __init__(self, address: bytes, port: int, sequence: int, hop_limit: int = 64) -> None:
        self.address, self.port = address, port
        self.next = sequence
        self.hop_limit = hop_limit

    def send(self, to: Side, flags: int, payload: bytes = b"", options: bytes = b"") -> bytes:
        segment = tcp.build(
            self.address,
            to.address,
            self.port,
            to.port,
            sequence=self.next,
            acknowledgement=to.next if flags & ACK else 0,
            flags=flags,
            window=0 if flags & RST else 64240,
            payload=payload,
            options=options,
        )
        self.next += len(payload) + bool(flags & (SYN | FIN))
        if len(self.address) == 4:
            return _ipv4(self.address, to.address, tcp.PROTOCOL, segment)
        return ipv6.build(self.address, to.address, tcp.PROTOCOL, segment, hop_limit=self.hop_limit)


def _exchange(client: Side, server: Side, asked: bytes, answered: bytes) -> Iterator[bytes]:
    """A whole connection: open, one question, one answer, close by the server."""
    options = MSS_OUTER if len(client.address) == 4 else MSS_INNER
    yield client.send(server, SYN, options=options)
    yield server.send(client, SYN | ACK, options=options)
    yield client.send(server, ACK)
    yield client.send(server, PSH | ACK, asked)
    yield server.send(client, ACK)
    yield server.send(client, PSH | ACK, answered)
    yield server.send(client, FIN | ACK)
    yield client.send(server, FIN | ACK)
    yield server.send(client, ACK)


# the scene


def ordinary() -> Iterator[Timed]:
    """What a sensor sees most of: ARP, DNS, IPv4 TCP."""
    asked = struct.pack("!HHBBH", 1, link.ETHERTYPE_IPV4, 6, 4, 1)
    asked += ALICE.mac + ALICE.ip + bytes(6) + GATEWAY.ip
    told = struct.pack("!HHBBH", 1, link.ETHERTYPE_IPV4, 6, 4, 2)
    told += GATEWAY.mac + GATEWAY.ip + ALICE.mac + ALICE.ip
    yield 0, _ethernet(asked, ETHERTYPE_ARP, ALICE.mac, b"\xff" * 6)
    yield 0.21, _ethernet(told, ETHERTYPE_ARP, GATEWAY.mac, ALICE.mac)
    question = b"\x06teredo\x07example\x03net\x00" + struct.pack("!HH", 1, 1)
    answer = struct.pack("!HHHIH", 0xC00C, 1, 1, 300, 4) + SERVER[0]
    resolver, asker = (GATEWAY.ip, DNS_PORT), (ALICE.ip, 40123)
    query = struct.pack("!6H", 0x2A51, 0x0100, 1, 0, 0, 0) + question
    reply = struct.pack("!6H", 0x2A51, 0x8180, 1, 1, 0, 0) + question + answer
    yield 3.4, frame(datagram(asker, resolver, query))
    yield 21.9, frame(datagram(resolver, asker, reply))
    browser, site = Side(CAROL.ip, 50112, 70_000), Side(packed("192.0.2.80"), 80, 900_000)
    request = b"GET / HTTP/1.1\r\nHost: www.example.net\r\nConnection: close\r\n\r\n"
    response = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    for i, packet in enumerate(_exchange(browser, site, request, response)):
        yield 5_100 + 11.3 * i, frame(packet)


def _solicitation(server: End, nonce: bytes) -> bytes:
    message = icmpv6.build_router_solicitation(SOLICITING, ALL_ROUTERS)
    packet = ipv6.build(SOLICITING, ALL_ROUTERS, icmpv6.PROTOCOL, message, hop_limit=255)
    authentication = teredo.build_authentication(nonce)
    return datagram(CLIENT, server, teredo.encapsulate(packet, authentication=authentication))


def _advertisement(server: End, nonce: bytes) -> bytes:
    """Both addresses of a server advertise the prefix of the first one."""
    source = build_server_link_local(SERVER[0])
    prefix = icmpv6.PrefixInformation(64, 0x40, 0xFFFFFFFF, 0xFFFFFFFF, ADDRESS[:8] + bytes(8))
    message = icmpv6.build_router_advertisement(
        source, SOLICITING, icmpv6.RouterAdvertisement(0, 0, 0, 0, 2000, (prefix,), 1280)
    )
    packet = ipv6.build(source, SOLICITING, icmpv6.PROTOCOL, message, hop_limit=255)
    payload = teredo.encapsulate(
        packet,
        authentication=teredo.build_authentication(nonce),
        origin=teredo.build_origin(*MAPPED),
    )
    return datagram(server, CLIENT, payload)


def qualification() -> Iterator[Timed]:
    """Both addresses of the server see one mapping; half a minute later it is kept alive."""
    first, second, refresh = NONCES
    yield 1_000, frame(_solicitation(SERVER, first))
    yield 1_032.6, frame(_advertisement(SERVER, first))
    yield 1_033.1, frame(_solicitation(SECOND, second))
    yield 1_066.4, frame(_advertisement(SECOND, second))
    yield 31_040, frame(_solicitation(SERVER, refresh))
    yield 31_071.8, frame(_advertisement(SERVER, refresh))


def _echo(source: bytes, destination: bytes, kind: int, sequence: int, hop_limit: int) -> bytes:
    body = struct.pack("!HH", 0x4E14, sequence) + b"v6tunnel-sensor demo"
    message = icmpv6.build(source, destination, kind, 0, body)
    return ipv6.build(source, destination, icmpv6.PROTOCOL, message, hop_limit=hop_limit)


def connectivity_test() -> Iterator[Timed]:
    """An echo through the server comes back through the relay, after a bubble in each direction."""
    request = _echo(ADDRESS, REMOTE, icmpv6.ECHO_REQUEST, 1, 64)
    yield 2_000, frame(datagram(CLIENT, SERVER, request))
    yield from _bubbles(2_044.2)
    reply = _echo(REMOTE, ADDRESS, icmpv6.ECHO_REPLY, 1, 57)
    yield 2_066.9, frame(datagram(RELAY, CLIENT, reply))


def _bubbles(at: float) -> Iterator[Timed]:
    """The relay asks for a hole through the server, the client opens it (RFC 4380 section 5.2)."""
    indirect = teredo.encapsulate(
        teredo.build_bubble(RELAY_LINK_LOCAL, ADDRESS), origin=teredo.build_origin(*RELAY)
    )
    yield at, frame(datagram(SERVER, CLIENT, indirect))
    direct = teredo.build_bubble(ADDRESS, RELAY_LINK_LOCAL)
    yield at + 0.3, frame(datagram(CLIENT, RELAY, direct))


def _through_relay(packet: bytes) -> bytes:
    ends = (CLIENT, RELAY) if packet[8:24] == ADDRESS else (RELAY, CLIENT)
    return frame(datagram(*ends, packet))


def exposed_web() -> Iterator[Timed]:
    """A stranger opens TCP port 80 of ALICE through her tunnel and is served."""
    remote, own = Side(REMOTE, 49180, 1_000_000, hop_limit=57), Side(ADDRESS, 80, 5_000_000)
    request = b"GET /status HTTP/1.1\r\nHost: printer\r\nConnection: close\r\n\r\n"
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nready\n"
    for i, packet in enumerate(_exchange(remote, own, request, response)):
        yield 11_000 + 16.2 * i, _through_relay(packet)


def refused_shell() -> Iterator[Timed]:
    """Another one tries TCP port 22, which is closed."""
    yield from _bubbles(18_400)
    scanner, own = Side(SCANNER, 40022, 3_000_000, hop_limit=49), Side(ADDRESS, 22, 0)
    opening = scanner.send(own, SYN, options=MSS_INNER)
    yield 18_431.5, _through_relay(opening)
    yield 18_431.7, _through_relay(own.send(scanner, RST | ACK))


def _six_in_four(packet: bytes) -> bytes:
    outbound = packet[8:24] == BOB_ADDRESS
    source, destination = (BOB.ip, BROKER) if outbound else (BROKER, BOB.ip)
    return frame(_ipv4(source, destination, sixinfour.PROTOCOL, packet))


def broker_tunnel() -> Iterator[Timed]:
    """BOB pings his broker and opens a TLS connection: a tunnel, but nothing of his exposed."""
    for sequence in (1, 2):
        at = 22_000 + 1_000 * sequence
        ping = _echo(BOB_ADDRESS, BROKER_ADDRESS, icmpv6.ECHO_REQUEST, sequence, 64)
        pong = _echo(BROKER_ADDRESS, BOB_ADDRESS, icmpv6.ECHO_REPLY, sequence, 64)
        yield at, _six_in_four(ping)
        yield at + 24.7, _six_in_four(pong)
    client, server = Side(BOB_ADDRESS, 51844, 20_000_000), Side(TLS_SERVER, 443, 80_000_000, 58)
    for i, packet in enumerate(_exchange(client, server, _client_hello(), _tls_alert())):
        yield 25_000 + 14.9 * i, _six_in_four(packet)


def _client_hello() -> bytes:
    """TLS 1.2 with one cipher suite and a server name (RFC 5246 section 7.4.1.2)."""
    name = b"www.example.net"
    server_name = struct.pack("!HBH", len(name) + 3, 0, len(name)) + name
    extensions = struct.pack("!HH", 0, len(server_name)) + server_name
    body = b"\x03\x03" + bytes(range(32)) + b"\x00" + bytes.fromhex("0002c02f") + b"\x01\x00"
    body += struct.pack("!H", len(extensions)) + extensions
    handshake = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + struct.pack("!H", len(handshake)) + handshake


def _tls_alert() -> bytes:
    """Fatal: handshake_failure."""
    return bytes.fromhex("15 0303 0002 02 28")


def frames() -> list[tuple[int, bytes]]:
    """Every frame with its time in nanoseconds since 1970 UTC, in order."""
    scenes = (
        ordinary,
        qualification,
        connectivity_test,
        exposed_web,
        refused_shell,
        broker_tunnel,
    )
    timed = [moment for scene in scenes for moment in scene()]
    return [(START + round(at * MILLISECOND), made) for at, made in sorted(timed)]


def write(path: Path) -> None:
    with path.open("wb") as stream:
        writer = PcapWriter(stream)
        for time, made in frames():
            writer.write(made, time)


if __name__ == "__main__":
    write(PATH)
