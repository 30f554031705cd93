from __future__ import annotations

from dataclasses import replace

import pytest

from sensor.decode.names import name_hashes
from sensor.decode.settings import DecodeSettings
from sensor.schema.words import Reason
from sensor.wire import ayiya, dns, geneve, ipv4, ipv6, teredo, tsp, vxlan
from sensor.wire import udp as udp_wire
from sensor.wire.addresses import SIXA44_RELAY
from sensor.wire.ports import DNS_PORT, GENEVE_PORT, L2TP_PORT, SIXA44_PORT, VXLAN_PORT

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
    authentication,
    bubble,
    ethernet,
    in_four,
    origin,
    tcp6,
    udp_frame,
)
from .seen import Seen, anomalies, decode, only_row, seen, stack

ESP = ipv6.build(NATIVE, OTHER, 50, b"no checksum")
AYIYA = ayiya.Header(1, bytes(16), ayiya.SHA1, bytes(20), 1, ayiya.FORWARD, 41, 0)


def reason(frame: bytes, wire_length: int | None = None) -> Reason:
    found, rows = decode(frame, wire_length=wire_length)
    assert rows == []
    return found


def kind(payload: bytes, port: int) -> str:
    return seen(only_row(udp_frame(CLIENT, (PEER[0], port), payload))).kind


# which comes first


@pytest.mark.parametrize("port", [53, 1701, 2152, 3653, 4754, 4789, 5072, 6080, 6081, 25790])
def test_teredo_is_teredo_on_every_port(port: int) -> None:
    for payload in (
        tcp6(TEREDO, NATIVE),
        authentication() + build.solicitation(),
        origin() + tcp6(TEREDO, NATIVE),
        bubble(),
    ):
        row = only_row(udp_frame(CLIENT, (PEER[0], port), payload))
        assert (seen(row).kind, row.outer_destination_port) == ("teredo", port)


def test_ayiya_comes_before_l2tp_on_its_port() -> None:
    """Version 2 stands in either: an identity of 16 octets with a type of 1 and SHA-1."""
    payload = AYIYA.build() + tcp6()
    assert payload[:2] == b"\x41\x52"
    assert L2TP_PORT == 1701
    assert kind(payload, L2TP_PORT) == "ayiya"


def test_signalling_comes_before_what_a_port_tells() -> None:
    assert kind(tsp.build(1, 2, b"VERSION=2.0.0\r\n"), GENEVE_PORT) == "tsp"


def test_what_a_port_tells_comes_before_weak_ipv6() -> None:
    frame = udp_frame(CLIENT, (PEER[0], VXLAN_PORT), vxlan.build(1, ethernet(in_four(ESP, 41))))
    assert stack(only_row(frame)) == "ethernet ipv4 udp vxlan ethernet ipv4 ipv6"


def test_a_geneve_header_that_reads_like_an_origin() -> None:
    """Its octets are an origin of port 31010: what is behind it tells."""
    header = geneve.build(1, 0x86DD, b"")
    assert reason(udp_frame(CLIENT, PEER, header + ESP)) is Reason.GENEVE
    assert reason(udp_frame(CLIENT, PEER, header + tcp6())) is Reason.GENEVE
    row = only_row(udp_frame(CLIENT, PEER, header + tcp6(TEREDO)))
    assert (seen(row).kind, row.has_origin, row.origin_port) == ("teredo", 1, 31010)


@pytest.mark.parametrize("port", [1701, 2152, 4754, 4789, 6080, 6081, 8472])
def test_weak_ipv6_that_reads_like_a_carrier_is_left_to_its_flow(port: int) -> None:
    """Traffic class and flow label can say what VXLAN, L2TP and GRE begin with."""
    packet = ipv6.build(NATIVE, OTHER, 50, b"weak", traffic_class=0x80, flow_label=0x20000)
    found, rows = decode(udp_frame(CLIENT, (PEER[0], port), packet))
    assert found is Reason.WEAK
    assert [seen(row)[:2] for row in rows] == [("ip6-in-udp", "weak")]


def test_dns_that_begins_like_gre_behind_gue_is_none() -> None:
    query = dns.build_query(47, "example.com", dns.TYPE_A)
    unrecursed = query[:2] + bytes(2) + query[4:]
    assert unrecursed.startswith(b"\0\x2f\0\0")
    assert reason(udp_frame(CLIENT, (PEER[0], DNS_PORT), unrecursed)) is Reason.UDP_SHORT


def test_stun_that_begins_like_ipv6_is_stun() -> None:
    message = b"\x60\0\0\0" + bytes.fromhex("2112a442") + bytes(60)
    assert reason(udp_frame(CLIENT, PEER, message)) is Reason.STUN
    assert reason(udp_frame(CLIENT, PEER, message[:8])) is Reason.STUN


def test_a_name_that_is_looked_for() -> None:
    query = dns.build_query(7, "teredo.example.com", dns.TYPE_A)
    names = name_hashes(["teredo.example.com"], [], [])
    frame = udp_frame(CLIENT, (PEER[0], DNS_PORT), query)
    assert decode(frame, settings=DecodeSettings(names=names)) == (Reason.NAME, [])
    assert reason(frame) is Reason.UDP_SHORT
    elsewhere = udp_frame(CLIENT, PEER, query)
    assert decode(elsewhere, settings=DecodeSettings(names=names))[0] is Reason.UDP_SHORT


def test_nothing_at_all() -> None:
    assert reason(udp_frame(CLIENT, PEER, b"")) is Reason.UDP_SHORT


# what a Teredo row tells of its parts


def test_of_many_indicators_the_first_and_the_last_count() -> None:
    payload = authentication(b"id") + origin() + origin(RELAY) + bubble()
    row = only_row(udp_frame(CLIENT, PEER, payload))
    assert (row.auth_offset, row.auth_id_length, row.auth_value_length) == (42, 2, 0)
    assert (row.origin_ip, row.origin_port) == RELAY
    assert row.payload_offset == 42


def test_trailers_are_counted_and_what_is_behind_them_too() -> None:
    trailer = teredo.build_trailer_nonce(b"abcd")
    row = only_row(udp_frame(CLIENT, PEER, bubble() + trailer + b"\x04"))
    assert (row.trailers_offset, row.trailer_count, row.tail_length) == (82, 1, 1)
    row = only_row(udp_frame(CLIENT, PEER, bubble()))
    assert (row.trailers_offset, row.trailer_count, row.tail_length) == (0, 0, 0)


# lengths


def with_udp_length(frame: bytes, length: int) -> bytes:
    return frame[:38] + length.to_bytes(2) + frame[40:]


def test_octets_that_only_who_ignores_the_udp_length_sees() -> None:
    frame = udp_frame(CLIENT, PEER, tcp6(TEREDO) + b"more")
    row = only_row(with_udp_length(frame, 68))
    assert (anomalies(row), row.tail_length) == (["length-mismatch"], 0)


def test_indicators_are_no_room_for_the_packet() -> None:
    short = tcp6(TEREDO, payload=b"12345678")[:-4]
    assert reason(udp_frame(CLIENT, PEER, origin() + short)) is Reason.UDP_LENGTH
    frame = udp_frame(CLIENT, PEER, origin() + tcp6(TEREDO))
    cut = only_row(frame[:-4], wire_length=len(frame))
    assert seen(cut).reasons == "grammar exact-length teredo-address"


def test_without_a_total_length_nobody_knows_what_padding_is() -> None:
    packet = build.udp(CLIENT, PEER, tcp6(TEREDO))
    unset = packet[:2] + bytes(2) + packet[4:] + bytes(6)
    assert anomalies(only_row(ethernet(unset))) == []


def test_of_a_fragment_the_udp_length_is_of_all_of_it() -> None:
    datagram = build.udp(CLIENT, PEER, tcp6(TEREDO, payload=bytes(100)))[20:]
    first = ipv4.build(CLIENT[0], PEER[0], 17, datagram[:80], more_fragments=True)
    row = only_row(ethernet(first))
    assert (anomalies(row), row.inner_length) == (["fragment-incomplete"], 160)


def test_a_jumbogram_has_no_udp_length() -> None:
    datagram = udp_wire.build(NATIVE, OTHER, 5000, 6000, tcp6(TEREDO))
    unset = datagram[:4] + bytes(2) + datagram[6:]
    row = only_row(ethernet(ipv6.build(NATIVE, OTHER, 17, unset)))
    assert (seen(row).kind, anomalies(row)) == ("teredo", [])


def test_a_length_that_lies_is_told_of_what_the_datagram_carries() -> None:
    payload = vxlan.build(1, ethernet(in_four(tcp6(), 41))) + b"more"
    frame = udp_frame(CLIENT, (PEER[0], VXLAN_PORT), payload)
    row = only_row(with_udp_length(frame, 8 + len(payload) - 4))
    assert (seen(row).kind, anomalies(row)) == ("6in4", ["length-mismatch"])


# control packets


def test_no_room_for_a_control_packet_among_the_tunnels() -> None:
    relay = (SIXA44_RELAY, SIXA44_PORT)
    packet = build.four_in_six(build.udp(CLIENT, relay, bytes(20)))
    for _ in range(6):
        packet = build.six_in_six(packet)
    _, rows = decode(build.sixinfour_frame(packet))
    assert [seen(row).kind for row in rows] == ["6in4", *["ip6-in-ip6"] * 6, "6a44"]
    assert not any("too-many-layers" in anomalies(row) for row in rows)
    _, rows = decode(build.sixinfour_frame(build.six_in_six(packet)))
    assert [seen(row).kind for row in rows] == ["6in4", *["ip6-in-ip6"] * 7]
    assert "too-many-layers" in anomalies(rows[-1])


def test_digests_tell_control_packets_apart() -> None:
    relay = (SIXA44_RELAY, SIXA44_PORT)
    digests = {
        only_row(udp_frame(CLIENT, relay, bytes(19) + bytes([last]))).inner_digest
        for last in (1, 2)
    }
    assert len(digests) == 2


def test_a_datagram_over_ipv6() -> None:
    row = only_row(ethernet(build.udp((NATIVE, 5000), (OTHER, 6000), tcp6(TEREDO))))
    expected = ("teredo", "strong", "exact-length checksum teredo-address", "", "data")
    assert seen(row) == Seen(*expected)
    assert (row.outer_version, row.outer_source, row.outer_source_port) == (6, NATIVE, 5000)
    assert (row.outer_id, row.outer_key) == (0, 0)


def test_the_same_datagram_deeper_down() -> None:
    plain = build.udp((V4A, 4000), (V4B, 4001), tcp6(TEREDO))
    for packet in (in_four(plain), in_four(in_four(plain)), build.four_in_six(plain)):
        row = only_row(ethernet(packet))
        assert seen(row) == seen(only_row(ethernet(plain)))
        assert row.outer_source[:4] == V4A


def test_an_ayiya_header_that_nothing_speaks_for_is_none() -> None:
    late = replace(AYIYA, epoch=1_700_000_000)
    assert reason(udp_frame(CLIENT, PEER, replace(late, next_header=59).build() + b"MOTD")) is (
        Reason.UDP
    )
    assert seen(only_row(udp_frame(CLIENT, PEER, late.build() + tcp6()))).kind == "ayiya"


def test_ipv4_in_ayiya_has_a_right_checksum() -> None:
    header, packet = replace(AYIYA, next_header=4).build(), in_four(tcp6(), 41)
    assert kind(header + packet, 5072) == "6in4"
    wrong = packet[:10] + bytes([packet[10] ^ 1]) + packet[11:]
    assert reason(udp_frame(CLIENT, (PEER[0], 5072), header + wrong)) is Reason.UDP


def test_of_two_authentications_the_first_is_told() -> None:
    front = authentication(b"id", b"value") + authentication(b"longer", b"")
    row = only_row(udp_frame(CLIENT, RELAY, front + tcp6(TEREDO, NATIVE)))
    assert (row.auth_offset, row.auth_id_length, row.auth_value_length) == (42, 2, 5)
