"""The bundled capture is what its builder gives, and to others a sound capture."""

from __future__ import annotations

import subprocess
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from sensor.decode.scalar import Frame, decode_frame
from sensor.decode.settings import DecodeSettings
from sensor.wire import ipv4, link
from sensor.wire.cursor import Cursor
from tests.captures import demo

SETTINGS = DecodeSettings()
CHECKSUMS = ("ip.checksum.status", "udp.checksum.status", "tcp.checksum.status")
ALLOWED = [
    IPv4Network(net)
    for net in ("192.168.1.0/24", "203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24")
]


def test_the_file_is_what_the_builder_gives(tmp_path: Path) -> None:
    demo.write(tmp_path / "again.pcap")
    again = (tmp_path / "again.pcap").read_bytes()
    assert again == demo.PATH.read_bytes(), "write it anew: python -m tests.captures.demo"


def test_the_scene_is_short_and_in_order() -> None:
    times = [time for time, _ in demo.frames()]
    assert len(times) <= 60
    assert times == sorted(times)
    assert times[0] == demo.START
    assert times[-1] - times[0] < 60_000_000_000


def test_every_address_is_made_up() -> None:
    for _, frame in demo.frames():
        cursor = Cursor(frame)
        head = link.parse(link.LINKTYPE_ETHERNET, cursor)
        assert head.source is not None
        assert head.source[0] & 0b11 == 0b10, "locally administered, one host"
        if head.protocol == link.ETHERTYPE_IPV4:
            header = ipv4.parse(cursor)
            for ip in (header.source, header.destination):
                assert any(IPv4Address(ip) in network for network in ALLOWED), ip


def test_inner_addresses_are_made_up_too() -> None:
    prefixes = (b"\x20\x01\x0d\xb8", b"\xfe\x80", b"\xff\x02", demo.ADDRESS)
    met = 0
    for _, frame in demo.frames():
        for row in decode_frame(Frame(frame, link.LINKTYPE_ETHERNET, len(frame)), SETTINGS)[1]:
            met += 1
            assert row.inner_source.startswith(prefixes)
            assert row.inner_destination.startswith(prefixes)
    assert met == 36


def fields(tshark: Path, *names: str, check: str = "") -> list[list[str]]:
    verify = [f"{protocol}.check_checksum:TRUE" for protocol in ("ip", "udp", "tcp")]
    options = [part for each in verify for part in ("-o", each)]
    wanted = [part for name in names for part in ("-e", name)]
    done = subprocess.run(
        [tshark, "-r", demo.PATH, *options, "-d", "udp.port==3545,teredo", "-T", "fields", *wanted],
        check=True,
        capture_output=True,
        text=True,
    )
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_wireshark_finds_every_checksum_right(tshark: Path) -> None:
    rows = fields(tshark, *CHECKSUMS, "icmpv6.checksum.status")
    assert len(rows) == len(demo.frames())
    seen = [value for row in rows for cell in row if cell for value in cell.split(",")]
    assert set(seen) == {"1"}  # good; 0 is bad, 2 unverified
    assert len(seen) > 2 * len(rows) - 2


def test_wireshark_finds_nothing_malformed(tshark: Path) -> None:
    rows = fields(tshark, "_ws.malformed", "_ws.expert.severity")
    assert {malformed for malformed, _ in rows} == {""}
    error = 0x00800000
    for _, severities in rows:
        assert all(int(value) < error for value in severities.split(",") if value)


def test_wireshark_sees_the_same_tunnels(tshark: Path) -> None:
    protocols = [row[0] for row in fields(tshark, "frame.protocols")]
    assert sum(":teredo" in stack for stack in protocols) == 23
    assert sum(":ip:ipv6:" in stack for stack in protocols) == 13
    assert sum(":arp" in stack for stack in protocols) == 2
    assert sum(":dns" in stack for stack in protocols) == 2
