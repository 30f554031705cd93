"""Wireshark reads AYIYA as it is meant, and TSP's data as IPv6."""

from __future__ import annotations

from pathlib import Path

from sensor.wire import ayiya
from sensor.wire.addresses import text
from sensor.wire.cursor import Cursor
from tests.lab.brokers.parties import ayiya_pair, tsp_pair
from tests.lab.framing.parties import ALICE, NATIVE, Pair, data
from tests.lab.framing.wireshark import in_ipv4, read


def talked(pair: Pair) -> Pair:
    address = pair.client.address
    assert address is not None
    pair.up(data(address, NATIVE))
    pair.down(data(NATIVE, address))
    pair.wait(100)
    return pair


def test_ayiya(tmp_path: Path, tshark: Path) -> None:
    sent = talked(ayiya_pair()).sent
    fields = ("ayiya.opcode", "ayiya.hashmethod", "ayiya.authmethod", "ayiya.epoch", "ipv6.src")
    seen = read(tshark, tmp_path, in_ipv4(sent), fields)
    headers = [ayiya.parse(Cursor(each.payload)) for each in sent]
    assert [int(packet["ayiya.opcode"][0], 0) for packet in seen] == [
        header.opcode for header in headers
    ]
    assert {header.opcode for header in headers} == {
        ayiya.NOOP, ayiya.FORWARD, ayiya.ECHO, ayiya.ECHO_REPLY
    }  # fmt: skip
    sources = [packet["ipv6.src"][0] for packet in seen if "ipv6.src" in packet]
    assert sources == [text(ALICE), text(NATIVE)]


def test_tsp(tmp_path: Path, tshark: Path) -> None:
    sent = talked(tsp_pair()).sent
    bare = [each for each in sent if each.payload[0] >> 4 == 6]
    assert len(read(tshark, tmp_path, in_ipv4(sent), ())) == len(sent)
    fields = ("ipv6.src", "ipv6.dst", "icmpv6.type")
    seen = read(tshark, tmp_path, in_ipv4(bare), fields, "-d", "udp.port==3653,ipv6")
    assert [packet["ipv6.src"][0] for packet in seen] == [text(each.payload[8:24]) for each in bare]
    types = [packet["icmpv6.type"][0] for packet in seen if "icmpv6.type" in packet]
    assert types.count("128") == types.count("129") == len(bare) // 2 - 1 >= 4
