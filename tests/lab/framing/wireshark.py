"""What Wireshark says of packets that our endpoints built."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sensor.capture.writer import PcapWriter
from sensor.lab.machine import Datagram
from sensor.wire import ipv4, udp

RAW_IP = 101  # link type

Seen = dict[str, list[str]]


def in_ipv4(sent: Iterable[Datagram]) -> list[bytes]:
    """Datagrams as a host sends them."""
    return [
        ipv4.build(
            each.source.ip,
            each.destination.ip,
            udp.PROTOCOL,
            udp.build(
                each.source.ip,
                each.destination.ip,
                each.source.port,
                each.destination.port,
                each.payload,
            ),
            ttl=each.ttl,
        )
        for each in sent
    ]


def read(
    tshark: Path, folder: Path, packets: Sequence[bytes], fields: Iterable[str], *options: str
) -> list[Seen]:
    """The fields of each packet, none of which may be malformed or have a wrong checksum."""
    capture = folder / "sent.pcap"
    with capture.open("wb") as stream:
        writer = PcapWriter(stream, RAW_IP)
        for number, packet in enumerate(packets):
            writer.write(packet, number)
    command = [str(tshark), "-r", str(capture), "-T", "json", *options,
               "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
               "-e", "_ws.malformed", "-e", "_ws.expert.message"]  # fmt: skip
    for field in ("frame.protocols", *fields):
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: list[Any] = json.loads(done.stdout)
    seen: list[Seen] = [packet["_source"]["layers"] for packet in found]
    assert len(seen) == len(packets)
    for layers in seen:
        assert "_ws.malformed" not in layers
        words = " ".join(layers.get("_ws.expert.message", [])).lower()
        assert "checksum" not in words
        assert "malformed" not in words
    return seen
