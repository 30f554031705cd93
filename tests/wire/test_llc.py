from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import llc
from sensor.wire.cursor import Cursor


@pytest.mark.parametrize("organisation", ["000000", "0000f8"])
def test_an_ethertype_behind_snap(organisation: str) -> None:
    cursor = Cursor(bytes.fromhex("aaaa03" + organisation + "86dd") + b"packet")
    assert llc.parse(cursor) == 0x86DD
    assert cursor.rest() == b"packet"


@pytest.mark.parametrize(
    "octets",
    [
        "aaaa0300000c2000",  # Cisco's own, with its own protocol numbers
        "4242030000000800",  # spanning tree
        "aaaa130000000800",
    ],
)
def test_what_is_no_snap(octets: str) -> None:
    with pytest.raises(DecodeError, match="no SNAP header at offset 1"):
        llc.parse(Cursor(b"x" + bytes.fromhex(octets), 1))


def test_it_is_cut_at_every_octet(refused: Callable[..., list[int]]) -> None:
    assert refused(lambda cut: llc.parse(Cursor(cut)), llc.build(0x0800)) == list(range(8))


@given(st.integers(0, 0xFFFF))
def test_round_trip(ethertype: int) -> None:
    assert llc.parse(Cursor(llc.build(ethertype))) == ethertype
