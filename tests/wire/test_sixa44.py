from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import sixa44
from sensor.wire.addresses import SIXA44_RELAY, text
from sensor.wire.cursor import Cursor
from sensor.wire.ports import SIXA44_PORT
from sensor.wire.sixa44 import Bubble

# A client of 2001:db8:644::/48 at 203.0.113.5:40000.
PREFIX = bytes.fromhex("20010db80644cb0071059c40")


def test_a_bubble() -> None:
    payload = PREFIX + b"nonce678"
    assert sixa44.parse(Cursor(payload)) == Bubble(PREFIX, b"nonce678")
    assert Bubble(PREFIX, b"nonce678").build() == payload


@pytest.mark.parametrize("length", [0, 12, 19, 21, 40])
def test_other_lengths_are_none(length: int) -> None:
    with pytest.raises(DecodeError, match=f"bubble of {length} octets at offset 8"):
        sixa44.parse(Cursor(bytes(8 + length), 8))


def test_the_relays_address() -> None:
    assert (text(SIXA44_RELAY), SIXA44_PORT) == ("192.88.99.2", 1027)


@given(st.binary(min_size=20, max_size=20))
def test_round_trip(payload: bytes) -> None:
    assert sixa44.parse(Cursor(payload)).build() == payload
