from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import ipv6
from sensor.wire.cursor import Cursor
from sensor.wire.ipv6 import (
    AUTHENTICATION,
    DESTINATION,
    ESP,
    FRAGMENT,
    HIP,
    HOP_BY_HOP,
    MOBILITY,
    NO_NEXT_HEADER,
    ROUTING,
    SHIM6,
    Chain,
    Fragment,
    IPv6Header,
    build_extension,
    build_fragment,
)

A = bytes.fromhex("20010db8000000000000000000000001")
B = bytes.fromhex("20010db8000000000000000000000002")
TCP = 6
PADDED = [HOP_BY_HOP, ROUTING, AUTHENTICATION, DESTINATION, MOBILITY, HIP, SHIM6]

ipv6s = st.binary(min_size=16, max_size=16)
octets = st.integers(0, 0xFF)


def parse(data: bytes) -> IPv6Header:
    return ipv6.parse(Cursor(data))


def walk(next_header: int, data: bytes) -> Chain:
    return ipv6.walk_extensions(next_header, Cursor(data))


def chained(kinds: list[int], transport: int, body: bytes = b"") -> bytes:
    """Extension headers of the given kinds, each naming the next one, the last the transport."""
    following = [*kinds[1:], transport]
    return b"".join(map(build_extension, kinds, following, [body] * len(kinds)))


def test_a_known_header() -> None:
    data = bytes.fromhex("6b212345 0014 3a ff") + A + B
    assert parse(data) == IPv6Header(0xB2, 0x12345, 20, 58, 255, A, B)


@given(
    traffic_class=octets,
    flow_label=st.integers(0, 0xFFFFF),
    next_header=octets,
    hop_limit=octets,
    source=ipv6s,
    destination=ipv6s,
    payload=st.binary(max_size=50),
    junk=st.binary(max_size=9),
)
def test_round_trip(
    traffic_class: int,
    flow_label: int,
    next_header: int,
    hop_limit: int,
    source: bytes,
    destination: bytes,
    payload: bytes,
    junk: bytes,
) -> None:
    packet = ipv6.build(
        source,
        destination,
        next_header,
        payload,
        hop_limit=hop_limit,
        traffic_class=traffic_class,
        flow_label=flow_label,
    )
    cursor = Cursor(packet + junk)
    assert ipv6.parse(cursor) == IPv6Header(
        traffic_class, flow_label, len(payload), next_header, hop_limit, source, destination
    )
    assert cursor.rest() == payload + junk


def test_cut_at_every_byte(refused: Callable[..., list[int]]) -> None:
    assert refused(parse, ipv6.build(A, B, TCP, bytes(8))) == list(range(40))


def test_another_version_is_refused() -> None:
    with pytest.raises(DecodeError, match="IP version 4, not 6 at offset 0"):
        parse(b"\x45" + bytes(39))


def test_a_packet_built_with_nothing_said() -> None:
    assert parse(ipv6.build(A, B, TCP, b"")) == IPv6Header(0, 0, 0, TCP, 64, A, B)


def test_the_longest_payload() -> None:
    assert parse(ipv6.build(A, B, TCP, bytes(65535))).payload_length == 65535
    with pytest.raises(ValueError, match="at most 65535"):
        ipv6.build(A, B, TCP, bytes(65536))


def test_the_numbers_of_extension_headers() -> None:
    kinds = (HOP_BY_HOP, ROUTING, FRAGMENT, ESP, AUTHENTICATION, NO_NEXT_HEADER, DESTINATION)
    assert kinds == (0, 43, 44, 50, 51, 59, 60)
    assert (MOBILITY, HIP, SHIM6) == (135, 139, 140)


@pytest.mark.parametrize("transport", [TCP, 17, 58, ESP, NO_NEXT_HEADER, 255])
def test_no_extension_headers(transport: int) -> None:
    assert walk(transport, b"") == Chain(transport, 0, (), None, (), True, False)


@pytest.mark.parametrize("kind", PADDED)
def test_each_kind_is_passed(kind: int) -> None:
    data = chained([kind], TCP, body=bytes(20))
    assert len(data) == 24
    chain = walk(kind, data + b"payload")
    assert (chain.transport, chain.position, chain.headers) == (TCP, 24, (kind,))


@pytest.mark.parametrize(
    ("kind", "header", "length"),
    [
        (DESTINATION, "0602", 24),
        (HOP_BY_HOP, "06ff", 2048),
        (AUTHENTICATION, "0604", 24),  # words of 4 bytes, minus 2
        (AUTHENTICATION, "0600", 8),
        (FRAGMENT, "06ff", 8),  # no length byte
    ],
)
def test_length_fields(kind: int, header: str, length: int) -> None:
    chain = walk(kind, bytes.fromhex(header) + bytes(2100))
    assert (chain.transport, chain.position) == (TCP, length)


def test_a_long_chain_is_passed_in_order() -> None:
    kinds = [HOP_BY_HOP, DESTINATION, ROUTING, AUTHENTICATION, DESTINATION]
    chain = walk(kinds[0], chained(kinds, 58) + b"x")
    assert chain == Chain(58, 40, tuple(kinds), None, (0,), True, False)


def test_routing_types_are_collected() -> None:
    first = build_extension(ROUTING, ROUTING, bytes([0, 1]))
    second = build_extension(ROUTING, TCP, bytes([4, 0]))
    assert walk(ROUTING, first + second).routing_types == (0, 4)


def test_positions_are_absolute() -> None:
    cursor = Cursor(bytes(5) + chained([DESTINATION], TCP), 5)
    assert ipv6.walk_extensions(DESTINATION, cursor).position == 13
    assert cursor.position == 13


def test_a_first_fragment_is_walked_on() -> None:
    data = build_fragment(DESTINATION, 7, 0, True) + chained([DESTINATION], TCP)
    expected = Chain(TCP, 16, (FRAGMENT, DESTINATION), Fragment(7, 0, True), (), True, False)
    assert walk(FRAGMENT, data) == expected


def test_a_later_fragment_stops_the_walk() -> None:
    data = build_fragment(DESTINATION, 7, 1448, False) + chained([DESTINATION], TCP)
    expected = Chain(DESTINATION, 8, (FRAGMENT,), Fragment(7, 1448, False), (), True, False)
    assert walk(FRAGMENT, data) == expected


def test_of_several_fragment_headers_the_first_that_is_not_atomic_counts() -> None:
    real, atomic = build_fragment(FRAGMENT, 1, 0, True), build_fragment(FRAGMENT, 2, 0, False)
    last = build_fragment(TCP, 3, 0, False)
    assert walk(FRAGMENT, real + atomic + last).fragment == Fragment(1, 0, True)
    assert walk(FRAGMENT, atomic + real + last).fragment == Fragment(1, 0, True)
    assert walk(FRAGMENT, atomic + last).fragment == Fragment(3, 0, False)
    assert walk(FRAGMENT, build_fragment(TCP, 1, 8, False)).fragment == Fragment(1, 8, False)


def test_the_reserved_bits_of_a_fragment_header() -> None:
    data = bytearray(build_fragment(TCP, 1, 8, False))
    data[1], data[3] = 0x80, data[3] | 6
    assert walk(FRAGMENT, bytes(data)).fragment == Fragment(1, 8, False, 0x203)


def test_mobility_alone_is_the_transport() -> None:
    chain = walk(MOBILITY, build_extension(MOBILITY, NO_NEXT_HEADER, bytes(6)))
    assert chain == Chain(MOBILITY, 0, (), None, (), True, False)


def test_a_chain_cut_at_every_byte() -> None:
    data = chained([HOP_BY_HOP, DESTINATION], TCP)
    for length in range(len(data)):
        chain = walk(HOP_BY_HOP, data[:length])
        read = length // 8
        assert not chain.complete
        assert chain.transport == [HOP_BY_HOP, DESTINATION][read]
        assert (chain.position, len(chain.headers)) == (read * 8, read)
    assert walk(HOP_BY_HOP, data).complete


def test_a_length_beyond_the_end_is_an_incomplete_chain() -> None:
    chain = walk(ROUTING, b"\x06\xff" + bytes(100))
    assert chain == Chain(ROUTING, 0, (), None, (), False, False)


@pytest.mark.parametrize(("count", "hit"), [(64, False), (65, True)])
def test_the_limit_of_headers(count: int, hit: bool) -> None:
    chain = walk(DESTINATION, chained([DESTINATION] * count, TCP))
    assert chain.limit_hit is hit
    assert (chain.position, chain.complete) == (64 * 8, True)
    assert chain.transport == (DESTINATION if hit else TCP)


@given(st.sampled_from([*PADDED, FRAGMENT]), st.binary(max_size=120))
def test_any_bytes_give_a_chain(kind: int, data: bytes) -> None:
    chain = walk(kind, data)
    assert 0 <= chain.position <= len(data)
    assert len(chain.headers) * 8 <= chain.position


@pytest.mark.parametrize("kind", PADDED)
@given(body=st.binary(max_size=600), next_header=octets)
def test_extension_round_trip(kind: int, body: bytes, next_header: int) -> None:
    header = build_extension(kind, next_header, body)
    assert header[0] == next_header
    assert header[2:].rstrip(b"\0") == body.rstrip(b"\0")
    assert len(header) % 8 == 0
    assert 2 + len(body) <= len(header) < 2 + len(body) + 8
    if kind != MOBILITY or next_header != NO_NEXT_HEADER:
        following = walk(kind, header + b"\x3b" + bytes(7)).position
        assert following in (len(header), len(header) + 8)


@pytest.mark.parametrize(("kind", "fits"), [(DESTINATION, 2046), (AUTHENTICATION, 1022)])
def test_bodies_too_long_for_the_length_field(kind: int, fits: int) -> None:
    assert len(build_extension(kind, TCP, bytes(fits))) == fits + 2
    with pytest.raises(ValueError, match=f"no extension header {kind}"):
        build_extension(kind, TCP, bytes(fits + 1))


def test_fragment_headers_have_their_own_builder() -> None:
    with pytest.raises(ValueError, match="no extension header 44"):
        build_extension(FRAGMENT, TCP, bytes(6))


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 0x1FFF), st.booleans())
def test_fragment_round_trip(identification: int, units: int, more: bool) -> None:
    chain = walk(FRAGMENT, build_fragment(TCP, identification, units * 8, more))
    assert chain.fragment == Fragment(identification, units * 8, more)


@pytest.mark.parametrize("offset", [-8, 1, 4, 65536])
def test_offsets_no_fragment_can_have(offset: int) -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        build_fragment(TCP, 1, offset, False)


@given(st.binary(max_size=60))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    assert answered(parse, b"\x60" + data) is (len(data) >= 39)
