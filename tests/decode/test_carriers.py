from __future__ import annotations

import pytest

from sensor.schema.words import Reason
from sensor.wire import gre, ipv4, ipv6, link, mpls, ppp, pppoe

from .. import build
from ..build import NATIVE, OTHER, V4A, V4B, ethernet, in_four, six_in_six, tcp6
from .seen import Seen, all_seen, anomalies, decode, kinds, only_row, seen, stack

TUNNEL = in_four(tcp6(), 41)
CERTAIN = Seen("gre6", "certain", "exact-length checksum gre")
MACS = bytes(5) + b"\x01", bytes(5) + b"\x02"


def framed(ethertype: int, payload: bytes) -> bytes:
    return link.build_ethernet(payload, ethertype, *MACS)


def in_gre(packet: bytes) -> bytes:
    return ethernet(in_four(packet, gre.PROTOCOL))


def reason(frame: bytes, wire_length: int | None = None) -> Reason:
    found, rows = decode(frame, wire_length=wire_length)
    assert rows == []
    return found


def behind(layers: int, packet: bytes, protocol: int = 4) -> bytes:
    """An Ethernet frame with so many IPv4 headers in front of a packet."""
    packet = in_four(packet, protocol)
    for _ in range(layers - 1):
        packet = in_four(packet)
    return ethernet(packet)


def unfollowed(frame: bytes) -> None:
    row = only_row(frame)
    assert (seen(row).kind, anomalies(row)) == ("none", ["too-many-layers"])
    assert row.stack_length == 16


# MPLS


@pytest.mark.parametrize("ethertype", [mpls.ETHERTYPE, mpls.ETHERTYPE_MULTICAST])
@pytest.mark.parametrize("labels", [1, 2, 16])
def test_a_label_stack_is_one_layer(ethertype: int, labels: int) -> None:
    row = only_row(framed(ethertype, mpls.build(range(16, 16 + labels), TUNNEL)))
    assert stack(row) == "ethernet mpls ipv4 ipv6 tcp"
    assert seen(row).confidence == "certain"


def test_more_labels_than_are_passed() -> None:
    row = only_row(framed(mpls.ETHERTYPE, mpls.build(range(17), TUNNEL)))
    assert (seen(row).kind, anomalies(row)) == ("none", ["too-many-layers"])


def test_below_the_labels_the_first_nibble_tells() -> None:
    over_six = build.four_in_six(TUNNEL)
    row = only_row(framed(mpls.ETHERTYPE, mpls.build([16], over_six)))
    assert stack(row) == "ethernet mpls ipv6 ipv4 ipv6 tcp"
    wire = mpls.build([16], bytes(4) + ethernet(TUNNEL, (7,)))  # a control word, RFC 4448
    row = only_row(framed(mpls.ETHERTYPE, wire))
    assert stack(row) == "ethernet mpls ethernet vlan ipv4 ipv6 tcp"
    assert row.vlan == 0  # of the captured frame
    for nibble in (1, 2, 3, 5, *range(7, 16)):
        other = mpls.build([16], bytes([nibble << 4]) + TUNNEL)
        assert reason(framed(mpls.ETHERTYPE, other)) is Reason.NOT_IP


def test_a_label_stack_that_is_cut() -> None:
    frame = framed(mpls.ETHERTYPE, mpls.build([16, 17], TUNNEL))
    for size in range(14, 23):
        assert reason(frame[:size]) is Reason.NOT_IP
        assert reason(frame[:size], len(frame)) is Reason.TRUNCATED_PAYLOAD


@pytest.mark.parametrize("word", [b"", bytes(4), bytes(2) + b"\x07\x01"])
@pytest.mark.parametrize(
    "destination",
    # Of VRRP (RFC 9568 section 7.3), and such as begin like IPv4 and IPv6.
    ["00005e000101", "4500004b0009", "6c0000000009", "6cffffffff09", "020000000009"],
)
@pytest.mark.parametrize("source", ["020000000001", "020008000001"])
@pytest.mark.parametrize("vlans", [(), (7,)])
def test_a_pseudowire_with_a_control_word_and_without(
    word: bytes, destination: str, source: str, vlans: tuple[int, ...]
) -> None:
    macs = bytes.fromhex(source), bytes.fromhex(destination)
    frame = link.build_ethernet(TUNNEL, link.ETHERTYPE_IPV4, *macs, vlans)
    row = only_row(framed(mpls.ETHERTYPE, mpls.build([16], word + frame)))
    # A tag may as well be of the source address: the packet is found either way.
    assert stack(row).replace(" vlan", "") == "ethernet mpls ethernet ipv4 ipv6 tcp"


@pytest.mark.parametrize("ethertype", ["0800", "86dd", "8100", "88a8", "8847", "8864"])
def test_a_packet_below_labels_whose_source_is_like_an_ethertype(ethertype: str) -> None:
    like = bytes.fromhex(ethertype)
    four = ipv4.build(like + b"\x45\x01", V4B, 41, tcp6())
    row = only_row(framed(mpls.ETHERTYPE, mpls.build([16], four)))
    assert stack(row) == "ethernet mpls ipv4 ipv6 tcp"
    six = ipv6.build(NATIVE[:4] + like + b"\x45" + bytes(9), OTHER, 4, TUNNEL)
    row = only_row(framed(mpls.ETHERTYPE, mpls.build([16], six)))
    assert stack(row) == "ethernet mpls ipv6 ipv4 ipv6 tcp"


# PPPoE and PPP


def test_pppoe_ends_with_what_it_announces() -> None:
    frame = framed(
        pppoe.ETHERTYPE_SESSION, build.ppp_ether(in_four(build.bubble(NATIVE, OTHER), 41))
    )
    row = only_row(frame + b"padding")
    assert stack(row) == "ethernet pppoe ppp ipv4 ipv6"
    assert (anomalies(row), row.tail_length) == ([], 0)


def test_pppoe_that_announces_too_little() -> None:
    session = bytearray(build.ppp_ether(TUNNEL))
    session[4:6] = (75).to_bytes(2)
    row = only_row(framed(pppoe.ETHERTYPE_SESSION, bytes(session)))
    assert anomalies(row) == ["length-mismatch"]


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (b"\x21" + build.ppp_ether(TUNNEL)[1:], Reason.NOT_IP),
        (b"\x11\xa7" + build.ppp_ether(TUNNEL)[2:], Reason.NOT_IP),
        (build.ppp_ether(TUNNEL)[:5], Reason.NOT_IP),
        (build.ppp_ether(TUNNEL)[:7], Reason.TRUNCATED_PAYLOAD),
        (pppoe.build(1, ppp.build(0xC021, bytes(60))), Reason.NOT_IP),
        (pppoe.build(1, b"\xff\x04" + bytes(60)), Reason.NOT_IP),
    ],
)
def test_pppoe_that_holds_no_packet(session: bytes, expected: Reason) -> None:
    assert reason(framed(pppoe.ETHERTYPE_SESSION, session)) is expected


def test_pppoe_that_is_cut() -> None:
    whole = framed(pppoe.ETHERTYPE_SESSION, build.ppp_ether(TUNNEL))
    for size in range(14, 22):
        assert reason(whole[:size], len(whole)) is Reason.TRUNCATED_PAYLOAD


def test_an_acknowledgement_of_pptp_carries_nothing_and_is_whole() -> None:
    assert reason(in_gre(gre.build_pptp(7, b"", acknowledgement=3))) is Reason.NOT_IP


def test_mpls_in_ppp() -> None:
    session = pppoe.build(1, ppp.build(ppp.MPLS, mpls.build([16], TUNNEL)))
    row = only_row(framed(pppoe.ETHERTYPE_SESSION, session))
    assert stack(row) == "ethernet pppoe ppp mpls ipv4 ipv6 tcp"


# GRE


@pytest.mark.parametrize(
    ("options", "length"),
    [
        ({}, 4),
        ({"checksum": True}, 8),
        ({"key": 0xBEEF}, 8),
        ({"sequence": 9}, 8),
        ({"checksum": True, "key": 0xBEEF, "sequence": 9}, 16),
        ({"routes": (V4A, V4B)}, 28),
    ],
)
def test_ipv6_in_gre(options: dict[str, object], length: int) -> None:
    row = only_row(in_gre(gre.build(gre.IPV6, tcp6(), **options)))  # type: ignore[arg-type]
    assert seen(row) == CERTAIN
    assert (kinds(row), stack(row)) == (["gre6"], "ethernet ipv4 gre ipv6 tcp")
    assert (row.payload_offset, row.inner_offset) == (34 + length, 34 + length)
    assert (row.outer_transport, row.outer_key) == (3, options.get("key", 0))
    assert (row.outer_source[:4], row.outer_source_port) == (V4A, 0)


@pytest.mark.parametrize(
    ("packet", "layers"),
    [
        (gre.build(gre.TRANSPARENT_ETHERNET, ethernet(tcp6())), "ethernet"),
        (gre.build(gre.TRANSPARENT_ETHERNET, ethernet(tcp6(), (3,))), "ethernet vlan"),
        (gre.build(gre.MPLS, mpls.build([16], tcp6())), "mpls"),
        (gre.build(gre.MPLS_MULTICAST, mpls.build([16], tcp6())), "mpls"),
        (gre.build_pptp(7, build.ppp(tcp6()), sequence=1), "ppp"),
        (gre.build_pptp(7, build.ppp(tcp6()), sequence=1, acknowledgement=2), "ppp"),
    ],
)
def test_ipv6_in_something_in_gre_is_in_gre(packet: bytes, layers: str) -> None:
    row = only_row(in_gre(packet))
    assert seen(row) == CERTAIN
    assert stack(row) == f"ethernet ipv4 gre {layers} ipv6 tcp"
    assert row.vlan == 0


def test_the_call_of_pptp_is_the_key() -> None:
    assert only_row(in_gre(gre.build_pptp(7, build.ppp(tcp6())))).outer_key == 7


def test_ipv4_in_gre_is_walked_through() -> None:
    row = only_row(in_gre(gre.build(gre.IPV4, TUNNEL, key=5)))
    assert stack(row) == "ethernet ipv4 gre ipv4 ipv6 tcp"
    assert (seen(row).kind, row.outer_key) == ("6in4", 0)


def test_behind_another_ip_header_ipv6_is_in_gre_no_more() -> None:
    packet = gre.build(gre.IPV4, in_four(build.udp((V4A, 1), (V4B, 2), bytes(60)), 4))
    assert reason(in_gre(packet)) is Reason.UDP


def test_gre_in_native_ipv6_is_no_tunnel_through_ipv4() -> None:
    packet = ipv6.build(NATIVE, OTHER, gre.PROTOCOL, gre.build(gre.IPV6, tcp6()))
    assert reason(ethernet(packet)) is Reason.IPV6_NATIVE
    within = all_seen(ethernet(in_four(packet, 41)))
    assert [row[:2] for row in within] == [("6in4", "certain"), ("gre6", "certain")]


def test_a_gre_checksum_that_is_wrong() -> None:
    packet = gre.build(gre.IPV6, tcp6(), checksum=True)
    wrong = packet[:4] + bytes([packet[4] ^ 1]) + packet[5:]
    assert seen(only_row(in_gre(wrong))) == CERTAIN._replace(anomalies="bad-checksum")
    carried = gre.build(gre.IPV4, TUNNEL, checksum=True)
    wrong = carried[:4] + bytes([carried[4] ^ 1]) + carried[5:]
    assert anomalies(only_row(in_gre(wrong))) == ["bad-checksum"]


def test_of_a_cut_packet_nobody_knows_the_gre_checksum() -> None:
    frame = in_gre(gre.build(gre.IPV6, tcp6(payload=bytes(9)), checksum=True))
    assert anomalies(only_row(frame[:-1], wire_length=len(frame))) == ["truncated"]


@pytest.mark.parametrize(
    "packet",
    [
        gre.build(0x0806, bytes(60)),
        gre.build(gre.PPP, build.ppp(tcp6())),  # only version 1 carries it
        b"\0\x02" + gre.build(gre.IPV6, tcp6())[2:],
        b"\x30\x01" + gre.build(gre.IPV6, bytes(60))[2:],
        b"\0\0\x86",
    ],
)
def test_gre_that_carries_no_tunnel(packet: bytes) -> None:
    assert reason(in_gre(packet)) is not Reason.IPV4_PROTOCOL
    assert reason(in_gre(packet)) in (Reason.GRE, Reason.NOT_IPV6_INSIDE)


@pytest.mark.parametrize("packet", [b"", b"\x45" + bytes(60), tcp6()[:39]])
def test_gre_that_says_ipv6_and_holds_none(packet: bytes) -> None:
    assert reason(in_gre(gre.build(gre.IPV6, packet))) is Reason.NOT_IPV6_INSIDE


def test_gre_cut_at_every_octet() -> None:
    frame = in_gre(gre.build(gre.IPV6, tcp6(), key=1))
    for size in range(34, 42 + 40):
        assert reason(frame[:size], len(frame)) is Reason.TRUNCATED_PAYLOAD
    assert anomalies(only_row(frame[:82], wire_length=len(frame))) == ["truncated"]


@pytest.mark.parametrize(
    ("packet", "confidence", "anomaly"),
    [
        (tcp6() + b"junk", "certain", "trailing-bytes"),
        (tcp6(payload=b"12")[:-1], "strong", "length-mismatch"),
        (ipv6.build(NATIVE, OTHER, 253, bytes(8)), "strong", "extension-headers"),
    ],
)
def test_what_ipv6_in_gre_has_wrong(packet: bytes, confidence: str, anomaly: str) -> None:
    found = seen(only_row(in_gre(gre.build(gre.IPV6, packet))))
    assert (found.confidence, found.anomalies) == (confidence, anomaly)


# Ethernet inside


def test_ethernet_inside_that_holds_no_packet() -> None:
    arp = framed(0x0806, bytes(28))
    assert reason(in_gre(gre.build(gre.TRANSPARENT_ETHERNET, arp))) is Reason.NOT_IP
    assert reason(in_gre(gre.build(gre.TRANSPARENT_ETHERNET, bytes(13)))) is Reason.NOT_IP


def test_ethernet_inside_that_is_cut() -> None:
    frame = in_gre(gre.build(gre.TRANSPARENT_ETHERNET, ethernet(tcp6())))
    for size in range(38, 52):
        assert reason(frame[:size], len(frame)) is Reason.TRUNCATED_PAYLOAD


def test_ethernet_inside_with_more_vlan_tags_than_are_passed() -> None:
    tagged = ethernet(tcp6(), tuple(range(link.MAX_TAGS + 1)))
    row = only_row(in_gre(gre.build(gre.TRANSPARENT_ETHERNET, tagged)))
    assert (seen(row).kind, anomalies(row)) == ("none", ["too-many-layers"])


# the limit of layers


def test_no_room_for_gre() -> None:
    unfollowed(behind(15, gre.build(gre.IPV6, tcp6()), gre.PROTOCOL))


def test_no_room_for_what_gre_carries() -> None:
    for packet in (
        gre.build(gre.TRANSPARENT_ETHERNET, ethernet(tcp6())),
        gre.build(gre.MPLS, mpls.build([16], tcp6())),
        gre.build_pptp(7, build.ppp(tcp6())),
    ):
        unfollowed(behind(14, packet, gre.PROTOCOL))


def test_no_room_for_the_ipv6_in_gre() -> None:
    row = only_row(behind(14, gre.build(gre.IPV6, tcp6()), gre.PROTOCOL))
    assert (seen(row).kind, anomalies(row)) == ("gre6", ["too-many-layers"])


def test_no_room_for_pppoe() -> None:
    session = framed(pppoe.ETHERTYPE_SESSION, build.ppp_ether(TUNNEL))
    unfollowed(behind(13, gre.build(gre.TRANSPARENT_ETHERNET, session), gre.PROTOCOL))


def test_gre_in_gre() -> None:
    inner = gre.build(gre.IPV4, in_four(gre.build(gre.IPV6, tcp6(), key=2), 47), key=1)
    row = only_row(in_gre(inner))
    assert (stack(row), row.outer_key) == ("ethernet ipv4 gre ipv4 gre ipv6 tcp", 2)


def test_gre_around_a_tunnel_in_a_tunnel() -> None:
    found = all_seen(in_gre(gre.build(gre.IPV6, six_in_six(tcp6()))))
    assert [row[:2] for row in found] == [("gre6", "certain"), ("ip6-in-ip6", "certain")]


def test_ethernet_behind_labels_without_a_control_word() -> None:
    row = only_row(framed(mpls.ETHERTYPE, mpls.build([16], ethernet(TUNNEL))))
    assert stack(row) == "ethernet mpls ethernet ipv4 ipv6 tcp"


def test_the_sum_of_a_gre_packet_that_was_cut_is_unknown() -> None:
    frame = in_gre(gre.build(gre.IPV6, tcp6(payload=b"data"), checksum=True))
    _, (row,) = decode(frame[:-1], wire_length=len(frame))
    assert anomalies(row) == ["truncated"]
