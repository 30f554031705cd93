from __future__ import annotations

import pytest

from sensor.decode.settings import DecodeSettings
from sensor.decode.verdict import MAX_JUNK
from sensor.schema.words import Reason
from sensor.wire import icmpv4, icmpv6, ipv4, ipv6, teredo
from sensor.wire.addresses import ALL_ROUTERS, TeredoAddress, build_server_link_local, packed

from .. import build
from ..build import (
    CLIENT,
    LINK_LOCAL,
    MAPPED,
    NATIVE,
    OTHER,
    PEER,
    RELAY,
    SERVER,
    TEREDO,
    End,
    authentication,
    bubble,
    echo6,
    origin,
    solicitation,
    tcp6,
    udp_frame,
)
from .seen import Seen, all_seen, anomalies, decode, only_row, seen, stack

Row = tuple[End, End]
OUT: Row = (CLIENT, SERVER)
# Ports that say nothing, and private ends, which no mapping can equal.
ODD: Row = ((CLIENT[0], 33333), (packed("10.77.0.9"), 9999))
RELAY_LINK_LOCAL = packed("fe80::1234:5678:9abc:def0")
SERVER_LINK_LOCAL = build_server_link_local(SERVER[0])


def judged(payload: bytes, ends: Row = ODD) -> Seen:
    return seen(only_row(udp_frame(*ends, payload)))


def reason(payload: bytes, ends: Row = ODD) -> Reason:
    found, rows = decode(udp_frame(*ends, payload))
    assert rows == []
    return found


def with_checksum_damaged(packet: bytes) -> bytes:
    return packet[:42] + bytes([packet[42] ^ 1]) + packet[43:]


def test_a_row_field_by_field() -> None:
    trailers = [teredo.build_trailer_nonce(b"abcd"), teredo.build_trailer_random_port(40001)]
    payload = teredo.encapsulate(
        bubble(TEREDO, NATIVE),
        authentication=authentication(b"id", b"value", 1),
        origin=origin(RELAY),
        trailers=trailers,
    )
    packet = build.udp(SERVER, CLIENT, payload, identification=0x4321)
    row = only_row(build.ethernet(packet, (7, 9)))
    assert row._asdict() == {
        "frame": 1,
        "time": 0,
        "inner_digest": row.inner_digest,
        "source": 0,
        "copy_of": 0,
        "wire_length": 128,
        "captured_length": 128,
        "inner_offset": 78,
        "inner_length": 40,
        "payload_length": 0,
        "auth_offset": 50,
        "trailers_offset": 118,
        "tail_length": 0,
        "reasons": 0b1_0000_1011,
        "anomalies": 1 << 3 | 1 << 20,
        "kinds": 1 << 1,
        "fragment_id": 0,
        "tcp_sequence": 0,
        "tcp_acknowledgement": 0,
        "flow_label": 0,
        "outer_key": 0,
        "payload_offset": 50,
        "vlan": 10,
        "outer_source_port": 3544,
        "outer_destination_port": 41658,
        "outer_id": 0x4321,
        "inner_source_port": 0,
        "inner_destination_port": 0,
        "icmp_sequence": 0,
        "fragment_offset": 0,
        "origin_port": 3545,
        "depth": 0,
        "kind": 1,
        "confidence": 3,
        "quoted": 0,
        "outer_version": 4,
        "outer_transport": 1,
        "teredo_packet": 3,
        "has_auth": 1,
        "auth_confirmation": 1,
        "auth_id_length": 2,
        "auth_value_length": 5,
        "has_origin": 1,
        "trailer_count": 2,
        "inner_transport": 59,
        "hop_limit": 21,
        "tcp_flags": 0,
        "icmp_type": 0,
        "icmp_code": 0,
        "has_transport": 0,
        "has_fragment": 0,
        "fragment_more": 0,
        "stack_length": 7,
        "nonce": bytes.fromhex("0102030405060708"),
        "origin_ip": packed("192.0.2.10"),
        "outer_source": packed("198.51.100.1") + bytes(12),
        "outer_destination": packed("192.168.0.2") + bytes(12),
        "inner_source": TEREDO,
        "inner_destination": NATIVE,
        "stack": bytes([1, 2, 2, 5, 7, 11, 6]) + bytes(9),
    }


# what is certain, strong or weak, on any port


@pytest.mark.parametrize("ends", [OUT, ODD, (PEER, MAPPED)])
def test_a_solicitation_with_authentication_is_certain(ends: Row) -> None:
    assert judged(authentication() + solicitation(), ends) == Seen(
        "teredo",
        "certain",
        "grammar exact-length checksum router-solicitation",
        packet="router-solicitation",
    )


def test_a_bare_solicitation_is_strong() -> None:
    assert judged(solicitation()) == Seen(
        "teredo",
        "strong",
        "exact-length checksum router-solicitation",
        packet="router-solicitation",
    )


def test_a_solicitation_with_a_wrong_checksum_is_one_still() -> None:
    """Servers answer it, so that it must not hide a client."""
    damaged = with_checksum_damaged(solicitation())
    assert judged(authentication() + damaged) == Seen(
        "teredo",
        "certain",
        "grammar exact-length router-solicitation",
        "bad-checksum",
        "router-solicitation",
    )
    assert judged(damaged).confidence == "strong"


@pytest.mark.parametrize(
    "packet",
    [
        ipv6.build(NATIVE, ALL_ROUTERS, 58, solicitation()[40:]),
        ipv6.build(LINK_LOCAL, NATIVE, 58, solicitation()[40:]),
        ipv6.build(LINK_LOCAL, ALL_ROUTERS, 58, b"\x85\x01" + solicitation()[42:]),
        ipv6.build(LINK_LOCAL, ALL_ROUTERS, 58, b"\x87\x00" + solicitation()[42:]),
    ],
)
def test_what_is_no_solicitation_is_weak(packet: bytes) -> None:
    assert judged(authentication() + packet).confidence == "weak"
    assert judged(authentication() + packet).kind == "ip6-in-udp"


def cut(frame: bytes, size: int, wire: int | None = None) -> Seen:
    """What is seen of a frame of which the capture has the first ``size`` octets."""
    return seen(only_row(frame[:size], wire_length=len(frame) if wire is None else wire))


ASKED = udp_frame(*ODD, authentication() + solicitation())
MESSAGE = 55 + 40  # where its ICMPv6 starts


@pytest.mark.parametrize("kept", range(8))
def test_a_solicitation_that_the_capture_cut(kept: int) -> None:
    assert cut(ASKED, MESSAGE + kept) == Seen(
        "teredo",
        "certain",
        "grammar exact-length router-solicitation",
        "truncated",
        "router-solicitation",
    )
    row = only_row(ASKED[: MESSAGE + kept], wire_length=len(ASKED))
    assert (row.has_transport, row.icmp_type) == ((1, 133) if kept >= 2 else (0, 0))
    assert (row.inner_transport, row.nonce) == (58, build.NONCE)


@pytest.mark.parametrize("kept", range(8))
def test_a_bare_solicitation_that_the_capture_cut(kept: int) -> None:
    found = cut(udp_frame(*ODD, solicitation()), 82 + kept)
    assert found[:3] == ("teredo", "strong", "exact-length router-solicitation")
    behind_origin = udp_frame(*ODD, origin() + solicitation())
    assert cut(behind_origin, 90 + kept).confidence == "weak"


@pytest.mark.parametrize("kept", range(8))
@pytest.mark.parametrize(
    "packet",
    [
        ipv6.build(NATIVE, ALL_ROUTERS, 58, solicitation()[40:], hop_limit=255),
        ipv6.build(LINK_LOCAL, NATIVE, 58, solicitation()[40:], hop_limit=255),
        ipv6.build(LINK_LOCAL, ALL_ROUTERS, 50, solicitation()[40:], hop_limit=255),
    ],
)
def test_what_is_no_solicitation_is_none_though_cut(packet: bytes, kept: int) -> None:
    found = cut(udp_frame(*ODD, authentication() + packet), MESSAGE + kept)
    assert (found.kind, found.confidence) == ("ip6-in-udp", "weak")


def test_a_cut_message_of_another_type_is_no_solicitation() -> None:
    """Who leaves a group tells all routers with a hop limit of 1 (RFC 2710 section 3)."""
    done = icmpv6.build(LINK_LOCAL, ALL_ROUTERS, 132, 0, bytes(20))
    for hop_limit, kept in ((1, 0), (1, 1), (255, 1), (255, 2)):
        packet = ipv6.build(LINK_LOCAL, ALL_ROUTERS, 58, done, hop_limit=hop_limit)
        found = cut(udp_frame(*ODD, authentication() + packet), MESSAGE + kept)
        assert (found.kind, found.confidence) == ("ip6-in-udp", "weak")


@pytest.mark.parametrize("kept", range(4))
def test_a_datagram_that_claims_more_than_it_has_is_no_solicitation(kept: int) -> None:
    """The capture has all of it, or more was on the wire but not as much as is claimed."""
    for wire in (MESSAGE + kept, len(ASKED) - 1):
        found = cut(ASKED, MESSAGE + kept, wire)
        assert (found.kind, found.confidence) == ("ip6-in-udp", "weak")
        assert "length-mismatch" in found.anomalies


@pytest.mark.parametrize("kept", [0, 1])
def test_a_cut_fragment_and_a_quote_hold_no_cut_solicitation(kept: int) -> None:
    """What is missing of them may be so for another reason."""
    packet = ASKED[14:]
    first = ipv4.build(packet[12:16], packet[16:20], 17, packet[20:], more_fragments=True)
    assert cut(build.ethernet(first), MESSAGE + kept).kind == "ip6-in-udp"
    error = icmpv4.build_error(icmpv4.UNREACHABLE, 3, packet, quote=MESSAGE - 14 + kept)
    frame = build.ethernet(build.in_four(error, icmpv4.PROTOCOL))
    assert decode(frame)[0] is Reason.ICMP
    assert decode(frame, wire_length=len(frame) + 90)[0] is Reason.ICMP


ANSWERED = udp_frame(SERVER, CLIENT, authentication() + origin() + build.advertisement())


@pytest.mark.parametrize("kept", range(16))
def test_an_advertisement_that_the_capture_cut_is_known_by_its_server(kept: int) -> None:
    assert cut(ANSWERED, 63 + 40 + kept) == Seen(
        "teredo",
        "certain",
        "grammar exact-length server-equals-outer",
        "truncated",
        "router-advertisement",
    )


@pytest.mark.parametrize("kept", range(16))
def test_a_cut_advertisement_from_another_address_is_weak(kept: int) -> None:
    frame = udp_frame(*ODD, authentication() + origin() + build.advertisement())
    assert cut(frame, 63 + 40 + kept)[:2] == ("ip6-in-udp", "weak")


def test_other_cut_messages_of_a_server_are_data() -> None:
    for kind, hop_limit, kept in ((135, 255, 1), (134, 64, 0), (134, 64, 1)):
        message = icmpv6.build(SERVER_LINK_LOCAL, LINK_LOCAL, kind, 0, bytes(20))
        packet = ipv6.build(SERVER_LINK_LOCAL, LINK_LOCAL, 58, message, hop_limit=hop_limit)
        frame = udp_frame(SERVER, CLIENT, packet)
        assert cut(frame, 82 + kept).packet == "data"
        assert cut(frame, 82 + kept).confidence == "certain"


def test_the_solicitation_of_windows_xp() -> None:
    former = TeredoAddress(bytes(4), 0x8000, 3797, packed("70.55.215.234"), legacy=False)
    option = icmpv6.Option(1, bytes(6) + former.identifier)
    payload = authentication() + solicitation(packed("fe80::8000:ffff:ffff:fffd"), (option,))
    row = only_row(udp_frame(*OUT, payload))
    assert len(payload) == 77
    assert seen(row).confidence == "certain"
    assert seen(row).packet == "router-solicitation"
    assert row.inner_length == 64
    assert row.payload_length == 20


def test_an_advertisement_names_its_server() -> None:
    payload = authentication() + origin() + build.advertisement()
    row = only_row(udp_frame(SERVER, CLIENT, payload))
    assert seen(row) == Seen(
        "teredo",
        "certain",
        "grammar exact-length checksum server-equals-outer router-advertisement",
        packet="router-advertisement",
    )
    assert (row.has_origin, row.origin_ip, row.origin_port) == (1, MAPPED[0], 41658)


def test_an_advertisement_through_another_address_of_its_server() -> None:
    payload = authentication() + origin() + build.advertisement()
    assert judged(payload) == Seen(
        "teredo",
        "certain",
        "grammar exact-length checksum router-advertisement",
        packet="router-advertisement",
    )
    assert judged(build.advertisement()).confidence == "strong"


def test_an_advertisement_of_another_prefix_is_known_by_its_server() -> None:
    payload = build.advertisement(prefix=packed("2001:db8::"))
    assert judged(payload, (SERVER, CLIENT)) == Seen(
        "teredo",
        "certain",
        "exact-length checksum server-equals-outer",
        packet="router-advertisement",
    )


def test_an_advertisement_of_another_prefix_by_another_server_is_not_teredo() -> None:
    payload = authentication() + build.advertisement(prefix=packed("2001:db8::"))
    assert judged(payload) == Seen("ip6-in-udp", "strong", "grammar exact-length checksum")


def test_a_damaged_advertisement_advertises_nothing() -> None:
    message = icmpv6.build(LINK_LOCAL, LINK_LOCAL, 134, 0, bytes(12) + b"\3\0")
    packet = ipv6.build(LINK_LOCAL, LINK_LOCAL, 58, message)
    assert judged(packet) == Seen("ip6-in-udp", "strong", "exact-length checksum")


def test_an_advertisement_by_a_global_address_is_none() -> None:
    packet = build.advertisement(source=NATIVE)
    assert judged(packet).kind == "ip6-in-udp"


@pytest.mark.parametrize(
    ("packet", "ends", "confidence", "reasons", "type_"),
    [
        # seen outside the NAT the mapping is the outer end
        (tcp6(TEREDO, NATIVE), (MAPPED, RELAY), "certain", "mapping-equals-outer", "data"),
        (tcp6(NATIVE, TEREDO), (RELAY, MAPPED), "certain", "mapping-equals-outer", "data"),
        # inside it is not
        (tcp6(TEREDO, NATIVE), (CLIENT, RELAY), "strong", "", "data"),
        (tcp6(NATIVE, TEREDO), (RELAY, CLIENT), "strong", "", "data"),
        # a port alone does not make a mapping
        (tcp6(TEREDO, NATIVE), ((MAPPED[0], 1025), RELAY), "strong", "", "data"),
    ],
)
def test_data(packet: bytes, ends: Row, confidence: str, reasons: str, type_: str) -> None:
    words = f"exact-length checksum teredo-address {reasons}".strip()
    assert judged(packet, ends) == Seen("teredo", confidence, words, packet=type_)


def test_a_connectivity_test_goes_through_the_own_server() -> None:
    ping = echo6(TEREDO, NATIVE)
    assert judged(ping, OUT).packet == "connectivity-test"
    assert judged(ping, (CLIENT, (SERVER[0], 4000))).packet == "connectivity-test"
    assert judged(ping, (CLIENT, RELAY)).packet == "data"
    assert judged(echo6(TEREDO, TEREDO), OUT).packet == "data"
    assert judged(tcp6(TEREDO, NATIVE), OUT).packet == "data"
    assert judged(echo6(NATIVE, TEREDO), (SERVER, CLIENT)).packet == "data"


@pytest.mark.parametrize(
    ("payload", "confidence", "reasons"),
    [
        (bubble(), "strong", "exact-length teredo-address bubble"),
        (bubble(LINK_LOCAL, RELAY_LINK_LOCAL), "strong", "exact-length bubble"),
        (bubble(TEREDO, NATIVE), "strong", "exact-length teredo-address bubble"),
        (origin() + bubble(), "certain", "grammar exact-length teredo-address bubble"),
        (authentication() + bubble(), "certain", "grammar exact-length teredo-address bubble"),
        (
            authentication() + bubble(LINK_LOCAL, RELAY_LINK_LOCAL),
            "certain",
            "grammar exact-length bubble",
        ),
    ],
)
def test_bubbles(payload: bytes, confidence: str, reasons: str) -> None:
    found = judged(payload)
    assert found[:3] == ("teredo", confidence, reasons)
    assert found.packet == "bubble"


def test_a_bubble_between_native_addresses_is_weak() -> None:
    assert judged(bubble(NATIVE, OTHER)) == Seen("ip6-in-udp", "weak", "exact-length")


def test_a_bubble_of_a_server_names_it() -> None:
    found = judged(bubble(SERVER_LINK_LOCAL, RELAY_LINK_LOCAL), (SERVER, CLIENT))
    assert found == Seen(
        "teredo", "certain", "exact-length server-equals-outer bubble", packet="bubble"
    )


def test_native_addresses_need_a_checksum_and_a_length_that_fits() -> None:
    assert judged(tcp6()) == Seen("ip6-in-udp", "strong", "exact-length checksum")
    assert judged(with_checksum_damaged(tcp6())) == Seen(
        "ip6-in-udp", "weak", "exact-length", "bad-checksum"
    )
    assert judged(tcp6() + b"\xff\xff\xff") == Seen(
        "ip6-in-udp", "strong", "checksum", "trailing-bytes"
    )
    without = ipv6.build(NATIVE, OTHER, 50, b"encrypted")
    assert judged(without) == Seen("ip6-in-udp", "weak", "exact-length")


def test_the_port_of_teredo_proves_nothing() -> None:
    assert judged(ipv6.build(NATIVE, OTHER, 50, b"x"), OUT) == Seen(
        "ip6-in-udp", "weak", "exact-length"
    )


def test_weak_frames_are_told_apart() -> None:
    frame = udp_frame(*ODD, ipv6.build(NATIVE, OTHER, 50, b"x"))
    assert decode(frame)[0] is Reason.WEAK
    assert decode(udp_frame(*ODD, tcp6()))[0] is Reason.TUNNELLED


def test_a_known_server_is_a_reason_and_no_proof() -> None:
    settings = DecodeSettings(known_servers=frozenset({SERVER[0]}))
    for ends in (OUT, (SERVER, CLIENT)):
        frame = udp_frame(*ends, ipv6.build(NATIVE, OTHER, 50, b"x"))
        _, rows = decode(frame, settings=settings)
        assert seen(rows[0]) == Seen("ip6-in-udp", "weak", "exact-length known-server")


def test_a_layer_is_called_teredo_only_if_it_is() -> None:
    assert stack(only_row(udp_frame(*ODD, tcp6()))) == "ethernet ipv4 udp ipv6 tcp"
    assert stack(only_row(udp_frame(*ODD, echo6(TEREDO)))) == "ethernet ipv4 udp teredo ipv6 icmpv6"


# indicators


@pytest.mark.parametrize(
    ("front", "words"),
    [
        (origin() + authentication(), "indicator-order"),
        (authentication() + authentication(), "indicator-order"),
        (origin() + origin(), "duplicate-origin indicator-order"),
        (authentication() + origin() + origin(), "duplicate-origin indicator-order"),
        (authentication() + origin() + authentication(), "indicator-order"),
        (authentication() * 8, "indicator-order"),
    ],
)
def test_doubled_and_misordered_indicators(front: bytes, words: str) -> None:
    found = judged(front + build.advertisement())
    assert found == Seen(
        "teredo",
        "strong",
        "exact-length checksum router-advertisement",
        words,
        "router-advertisement",
    )


def test_more_indicators_than_anyone_would_send() -> None:
    assert reason(authentication() * 9 + build.advertisement()) is Reason.UDP


def test_of_two_origins_the_last_counts() -> None:
    row = only_row(udp_frame(*ODD, origin(RELAY) + origin() + bubble()))
    assert (row.origin_ip, row.origin_port) == (MAPPED[0], 41658)


def test_of_two_authentications_the_first_counts() -> None:
    payload = authentication(b"ab", b"c", 3) + authentication() + solicitation()
    row = only_row(udp_frame(*ODD, payload))
    assert (row.auth_offset, row.auth_id_length, row.auth_value_length) == (42, 2, 1)
    assert row.auth_confirmation == 3
    assert row.inner_offset == 42 + 16 + 13


def test_the_longest_authentication() -> None:
    row = only_row(udp_frame(*ODD, authentication(bytes(255), bytes(255)) + solicitation()))
    assert (row.auth_id_length, row.auth_value_length, row.inner_offset) == (255, 255, 42 + 523)
    assert seen(row).confidence == "certain"


def test_authentication_belongs_to_router_messages() -> None:
    assert judged(authentication() + tcp6(TEREDO)).anomalies == "auth-on-data"
    assert judged(authentication() + bubble()).anomalies == "auth-on-data"
    assert judged(authentication() + echo6(TEREDO)).anomalies == "auth-on-data"


@pytest.mark.parametrize("cut", range(55 + 40, 55 + 48))
def test_authentication_on_a_message_whose_type_was_cut_off(cut: int) -> None:
    frame = udp_frame(*ODD, authentication() + solicitation())
    assert anomalies(only_row(frame[:cut], wire_length=len(frame))) == ["truncated"]


def test_authentication_on_a_chain_that_was_cut_off() -> None:
    packet = ipv6.build(TEREDO, NATIVE, 60, ipv6.build_extension(60, 59, bytes(30)))
    frame = udp_frame(*ODD, authentication() + packet)
    assert anomalies(only_row(frame)) == ["auth-on-data"]
    assert anomalies(only_row(frame[:-1], wire_length=len(frame))) == ["truncated"]


@pytest.mark.parametrize("wrong", [(255, 255), (255, 0), (0, 200), (3, 0), (0, 3), (1, 0)])
def test_lying_indicator_lengths_give_nothing_strong(wrong: tuple[int, int]) -> None:
    payload = b"\0\1" + bytes(wrong) + build.NONCE + b"\0" + solicitation()
    assert reason(payload) in (Reason.UDP, Reason.UDP_LENGTH, Reason.UDP_IMPLAUSIBLE)


# what follows the packet


def test_trailers_are_counted() -> None:
    trailers = [
        teredo.build_trailer_nonce(b"abcd"),
        teredo.build_trailer_alternate([(CLIENT[0], 41658)]),
        teredo.build_trailer_random_port(40001),
        bytes([0x41, 2, 9, 9]),
    ]
    row = only_row(udp_frame(*ODD, bubble() + b"".join(trailers)))
    assert (row.trailers_offset, row.trailer_count, row.tail_length) == (82, 4, 0)
    assert seen(row).reasons == "exact-length teredo-address bubble"
    assert anomalies(row) == ["trailer-junk"]  # nobody defined 0x41


@pytest.mark.parametrize(
    ("tail", "count", "left"),
    [(b"\x05", 0, 1), (b"\x05\x02\x01", 0, 3), (b"\x01\x04abcd\x05\x02\x01", 1, 3)],
)
def test_a_malformed_trailer_is_a_tail(tail: bytes, count: int, left: int) -> None:
    row = only_row(udp_frame(*ODD, bubble() + tail))
    assert (row.trailer_count, row.tail_length) == (count, left)
    assert seen(row) == Seen(
        "teredo", "strong", "teredo-address bubble", "trailing-bytes", "bubble"
    )


def test_a_trailer_cut_by_the_snap_length_is_not_malformed() -> None:
    frame = udp_frame(*ODD, bubble() + teredo.build_trailer_nonce(b"abcd"))
    assert anomalies(only_row(frame[:-1], wire_length=len(frame))) == ["truncated"]


def test_more_trailers_than_are_read() -> None:
    row = only_row(udp_frame(*ODD, bubble() + b"\x05\x00" * 20))
    assert (row.trailer_count, row.tail_length) == (16, 8)
    assert anomalies(row) == ["trailing-bytes", "trailer-junk"]


def test_a_tail_does_not_hide_a_packet_that_its_checksum_proves() -> None:
    assert judged(bubble(LINK_LOCAL, RELAY_LINK_LOCAL) + b"x").confidence == "weak"
    assert judged(authentication() + solicitation() + b"x").confidence == "strong"
    junk = b"\xff" * MAX_JUNK
    assert judged(tcp6() + junk).anomalies == "trailing-bytes"
    assert judged(tcp6() + junk).confidence == "strong"
    assert judged(tcp6() + junk + b"x").confidence == "weak"
    assert judged(with_checksum_damaged(tcp6()) + b"x").confidence == "weak"


def test_a_tail_that_was_not_captured_may_be_anything() -> None:
    frame = udp_frame(*ODD, tcp6() + b"\xff\xff\xff")
    assert seen(only_row(frame[:-3], wire_length=len(frame))) == Seen(
        "ip6-in-udp", "strong", "checksum", "truncated"
    )


@pytest.mark.parametrize(
    ("packet", "ends", "expected"),
    [
        (tcp6(TEREDO, NATIVE), ODD, Reason.UDP_LENGTH),
        (tcp6(), ODD, Reason.UDP_LENGTH),
        (bubble()[:4] + b"\0\1" + bubble()[6:], ODD, Reason.UDP_LENGTH),
    ],
)
def test_a_packet_longer_than_its_datagram_is_none(
    packet: bytes, ends: Row, expected: Reason
) -> None:
    longer = packet[:4] + (int.from_bytes(packet[4:6]) + 1).to_bytes(2) + packet[6:]
    assert reason(longer, ends) is expected


def test_a_packet_longer_than_its_datagram_that_names_its_sender() -> None:
    packet = tcp6(TEREDO, NATIVE)
    longer = packet[:4] + b"\0\x15" + packet[6:]
    assert judged(longer, (MAPPED, RELAY)) == Seen(
        "teredo",
        "certain",
        "teredo-address mapping-equals-outer",
        "length-mismatch",
        "data",
    )


def test_a_bubble_with_payload() -> None:
    packet = ipv6.build(TEREDO, NATIVE, 59, b"smuggled")
    assert judged(packet) == Seen(
        "teredo", "strong", "exact-length teredo-address", "bubble-with-payload", "data"
    )


def test_a_hop_limit_of_zero() -> None:
    assert judged(bubble(hop_limit=0)).anomalies == "hop-limit-zero"


def test_a_routing_header_inside() -> None:
    packet = ipv6.build(TEREDO, NATIVE, 43, ipv6.build_extension(43, 6, bytes(6)) + tcp6()[40:])
    assert judged(packet) == Seen(
        "teredo", "strong", "exact-length teredo-address", "routing-header", "data"
    )


def test_an_inner_protocol_that_makes_no_sense() -> None:
    nonsense = ipv6.build(TEREDO, NATIVE, 253, bytes(9))
    assert judged(nonsense) == Seen(
        "teredo", "strong", "exact-length teredo-address", "extension-headers", "data"
    )
    assert reason(ipv6.build(NATIVE, OTHER, 253, bytes(9))) is Reason.UDP_IMPLAUSIBLE


def test_nonsense_that_names_its_sender_is_seen() -> None:
    """Flag bits that nobody may set do not hide a mapping."""
    forbidden = build.teredo_address(flags=0x0300)
    found = judged(ipv6.build(forbidden, NATIVE, 253, bytes(9)), (MAPPED, RELAY))
    assert found == Seen(
        "teredo",
        "certain",
        "exact-length teredo-address mapping-equals-outer",
        "reserved-flags extension-headers",
        "data",
    )


# what an address says


def test_the_legacy_prefix() -> None:
    legacy = TeredoAddress(SERVER[0], 0, MAPPED[1], MAPPED[0], legacy=True).build()
    assert judged(echo6(legacy, NATIVE)).anomalies == "legacy-prefix"
    assert judged(echo6(legacy, NATIVE)).reasons == "exact-length checksum teredo-address"


@pytest.mark.parametrize("flags", [0x0000, 0x8000, 0x3C00, 0x00FF, 0xBCFF])
def test_flags_that_may_be_set(flags: int) -> None:
    assert judged(tcp6(build.teredo_address(flags=flags), NATIVE)).anomalies == ""


@pytest.mark.parametrize("flags", [0x4000, 0x0200, 0x0100, 0xFFFF])
def test_flags_that_nobody_may_set(flags: int) -> None:
    address = build.teredo_address(flags=flags)
    found = judged(ipv6.build(address, NATIVE, 59, b""))
    assert found == Seen(
        "teredo", "strong", "exact-length teredo-address bubble", "reserved-flags", "bubble"
    )


@pytest.mark.parametrize(
    "address",
    [
        build.teredo_address((packed("10.0.0.1"), 41658)),
        build.teredo_address((packed("224.0.0.1"), 41658)),
        build.teredo_address(server=packed("127.0.0.1")),
        packed("2001::"),
    ],
)
def test_an_embedded_address_that_cannot_be_public(address: bytes) -> None:
    for packet in (tcp6(address, NATIVE), tcp6(NATIVE, address)):
        assert judged(packet).anomalies == "embedded-not-global"


@pytest.mark.parametrize(
    "address", ["2001:2:4136:e378:8000:63bf:3fff:fdd2", "2001:3::1", "2001:db8::1", "3ffe:831e::1"]
)
def test_other_prefixes_are_not_teredo(address: str) -> None:
    assert judged(tcp6(packed(address))).kind == "ip6-in-udp"


@pytest.mark.parametrize(
    ("packet", "ends", "odd"),
    [
        (tcp6(TEREDO, NATIVE), (PEER, RELAY), True),
        (tcp6(NATIVE, TEREDO), (RELAY, PEER), True),
        (tcp6(TEREDO, NATIVE), ((PEER[0], 3544), RELAY), True),
        # behind the NAT, through the server on any port, with another port of the NAT
        (tcp6(TEREDO, NATIVE), (CLIENT, RELAY), False),
        (tcp6(NATIVE, TEREDO), (RELAY, SERVER), False),
        (bubble(TEREDO, NATIVE), (PEER, (SERVER[0], 9000)), False),
        (origin() + bubble(RELAY_LINK_LOCAL, TEREDO), ((SERVER[0], 9000), PEER), False),
        (tcp6(TEREDO, NATIVE), ((MAPPED[0], 1025), RELAY), False),
    ],
)
def test_an_outer_end_that_is_not_the_embedded_one(packet: bytes, ends: Row, odd: bool) -> None:
    assert judged(packet, ends).anomalies == ("embedded-mismatch" if odd else "")


def test_teredo_over_ipv6_has_no_mapping_to_compare() -> None:
    ends = ((OTHER, 5000), (NATIVE, 5001))
    assert judged(tcp6(TEREDO, NATIVE), ends) == Seen(
        "teredo", "strong", "exact-length checksum teredo-address", packet="data"
    )


# look-alikes that need more than a glance: the rest are in test_lookalikes.py


def geneve(packet: bytes) -> bytes:
    return bytes.fromhex("000086dd00012300") + packet


@pytest.mark.parametrize(
    "packet",
    [
        tcp6(),
        echo6(),
        bubble(LINK_LOCAL, RELAY_LINK_LOCAL),
        solicitation(),
        build.advertisement(prefix=packed("2001:db8::")),
    ],
)
def test_geneve_wins(packet: bytes) -> None:
    """Hosts of an overlay solicit routers too."""
    assert reason(geneve(packet)) is Reason.GENEVE


def test_geneve_with_a_teredo_address_is_reported() -> None:
    assert judged(geneve(tcp6(TEREDO, NATIVE))) == Seen(
        "teredo", "strong", "grammar exact-length checksum teredo-address", packet="data"
    )


def test_an_origin_alone_is_no_sign() -> None:
    assert judged(origin() + tcp6()) == Seen("ip6-in-udp", "weak", "grammar exact-length checksum")
    assert judged(origin() + solicitation()).confidence == "weak"


def test_an_origin_before_an_advertisement_of_teredo_is_certain() -> None:
    assert judged(origin() + build.advertisement()).confidence == "certain"


def test_a_nonce_that_reads_like_stun_hides_nothing() -> None:
    nonce = bytes.fromhex("2112a44200000000")
    payload = teredo.build_authentication(nonce) + solicitation()
    assert judged(payload).confidence == "certain"
    weak = teredo.build_authentication(nonce) + ipv6.build(NATIVE, OTHER, 50, b"x")
    assert reason(weak) is Reason.STUN


# a weak layer and what is in it


def test_a_checksum_deep_inside_proves_what_carries_it() -> None:
    found = all_seen(udp_frame(*ODD, build.six_in_six(tcp6())))
    assert found == [
        Seen("ip6-in-udp", "strong", "exact-length"),
        Seen("ip6-in-ip6", "strong", "exact-length checksum protocol-41"),
    ]


def test_a_protocol_number_inside_a_weak_layer_proves_nothing() -> None:
    junk = udp_frame(*ODD, build.six_in_six(tcp6() + b"junk"))
    assert [row.confidence for row in all_seen(junk)] == ["weak", "weak"]
    hollow = bubble(NATIVE, OTHER)
    frame = udp_frame(*ODD, build.six_in_six(hollow))
    assert decode(frame)[0] is Reason.WEAK
    assert [row.confidence for row in all_seen(frame)] == ["weak", "weak"]
    within = build.four_in_six(build.sixinfour_frame(hollow)[14:])
    assert [row.confidence for row in all_seen(udp_frame(*ODD, within))] == ["weak", "weak"]
