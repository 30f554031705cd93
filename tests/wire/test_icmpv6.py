from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import addresses, checksum, icmpv6, ipv6
from sensor.wire.addresses import ALL_ROUTERS, TeredoAddress, packed
from sensor.wire.cursor import Cursor
from sensor.wire.icmpv6 import (
    Echo,
    Message,
    Option,
    PrefixInformation,
    RouterAdvertisement,
    RouterSolicitation,
)

VECTORS: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[1] / "vectors" / "addresses.yaml").read_text()
)
A, B = packed("fe80::8000:f227:34ff:8efe"), packed("fe80::ffff:ffff:ffff")
PREFIX = PrefixInformation(64, 0x40, 0xFFFFFFFF, 0xFFFFFFFF, packed("2001:0:cb00:7101::"))
XP_OPTION = Option(1, bytes.fromhex("000000000000 8000 f12a b9c82815"))

octets = st.integers(0, 0xFF)
shorts = st.integers(0, 0xFFFF)
longs = st.integers(0, 0xFFFFFFFF)
option_data = st.integers(1, 4).flatmap(
    lambda units: st.binary(min_size=units * 8 - 2, max_size=units * 8 - 2)
)
other_options = st.builds(Option, octets.filter(lambda kind: kind not in (3, 5)), option_data)
prefixes = st.builds(
    PrefixInformation, octets, octets, longs, longs, st.binary(min_size=16, max_size=16)
)


def parse(data: bytes) -> Message:
    return icmpv6.parse(Cursor(data))


def body_of(message: bytes) -> bytes:
    """The body, once type, code and checksum were found right."""
    assert checksum.verify(checksum.pseudo_ipv6(A, B, icmpv6.PROTOCOL, len(message)), message)
    return parse(message).body


@pytest.mark.parametrize(("source", "value"), VECTORS["solicitation_checksums"].items())
def test_solicitations_seen_on_the_wire(source: str, value: int) -> None:
    message = icmpv6.build_router_solicitation(packed(source), ALL_ROUTERS)
    assert parse(message) == Message(133, 0, value, bytes(4))


def test_an_advertisement_seen_on_the_wire() -> None:
    advertisement = RouterAdvertisement(0, 0, 0, 0, 2000, (PREFIX,), 1280)
    message = icmpv6.build_router_advertisement(A, B, advertisement)
    assert message == bytes.fromhex(
        "8600954c 00000000 00000000 000007d0"
        "03044040 ffffffff ffffffff 00000000 20010000cb0071010000000000000000"
        "0501000000000500"
    )
    assert icmpv6.parse_router_advertisement(body_of(message)) == advertisement


def test_a_prefix_with_dirty_low_bits_is_kept_as_sent() -> None:
    dirty = PrefixInformation(64, 0x40, 1, 2, packed("2001:0:cb00:7101:ff00:0:2001:0"))
    message = icmpv6.build_router_advertisement(
        A, B, RouterAdvertisement(64, 0xC0, 1800, 15000, 2000, (dirty,))
    )
    decoded = icmpv6.parse_router_advertisement(body_of(message))
    assert decoded.prefixes == (dirty,)
    assert decoded.mtu is None


@given(
    st.builds(
        RouterAdvertisement,
        octets,
        octets,
        shorts,
        longs,
        longs,
        st.lists(prefixes, max_size=3).map(tuple),
        st.none() | longs,
        st.lists(other_options, max_size=3).map(tuple),
    )
)
def test_advertisement_round_trip(advertisement: RouterAdvertisement) -> None:
    message = icmpv6.build_router_advertisement(A, B, advertisement)
    assert icmpv6.parse_router_advertisement(body_of(message)) == advertisement
    assert parse(message).type == icmpv6.ROUTER_ADVERTISEMENT


def test_options_of_unusual_length_and_further_mtus_stay_options() -> None:
    odd = (Option(3, bytes(6)), Option(5, bytes(14)), Option(5, b"\0\0\0\0\x05\xdc"))
    advertisement = RouterAdvertisement(0, 0, 0, 0, 0, (), 1280, odd)
    body = body_of(icmpv6.build_router_advertisement(A, B, advertisement))
    assert icmpv6.parse_router_advertisement(body) == advertisement


@given(st.lists(other_options, max_size=4).map(tuple))
def test_solicitation_round_trip(options: tuple[Option, ...]) -> None:
    body = body_of(icmpv6.build_router_solicitation(A, B, options))
    assert icmpv6.parse_router_solicitation(body) == RouterSolicitation(options)


def test_the_mapping_in_the_option_of_windows_xp() -> None:
    source = packed("fe80::8000:ffff:ffff:fffd")
    message = icmpv6.build_router_solicitation(source, ALL_ROUTERS, (XP_OPTION,))
    (option,) = icmpv6.parse_router_solicitation(parse(message).body).options
    assert option.build() == bytes.fromhex("0102 000000000000 8000 f12a b9c82815")
    mapped = icmpv6.mapped_from_option(option)
    assert mapped == TeredoAddress(bytes(4), 0x8000, 3797, packed("70.55.215.234"), False)
    assert mapped.identifier == option.data[6:]


@pytest.mark.parametrize(
    "option",
    [
        Option(2, XP_OPTION.data),
        Option(1, b"\x00\x11\x22\x33\x44\x55"),
        Option(1, b"\x01" + XP_OPTION.data[1:]),
        Option(1, XP_OPTION.data + bytes(8)),
    ],
)
def test_options_that_hold_no_mapping(option: Option) -> None:
    assert icmpv6.mapped_from_option(option) is None


def test_the_numbers_of_messages() -> None:
    errors = (icmpv6.UNREACHABLE, icmpv6.TOO_BIG, icmpv6.TIME_EXCEEDED, icmpv6.PARAMETER_PROBLEM)
    assert errors == (1, 2, 3, 4)
    assert (icmpv6.ECHO_REQUEST, icmpv6.ECHO_REPLY) == (128, 129)
    assert (icmpv6.ROUTER_SOLICITATION, icmpv6.ROUTER_ADVERTISEMENT) == (133, 134)
    neighbours = (icmpv6.NEIGHBOUR_SOLICITATION, icmpv6.NEIGHBOUR_ADVERTISEMENT, icmpv6.REDIRECT)
    assert neighbours == (135, 136, 137)


def test_the_longest_option() -> None:
    option = Option(14, bytes(2038))
    assert option.build()[:2] == b"\x0e\xff"
    body = body_of(icmpv6.build_router_solicitation(A, B, (option,)))
    assert icmpv6.parse_router_solicitation(body).options == (option,)


def test_an_error_without_parameter() -> None:
    assert icmpv6.build_error(A, B, icmpv6.UNREACHABLE, 4, b"packet")[4:] == bytes(4) + b"packet"


@given(shorts, shorts, st.binary(max_size=40))
def test_echo_round_trip(identifier: int, sequence: int, data: bytes) -> None:
    echo = Echo(identifier, sequence, data)
    request = icmpv6.build_echo_request(A, B, echo)
    reply = icmpv6.build_echo_reply(A, B, echo)
    assert icmpv6.parse_echo(body_of(request)) == icmpv6.parse_echo(body_of(reply)) == echo
    assert (request[:2], reply[:2]) == (b"\x80\0", b"\x81\0")


def test_the_ping_of_windows_and_of_miredo_have_their_sizes() -> None:
    assert len(icmpv6.build_echo_request(A, B, Echo(1, 2, bytes(4)))) == 12
    assert len(icmpv6.build_echo_request(A, B, Echo(1, 2, bytes(18)))) == 26


@pytest.mark.parametrize(
    ("kind", "code", "parameter"),
    [
        (icmpv6.UNREACHABLE, 4, 0),
        (icmpv6.TOO_BIG, 0, 1280),
        (icmpv6.TIME_EXCEEDED, 0, 0),
        (icmpv6.PARAMETER_PROBLEM, 1, 40),
    ],
)
def test_errors_quote_their_packet(kind: int, code: int, parameter: int) -> None:
    packet = ipv6.build(B, A, 59, b"")
    message = icmpv6.build_error(A, B, kind, code, packet, parameter=parameter)
    body = body_of(message)
    assert message[:2] == bytes([kind, code])
    assert int.from_bytes(body[:4]) == parameter
    assert icmpv6.quoted(body) == packet


def test_a_flipped_address_bit_spoils_the_checksum() -> None:
    message = icmpv6.build_router_solicitation(A, B)
    other = A[:-1] + b"\xff"
    pseudo = checksum.pseudo_ipv6(other, B, icmpv6.PROTOCOL, len(message))
    assert not checksum.verify(pseudo, message)


@pytest.mark.parametrize("length", [0, 5, 7, 2046])
def test_options_of_no_whole_units_are_not_built(length: int) -> None:
    with pytest.raises(ValueError, match="units of 8 bytes"):
        Option(1, bytes(length)).build()


def test_options_cut_at_every_byte(refused: Callable[..., list[int]]) -> None:
    message = icmpv6.build_router_solicitation(A, B, (XP_OPTION, Option(14, bytes(6))))
    whole = {4, 20, 28}
    expected = [n for n in range(29) if n not in whole]
    assert refused(icmpv6.parse_router_solicitation, parse(message).body) == expected


def test_an_advertisement_cut_at_every_byte(refused: Callable[..., list[int]]) -> None:
    advertisement = RouterAdvertisement(0, 0, 0, 0, 2000, (PREFIX,), 1280)
    body = parse(icmpv6.build_router_advertisement(A, B, advertisement)).body
    expected = [n for n in range(53) if n not in {12, 44, 52}]
    assert refused(icmpv6.parse_router_advertisement, body) == expected


@pytest.mark.parametrize("decode", [icmpv6.parse_echo, icmpv6.quoted, parse])
def test_fixed_parts_cut_at_every_byte(
    decode: Callable[[bytes], object], refused: Callable[..., list[int]]
) -> None:
    assert refused(decode, bytes(10)) == list(range(4))


def test_an_option_of_length_zero_is_refused() -> None:
    with pytest.raises(DecodeError, match="option of length 0 at offset 4"):
        icmpv6.parse_router_solicitation(bytes(4) + b"\x01\x00" + bytes(6))


def test_the_limit_of_options() -> None:
    option = Option(14, bytes(6)).build()
    assert len(icmpv6.parse_router_solicitation(bytes(4) + option * 64).options) == 64
    with pytest.raises(DecodeError, match="too many options"):
        icmpv6.parse_router_solicitation(bytes(4) + option * 65)


@given(st.binary(max_size=90))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    assert answered(parse, data) is (len(data) >= 4)
    answered(icmpv6.parse_router_solicitation, data)
    answered(icmpv6.parse_router_advertisement, data)


def test_link_local_of_the_server_names_it() -> None:
    assert addresses.server_link_local(A) == packed("203.0.113.1")
