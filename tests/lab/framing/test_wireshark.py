"""Wireshark reads L2TP, 6a44 and 6bed4 as they are meant."""

from __future__ import annotations

from pathlib import Path

from sensor.schema.words import Kind
from sensor.wire.addresses import text
from tests.lab.framing.parties import ALICE, NATIVE, Pair, data
from tests.lab.framing.servers import (
    l2tp_client,
    l2tp_server,
    sixa44_client,
    sixa44_relay,
    sixbed4_peer,
    sixbed4_router,
)
from tests.lab.framing.wireshark import in_ipv4, read


def talked(pair: Pair) -> Pair:
    """Set up, with packets both ways, after two minutes, and stopped."""
    pair.start()
    address = pair.client.address
    assert address is not None
    assert pair.up(data(address, NATIVE)) == [data(address, NATIVE)]
    assert pair.down(data(NATIVE, address)) == [data(NATIVE, address)]
    pair.wait(120)
    pair.client.stop(pair.now)
    pair.settle()
    return pair


def test_l2tp(tmp_path: Path, tshark: Path) -> None:
    sent = talked(Pair(l2tp_client(), l2tp_server())).sent
    fields = ("l2tp.avp.message_type", "l2tp.avp.assigned_tunnel_id", "ppp.protocol", "ipv6.src")
    seen = read(tshark, tmp_path, in_ipv4(sent), fields)
    assert all("l2tp" in packet["frame.protocols"][0] for packet in seen)
    types = [int(packet["l2tp.avp.message_type"][0]) for packet in seen if fields[0] in packet]
    assert types == [1, 2, 3, 10, 11, 12, 6, 6, 4]
    inner = [packet for packet in seen if "ipv6.src" in packet]
    assert [packet["ipv6.src"] for packet in inner] == [[text(ALICE)], [text(NATIVE)]]
    assert all("udp.srcport" not in packet for packet in inner)
    assert all(int(packet["ppp.protocol"][0], 0) == 0x57 for packet in inner)


def test_sixa44(tmp_path: Path, tshark: Path) -> None:
    sent = talked(Pair(sixa44_client(), sixa44_relay())).sent
    data_sent = [each for each in sent if len(each.payload) > 20]
    seen = read(tshark, tmp_path, in_ipv4(sent), ("udp.port",), "-d", "udp.port==1027,data")
    assert all(packet["udp.port"].count("1027") == 1 for packet in seen)
    seen = read(tshark, tmp_path, in_ipv4(data_sent), ("ipv6.dst",), "-d", "udp.port==1027,ipv6")
    assert [packet["ipv6.dst"][0] for packet in seen] == [
        text(each.payload[24:40]) for each in data_sent
    ]


def test_sixbed4(tmp_path: Path, tshark: Path) -> None:
    sent = talked(Pair(sixbed4_peer(), sixbed4_router())).sent
    assert {each.kind for each in sent} == {Kind.SIXBED4, Kind.NONE}
    whole = [each for each in sent if each.payload]
    fields = ("icmpv6.type", "icmpv6.opt.prefix.length", "ipv6.src")
    seen = read(tshark, tmp_path, in_ipv4(whole), fields, "-d", "udp.port==25790,ipv6")
    assert [packet.get("icmpv6.type") for packet in seen] == [["133"], ["134"], None, None]
    assert seen[1]["icmpv6.opt.prefix.length"] == ["114"]
    assert all("ipv6.src" in packet for packet in seen)
