"""Wireshark reads what our protocol-41 ends build as they mean it, and finds nothing wrong."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sensor.capture.writer import PcapWriter
from sensor.lab.machine import OuterPacket, RawMachine
from sensor.lab.sixinfour.settings import LinkSettings
from sensor.wire import icmpv4, icmpv6, ipv4, ipv6
from sensor.wire.addresses import text
from sensor.wire.cursor import Cursor
from tests.lab.sixinfour.ends import (
    BORDER,
    EDGE,
    FAR,
    LOCAL,
    NATIVE,
    NEAR,
    OTHER_EDGE,
    OTHER_SITE,
    OWN_SITE,
    REMOTE,
    border,
    carried,
    edge,
    error_about,
    hear,
    home,
    peer,
    relay,
    router,
)
from tests.lab.sixinfour.test_reachability import solicitation
from tests.lab.teredo.parties import data, echo

RAW_IP = 101  # link type
FIELDS = (
    "ip.src", "ip.dst", "ip.proto", "ip.ttl", "ip.dsfield", "ip.flags.df", "ipv6.src", "ipv6.dst",
    "ipv6.nxt", "icmpv6.type",
)  # fmt: skip


def sent_by(machine: RawMachine, *packets: bytes) -> list[OuterPacket]:
    for packet in packets:
        machine.send_ipv6(packet, 0.0)
    assert machine.drops == {}
    return machine.packets_to_send()


def of_peer() -> list[OuterPacket]:
    machine = peer(LinkSettings(mtu=1_480, ttl=20))
    hear(machine, solicitation(), REMOTE, LOCAL)
    hear(machine, echo(NEAR, machine.link_local, octets=56), REMOTE, LOCAL)
    return sent_by(machine, data(NEAR, FAR), data(NEAR, FAR, bytes(1_432)), echo(NEAR, FAR))


def of_6to4() -> list[OuterPacket]:
    site = sent_by(router(), data(OWN_SITE, OTHER_SITE), data(OWN_SITE, NATIVE))
    return site + sent_by(relay(anycast=True), data(NATIVE, OTHER_SITE, hop_limit=1))


def of_6rd() -> list[OuterPacket]:
    machine, serving = edge(), border()
    classed = ipv6.build(home(EDGE), NATIVE, 59, b"", traffic_class=0xB8)
    machine.probe(0.0)
    (probe, *others) = sent_by(machine, data(home(EDGE), home(OTHER_EDGE)), classed)
    serving.receive_packet(carried(probe.payload, EDGE, BORDER), 0.0)
    return [probe, *others, *sent_by(serving, data(NATIVE, home(EDGE)))]


def for_hosts() -> list[bytes]:
    """The ICMPv6 errors that hosts get: of a packet too big, and of one that did not arrive."""
    machine = peer()
    machine.send_ipv6(data(NEAR, FAR, bytes(1_240)), 0.0)
    machine.send_ipv6(data(NEAR, FAR, bytes(1_200)), 0.0)
    (sent,) = machine.packets_to_send()
    machine.receive_packet(error_about(sent), 0.0)
    machine.receive_packet(error_about(sent, icmpv4.UNREACHABLE, 4, mtu=1_400), 0.0)
    return machine.ipv6_to_deliver()


def outer(packet: OuterPacket) -> bytes:
    return ipv4.build(
        packet.source, packet.destination, packet.protocol, packet.payload,
        ttl=packet.ttl, tos=packet.tos, dont_fragment=packet.dont_fragment,
    )  # fmt: skip


def seen(tshark: Path, folder: Path, packets: list[bytes]) -> list[dict[str, list[str]]]:
    capture = folder / "sent.pcap"
    with capture.open("wb") as stream:
        writer = PcapWriter(stream, RAW_IP)
        for number, packet in enumerate(packets):
            writer.write(packet, number)
    command = [str(tshark), "-r", str(capture), "-T", "json", "-o", "ip.check_checksum:TRUE",
               "-o", "udp.check_checksum:TRUE", "-e", "_ws.malformed",
               "-e", "_ws.expert.message"]  # fmt: skip
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    layers = [packet["_source"]["layers"] for packet in found]
    for layer in layers:
        assert "_ws.malformed" not in layer
        complaints = " ".join(layer.get("_ws.expert.message", [])).lower()
        assert "checksum" not in complaints
        assert "malformed" not in complaints
    return layers


@pytest.mark.parametrize("sent", [of_peer(), of_6to4(), of_6rd()], ids=["6in4", "6to4", "6rd"])
def test_wireshark_reads_the_same(sent: list[OuterPacket], tmp_path: Path, tshark: Path) -> None:
    layers = seen(tshark, tmp_path, [outer(packet) for packet in sent])
    assert len(layers) == len(sent) >= 3
    for packet, layer in zip(sent, layers, strict=True):
        inner = ipv6.parse(Cursor(packet.payload))
        assert layer["ip.src"] == [text(packet.source)]
        assert layer["ip.dst"] == [text(packet.destination)]
        assert (layer["ip.proto"], layer["ip.ttl"]) == (["41"], [str(packet.ttl)])
        assert int(layer["ip.dsfield"][0], 16) == packet.tos
        assert layer["ip.flags.df"] == ["0"]
        assert layer["ipv6.src"] == [text(inner.source)]
        assert layer["ipv6.dst"] == [text(inner.destination)]
        assert layer["ipv6.nxt"] == [str(inner.next_header)]


def test_what_was_sent_has_all_that_they_can_say() -> None:
    assert [packet.payload[40] for packet in of_peer()[:2]] == [
        icmpv6.NEIGHBOUR_ADVERTISEMENT,
        icmpv6.ECHO_REPLY,
    ]
    assert [packet.tos for packet in of_6rd()] == [0, 0, 0xB8, 0, 0]


def test_wireshark_reads_what_hosts_are_told(tmp_path: Path, tshark: Path) -> None:
    layers = seen(tshark, tmp_path, for_hosts())
    assert [layer["icmpv6.type"][0] for layer in layers] == ["2", "1", "2"]
    assert all(layer["ipv6.dst"][0] == text(NEAR) for layer in layers)
