from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import link
from sensor.wire.cursor import Cursor
from sensor.wire.link import Link

A, B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
SLL = bytes.fromhex("0004 0001 0006 020000000001 0000 0800")
SLL2 = bytes.fromhex("86dd 0000 00000003 0001 04 06 020000000001 0000")

macs = st.binary(min_size=6, max_size=6)
vids = st.lists(st.integers(0, 0xFFF), max_size=8).map(tuple)
untagged = st.integers(0, 0xFFFF).filter(lambda kind: kind not in link.TAG_TYPES)


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
    frame = link.build_ethernet(b"", 0x0800, A, B, vlans=(1,) * 9)
    with pytest.raises(DecodeError, match="too many VLAN tags"):
        parse(1, frame)


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
    ],
)
def test_other_headers(linktype: int, data: bytes, expected: Link) -> None:
    assert parse(linktype, data + b"packet") == (expected, b"packet")


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
    ],
)
def test_cut_at_every_byte(
    linktype: int, data: bytes, length: int, refused: Callable[..., list[int]]
) -> None:
    assert refused(lambda cut: parse(linktype, cut), data) == list(range(length))


@given(st.sampled_from([0, 1, 12, 14, 101, 113, 228, 229, 276, 9999]), st.binary(max_size=60))
def test_any_bytes_are_answered_or_refused(
    answered: Callable[..., bool], linktype: int, data: bytes
) -> None:
    if answered(lambda each: parse(linktype, each), data):
        assert linktype != 9999
