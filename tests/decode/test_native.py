from __future__ import annotations

import pytest

from sensor.schema.words import Reason
from sensor.wire import gre, ipv6, link, tcp, wlan
from sensor.wire.ports import TSP_PORT

from .. import build
from ..build import (
    CLIENT,
    LINK_LOCAL,
    OTHER,
    PEER,
    TEREDO,
    V4A,
    V4B,
    ethernet,
    in_four,
    six_in_six,
    tcp6,
)
from .seen import Seen, anomalies, decode, only_row, seen, stack

TUNNEL = in_four(tcp6(), 41)
PROTOCOL_41 = Seen("6in4", "certain", "exact-length checksum protocol-41")


def reason(frame: bytes, link_type: int = 1, wire_length: int | None = None) -> Reason:
    found, rows = decode(frame, link_type, wire_length)
    assert rows == []
    return found


# the link layer


def test_a_check_sequence_is_no_payload() -> None:
    frame = build.radiotap(TUNNEL, wlan.FLAG_FCS)
    row = only_row(frame, link_type=link.LINKTYPE_RADIOTAP)
    assert (seen(row), stack(row)) == (PROTOCOL_41, "radiotap wlan ipv4 ipv6 tcp")
    unset = TUNNEL[:2] + bytes(2) + TUNNEL[4:]  # no total length: all there is counts
    row = only_row(build.radiotap(unset, wlan.FLAG_FCS), link_type=link.LINKTYPE_RADIOTAP)
    assert (anomalies(row), row.tail_length) == ([], 0)


def test_a_frame_cut_before_its_check_sequence() -> None:
    frame = build.radiotap(TUNNEL, wlan.FLAG_FCS)
    for missing in range(1, 5):
        row = only_row(frame[:-missing], link_type=link.LINKTYPE_RADIOTAP, wire_length=len(frame))
        assert seen(row) == PROTOCOL_41
    row = only_row(frame[:-5], link_type=link.LINKTYPE_RADIOTAP, wire_length=len(frame))
    assert anomalies(row) == ["truncated"]


def test_a_check_sequence_with_nothing_in_front_of_it() -> None:
    frame = build.radiotap(b"\x45", wlan.FLAG_FCS)[:-3]
    assert reason(frame, link.LINKTYPE_RADIOTAP) is Reason.TRUNCATED_NETWORK


def test_a_link_header_that_holds_no_network_protocol() -> None:
    lcp = b"\xff\x03\xc0\x21" + bytes(20)
    assert reason(lcp, link.LINKTYPE_PPP) is Reason.NOT_IP


# IPv4


def authenticated(packet: bytes, protocol: int = 41, units: int = 4) -> bytes:
    header = bytes([protocol, units]) + bytes((units + 2) * 4 - 2)
    return ethernet(in_four(header + packet, 51))


def test_an_authentication_header_hides_nothing() -> None:
    row = only_row(authenticated(tcp6()))
    assert (seen(row), stack(row)) == (PROTOCOL_41, "ethernet ipv4 ipv6 tcp")
    assert (row.payload_offset, row.outer_transport) == (58, 2)
    udp = build.udp(CLIENT, PEER, tcp6(TEREDO))[20:]
    assert seen(only_row(authenticated(udp, 17))).kind == "teredo"


def test_an_authentication_header_that_is_cut() -> None:
    frame = authenticated(tcp6())
    for size in range(34, 98):
        assert reason(frame[:size], wire_length=len(frame)) is Reason.TRUNCATED_PAYLOAD
    lying = ethernet(in_four(b"\x29\xff" + tcp6(), 51))
    assert reason(lying) is Reason.IPV4_PROTOCOL


def test_one_authentication_header_is_passed_and_no_more() -> None:
    second = authenticated(tcp6())[34:]
    row = only_row(authenticated(second, 51))
    assert (seen(row).kind, anomalies(row)) == ("none", ["too-many-layers"])
    assert stack(row) == "ethernet ipv4"


@pytest.mark.parametrize(
    ("packet", "layers"),
    [
        (in_four(TUNNEL), "ipv4 ipv4 ipv6"),
        (in_four(gre.build(gre.IPV6, tcp6()), gre.PROTOCOL), "ipv4 gre ipv6"),
        (in_four(gre.build(gre.IPV4, TUNNEL), gre.PROTOCOL), "ipv4 gre ipv4 ipv6"),
    ],
)
def test_an_unset_total_length_takes_what_is_there(packet: bytes, layers: str) -> None:
    unset = packet[:2] + bytes(2) + packet[4:]
    row = only_row(ethernet(unset))
    assert (stack(row), anomalies(row)) == (f"ethernet {layers} tcp", [])


# IPv6 in IPv6


def test_the_reason_of_ipv6_in_ipv6_without_a_tunnel() -> None:
    assert reason(ethernet(six_in_six(six_in_six(tcp6())))) is Reason.IPV6_NATIVE
    assert reason(ethernet(six_in_six(b"\x45" + bytes(60)))) is Reason.BAD_IPV6
    whole = ethernet(six_in_six(tcp6()))
    assert reason(whole[:80], wire_length=len(whole)) is Reason.TRUNCATED_NETWORK


def test_ipv6_in_ipv6_cut_inside_a_tunnel() -> None:
    frame = build.sixinfour_frame(six_in_six(tcp6()))
    row = only_row(frame[:100], wire_length=len(frame))
    assert (row.inner_transport, anomalies(row)) == (41, ["truncated"])


def test_tcp_and_icmp_without_a_transport_header() -> None:
    """What an IPv6 header says stands behind it need not."""
    for protocol in (6, 58):
        packet = ipv6.build(LINK_LOCAL, OTHER, protocol, b"\1\0")
        assert reason(ethernet(packet)) is Reason.IPV6_NATIVE


def test_no_room_for_native_ipv6() -> None:
    packet = tcp6()
    for _ in range(15):
        packet = six_in_six(packet)
    row = only_row(ethernet(packet))
    assert (seen(row).kind, anomalies(row)) == ("none", ["too-many-layers"])
    assert stack(row) == "ethernet" + " ipv6" * 15


def test_the_words_of_tsp_stand_behind_the_options_of_tcp() -> None:
    segment = tcp.build(
        V4A, V4B, 40000, TSP_PORT,
        sequence=1, acknowledgement=1, flags=tcp.ACK, payload=b"VERSION=2.0.0\r\n",
        options=b"\1\1\x08\x0a" + bytes(8),
    )  # fmt: skip
    row = only_row(ethernet(in_four(segment, tcp.PROTOCOL)))
    assert (seen(row).kind, row.payload_offset) == ("tsp", 14 + 20 + 32)
