"""Trailers that a client acts on, read and built."""

from __future__ import annotations

import pytest

from sensor.lab.inner.refusal import Refused
from sensor.lab.teredo.trailers import NOTHING, Told, build_trailers, check_trailers, read_trailers
from sensor.schema.records import Endpoint
from sensor.wire import teredo
from sensor.wire.addresses import packed

# As Windows sent them (zeek/gtp8_teredo.pcap, frame 1).
WINDOWS = bytes.fromhex("010477a05e7603080000ac18ccc8dcd00502df78")
TOLD = Told(
    bytes.fromhex("77a05e76"), 57_208, (Endpoint(packed("172.24.204.200"), 56_528),)
)  # fmt: skip


def trailers(octets: bytes) -> tuple[teredo.Trailer, ...]:
    return teredo.parse(teredo.build_bubble(bytes(16), bytes(16)) + octets).trailers


def test_windows_trailers_are_read_and_built_the_same() -> None:
    assert read_trailers(trailers(WINDOWS)) == TOLD
    assert b"".join(build_trailers(TOLD)) == WINDOWS


def test_nothing_to_tell_is_no_octet() -> None:
    assert build_trailers(NOTHING) == ()
    assert read_trailers(()) is NOTHING


def test_the_misprinted_type_of_a_random_port_is_understood() -> None:
    assert read_trailers(trailers(bytes.fromhex("0202df78"))).random_port == 57_208


def test_of_several_the_first_counts() -> None:
    others = "010400000000 05020001 03080000 01020304 0005"
    assert read_trailers(trailers(WINDOWS + bytes.fromhex(others))) == TOLD


@pytest.mark.parametrize(
    "octets", ["0103aabbcc", "05020000", "03020000", "0501ff", "040400000000", "c001ff"]
)
def test_wrong_lengths_port_0_and_other_types_say_nothing(octets: str) -> None:
    assert read_trailers(trailers(bytes.fromhex(octets))) == NOTHING


@pytest.mark.parametrize("kind", [0x40, 0x7F])
def test_some_unknown_types_forbid_the_packet(kind: int) -> None:
    with pytest.raises(Refused, match=r"^unknown-trailer$"):
        check_trailers(trailers(bytes([1, 0, kind, 0])))


@pytest.mark.parametrize("kind", [0x00, 0x3F, 0x80, 0xFF])
def test_others_do_not(kind: int) -> None:
    check_trailers(trailers(bytes([kind, 0])))
