"""Wireshark reads what our endpoints build as they mean it, and finds nothing malformed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sensor.capture.writer import PcapWriter
from sensor.lab.machine import Datagram
from sensor.lab.teredo.server import Server
from sensor.lab.teredo.settings import ServerSettings
from sensor.lab.teredo.style import MIREDO, OWN, WINDOWS_7, WINDOWS_XP, Style
from sensor.wire import ipv4, teredo, udp
from sensor.wire.addresses import packed, text
from tests.lab.teredo.parties import (
    CLIENT,
    CLIENT_END,
    CONE_SOLICITING,
    NATIVE,
    NONCE,
    OTHER,
    OTHER_END,
    PRIMARY,
    RELAY_END,
    RELAY_SOURCE,
    SECONDARY,
    SERVER_LOCAL,
    bubble,
    data,
    echo,
    hear,
    relay,
    solicitation,
)
from tests.lab.teredo.world import LOCAL, PUBLIC, Nat, World
from tests.lab.teredo.world import NATIVE as world_native

RAW_IP = 101  # link type
FIELDS = (
    "udp.srcport", "teredo.auth.nonce", "teredo.orig.addr", "teredo.orig.port", "ipv6.src",
    "ipv6.dst", "ipv6.nxt", "icmpv6.type", "icmpv6.opt.prefix", "icmpv6.opt.mtu",
)  # fmt: skip


def of_server() -> list[Datagram]:
    server = Server(ServerSettings(PRIMARY.ip, SECONDARY.ip), Random(6))
    authenticated = teredo.build_authentication(NONCE) + solicitation()
    server.receive_datagram(authenticated, CLIENT_END, PRIMARY, 0.0)
    server.receive_datagram(solicitation(CONE_SOLICITING), CLIENT_END, PRIMARY, 0.0)
    server.receive_datagram(bubble(NATIVE, CLIENT), RELAY_END, PRIMARY, 0.0)
    server.receive_datagram(bubble(OTHER, CLIENT), OTHER_END, PRIMARY, 0.0)
    server.receive_datagram(echo(CLIENT, SERVER_LOCAL), CLIENT_END, PRIMARY, 0.0)
    return server.datagrams_to_send()


def of_relay() -> list[Datagram]:
    machine = relay(direct_bubbles=True)
    machine.send_ipv6(data(NATIVE, CLIENT), 0.0)
    hear(machine, bubble(CLIENT, RELAY_SOURCE), CLIENT_END, 1.0)
    hear(machine, data(CLIENT, NATIVE, hop_limit=1), CLIENT_END, 1.0)
    return machine.datagrams_to_send()


def of_client(style: Style) -> list[Datagram]:
    """Its solicitations, test, announcement, data, and bubbles with all trailers it can send."""
    world = World()
    keeps_ports = Nat(PUBLIC, symmetric=True, preserving=True)
    host = world.add(keeps_ports if style.trailers else Nat(PUBLIC), style=style,
                     local_discovery=True)  # fmt: skip
    world.run(15.0)
    world.send(host, data(host.address, world_native))
    world.send(host, data(host.address, OTHER))
    world.run(8.0)
    return host.sent


def seen(tshark: Path, folder: Path, sent: list[Datagram]) -> list[dict[str, list[str]]]:
    capture = folder / "sent.pcap"
    with capture.open("wb") as stream:
        writer = PcapWriter(stream, RAW_IP)
        for number, (source, destination, payload, _, ttl, _) in enumerate(sent):
            datagram = udp.build(source.ip, destination.ip, source.port, destination.port, payload)
            packet = ipv4.build(source.ip, destination.ip, udp.PROTOCOL, datagram, ttl=ttl)
            writer.write(packet, number)
    command = [str(tshark), "-r", str(capture), "-T", "json", "-d", "udp.port==3545,teredo",
               "-d", f"udp.port=={LOCAL.port},teredo",
               "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
               "-e", "_ws.malformed", "-e", "_ws.expert.message"]  # fmt: skip
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    packets: list[dict[str, Any]] = json.loads(done.stdout)
    return [packet["_source"]["layers"] for packet in packets]


def hexadecimal(field: str) -> bytes:
    return bytes.fromhex(field.removeprefix("0x").replace(":", ""))


SENT = {
    "server and relay": (of_server() + of_relay(), 9),
    **{name: (of_client(style), least) for name, style, least in (
        ("own", OWN, 12), ("windows-xp", WINDOWS_XP, 12), ("windows-7", WINDOWS_7, 12),
        ("miredo", MIREDO, 12),
    )},
}  # fmt: skip


@pytest.mark.parametrize(("sent", "least"), SENT.values(), ids=SENT)
def test_wireshark_reads_the_same(
    sent: list[Datagram], least: int, tmp_path: Path, tshark: Path
) -> None:
    packets = seen(tshark, tmp_path, sent)
    assert len(packets) == len(sent) >= least
    for datagram, packet in zip(sent, packets, strict=True):
        assert "_ws.malformed" not in packet
        assert not any(
            "checksum" in words.lower() for words in packet.get("_ws.expert.message", [])
        )
        parsed = teredo.parse(datagram.payload)
        nonces = [hexadecimal(field) for field in packet.get("teredo.auth.nonce", [])]
        assert nonces == [header.nonce for header in parsed.authentications]
        origins = zip(
            packet.get("teredo.orig.addr", []), packet.get("teredo.orig.port", []), strict=True
        )
        assert [(packed(ip), int(port)) for ip, port in origins] == [
            (origin.ip, origin.port) for origin in parsed.origins
        ]
        assert packet["ipv6.src"][0] == text(parsed.header.source)
        assert packet["ipv6.dst"][0] == text(parsed.header.destination)
        assert int(packet["ipv6.nxt"][0]) == parsed.header.next_header


def test_among_them_are_all_trailers_that_we_send() -> None:
    kinds = {t.type for d in of_client(OWN) for t in teredo.parse(d.payload).trailers}
    assert kinds == {
        teredo.TRAILER_NONCE, teredo.TRAILER_ALTERNATE_ADDRESS, teredo.TRAILER_RANDOM_PORT
    }  # fmt: skip


def test_wireshark_reads_the_advertisement(tmp_path: Path, tshark: Path) -> None:
    (advertisement, from_other, *_) = seen(tshark, tmp_path, of_server())
    assert advertisement["icmpv6.type"] == ["134"]
    assert advertisement["icmpv6.opt.prefix"] == ["2001:0:cb00:7101::"]
    assert advertisement["icmpv6.opt.mtu"] == ["1280"]
    assert from_other["icmpv6.opt.prefix"] == advertisement["icmpv6.opt.prefix"]
