from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import gtpu
from sensor.wire.cursor import Cursor
from sensor.wire.gtpu import Header

# The header of frame 1 in zeek/gtp8_teredo.pcap, which carries 88 octets of IPv4.
SEEN = bytes.fromhex("30 ff 0058 98111137")
TEID = 0x98111137
# All three flags: sequence 77, N-PDU 9, a PDU session container, then a UDP port.
EXTENDED = bytes.fromhex("37 ff 000d 11223344 004d 09 85 01 0001 40 01 1234 00")


def parse(data: bytes) -> Header:
    return gtpu.parse(Cursor(data))


def test_the_shortest_header() -> None:
    assert parse(SEEN) == Header(gtpu.G_PDU, 88, TEID, None, ())
    assert gtpu.build(TEID, bytes(88)) == SEEN + bytes(88)


def test_every_optional_field() -> None:
    cursor = Cursor(EXTENDED + b"\x60")
    assert gtpu.parse(cursor) == Header(
        type=gtpu.G_PDU, length=13, teid=0x11223344, sequence=77, extensions=(0x85, 0x40)
    )
    assert cursor.rest() == b"\x60"


def test_what_is_built_with_extensions() -> None:
    message = gtpu.build(
        0x11223344, b"\x60", sequence=77, extensions=((0x85, b"\0\1"), (0x40, b"\x12\x34"))
    )
    assert message == b"\x36" + EXTENDED[1:10] + b"\0" + EXTENDED[11:] + b"\x60"


@pytest.mark.parametrize("flags", [0x31, 0x32, 0x33])
def test_a_next_type_means_nothing_without_its_flag(flags: int) -> None:
    cursor = Cursor(bytes([flags]) + EXTENDED[1:])
    assert gtpu.parse(cursor).extensions == ()
    assert cursor.remaining == 8


@pytest.mark.parametrize("flags", [0x31, 0x34, 0x35])
def test_a_sequence_means_nothing_without_its_flag(flags: int) -> None:
    assert parse(bytes([flags]) + EXTENDED[1:]).sequence is None


def test_an_extension_flag_without_extensions() -> None:
    cursor = Cursor(bytes.fromhex("34 ff 0005 11223344 000000 00 60"))
    assert gtpu.parse(cursor).extensions == ()
    assert cursor.rest() == b"\x60"


def test_an_extension_of_several_units() -> None:
    cursor = Cursor(gtpu.build(1, b"\x60", extensions=((0xC0, bytes(255 * 4 - 2)),)))
    assert gtpu.parse(cursor).extensions == (0xC0,)
    assert cursor.rest() == b"\x60"


@pytest.mark.parametrize("flags", [0x10, 0x20, 0x50, 0xF0, 0x00, 0x48])
def test_another_version_or_protocol_type_is_refused(flags: int) -> None:
    with pytest.raises(DecodeError, match="GTP version at offset 0"):
        parse(bytes([flags]) + SEEN[1:])


def test_the_spare_bit_is_ignored() -> None:
    assert parse(b"\x38" + SEEN[1:]) == parse(SEEN)


def test_an_empty_extension_is_refused() -> None:
    with pytest.raises(DecodeError, match="extension header of length 0 at offset 12"):
        parse(EXTENDED[:12] + b"\0" + EXTENDED[13:])


def test_more_extensions_than_the_limit_are_refused() -> None:
    each = (0x85, b"\0\1")
    most = gtpu.build(1, b"", extensions=(each,) * gtpu.MAX_EXTENSIONS)
    assert parse(most).extensions == (0x85,) * gtpu.MAX_EXTENSIONS
    with pytest.raises(DecodeError, match="too many extension headers at offset 76"):
        parse(gtpu.build(1, b"", extensions=(each,) * (gtpu.MAX_EXTENSIONS + 1)))


@pytest.mark.parametrize("header", [SEEN, EXTENDED])
def test_cut_at_every_byte(refused: Callable[..., list[int]], header: bytes) -> None:
    assert refused(parse, header + b"\x60") == list(range(len(header)))


@pytest.mark.parametrize("length", [0, 1, 3, 4, 1022])
def test_an_extension_that_cannot_be_said(length: int) -> None:
    with pytest.raises(ValueError, match="1 to 255 units"):
        gtpu.build(1, b"", extensions=((0x85, bytes(length)),))


def test_the_longest_message() -> None:
    assert parse(gtpu.build(1, bytes(65535))).length == 65535
    assert parse(gtpu.build(1, bytes(65531), sequence=0)).length == 65535
    for sequence, length in ((None, 65536), (0, 65532)):
        with pytest.raises(ValueError, match="at most 65535"):
            gtpu.build(1, bytes(length), sequence=sequence)


@given(
    teid=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=20),
    kind=st.integers(0, 0xFF),
    sequence=st.none() | st.integers(0, 0xFFFF),
    extensions=st.lists(
        st.tuples(
            st.integers(1, 0xFF),
            st.integers(1, 4).flatmap(lambda n: st.binary(min_size=4 * n - 2, max_size=4 * n - 2)),
        ),
        max_size=gtpu.MAX_EXTENSIONS,
    ).map(tuple),
)
def test_round_trip(
    teid: int,
    payload: bytes,
    kind: int,
    sequence: int | None,
    extensions: tuple[tuple[int, bytes], ...],
) -> None:
    message = gtpu.build(teid, payload, kind=kind, sequence=sequence, extensions=extensions)
    cursor = Cursor(message)
    types = tuple(each for each, _ in extensions)
    assert gtpu.parse(cursor) == Header(kind, len(message) - 8, teid, sequence, types)
    assert cursor.rest() == payload


@given(st.binary(max_size=40))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    if answered(parse, data):
        assert data[0] >> 4 == 3
