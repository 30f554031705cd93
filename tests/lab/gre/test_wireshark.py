"""Wireshark reads our GRE as it is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sensor.wire import ipv4
from sensor.wire.addresses import text
from tests.lab.framing.parties import ALICE, NATIVE, data
from tests.lab.framing.wireshark import read
from tests.lab.gre.parties import east

EVERYTHING = {"key": 0xCAFE, "sequence": True, "checksum": True}


@pytest.mark.parametrize(
    "settings", [{}, {"key": 0xCAFE}, {"sequence": True}, {"checksum": True}, EVERYTHING]
)
def test_gre(settings: dict[str, Any], tmp_path: Path, tshark: Path) -> None:
    machine = east(**settings)
    for octets in (b"odd", b"even", bytes(1_000)):
        machine.send_ipv6(data(ALICE, NATIVE, octets), 0.0)
    sent = [
        ipv4.build(each.source, each.destination, each.protocol, each.payload, ttl=each.ttl)
        for each in machine.packets_to_send()
    ]
    fields = ("gre.proto", "gre.key", "gre.sequence_number", "gre.checksum.status", "ipv6.src")
    seen = read(tshark, tmp_path, sent, fields)
    for number, packet in enumerate(seen):
        assert int(packet["gre.proto"][0], 0) == 0x86DD
        assert packet["ipv6.src"] == [text(ALICE)]
        assert ("gre.key" in packet) == ("key" in settings)
        assert packet.get("gre.sequence_number") == (
            [str(number)] if "sequence" in settings else None
        )
        assert packet.get("gre.checksum.status") == (["1"] if "checksum" in settings else None)
    if "key" in settings:
        assert {int(packet["gre.key"][0], 0) for packet in seen} == {0xCAFE}
