"""The packet behind a tunnel's header."""

from __future__ import annotations

import pytest

from sensor.lab.framing.inner import inner_packet
from sensor.lab.teredo.refusal import Refused
from tests.lab.framing.parties import ALICE, NATIVE, data

PACKET = data(ALICE, NATIVE)


@pytest.mark.parametrize("junk", [b"", b"\0", bytes(1_000)])
def test_what_is_behind_its_length_is_left_out(junk: bytes) -> None:
    assert inner_packet(PACKET + junk) == PACKET


@pytest.mark.parametrize("length", range(len(PACKET)))
def test_cut_packets_are_refused(length: int) -> None:
    with pytest.raises(Refused, match="malformed" if length < 40 else "length"):
        inner_packet(PACKET[:length])


def test_other_versions_are_refused() -> None:
    with pytest.raises(Refused, match="malformed"):
        inner_packet(b"\x45" + PACKET[1:])
