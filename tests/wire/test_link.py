from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import link, llc, wlan
from sensor.wire.cursor import Cursor
from sensor.wire.link import Link

from .. import build

A, B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
SLL = bytes.fromhex("0004 0001 0006 020000000001 0000 0800")
PPPOE = bytes.fromhex("11 00 0007 0008")
SNAP = llc.build(0x0800)
WLAN = wlan.build(b"", A, B)
SLL2 = bytes.fromhex("86dd 0000 00000003 0001 04 06 020000000001 0000")

macs = st.binary(min_size=6, max_size=6)
vids = st.lists(st.integers(0, 0xFFF), max_size=8).map(tuple)
untagged = st.integers(0, 0xFFFF).filter(lambda kind: kind not in link.TAG_TYPES)

LINKTYPES = [0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 127, 228, 229, 276]


def parse(linktype: int, data: bytes) -> tuple[Link, bytes]:
    """The link header and what is left behind it."""
    cursor = Cursor(data)
    return link.parse(linktype, cursor), cursor.rest()


def test_ethernet() -> None:
    frame = B + A + b"\x08\x00" + b"packet"
    assert parse(1, frame) == (Link(0x0800, (), ("ethernet",), A, B), b"packet")
    assert link.build_ethernet(b"packet", 0x0800, A, B) == frame


@pytest.mark.parametrize("outer", ["8100", "88a8", "9100"])
def test_tag_types(outer: str) -> None:
    frame = B + A + bytes.fromhex(outer + "e064" + "8100" + "2fff" + "86dd") + b"packet"
    expected = Link(0x86DD, (0x064, 0xFFF), ("ethernet", "vlan", "vlan"), A, B)
    assert parse(1, frame) == (expected, b"packet")


def test_built_tags_nest_as_802_1ad_says() -> None:
    assert link.build_ethernet(b"", 0x0800, A, B, vlans=(7,))[12:] == bytes.fromhex("810000070800")
    stacked = link.build_ethernet(b"", 0x0800, A, B, vlans=(7, 8))[12:]
    assert stacked == bytes.fromhex("88a8 0007 8100 0008 0800")


@given(st.binary(max_size=30), untagged, macs, macs, vids)
def test_ethernet_round_trip(
    payload: bytes, ethertype: int, source: bytes, destination: bytes, vlans: tuple[int, ...]
) -> None:
    frame = link.build_ethernet(payload, ethertype, source, destination, vlans)
    layers = ("ethernet", *["vlan"] * len(vlans))
    assert parse(1, frame) == (Link(ethertype, vlans, layers, source, destination), payload)


def test_the_limit_of_tags() -> None:
    frame = link.build_ethernet(b"", 0x0800, A, B, vlans=(1,) * (link.MAX_TAGS + 1))
    with pytest.raises(DecodeError, match="too many VLAN tags"):
        parse(1, frame)


@pytest.mark.parametrize("snap", ["aaaa03 000000", "aaaa03 0000f8"])
def test_snap_gives_the_ethertype(snap: str) -> None:
    frame = B + A + b"\x00\x0e" + bytes.fromhex(snap + "86dd") + b"packet"
    assert parse(1, frame) == (Link(0x86DD, (), ("ethernet",), A, B), b"packet")


def test_snap_and_tags_in_either_order() -> None:
    snap_tag = bytes.fromhex("aaaa03 000000 8100 0005")
    tagged = Link(0x0800, (5,), ("ethernet", "vlan"), A, B)
    assert parse(1, B + A + bytes.fromhex("8100 0005 0010") + SNAP) == (tagged, b"")
    assert parse(1, B + A + bytes.fromhex("0010") + snap_tag + b"\x08\0") == (tagged, b"")
    both = Link(0x0800, (5, 5), ("ethernet", "vlan", "vlan"), A, B)
    frame = B + A + bytes.fromhex("8100 0005 0010") + snap_tag + b"\0\x10" + SNAP
    assert parse(1, frame) == (both, b"")


@pytest.mark.parametrize(
    "body",
    [
        "424203 0000000000",  # spanning tree
        "aaaa03 00000c 2000",  # Cisco's discovery protocol
        "aaaa03 0000",
        "",
    ],
)
def test_a_length_without_an_ethertype_is_left(body: str) -> None:
    frame = B + A + b"\x05\xff" + bytes.fromhex(body)
    assert parse(1, frame) == (Link(0x05FF, (), ("ethernet",), A, B), bytes.fromhex(body))


def test_the_first_ethertype_is_no_length() -> None:
    frame = B + A + b"\x06\x00" + SNAP
    assert parse(1, frame) == (Link(0x0600, (), ("ethernet",), A, B), SNAP)


def test_snap_is_not_sought_behind_the_window() -> None:
    frame = B + A + b"\x00\x08" + SNAP
    cursor = Cursor(frame, 0, 19)
    assert link.parse(1, cursor).protocol == 8
    with pytest.raises(DecodeError, match="truncated at offset 20"):
        link.parse(1, Cursor(frame, 0, 21))


def test_tags_and_snap_by_turns_are_limited() -> None:
    turn = bytes.fromhex("0010 aaaa03 000000 8100 0005")
    with pytest.raises(DecodeError, match="too many VLAN tags"):
        parse(1, B + A + turn * (link.MAX_TAGS + 1) + b"\x08\0")


@pytest.mark.parametrize(
    ("linktype", "data", "expected"),
    [
        (113, SLL, Link(0x0800, (), ("sll",), A, None)),
        (113, SLL[:4] + bytes(2) + SLL[6:], Link(0x0800, (), ("sll",), None, None)),
        (113, SLL[:4] + b"\0\xff" + SLL[6:], Link(0x0800, (), ("sll",), A + bytes(2), None)),
        (113, SLL[:-2] + b"\x81\0\0\x05\x86\xdd", Link(0x86DD, (5,), ("sll", "vlan"), A, None)),
        (276, SLL2, Link(0x86DD, (), ("sll2",), A, None)),
        (276, SLL2[:11] + b"\0" + SLL2[12:], Link(0x86DD, (), ("sll2",), None, None)),
        (0, b"\x02\0\0\0", Link(0x0800, (), ("null",), None, None)),
        (0, b"\0\0\0\x02", Link(0x0800, (), ("null",), None, None)),
        (0, b"\x0a\0\0\0", Link(0x86DD, (), ("null",), None, None)),
        (0, b"\x18\0\0\0", Link(0x86DD, (), ("null",), None, None)),
        (0, b"\0\0\0\x1c", Link(0x86DD, (), ("null",), None, None)),
        (0, b"\0\0\0\x1e", Link(0x86DD, (), ("null",), None, None)),
        (108, b"\0\0\0\x02", Link(0x0800, (), ("null",), None, None)),
        (108, b"\0\0\0\x18", Link(0x86DD, (), ("null",), None, None)),
        (9, b"\xff\x03\x00\x21", Link(0x0800, (), ("ppp",), None, None)),
        (9, b"\x00\x57", Link(0x86DD, (), ("ppp",), None, None)),
        (9, b"\xff\x03\x57", Link(0x86DD, (), ("ppp",), None, None)),
        (9, b"\x21", Link(0x0800, (), ("ppp",), None, None)),
        (9, b"\x02\x81", Link(0x8847, (), ("ppp",), None, None)),
        (9, b"\x02\x83", Link(0x8848, (), ("ppp",), None, None)),
        (50, b"\xff\x03\x00\x21", Link(0x0800, (), ("ppp",), None, None)),
        (50, b"\x0f\0\x86\xdd", Link(0x86DD, (), ("hdlc",), None, None)),
        (51, PPPOE + b"\x00\x21", Link(0x0800, (), ("pppoe", "ppp"), None, None)),
        (51, PPPOE + b"\x57", Link(0x86DD, (), ("pppoe", "ppp"), None, None)),
        (104, b"\x0f\0\x08\0", Link(0x0800, (), ("hdlc",), None, None)),
        (104, b"\x8f\0\x86\xdd", Link(0x86DD, (), ("hdlc",), None, None)),
        (105, WLAN + SNAP, Link(0x0800, (), ("wlan",), A, B)),
        (
            105,
            WLAN + llc.build(0x8100) + b"\0\x05\x86\xdd",
            Link(0x86DD, (5,), ("wlan", "vlan"), A, B),
        ),
        (
            127,
            wlan.build_radiotap(0) + WLAN + SNAP,
            Link(0x0800, (), ("radiotap", "wlan"), A, B),
        ),
        (
            127,
            wlan.build_radiotap(0x10) + WLAN + SNAP,
            Link(0x0800, (), ("radiotap", "wlan"), A, B, trailer=4),
        ),
        (
            127,
            wlan.build_radiotap(0x20) + wlan.build(SNAP, A, B, qos=True, padded=True),
            Link(0x0800, (), ("radiotap", "wlan"), A, B),
        ),
    ],
)
def test_other_headers(linktype: int, data: bytes, expected: Link) -> None:
    assert parse(linktype, data + b"packet") == (expected, b"packet")


@pytest.mark.parametrize(
    ("linktype", "frame", "trailer"),
    [
        (1, build.snap, 0),
        (9, build.ppp, 0),
        (50, build.ppp, 0),
        (50, build.cisco_hdlc, 0),
        (51, build.ppp_ether, 0),
        (104, build.cisco_hdlc, 0),
        (105, build.wlan, 0),
        (108, build.loop, 0),
        (127, build.radiotap, 0),
        (127, lambda packet: build.radiotap(packet, wlan.FLAG_FCS | wlan.FLAG_PADDED), 4),
    ],
)
@pytest.mark.parametrize(
    ("packet", "protocol"),
    [(build.udp(build.CLIENT, build.SERVER, b""), 0x0800), (build.echo6(), 0x86DD)],
)
def test_built_frames_are_read(
    linktype: int, frame: Callable[[bytes], bytes], trailer: int, packet: bytes, protocol: int
) -> None:
    header, behind = parse(linktype, frame(packet))
    assert (header.protocol, header.trailer) == (protocol, trailer)
    assert behind[: len(behind) - trailer] == packet


@pytest.mark.parametrize(
    ("linktype", "first", "protocol"),
    [
        (101, 0x45, 0x0800),
        (101, 0x60, 0x86DD),
        (12, 0x45, 0x0800),
        (14, 0x60, 0x86DD),
        (228, 0x45, 0x0800),
        (229, 0x60, 0x86DD),
    ],
)
def test_raw_types_have_no_header(linktype: int, first: int, protocol: int) -> None:
    data = bytes([first]) + b"packet"
    assert parse(linktype, data) == (Link(protocol, (), (), None, None), data)


@pytest.mark.parametrize(
    ("linktype", "data", "reason"),
    [
        (147, b"", "unknown link type 147 at offset 0"),
        (101, b"\x50", "unknown IP version 5 at offset 0"),
        (101, b"", "truncated at offset 0"),
        (0, b"\x07\0\0\0", "unknown address family 7 at offset 0"),
        (108, b"\0\0\0\x07", "unknown address family 7 at offset 0"),
        (9, b"\xff\x03\xc0\x21", "no network protocol at offset 0"),
        (51, PPPOE + b"\x80\x57", "no network protocol at offset 6"),
        (51, b"\x11\x09" + PPPOE[2:], "PPPoE"),
        (104, b"\x0e\0\x08\0", "no Cisco HDLC at offset 0"),
        (104, b"\x0f\x01\x08\0", "no Cisco HDLC at offset 0"),
        (105, WLAN + b"\x42\x42\x03" + bytes(5), "no SNAP header at offset 24"),
        (105, b"\x80" + WLAN[1:] + SNAP, "no data frame at offset 0"),
        (127, b"\x01" + bytes(7), "unknown radiotap version 1 at offset 0"),
    ],
)
def test_what_is_refused(linktype: int, data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        parse(linktype, data)


@pytest.mark.parametrize(
    ("linktype", "data", "length"),
    [
        (1, link.build_ethernet(b"xy", 0x0800, A, B, vlans=(1, 2)), 22),
        (113, SLL + b"xy", 16),
        (276, SLL2 + b"xy", 20),
        (0, b"\x02\0\0\0xy", 4),
        (101, b"\x45x", 1),
        (228, b"\x45x", 0),
        (9, b"\xff\x03\x00\x21xy", 4),
        (50, b"\x0f\0\x08\0xy", 4),
        (51, PPPOE + b"\x00\x21xy", 8),
        (104, b"\x0f\0\x08\0xy", 4),
        (108, b"\0\0\0\x02xy", 4),
        (105, WLAN + SNAP + b"xy", 32),
        (127, wlan.build_radiotap(0x10) + WLAN + SNAP + b"xy", 49),
    ],
)
def test_cut_at_every_byte(
    linktype: int, data: bytes, length: int, refused: Callable[..., list[int]]
) -> None:
    assert refused(lambda cut: parse(linktype, cut), data) == list(range(length))


@given(st.sampled_from([*LINKTYPES, 9999]), st.binary(max_size=60))
def test_any_bytes_are_answered_or_refused(
    answered: Callable[..., bool], linktype: int, data: bytes
) -> None:
    if answered(lambda each: parse(linktype, each), data):
        assert linktype != 9999
