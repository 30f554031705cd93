"""Wireshark reads what ISATAP and 6over4 build, and has nothing to complain about."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sensor.capture.writer import PcapWriter
from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour.isatap import IsatapHost
from sensor.lab.sixinfour.isatap_router import IsatapRouter
from sensor.lab.sixinfour.settings import (
    IsatapHostSettings,
    IsatapRouterSettings,
    SixOverFourSettings,
)
from sensor.lab.sixinfour.sixoverfour import SixOverFour
from sensor.wire import ipv4
from sensor.wire.addresses import packed, text
from tests.lab.sixinfour.site import NATIVE, PREFIX, Member, Site, data, neighbour

HOST, OTHER, ROUTER = packed("10.1.1.2"), packed("203.0.113.9"), packed("10.1.0.1")
RAW_IP = 101  # link type
FIELDS = (
    "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "ipv6.nxt", "icmpv6.type", "icmpv6.opt.type",
    "icmpv6.opt.prefix", "icmpv6.nd.ns.target_address", "icmpv6.nd.na.target_address",
)  # fmt: skip


def conversation(site: Site, router: Member, host: Member, other: Member) -> list[OuterPacket]:
    """Both hosts find the router, each other and the world beyond, and are asked after."""
    site.run(5)
    site.send(host, data(host.address, other.address))
    site.send(host, data(host.address, NATIVE))
    site.run(1)
    site.send(router, data(NATIVE, other.address))
    site.run(40)
    site.send(host, data(host.address, other.address))
    site.run(30)
    members = (router, host, other)
    site.stop(router)
    return [packet for member in members for packet in member.sent]


def of_isatap() -> list[OuterPacket]:
    site = Site()
    router = site.add(IsatapRouter(IsatapRouterSettings(ROUTER, PREFIX), Random(1)))
    host, other = (
        site.add(IsatapHost(IsatapHostSettings(ip, (ROUTER,)), Random(1))) for ip in (HOST, OTHER)
    )
    sent = conversation(site, router, host, other)
    asking = neighbour(host.machine.link_local, other.address, 135, other.address)
    other.machine.receive_packet(OuterPacket(HOST, OTHER, 41, asking), site.now)
    return [*sent, *other.machine.packets_to_send()]


def of_sixoverfour() -> list[OuterPacket]:
    site = Site()
    router, host, other = (
        site.add(SixOverFour(SixOverFourSettings(ip, prefix), Random(1)))
        for ip, prefix in ((ROUTER, PREFIX), (HOST, None), (OTHER, None))
    )
    sent = conversation(site, router, host, other)
    group = packed("ff02::1:ff01:102")
    taking = neighbour(bytes(16), group, 135, host.machine.link_local)
    outer = OuterPacket(OTHER, packed("239.192.1.2"), 41, taking)
    host.machine.receive_packet(outer, site.now)
    return [*sent, *host.machine.packets_to_send()]


def seen(tshark: Path, folder: Path, sent: list[OuterPacket]) -> list[dict[str, list[str]]]:
    capture = folder / "sent.pcap"
    with capture.open("wb") as stream:
        writer = PcapWriter(stream, RAW_IP)
        for number, packet in enumerate(sent):
            whole = ipv4.build(
                packet.source, packet.destination, packet.protocol, packet.payload, ttl=packet.ttl
            )
            writer.write(whole, number)
    command = [str(tshark), "-r", str(capture), "-T", "json",
               "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
               "-e", "_ws.malformed", "-e", "_ws.expert.message"]  # fmt: skip
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    packets: list[dict[str, Any]] = json.loads(done.stdout)
    return [packet["_source"]["layers"] for packet in packets]


SENT = {
    "isatap": (of_isatap(), {None, "133", "134", "136"}),
    "6over4": (of_sixoverfour(), {None, "133", "134", "135", "136"}),
}


@pytest.mark.parametrize(("sent", "kinds"), SENT.values(), ids=SENT)
def test_wireshark_reads_the_same(
    sent: list[OuterPacket], kinds: set[str | None], tmp_path: Path, tshark: Path
) -> None:
    packets = seen(tshark, tmp_path, sent)
    assert len(packets) == len(sent)
    assert {packet.get("icmpv6.type", [None])[0] for packet in packets} == kinds
    for outer, packet in zip(sent, packets, strict=True):
        assert "_ws.malformed" not in packet
        assert packet.get("_ws.expert.message", []) == []
        assert packet["ip.src"] + packet["ip.dst"] == [text(outer.source), text(outer.destination)]
        assert packet["ipv6.src"] == [text(outer.payload[8:24])]
        assert packet["ipv6.dst"] == [text(outer.payload[24:40])]


def test_wireshark_reads_options_and_targets(tmp_path: Path, tshark: Path) -> None:
    packets = seen(tshark, tmp_path, of_sixoverfour())
    advertised = [packet for packet in packets if packet.get("icmpv6.type") == ["134"]]
    assert all(packet["icmpv6.opt.type"] == ["3", "1"] for packet in advertised)
    assert all(packet["icmpv6.opt.prefix"] == ["2001:db8:15:a::"] for packet in advertised)
    targets = {packet["icmpv6.nd.ns.target_address"][0] for packet in packets
               if "icmpv6.nd.ns.target_address" in packet}  # fmt: skip
    assert "2001:db8:15:a::cb00:7109" in targets
