"""One fragment read, and a whole packet made."""

from __future__ import annotations

import pytest

from sensor.decode.fragment import longest_payload, read_fragment, whole_packet
from sensor.errors import DecodeError
from sensor.wire import ipv4, ipv6
from sensor.wire.cursor import Cursor

from ..build import NATIVE, OTHER, V4A, V4B, tcp6
from ..fragments import ipv4_fragments, ipv6_fragments, spans

PACKET4 = ipv4.build(V4A, V4B, 17, bytes(range(40)), options=b"\x94\x04\0\0")
PACKET6 = tcp6(payload=bytes(range(44)))


def test_ipv4_fragments_share_their_key_and_make_the_packet() -> None:
    first, last = [
        read_fragment(b"link" + data, 4) for data in ipv4_fragments(PACKET4, spans(40, 16))
    ]
    assert first.key == last.key
    assert (first.offset, first.more, first.payload, first.cut) == (
        0,
        True,
        bytes(range(16)),
        False,
    )
    assert (last.offset, last.more, last.payload, last.cut) == (
        16,
        False,
        bytes(range(16, 40)),
        False,
    )
    whole = whole_packet(first.header, first.payload + last.payload)
    assert ipv4.header_checksum_ok(whole)
    assert whole == ipv4.build(
        V4A, V4B, 17, bytes(range(40)), options=b"\x94\x04\0\0", identification=77
    )


def test_what_an_ipv4_key_is_made_of() -> None:
    def key(source: bytes = V4A, protocol: int = 17, number: int = 1, offset: int = 0) -> bytes:
        packet = ipv4.build(
            source, V4B, protocol, bytes(8), identification=number, fragment_offset=offset
        )
        return read_fragment(packet, 0).key

    assert key(offset=8) == key()
    assert len({key(), key(V4B), key(protocol=41), key(number=2)}) == 4


def test_an_ipv4_packet_without_a_total_length_reaches_to_the_end() -> None:
    unset = bytearray(ipv4_fragments(PACKET4, spans(40, 16))[0])
    unset[2:4] = bytes(2)
    assert read_fragment(bytes(unset) + b"more", 0).payload == bytes(range(16)) + b"more"


@pytest.mark.parametrize("before", [(), (0,), (0, 60, 43), (135, 139, 140)])
def test_ipv6_fragments_make_the_packet(before: tuple[int, ...]) -> None:
    pieces = ipv6_fragments(PACKET6, spans(64, 24, 40), before=before)
    parts = [read_fragment(b"carrier" + piece, 7) for piece in pieces]
    assert len({part.key for part in parts}) == 1
    assert [(part.offset, part.more) for part in parts] == [(0, True), (24, True), (40, False)]
    whole = whole_packet(parts[0].header, b"".join(part.payload for part in parts))
    header = ipv6.parse(Cursor(whole))
    chain = ipv6.walk_extensions(header.next_header, Cursor(whole, 40))
    assert header.payload_length == len(whole) - 40
    assert (chain.headers, chain.transport, chain.fragment) == (before, 6, None)
    assert whole[chain.position :] == PACKET6[40:]


def test_authentication_and_atomic_fragments_are_passed() -> None:
    fragment = ipv6.build_fragment(6, 9, 0, True) + bytes(16)
    atomic = ipv6.build_fragment(ipv6.FRAGMENT, 8, 0, False) + fragment
    chain = ipv6.build_extension(ipv6.AUTHENTICATION, ipv6.FRAGMENT, bytes(14)) + atomic
    found = read_fragment(ipv6.build(NATIVE, OTHER, ipv6.AUTHENTICATION, chain), 0)
    assert found.key[1:5] == (9).to_bytes(4)
    assert len(found.header) == 40 + 16 + 8
    assert (found.header[40 + 16], found.payload) == (6, bytes(16))


@pytest.mark.parametrize("missing", range(1, 25))
def test_what_was_not_captured_cuts_a_fragment(missing: int) -> None:
    for piece in (ipv4_fragments(PACKET4, [(0, 40)])[0], ipv6_fragments(PACKET6, [(0, 24)])[0]):
        found = read_fragment(piece[:-missing], 0)
        assert found.cut
        assert not read_fragment(piece, 0).cut


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x70" * 60,
        PACKET4[:19],
        PACKET6,
        ipv6.build(NATIVE, OTHER, ipv6.FRAGMENT, ipv6.build_fragment(6, 1, 0, False) + bytes(20)),
        ipv6.build(NATIVE, OTHER, ipv6.FRAGMENT, ipv6.build_fragment(6, 1, 8, True)[:7]),
        ipv6.build(NATIVE, OTHER, ipv6.HOP_BY_HOP, bytes([44, 9]) + bytes(20)),
    ],
    ids=["nothing", "version", "header", "none", "atomic", "short", "extension"],
)
def test_what_is_no_fragment_is_an_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_fragment(data, 0)


def test_the_longest_payload_fills_the_length_fields() -> None:
    first4 = read_fragment(ipv4_fragments(PACKET4, spans(40, 16))[0], 0)
    assert longest_payload(first4.header) == 65_535 - 24
    assert len(whole_packet(first4.header, bytes(65_535 - 24))) == 65_535
    first6 = read_fragment(ipv6_fragments(PACKET6, spans(64, 24), before=(0,))[0], 0)
    assert longest_payload(first6.header) == 65_535 - 8
    assert ipv6.parse(Cursor(whole_packet(first6.header, bytes(65_527)))).payload_length == 65_535
