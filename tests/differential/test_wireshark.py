"""Every tunnelled frame of the public captures against Wireshark's dissectors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.decode.settings import DecodeSettings
from sensor.emit.rows import Object, row_object
from sensor.errors import CaptureError
from sensor.frames import read_frames
from sensor.inspect.crosscheck import cross_check
from sensor.track.settings import TrackSettings

pytestmark = pytest.mark.slow


# How many rows Wireshark must have decoded too.
COMPARED = {
    "junkie/v6inv4.pcap": 1,
    "miredo/nat-inside.pcap": 22,
    "miredo/nat-outside.pcap": 22,
    "ndpi/6in4tunnel.pcap": 127,
    "ndpi/teredo.pcap": 24,
    "pcapplusplus/IPv4-encapsulated-IPv6.pcap": 1,
    "suricata-verify/ipv6_over_ipv4.pcap": 1,
    "zeek/6in4.pcap": 1,
    "zeek/Teredo.pcap": 29,
    "zeek/ayiya3.pcap": 35,
    "zeek/gtp8_teredo.pcap": 10,
    "zeek/ping6-in-ipv4.pcap": 10,
}


def rows(path: str, damages: list[CaptureError]) -> Iterator[Object]:
    for frame in read_frames([path], DecodeSettings(), TrackSettings(), damages):
        if frame.rows:
            yield row_object(path, frame.rows, frame.data, ())


def test_no_row_differs_from_wireshark(captures: Path, tshark: Path) -> None:
    for path in sorted(captures.glob("*/*.pcap")):
        name = path.relative_to(captures).as_posix()
        damages: list[CaptureError] = []
        found = cross_check(str(path), rows(str(path), damages), str(tshark))
        assert (name, found.differences, found.undecoded, damages) == (name, [], [], [])
        assert (name, found.compared) == (name, COMPARED.get(name, 0))
        assert (name, found.unseen) == (name, [])


@pytest.mark.parametrize("name", list(COMPARED))
def test_the_captures_expected_are_there(captures: Path, name: str) -> None:
    assert (captures / name).is_file()
