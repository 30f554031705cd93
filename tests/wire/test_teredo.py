from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import icmpv6, ipv6, teredo
from sensor.wire.addresses import ALL_ROUTERS, packed
from sensor.wire.icmpv6 import Echo, Option, PrefixInformation, RouterAdvertisement
from sensor.wire.teredo import Authentication, Origin, Trailer

VECTORS: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[1] / "vectors" / "teredo.yaml").read_text()
)
PAYLOADS = {name: bytes.fromhex(row["hex"]) for name, row in VECTORS["payloads"].items()}
REFUSED = {name: bytes.fromhex(text) for name, text in VECTORS["refused"].items()}

CLIENT = packed("2001:0:cb00:7101:0:63bf:34ff:8ef5")
PEER = packed("2001:0:cb00:7101:0:63be:34ff:8ef5")
SERVER_LOCAL = packed("fe80::8000:f227:34ff:8efe")
SOLICITING = packed("fe80::ffff:ffff:ffff")
NONCE = bytes.fromhex("0102030405060708")
BUBBLE = teredo.build_bubble(CLIENT, PEER)
AUTHENTICATION = teredo.build_authentication(NONCE)
ORIGIN = teredo.build_origin(packed("203.0.113.10"), 40000)
TRAILERS = (
    teredo.build_trailer_nonce(bytes.fromhex("77a05e76")),
    teredo.build_trailer_alternate([(packed("172.24.204.200"), 56528)]),
    teredo.build_trailer_random_port(57208),
)

ipv4s = st.binary(min_size=4, max_size=4)
shorts = st.integers(0, 0xFFFF)
short_bytes = st.binary(max_size=255)


def solicitation(options: tuple[Option, ...] = ()) -> bytes:
    message = icmpv6.build_router_solicitation(SOLICITING, ALL_ROUTERS, options)
    return ipv6.build(SOLICITING, ALL_ROUTERS, icmpv6.PROTOCOL, message, hop_limit=255)


def advertisement(mtu: int | None) -> bytes:
    prefix = PrefixInformation(64, 0x40, 0xFFFFFFFF, 0xFFFFFFFF, packed("2001:0:cb00:7101::"))
    value = RouterAdvertisement(0, 0, 0, 0, 2000, (prefix,), mtu)
    message = icmpv6.build_router_advertisement(SERVER_LOCAL, SOLICITING, value)
    return ipv6.build(SERVER_LOCAL, SOLICITING, icmpv6.PROTOCOL, message, hop_limit=255)


def ping(size: int) -> bytes:
    message = icmpv6.build_echo_request(CLIENT, PEER, Echo(1, 2, bytes(size)))
    return ipv6.build(CLIENT, PEER, icmpv6.PROTOCOL, message, hop_limit=21)


@pytest.mark.parametrize(("name", "row"), VECTORS["payloads"].items())
def test_payloads_seen_on_the_wire_decode_whole(name: str, row: dict[str, Any]) -> None:
    payload = PAYLOADS[name]
    assert len(payload) == row["length"]
    packet = teredo.parse(payload)
    assert packet.order_ok
    assert packet.unparsed == 0
    sizes = sum(2 + len(trailer.value) for trailer in packet.trailers)
    assert packet.ipv6_offset + 40 + packet.header.payload_length + sizes == len(payload)


def test_the_solicitation_of_miredo() -> None:
    assert teredo.encapsulate(solicitation()) == PAYLOADS["solicitation"]
    packet = teredo.parse(PAYLOADS["solicitation-with-null-authentication"])
    assert packet.authentications == (Authentication(0, b"", b"", NONCE, 0),)
    assert (packet.origins, packet.ipv6_offset) == ((), 13)
    assert (packet.header.source, packet.header.destination) == (SOLICITING, ALL_ROUTERS)
    rebuilt = teredo.encapsulate(solicitation(), authentication=AUTHENTICATION)
    assert rebuilt == PAYLOADS["solicitation-with-null-authentication"]


def test_the_advertisement_of_miredo_server() -> None:
    packet = teredo.parse(PAYLOADS["advertisement"])
    assert packet.authentications == (Authentication(0, b"", b"", NONCE, 0),)
    assert packet.origins == (Origin(13, packed("203.0.113.10"), 40000),)
    assert packet.header.source == SERVER_LOCAL
    assert (packet.ipv6_offset, packet.trailers) == (21, ())
    rebuilt = teredo.encapsulate(advertisement(1280), authentication=AUTHENTICATION, origin=ORIGIN)
    assert rebuilt == PAYLOADS["advertisement"]


def test_forwarded_bubbles() -> None:
    bubble = teredo.build_bubble(CLIENT, PEER, hop_limit=255)
    assert teredo.encapsulate(bubble, origin=ORIGIN) == PAYLOADS["forwarded-bubble"]
    nonce = teredo.build_trailer_nonce(bytes.fromhex("deadbeef"))
    payload = teredo.encapsulate(bubble, origin=ORIGIN, trailers=[nonce])
    assert payload == PAYLOADS["forwarded-bubble-with-nonce"]
    (trailer,) = teredo.parse(payload).trailers
    assert trailer == Trailer(48, 1, bytes.fromhex("deadbeef"))


def test_the_trailers_of_windows() -> None:
    payload = PAYLOADS["windows-bubble"]
    assert teredo.encapsulate(BUBBLE, trailers=TRAILERS) == payload
    nonce, alternate, port = teredo.parse(payload).trailers
    assert (nonce.offset, nonce.name, nonce.value) == (40, "nonce", bytes.fromhex("77a05e76"))
    assert (alternate.offset, alternate.name) == (46, "alternate-address")
    assert alternate.addresses == ((packed("172.24.204.200"), 56528),)
    assert (port.offset, port.name, port.port) == (56, "random-port", 57208)


@pytest.mark.parametrize(("text", "origin"), VECTORS["origins"].items())
def test_origin_indications(text: str, origin: tuple[str, int]) -> None:
    ip, port = origin
    assert teredo.build_origin(packed(ip), port) == bytes.fromhex(text)
    packet = teredo.parse(bytes.fromhex(text) + BUBBLE)
    assert packet.origins == (Origin(0, packed(ip), port),)


@pytest.mark.parametrize(
    ("payload", "length"),
    [
        (solicitation(), 48),
        (AUTHENTICATION + solicitation(), 61),
        (AUTHENTICATION + solicitation((Option(1, bytes(14)),)), 77),
        (advertisement(None), 88),
        (ORIGIN + advertisement(None), 96),
        (AUTHENTICATION + ORIGIN + advertisement(None), 109),
        (advertisement(1280), 96),
        (ORIGIN + advertisement(1280), 104),
        (AUTHENTICATION + ORIGIN + advertisement(1280), 117),
        (BUBBLE, 40),
        (ORIGIN + BUBBLE, 48),
        (BUBBLE + TRAILERS[0], 46),
        (BUBBLE + b"".join(TRAILERS), 60),
        (BUBBLE + b"".join(TRAILERS[:2]), 56),
        (ping(4), 52),
        (ping(18), 66),
    ],
)
def test_sizes_worth_knowing(payload: bytes, length: int) -> None:
    assert len(payload) == length
    assert teredo.parse(payload).unparsed == 0


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_teredo_is_refused(name: str) -> None:
    with pytest.raises(DecodeError):
        teredo.parse(REFUSED[name])


@pytest.mark.parametrize(
    ("indicators", "order_ok"),
    [
        ("", True),
        ("a", True),
        ("o", True),
        ("ao", True),
        ("oa", False),
        ("aa", False),
        ("oo", False),
        ("aoa", False),
        ("aoo", False),
        ("oaao", False),
        ("aoaoaoao", False),
    ],
)
def test_the_order_of_indicators(indicators: str, order_ok: bool) -> None:
    parts = [AUTHENTICATION if letter == "a" else ORIGIN for letter in indicators]
    packet = teredo.parse(b"".join(parts) + BUBBLE)
    assert packet.order_ok is order_ok
    assert len(packet.authentications) == indicators.count("a")
    assert len(packet.origins) == indicators.count("o")
    offsets = [each.offset for each in packet.authentications]
    offsets += [each.offset for each in packet.origins]
    assert sorted(offsets) == [sum(map(len, parts[:n])) for n in range(len(parts))]


def test_the_limit_of_indicators() -> None:
    assert len(teredo.parse(ORIGIN * 8 + BUBBLE).origins) == 8
    with pytest.raises(DecodeError, match="IP version 0, not 6 at offset 64"):
        teredo.parse(ORIGIN * 9 + BUBBLE)


def test_the_limit_of_trailers() -> None:
    nonce = teredo.build_trailer_nonce(bytes(4))
    packet = teredo.parse(BUBBLE + nonce * 17)
    assert (len(packet.trailers), packet.unparsed) == (16, 6)


@pytest.mark.parametrize(
    ("tail", "types", "unparsed"),
    [
        ("0502df", [], 3),  # cut
        ("05", [], 1),
        ("0104deadbeef 05", [1], 1),
        ("0104deadbeef 0502df", [1], 3),
        ("0104deadbeef 05ff00 0104deadbeef", [1], 9),
        ("4100", [0x41], 0),  # a client would discard the packet; a sensor wants to see it
        ("0000", [0], 0),
    ],
)
def test_trailers_end_at_the_first_malformed_one(
    tail: str, types: list[int], unparsed: int
) -> None:
    packet = teredo.parse(BUBBLE + bytes.fromhex(tail))
    assert [trailer.type for trailer in packet.trailers] == types
    assert packet.unparsed == unparsed


@pytest.mark.parametrize(
    ("kind", "value", "name", "addresses", "port"),
    [
        (1, "01020304", "nonce", 0, None),
        (2, "df78", "random-port", 0, 57208),
        (5, "df78", "random-port", 0, 57208),
        (5, "df", "random-port", 0, None),
        (5, "df7800", "random-port", 0, None),
        (3, "", "alternate-address", 0, None),
        (3, "0000", "alternate-address", 0, None),
        (3, "0000 c0000201 0001", "alternate-address", 1, None),
        (3, "0000" + "c00002010001" * 4, "alternate-address", 4, None),
        (3, "0000" + "c00002010001" * 5, "alternate-address", 0, None),
        (3, "0000 c0000201 00", "alternate-address", 0, None),
        (4, "00000000", "neighbour-discovery", 0, None),
        (0x41, "df78", "unknown", 0, None),
        (0x41, "0000 c0000201 0001", "unknown", 0, None),
    ],
)
def test_reading_trailers(
    kind: int, value: str, name: str, addresses: int, port: int | None
) -> None:
    trailer = Trailer(0, kind, bytes.fromhex(value))
    assert (trailer.name, trailer.port) == (name, port)
    assert trailer.addresses == ((packed("192.0.2.1"), 1),) * addresses


def test_a_packet_longer_than_its_datagram_is_left_to_the_caller() -> None:
    payload = ipv6.build(CLIENT, PEER, 17, bytes(9))[:-1]
    packet = teredo.parse(payload)
    assert packet.header.payload_length == 9
    assert (packet.trailers, packet.unparsed) == ((), 0)


def test_bytes_beyond_the_declared_length_are_padding() -> None:
    packet = teredo.parse(BUBBLE + TRAILERS[0] + bytes(14), length=46)
    assert (len(packet.trailers), packet.unparsed) == (1, 0)


def test_trailers_behind_the_snap_length_are_not_invented() -> None:
    payload = BUBBLE + b"".join(TRAILERS)
    packet = teredo.parse(payload[:48], length=len(payload))
    assert [trailer.name for trailer in packet.trailers] == ["nonce"]
    assert packet.unparsed == 2


@pytest.mark.parametrize("length", [-1, 0, 39])
def test_a_declared_length_without_a_header_is_refused(length: int) -> None:
    with pytest.raises(DecodeError):
        teredo.parse(BUBBLE, length)


def test_cut_at_every_byte(refused: Callable[..., list[int]]) -> None:
    payload = PAYLOADS["advertisement"]
    assert refused(teredo.parse, payload) == list(range(21 + 40))
    assert refused(lambda cut: teredo.parse(cut, len(payload)), payload) == list(range(21 + 40))


@given(
    ipv4s, shorts, st.binary(min_size=8, max_size=8), short_bytes, short_bytes, st.integers(0, 255)
)
def test_indicator_round_trip(
    ip: bytes, port: int, nonce: bytes, identifier: bytes, value: bytes, confirmation: int
) -> None:
    authentication = teredo.build_authentication(
        nonce, identifier=identifier, value=value, confirmation=confirmation
    )
    payload = teredo.encapsulate(
        BUBBLE, authentication=authentication, origin=teredo.build_origin(ip, port)
    )
    packet = teredo.parse(payload)
    expected = Authentication(0, identifier, value, nonce, confirmation)
    assert packet.authentications == (expected,)
    assert packet.origins == (Origin(len(authentication), ip, port),)
    assert payload[packet.ipv6_offset :] == BUBBLE


@given(
    st.binary(max_size=40),
    ipv4s,
    st.lists(st.tuples(ipv4s, shorts), min_size=1, max_size=4),
    st.integers(0, 1),
    shorts,
)
def test_trailer_round_trip(
    inner: bytes, nonce: bytes, listed: list[tuple[bytes, int]], discovery: int, port: int
) -> None:
    payload = teredo.encapsulate(
        ipv6.build(CLIENT, PEER, 17, inner),
        trailers=[
            teredo.build_trailer_nonce(nonce),
            teredo.build_trailer_alternate(listed),
            teredo.build_trailer_neighbour_discovery(discovery),
            teredo.build_trailer_random_port(port),
        ],
    )
    packet = teredo.parse(payload)
    first, second, third, fourth = packet.trailers
    assert first == Trailer(40 + len(inner), teredo.TRAILER_NONCE, nonce)
    assert second.addresses == tuple(listed)
    assert (third.name, third.value) == ("neighbour-discovery", bytes([discovery, 0, 0, 0]))
    assert (fourth.type, fourth.port) == (teredo.TRAILER_RANDOM_PORT, port)
    assert packet.unparsed == 0


@pytest.mark.parametrize(
    ("kind", "lengths"),
    [
        (teredo.TRAILER_NONCE, {4}),
        (teredo.TRAILER_RANDOM_PORT_MISPRINT, {2}),
        (teredo.TRAILER_ALTERNATE_ADDRESS, {8, 14, 20, 26}),
        (teredo.TRAILER_NEIGHBOUR_DISCOVERY, {4}),
        (teredo.TRAILER_RANDOM_PORT, {2}),
        (0, set()),
        (6, set()),
        (255, set()),
    ],
)
def test_a_known_trailer_has_the_length_of_its_type(kind: int, lengths: set[int]) -> None:
    known = {length for length in range(256) if Trailer(0, kind, bytes(length)).known}
    assert known == lengths


def test_a_bubble_is_a_bare_header() -> None:
    header = teredo.parse(BUBBLE).header
    assert header == ipv6.IPv6Header(0, 0, 0, ipv6.NO_NEXT_HEADER, 21, CLIENT, PEER)


@pytest.mark.parametrize(
    ("nonce", "identifier", "value"),
    [(bytes(7), 0, 0), (bytes(9), 0, 0), (NONCE, 256, 0), (NONCE, 0, 256)],
)
def test_authentication_that_does_not_fit(nonce: bytes, identifier: int, value: int) -> None:
    with pytest.raises(ValueError, match="nonce has 8 bytes"):
        teredo.build_authentication(nonce, identifier=bytes(identifier), value=bytes(value))


@pytest.mark.parametrize("count", [0, 5])
def test_alternate_addresses_are_one_to_four(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 4"):
        teredo.build_trailer_alternate([(bytes(4), 1)] * count)


@given(st.sampled_from([b"", b"\0\0", b"\0\1", BUBBLE, b"\0\1\0\0"]), st.binary(max_size=120))
def test_any_bytes_are_answered_or_refused(
    answered: Callable[..., bool], first: bytes, data: bytes
) -> None:
    payload = first + data
    if answered(teredo.parse, payload):
        packet = teredo.parse(payload)
        assert payload[packet.ipv6_offset] >> 4 == 6
        assert packet.ipv6_offset + 40 + packet.unparsed <= len(payload)
