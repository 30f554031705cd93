"""Filters select what tcpdump selects."""

from __future__ import annotations

import ctypes.util
import subprocess
from pathlib import Path
from typing import Literal

import pytest

from sensor.capture.filter import FrameFilter
from sensor.capture.writer import PcapWriter
from sensor.errors import ConfigError
from sensor.wire.link import (
    LINKTYPE_ETHERNET,
    LINKTYPE_LINUX_SLL,
    LINKTYPE_LOOP,
    LINKTYPE_NULL,
    LINKTYPE_RAW,
)
from tests.build import sll
from tests.capture.build import read
from tests.captures import demo

ETHERNET_HEADER = 14
LINKTYPE_IEEE802_11 = 105
SNAP = 80

EXPRESSIONS = [
    "",
    "arp",
    "udp port 3544",
    "ip proto 41",
    "tcp port 80",
    "host 192.168.1.20 and not arp",
    "net 198.51.100.0/24 or port 53",
    "udp[8:2] = 1",
    "ip[2:2] - ((ip[0] & 0xf) << 2) > 60 and udp",
    "greater 110",
    "less 100 or len = 159",
]
ETHERNET_EXPRESSIONS = [
    "ether src 02:00:00:00:00:30",
    "ether broadcast",
    "vlan",
    "ether[12:2] = 0x806",
]


def ethernet() -> list[bytes]:
    return [frame for _, frame in demo.frames()]


def packets() -> list[bytes]:
    """The IPv4 packets alone."""
    return [frame[ETHERNET_HEADER:] for frame in ethernet() if frame[12:14] == b"\x08\x00"]


def capture(path: Path, frames: list[bytes], linktype: int, snaplen: int = 65535) -> Path:
    with path.open("wb") as stream:
        writer = PcapWriter(stream, linktype, snaplen=snaplen)
        for number, frame in enumerate(frames):
            writer.write(frame, number)
    return path


def by_tcpdump(tcpdump: Path, path: Path, expression: str) -> list[int]:
    """Numbers of the frames selected, which are their times as well."""
    done = subprocess.run(
        [tcpdump, "-r", path, "--nano", "-w", path.with_suffix(".out"), expression],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [frame.time for frame in read(path.with_suffix(".out")).frames]


def by_us(path: Path, expression: str) -> list[int]:
    matches = FrameFilter(expression).matches
    frames = read(path).frames
    return [frame.time for frame in frames if matches(frame.data, frame.linktype, frame.wire)]


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *ETHERNET_EXPRESSIONS])
def test_tcpdump_selects_the_same(expression: str, tcpdump: Path, tmp_path: Path) -> None:
    path = capture(tmp_path / "demo.pcap", ethernet(), LINKTYPE_ETHERNET)
    expected = by_tcpdump(tcpdump, path, expression)
    assert by_us(path, expression) == expected
    assert expected or expression == "vlan"


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_tcpdump_selects_the_same_of_cut_frames(
    expression: str, tcpdump: Path, tmp_path: Path
) -> None:
    path = capture(tmp_path / "cut.pcap", ethernet(), LINKTYPE_ETHERNET, SNAP)
    assert by_us(path, expression) == by_tcpdump(tcpdump, path, expression)


@pytest.mark.parametrize("expression", ["", "udp port 3544", "ip proto 41", "tcp port 80"])
@pytest.mark.parametrize("linktype", [LINKTYPE_RAW, LINKTYPE_LINUX_SLL])
def test_offsets_follow_the_link_type(
    expression: str, linktype: int, tcpdump: Path, tmp_path: Path
) -> None:
    frames = packets() if linktype == LINKTYPE_RAW else [sll(packet) for packet in packets()]
    path = capture(tmp_path / "other.pcap", frames, linktype)
    expected = by_tcpdump(tcpdump, path, expression)
    assert by_us(path, expression) == expected
    assert expected


@pytest.mark.parametrize("linktype", [LINKTYPE_NULL, LINKTYPE_LOOP])
@pytest.mark.parametrize("order", ["big", "little"])
def test_address_families_may_be_in_either_byte_order(
    linktype: int, order: Literal["big", "little"]
) -> None:
    matches = FrameFilter("ip proto 41").matches
    for packet in packets():
        frame = (2).to_bytes(4, order) + packet
        assert matches(frame, linktype, len(frame)) == (packet[9] == 41)
    for cut in (b"", b"\0\0", b"\0\0\0\2"):
        assert not matches(cut, linktype, 60)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("udp and", "syntax error"),
        ("port 99999", "port"),
        ("host 1.2.3.4.5", "'host 1.2.3.4.5'"),
        ("\udcff", "link type 1"),
    ],
)
def test_a_wrong_expression_is_refused_in_libpcaps_words(expression: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        FrameFilter(expression)


def test_an_expression_may_not_suit_every_link_type() -> None:
    filtered = FrameFilter("ether broadcast")
    assert not filtered.matches(ethernet()[5], LINKTYPE_ETHERNET, 60)
    with pytest.raises(ConfigError, match="link type 101"):
        filtered.matches(packets()[0], LINKTYPE_RAW, 60)


def test_an_expression_for_other_link_types_than_ethernet_is_no_mistake() -> None:
    beacon = b"\x80\0" + bytes(30)
    matches = FrameFilter("wlan type mgt").matches
    assert matches(beacon, LINKTYPE_IEEE802_11, len(beacon))
    assert not matches(b"\x08\0" + bytes(30), LINKTYPE_IEEE802_11, 32)
    with pytest.raises(ConfigError, match="link type 1, which the captures hold; ask for nothing"):
        matches(ethernet()[0], LINKTYPE_ETHERNET, 60)


@pytest.mark.parametrize("linktype", [147, 300, 65_535])
@pytest.mark.parametrize("expression", ["udp port 3544", "ether broadcast", ""])
def test_what_libpcap_cannot_look_into_is_left_for_others_to_tell(
    expression: str, linktype: int
) -> None:
    assert FrameFilter(expression).matches(b"\xff" * 60, linktype, 60)


def test_raw_ip_has_many_numbers() -> None:
    matches = FrameFilter("ip proto 41").matches
    packet = next(packet for packet in packets() if packet[9] == 41)
    assert all(matches(packet, linktype, len(packet)) for linktype in (12, 14, 101, 228))
    assert not matches(packets()[0], 14, 60)


def test_without_libpcap_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(ConfigError, match=r"libpcap0\.8"):
        FrameFilter("udp")


def test_hostile_frames_are_only_data() -> None:
    matches = FrameFilter("udp[8:2] = 1 or ip6 or vlan").matches
    for frame in (b"", b"\x00", b"\xff" * 14, ethernet()[0][:13]):
        assert matches(frame, LINKTYPE_ETHERNET, len(frame)) is False
