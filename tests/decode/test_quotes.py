from __future__ import annotations

import pytest

from sensor.decode.native import SHORTEST_QUOTE
from sensor.schema.rows import Observation
from sensor.schema.words import Reason
from sensor.wire import gre, icmpv4, icmpv6, ipv4, ipv6
from sensor.wire.addresses import SIXA44_RELAY
from sensor.wire.ports import GRE_PORT, SIXA44_PORT

from .. import build
from ..build import (
    CLIENT,
    NATIVE,
    OTHER,
    PEER,
    RELAY,
    TEREDO,
    V4A,
    V4B,
    ethernet,
    in_four,
    tcp6,
    udp_frame,
)
from .seen import Seen, anomalies, decode, only_row, seen, stack

TUNNEL = in_four(tcp6(), 41)


def reason(frame: bytes) -> Reason:
    found, rows = decode(frame)
    assert rows == []
    return found


def error4(packet: bytes, kind: int = icmpv4.UNREACHABLE, quote: int | None = None) -> bytes:
    message = icmpv4.build_error(kind, 1, packet, quote=quote)
    return ethernet(ipv4.build(V4B, V4A, icmpv4.PROTOCOL, message))


def error6(packet: bytes, kind: int = icmpv6.UNREACHABLE) -> bytes:
    message = icmpv6.build_error(OTHER, NATIVE, kind, 0, packet)
    return ipv6.build(OTHER, NATIVE, icmpv6.PROTOCOL, message)


def quoted(frame: bytes) -> Observation:
    found, rows = decode(frame)
    assert found is Reason.QUOTED
    assert [row.quoted for row in rows] == [1]
    return rows[0]


@pytest.mark.parametrize("kind", sorted(icmpv4.ERRORS))
def test_an_error_quotes_a_tunnel(kind: int) -> None:
    row = quoted(error4(TUNNEL, kind))
    assert seen(row) == Seen("6in4", "certain", "exact-length checksum protocol-41")
    assert stack(row) == "ethernet ipv4 icmp ipv4 ipv6 tcp"
    assert (row.outer_source[:4], row.outer_destination[:4]) == (V4A, V4B)
    assert row.inner_offset == 62


@pytest.mark.parametrize("kind", [icmpv4.ECHO_REPLY, icmpv4.ECHO_REQUEST, 13])
def test_other_messages_quote_nothing(kind: int) -> None:
    assert reason(error4(TUNNEL, kind)) is Reason.ICMP


def test_an_error_that_quotes_no_tunnel() -> None:
    assert reason(error4(in_four(bytes(30), 6))) is Reason.ICMP
    assert reason(error4(in_four(bytes(30), 50))) is Reason.ICMP
    assert reason(error4(b"")) is Reason.ICMP
    assert reason(error4(TUNNEL[:19])) is Reason.ICMP


@pytest.mark.parametrize("quote", range(20, 60))
def test_a_quote_too_short_for_the_inner_addresses(quote: int) -> None:
    """RFC 792 asks for eight octets of a packet, no more."""
    frame = error4(TUNNEL, quote=quote)
    if quote - 20 < SHORTEST_QUOTE:
        assert reason(frame) is Reason.ICMP
        return
    row = quoted(frame)
    assert seen(row) == Seen("6in4", "strong", "protocol-41", "truncated")
    assert (row.outer_source[:4], row.inner_length) == (V4A, 0)
    assert stack(row) == "ethernet ipv4 icmp ipv4"


@pytest.mark.parametrize("key", [None, 7])
@pytest.mark.parametrize("quote", range(20, 64))
def test_a_quote_too_short_for_the_addresses_in_gre(quote: int, key: int | None) -> None:
    header = 4 if key is None else 8
    packet = in_four(gre.build(gre.IPV6, tcp6(), key=key), gre.PROTOCOL)
    frame = error4(packet, quote=min(quote, 20 + header + 39))
    if quote - 20 < header:
        assert reason(frame) is Reason.ICMP
        return
    row = quoted(frame)
    assert seen(row) == Seen("gre6", "strong", "gre", "truncated")
    assert (row.outer_key, row.inner_length) == (key or 0, 0)
    assert stack(row) == "ethernet ipv4 icmp ipv4 gre"


def test_a_short_quote_of_something_else_in_gre() -> None:
    for wrong in (gre.build(gre.IPV6, b"\x45\0\0\0"), gre.build(gre.IPV4, b"\x60\0\0\0")):
        assert reason(error4(in_four(wrong, gre.PROTOCOL))) is Reason.ICMP
    cut = in_four(gre.build(gre.IPV6, tcp6()), gre.PROTOCOL)[:30]
    frame = ethernet(cut)
    assert decode(frame, wire_length=len(frame) + 90) == (Reason.TRUNCATED_PAYLOAD, [])
    in_udp = udp_frame((V4A, 9), (V4B, GRE_PORT), gre.build(gre.IPV6, tcp6()))[14:]
    assert reason(error4(in_udp, quote=40)) is Reason.ICMP


def test_a_short_quote_of_something_else_in_protocol_41() -> None:
    assert reason(error4(in_four(b"\x45" + bytes(50), 41), quote=30)) is Reason.ICMP


def test_a_quote_that_leaves_the_end_out() -> None:
    row = quoted(error4(TUNNEL, quote=64))
    assert (seen(row).confidence, anomalies(row)) == ("certain", ["truncated"])


def test_quotes_of_tunnels_over_udp_and_in_gre() -> None:
    teredo = build.udp(CLIENT, RELAY, tcp6(TEREDO, NATIVE))
    assert seen(quoted(error4(teredo))).kind == "teredo"
    bubble = build.udp(CLIENT, (SIXA44_RELAY, SIXA44_PORT), bytes(20))
    assert seen(quoted(error4(bubble))).kind == "6a44"
    assert seen(quoted(error4(in_four(gre.build(gre.IPV6, tcp6()), 47)))).kind == "gre6"


def test_a_quote_that_only_its_flow_could_prove_is_none() -> None:
    """Nobody learns the flow of what is quoted."""
    weak = build.udp(CLIENT, PEER, ipv6.build(NATIVE, OTHER, 50, b"weak"))
    assert reason(error4(weak)) is Reason.ICMP


def test_an_error_inside_a_tunnel_quotes_another_one() -> None:
    found, rows = decode(build.sixinfour_frame(error6(build.four_in_six(TUNNEL))))
    assert found is Reason.TUNNELLED
    assert [(seen(row).kind, row.quoted) for row in rows] == [("6in4", 0), ("6in4", 1)]
    assert stack(rows[0]) == "ethernet ipv4 ipv6 icmpv6 ipv6 ipv4 ipv6 tcp"


def test_an_error_inside_a_tunnel_that_quotes_what_is_inside_too() -> None:
    row = only_row(build.sixinfour_frame(error6(tcp6())))
    assert (row.quoted, row.icmp_type) == (0, icmpv6.UNREACHABLE)
    assert stack(row) == "ethernet ipv4 ipv6 icmpv6 ipv6 tcp"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(1, Reason.QUOTED), (4, Reason.QUOTED), (5, Reason.IPV6_NATIVE), (128, Reason.IPV6_NATIVE)],
)
def test_errors_of_native_ipv6(kind: int, expected: Reason) -> None:
    assert decode(ethernet(error6(build.four_in_six(TUNNEL), kind)))[0] is expected
    assert reason(ethernet(error6(tcp6(), kind))) is Reason.IPV6_NATIVE
    assert reason(ethernet(error6(b"", kind))) is Reason.IPV6_NATIVE


def test_an_error_about_an_error_is_not_followed() -> None:
    about = error4(TUNNEL)[14:]
    assert reason(error4(about)) is Reason.ICMP
    assert reason(ethernet(error6(error6(build.four_in_six(TUNNEL))))) is Reason.IPV6_NATIVE


def test_a_fragment_of_an_error_quotes_what_it_can() -> None:
    message = icmpv4.build_error(icmpv4.UNREACHABLE, 1, TUNNEL)
    packet = ipv4.build(V4B, V4A, icmpv4.PROTOCOL, message, more_fragments=True)
    assert seen(quoted(ethernet(packet))).kind == "6in4"


@pytest.mark.parametrize("frame", [error4(TUNNEL), ethernet(error6(build.four_in_six(TUNNEL)))])
def test_an_error_cut_at_every_octet(frame: bytes) -> None:
    for size in range(14, len(frame)):
        found, rows = decode(frame[:size], wire_length=len(frame))
        assert (found is Reason.QUOTED) is bool(rows)
        assert all(row.quoted and "truncated" in anomalies(row) for row in rows)
        assert bool(rows) is (size >= len(frame) - 60 + SHORTEST_QUOTE)


# What says which label was on a packet (RFC 4950), as routers append it.
EXTENSION = bytes.fromhex("2000 0000 0008 0101 000640ff")


@pytest.mark.parametrize("kind", [3, 11, 12])
@pytest.mark.parametrize("words", [32, 34])
def test_an_extension_is_no_part_of_the_quote(kind: int, words: int) -> None:
    """RFC 4884 section 4: the sixth octet tells the length of the quote in words."""
    packet = in_four(tcp6(payload=bytes(200)), 41)
    rest = bytes([0, words, 0, 0])
    body = packet[: 4 * words] + EXTENSION
    message = icmpv4.build(kind, 1, rest, body)
    row = quoted(ethernet(ipv4.build(V4B, V4A, icmpv4.PROTOCOL, message)))
    assert anomalies(row) == ["truncated"]
    short = in_four(tcp6(payload=bytes(4 * words - 76)), 41)
    assert len(short) == 4 * words + 4
    message = icmpv4.build(kind, 1, rest, short[:-4] + EXTENSION)
    row = quoted(ethernet(ipv4.build(V4B, V4A, icmpv4.PROTOCOL, message)))
    assert anomalies(row) == ["truncated"], "its checksum is not judged over the extension"


@pytest.mark.parametrize(("kind", "ends"), [(1, True), (2, False), (3, True), (4, False)])
def test_an_extension_in_icmpv6(kind: int, ends: bool) -> None:
    """There it is the fifth octet, in words of eight; a size or a pointer may stand there too."""
    whole = build.four_in_six(in_four(tcp6(payload=bytes(40)), 41))
    body = whole[:136] + EXTENSION + bytes(12)
    assert len(body) == len(whole)
    message = icmpv6.build_error(OTHER, NATIVE, kind, 0, body)
    message = message[:4] + bytes([17]) + message[5:]
    _, rows = decode(build.sixinfour_frame(ipv6.build(OTHER, NATIVE, icmpv6.PROTOCOL, message)))
    assert [row.quoted for row in rows] == [0, 1]
    assert ("bad-checksum" in anomalies(rows[1])) is not ends


@pytest.mark.parametrize(
    ("words", "behind"), [(31, EXTENSION), (32, b"\x10" + EXTENSION[1:]), (80, EXTENSION)]
)
def test_a_length_that_no_extension_follows_says_nothing(words: int, behind: bytes) -> None:
    """Older senders leave anything in that octet."""
    packet = in_four(tcp6(payload=bytes(64)), 41)
    body = packet[: 4 * words] + behind + packet[4 * words + len(behind) :]
    message = icmpv4.build(3, 1, bytes([0, words, 0, 0]), body)
    row = quoted(ethernet(ipv4.build(V4B, V4A, icmpv4.PROTOCOL, message)))
    assert "truncated" not in anomalies(row)


def test_an_error_of_ipv6_that_leaves_the_end_out() -> None:
    whole = build.four_in_six(in_four(tcp6(payload=bytes(100)), 41))
    row = quoted(ethernet(error6(whole[:130])))
    assert (seen(row).kind, anomalies(row)) == ("6in4", ["truncated"])
