from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import wlan
from sensor.wire.cursor import Cursor
from sensor.wire.wlan import Radiotap, Wlan

A, B, C, D = (bytes([2, 0, 0, 0, 0, last]) for last in (1, 2, 3, 4))
DATA, QOS, NO_DATA = 0x0008, 0x0080, 0x0040
TO_DS, FROM_DS, MORE, RETRY, PROTECTED, ORDER = 0x0100, 0x0200, 0x0400, 0x0800, 0x4000, 0x8000


def frame(control: int, sequence: int = 0x1230) -> bytes:
    """The 24 octets of every data frame: frame control, duration, A, B, C, sequence control."""
    return struct.pack("<HH", control, 44) + A + B + C + struct.pack("<H", sequence)


def parse(data: bytes, *, padded: bool = False) -> tuple[Wlan, bytes]:
    cursor = Cursor(b"front" + data, 5)
    return wlan.parse(cursor, padded), cursor.rest()


def radiotap(data: bytes) -> tuple[Radiotap, bytes]:
    """Read where the header does not start at a multiple of its alignment."""
    cursor = Cursor(b"front" + data, 5)
    return wlan.parse_radiotap(cursor), cursor.rest()


@pytest.mark.parametrize(
    ("control", "behind", "expected"),
    [
        (DATA, b"", Wlan(source=B, destination=A)),
        (DATA | TO_DS, b"", Wlan(source=B, destination=C)),
        (DATA | FROM_DS, b"", Wlan(source=C, destination=A)),
        (DATA | TO_DS | FROM_DS, D, Wlan(source=D, destination=C)),
        (DATA | RETRY | ORDER, b"", Wlan(source=B, destination=A)),
        (DATA | QOS, b"\x07\0", Wlan(source=B, destination=A)),
        (DATA | QOS | ORDER, b"\x07\0" + b"htc!", Wlan(source=B, destination=A)),
        (DATA | QOS | TO_DS | FROM_DS, D + b"\0\0", Wlan(source=D, destination=C)),
        (DATA | QOS | FROM_DS, b"\x80\0" + D + B + b"\0\x20", Wlan(source=B, destination=D)),
    ],
)
def test_addresses_and_what_is_passed(control: int, behind: bytes, expected: Wlan) -> None:
    assert parse(frame(control) + behind + b"body") == (expected, b"body")


@pytest.mark.parametrize(
    ("control", "behind", "padding"),
    [
        (DATA, b"", 0),
        (DATA | QOS, b"\0\0", 2),
        (DATA | QOS | ORDER, b"\0\0htc!", 2),
        (DATA | TO_DS | FROM_DS, D, 2),
        (DATA | QOS | TO_DS | FROM_DS, D + b"\0\0", 0),
        (DATA | QOS, b"\x80\0", 2),
    ],
)
def test_padding_fills_the_header(control: int, behind: bytes, padding: int) -> None:
    inner = D + B + b"\0\x20" if behind == b"\x80\0" else b""
    _, body = parse(frame(control) + behind + bytes(padding) + inner + b"body", padded=True)
    assert body == b"body"


@pytest.mark.parametrize(
    ("control", "sequence", "reason"),
    [
        (DATA | 1, 0, "unknown 802.11 version 1"),
        (0x0080, 0, "no data frame"),  # a beacon
        (0x00B4, 0, "no data frame"),  # request to send
        (0x000C, 0, "no data frame"),
        (DATA | NO_DATA, 0, "no data in the frame"),
        (DATA | QOS | NO_DATA, 0, "no data in the frame"),
        (DATA | MORE, 0, "fragment"),
        (DATA, 0x1231, "fragment"),
        (DATA | PROTECTED, 0, "encrypted"),
    ],
)
def test_what_has_no_readable_body(control: int, sequence: int, reason: str) -> None:
    with pytest.raises(DecodeError, match=f"{reason} at offset 5"):
        parse(frame(control, sequence) + b"body")


def test_a_frame_is_cut_at_every_octet(refused: Callable[..., list[int]]) -> None:
    whole = frame(DATA | QOS | ORDER | TO_DS | FROM_DS) + D + b"\x80\0" + b"htc!" + bytes(14)
    lengths = refused(lambda cut: wlan.parse(Cursor(cut)), whole)
    assert lengths == list(range(24 + 6 + 2 + 4 + 14))


@pytest.mark.parametrize(
    ("qos", "padded", "length"),
    [(False, False, 24), (True, False, 26), (True, True, 28), (False, True, 24)],
)
def test_built_frames_are_read(qos: bool, padded: bool, length: int) -> None:
    built = wlan.build(b"body", A, B, qos=qos, padded=padded)
    assert len(built) == length + 4
    assert parse(built, padded=padded) == (Wlan(A, B), b"body")


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        # no fields
        ("00000800 00000000", Radiotap(8, 0)),
        # flags alone
        ("00000900 02000000 10", Radiotap(9, 0x10)),
        # rate and channel, which are behind flags
        ("00000e00 0e000000 30 02 6c09a000", Radiotap(14, 0x30)),
        # TSFT needs no alignment behind one word
        ("00001100 03000000 0102030405060708 20", Radiotap(17, 0x20)),
        # TSFT without flags
        ("00001000 01000000 0102030405060708", Radiotap(16, 0)),
        # behind two words TSFT is aligned to 8, flags are not
        ("00001900 03000080 00000000 eeeeeeee 0102030405060708 10", Radiotap(25, 0x10)),
        ("00000d00 02000080 03000000 20", Radiotap(13, 0x20)),
        # three words; octets left over at the header's end are passed
        ("00001c00 02000080 00000080 00000000 10 000000 00000000 00000000", Radiotap(28, 0x10)),
    ],
)
def test_radiotap_headers(octets: str, expected: Radiotap) -> None:
    assert radiotap(bytes.fromhex(octets) + b"frame") == (expected, b"frame")


def test_what_radiotap_flags_mean() -> None:
    assert (Radiotap(8, 0).trailer, Radiotap(8, 0).padded) == (0, False)
    assert (Radiotap(9, 0x10).trailer, Radiotap(9, 0x10).padded) == (4, False)
    assert (Radiotap(9, 0x20).trailer, Radiotap(9, 0x20).padded) == (0, True)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("01000800 00000000", "unknown radiotap version 1 at offset 5"),
        ("00000300 00000000", "radiotap header of 3 octets at offset 5"),
        ("00000700 00000000", "truncated"),
        ("00000900 00000000", "truncated"),
        ("00000800 02000000 10", "truncated"),
        ("00001000 03000000 0102030405060708 10", "truncated"),
    ],
)
def test_radiotap_lengths_that_lie(octets: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        radiotap(bytes.fromhex(octets))


@pytest.mark.parametrize("more", [wlan.MAX_PRESENT - 1, wlan.MAX_PRESENT])
def test_the_limit_of_presence_words(more: int) -> None:
    words = b"\x02\0\0\x80" + b"\0\0\0\x80" * (more - 1) + bytes(4)
    header = struct.pack("<BBH", 0, 0, 4 + len(words) + 1) + words + b"\x10"
    if more < wlan.MAX_PRESENT:
        assert radiotap(header) == (Radiotap(len(header), 0x10), b"")
        return
    with pytest.raises(DecodeError, match="too many presence words"):
        radiotap(header)


def test_built_radiotap_headers_are_read() -> None:
    assert radiotap(wlan.build_radiotap(0x30) + b"frame") == (Radiotap(17, 0x30), b"frame")


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_answered_or_refused(
    answered: Callable[..., bool], data: bytes, padded: bool
) -> None:
    answered(lambda each: wlan.parse_radiotap(Cursor(each)), data)
    if answered(lambda each: wlan.parse(Cursor(each), padded), data):
        assert data[0] & 0x4F == DATA
