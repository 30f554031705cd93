from __future__ import annotations

import struct

import pytest

from sensor.schema.words import Reason
from sensor.wire import geneve, gre, gtpu, gue, ipv6, l2tp, link, ppp, vxlan
from sensor.wire.ports import (
    GENEVE_PORT,
    GRE_PORT,
    GTPU_PORT,
    GUE_PORT,
    L2TP_PORT,
    VXLAN_LINUX_PORT,
    VXLAN_PORT,
)

from .. import build
from ..build import NATIVE, OTHER, TEREDO, V4A, V4B, ethernet, in_four, tcp6, udp_frame
from .seen import Seen, all_seen, anomalies, decode, only_row, seen, stack

TUNNEL = in_four(tcp6(), 41)
ESP = ipv6.build(NATIVE, OTHER, 50, b"no checksum")
NONSENSE = [ipv6.build(NATIVE, OTHER, 253, bytes(8)), tcp6(payload=b"12")[:-1]]
NEAR = 50000
BENT = b"\x45\0" + bytes(58)  # IPv4 that says too little and has no checksum


def sent(payload: bytes, port: int, source: int = 40000) -> bytes:
    return udp_frame((V4A, source), (V4B, port), payload)


def reason(frame: bytes, wire_length: int | None = None) -> Reason:
    found, rows = decode(frame, wire_length=wire_length)
    assert rows == []
    return found


GENEVE_FOUR = geneve.build(7, link.ETHERTYPE_IPV4, TUNNEL)
GENEVE_ETHERNET = geneve.build(7, gre.TRANSPARENT_ETHERNET, ethernet(TUNNEL))
CARRIERS = [
    (VXLAN_PORT, vxlan.build(7, ethernet(TUNNEL)), "vxlan ethernet"),
    (VXLAN_LINUX_PORT, vxlan.build(7, ethernet(TUNNEL, (1,))), "vxlan ethernet vlan"),
    (GENEVE_PORT, GENEVE_FOUR, "geneve"),
    (GENEVE_PORT, GENEVE_ETHERNET, "geneve ethernet"),
    (GENEVE_PORT, geneve.build(7, link.ETHERTYPE_IPV4, TUNNEL, bytes(8)), "geneve"),
    (GRE_PORT, gre.build(gre.IPV4, TUNNEL, key=3), "gre"),
    (GTPU_PORT, gtpu.build(7, TUNNEL), "gtpu"),
    (GTPU_PORT, gtpu.build(7, TUNNEL, sequence=5, extensions=((0x85, bytes(2)),)), "gtpu"),
    (L2TP_PORT, l2tp.build_data(1, 2, build.ppp(TUNNEL)), "l2tp ppp"),
    (L2TP_PORT, l2tp.build_data(1, 2, build.ppp(TUNNEL), length=True), "l2tp ppp"),
    (GUE_PORT, gue.build(4, TUNNEL, fields=bytes(4)), "gue"),
    (GUE_PORT, gue.build(47, gre.build(gre.IPV4, TUNNEL)), "gue gre"),
]


@pytest.mark.parametrize(("port", "payload", "layers"), CARRIERS)
def test_what_carriers_hold_is_walked_through(port: int, payload: bytes, layers: str) -> None:
    row = only_row(sent(payload, port))
    assert stack(row) == f"ethernet ipv4 udp {layers} ipv4 ipv6 tcp"
    assert (seen(row).kind, row.outer_source[:4]) == ("6in4", V4A)
    assert (row.outer_source_port, row.outer_destination_port, row.vlan) == (0, 0, 0)


@pytest.mark.parametrize(("port", "payload"), [each[:2] for each in CARRIERS])
def test_a_carrier_is_told_by_its_port(port: int, payload: bytes) -> None:
    """IP in UDP behind GUE's shortest header tells itself, and is met nowhere here."""
    if payload[:4] != bytes([0, 47, 0, 0]):
        assert decode(sent(payload, NEAR))[1] == []


@pytest.mark.parametrize("port", [VXLAN_PORT, GENEVE_PORT, GRE_PORT])
def test_some_are_only_sent_to_their_port(port: int) -> None:
    payload = next(each[1] for each in CARRIERS if each[0] == port)
    assert decode(sent(payload, NEAR, source=port))[1] == []


@pytest.mark.parametrize("port", [GTPU_PORT, L2TP_PORT, GUE_PORT])
def test_some_come_from_their_port_too(port: int) -> None:
    payload = next(each[1] for each in CARRIERS if each[0] == port)
    assert seen(only_row(sent(payload, NEAR, source=port))).kind == "6in4"


@pytest.mark.parametrize(
    ("port", "payload"),
    [
        (VXLAN_PORT, b"\0" + vxlan.build(7, ethernet(TUNNEL))[1:]),
        (GENEVE_PORT, b"\x80" + GENEVE_FOUR[1:]),
        (GRE_PORT, b"\0\x02" + bytes(60)),
        (GRE_PORT, gre.build_pptp(7, build.ppp(tcp6()))),
        (GTPU_PORT, b"\x50" + gtpu.build(7, TUNNEL)[1:]),
        (GTPU_PORT, gtpu.build(7, TUNNEL, kind=26)),
        (L2TP_PORT, b"\0\x03" + bytes(60)),
        (GUE_PORT, b"\x80" + bytes(60)),
        (GUE_PORT, gue.build(6, bytes(60))),
        (GUE_PORT, b"\x20\x04\0\0" + TUNNEL),
        (GUE_PORT, gue.build(4, BENT)),
        (GUE_PORT, gue.build(41, b"\x45" + bytes(60))),
    ],
)
def test_headers_that_are_none(port: int, payload: bytes) -> None:
    assert reason(sent(payload, port)) is Reason.UDP


def test_a_bare_ipv6_packet_to_a_carriers_port_is_taken_for_itself() -> None:
    """Strong for its checksum: whoever borrows the port does not hide."""
    for port in (VXLAN_PORT, GENEVE_PORT, GRE_PORT, GTPU_PORT, L2TP_PORT, GUE_PORT):
        packet = ipv6.build(NATIVE, OTHER, 6, tcp6()[40:], traffic_class=0x82, flow_label=0x20000)
        assert seen(only_row(sent(packet, port)))[:2] == ("ip6-in-udp", "strong")


# what may be cut


@pytest.mark.parametrize(("port", "payload"), [each[:2] for each in CARRIERS])
def test_a_carrier_cut_at_every_octet(port: int, payload: bytes) -> None:
    frame = sent(payload, port)
    whole = only_row(frame)
    for size in range(42, len(frame)):
        _, rows = decode(frame[:size], wire_length=len(frame))
        if size < whole.inner_offset + 40:
            assert rows == []
        else:
            assert [anomalies(row) for row in rows] == [["truncated"]]


@pytest.mark.parametrize(
    ("port", "payload"),
    [(VXLAN_PORT, vxlan.build(7, framed)) for framed in (b"", ethernet(TUNNEL)[:13])],
)
def test_vxlan_that_holds_no_frame(port: int, payload: bytes) -> None:
    padded = sent(payload, port)
    assert reason(padded) in (Reason.NOT_IP, Reason.UDP_SHORT)


def test_gtpu_that_holds_no_packet() -> None:
    assert reason(sent(gtpu.build(7, b""), GTPU_PORT)) is Reason.TRUNCATED_NETWORK
    assert reason(sent(gtpu.build(7, b"\x50" + bytes(60)), GTPU_PORT)) is Reason.NOT_IP


def test_native_ipv6_in_gtpu_is_no_tunnel() -> None:
    assert reason(sent(gtpu.build(7, tcp6()), GTPU_PORT)) is Reason.IPV6_NATIVE
    row = only_row(sent(gtpu.build(7, build.four_in_six(TUNNEL)), GTPU_PORT))
    assert stack(row) == "ethernet ipv4 udp gtpu ipv6 ipv4 ipv6 tcp"


# lengths


@pytest.mark.parametrize("length", [0, 40, 5000])
def test_a_gtpu_length_that_lies_hides_nothing(length: int) -> None:
    payload = gtpu.build(7, TUNNEL)
    lying = payload[:2] + length.to_bytes(2) + payload[4:]
    row = only_row(sent(lying, GTPU_PORT))
    assert (seen(row).kind, anomalies(row)) == ("6in4", ["length-mismatch"])


@pytest.mark.parametrize("length", [0, 40, 5000])
def test_an_l2tp_length_that_lies_hides_nothing(length: int) -> None:
    payload = l2tp.build_data(1, 2, build.ppp(tcp6()), length=True)
    lying = payload[:2] + length.to_bytes(2) + payload[4:]
    row = only_row(sent(lying, L2TP_PORT))
    assert (seen(row).kind, anomalies(row)) == ("l2tp6", ["length-mismatch"])


# Geneve is no origin indication


def test_geneve_around_ipv6_reads_like_an_origin_indication() -> None:
    """Port 31010 and the inverted VNI: without more it is Geneve, on its port and off it."""
    payload = geneve.build(7, link.ETHERTYPE_IPV6, ESP)
    assert reason(sent(payload, NEAR)) is Reason.GENEVE
    assert reason(sent(payload, GENEVE_PORT)) is Reason.IPV6_NATIVE


def test_teredo_with_such_an_origin_is_teredo() -> None:
    payload = geneve.build(7, link.ETHERTYPE_IPV6, tcp6(TEREDO))
    for port in (NEAR, GENEVE_PORT):
        row = only_row(sent(payload, port))
        assert (seen(row).kind, row.has_origin, row.origin_port) == ("teredo", 1, 0x86DD ^ 0xFFFF)


# L2TP


def softwire(packet: bytes, **options: object) -> bytes:
    return sent(l2tp.build_data(1, 2, packet, **options), L2TP_PORT)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "length"),
    [
        ({}, 6),
        ({"length": True}, 8),
        ({"sequence": (1, 2)}, 10),
        ({"offset": 3}, 11),
        ({"length": True, "sequence": (1, 2), "offset": 0}, 14),
    ],
)
def test_ipv6_in_l2tp(options: dict[str, object], length: int) -> None:
    row = only_row(softwire(build.ppp(tcp6()), **options))
    assert seen(row) == Seen("l2tp6", "strong", "exact-length checksum l2tp")
    assert stack(row) == "ethernet ipv4 udp l2tp ppp ipv6 tcp"
    assert (row.payload_offset, row.outer_transport) == (42 + length + 4, 1)
    assert (row.outer_source_port, row.outer_destination_port) == (40000, 1701)


def test_ppp_in_l2tp_without_address_and_control() -> None:
    row = only_row(softwire(build.ppp(tcp6(), address_control=False, compressed=True)))
    assert seen(row).kind == "l2tp6"


def test_l2tp_that_sets_a_session_up() -> None:
    frame = sent(l2tp.build_control(1, 0, 0, 0, bytes(60)), L2TP_PORT)
    assert reason(frame) is Reason.L2TP


def test_l2tp_that_holds_no_packet() -> None:
    for packet in (ppp.build(0xC021, bytes(60)), b"\xff\x04" + bytes(60)):
        assert reason(softwire(packet)) in (Reason.NOT_IP, Reason.L2TP)
    assert reason(softwire(ppp.build(ppp.IPV6, b"\x45" + bytes(60)))) is Reason.NOT_IPV6_INSIDE


@pytest.mark.parametrize("packet", NONSENSE)
def test_nonsense_that_only_a_port_speaks_for_is_weak(packet: bytes) -> None:
    found, rows = decode(softwire(build.ppp(packet)))
    assert [seen(row)[:2] for row in rows] == [("l2tp6", "weak")]
    assert found is Reason.WEAK


def test_l2tp_from_a_port_that_others_own() -> None:
    payload = l2tp.build_data(1, 2, build.ppp(tcp6()))
    assert anomalies(only_row(sent(payload, L2TP_PORT, source=53))) == ["borrowed-port"]


# GRE in UDP


def test_ipv6_in_gre_in_udp() -> None:
    row = only_row(sent(gre.build(gre.IPV6, tcp6(), key=4), GRE_PORT))
    assert (seen(row).kind, seen(row).reasons) == ("gre6", "exact-length checksum gre")
    assert (stack(row), row.outer_key) == ("ethernet ipv4 udp gre ipv6 tcp", 4)
    assert (row.outer_transport, row.outer_source_port, row.outer_destination_port) == (
        1,
        40000,
        4754,
    )


def test_gre_in_udp_from_port_zero_is_in_udp_still() -> None:
    frame = sent(gue.build(47, gre.build(gre.IPV6, tcp6())), 0, source=0)
    assert only_row(frame).outer_transport == 1


# GUE and FOU


def test_ipv6_in_gue_on_its_port() -> None:
    row = only_row(sent(gue.build(41, ESP), GUE_PORT))
    assert seen(row) == Seen("ip6-in-udp", "strong", "exact-length scheme-port")
    assert stack(row) == "ethernet ipv4 udp gue ipv6"
    assert (row.payload_offset, row.outer_destination_port) == (46, 6080)


def test_ipv6_in_gue_elsewhere_needs_its_checksum() -> None:
    found = seen(only_row(sent(gue.build(41, tcp6()), NEAR)))
    assert found == Seen("ip6-in-udp", "strong", "exact-length checksum")
    weak = seen(only_row(sent(gue.build(41, ESP), NEAR)))
    assert weak == Seen("ip6-in-udp", "weak", "exact-length")
    assert reason(sent(gue.build(41, bytes(60)), NEAR)) is Reason.UDP


@pytest.mark.parametrize("packet", NONSENSE)
@pytest.mark.parametrize("port", [GUE_PORT, NEAR])
def test_nonsense_in_gue_is_weak(packet: bytes, port: int) -> None:
    found, rows = decode(sent(gue.build(41, packet), port))
    assert [seen(row)[:2] for row in rows] == [("ip6-in-udp", "weak")]
    assert found is Reason.WEAK


def test_gue_that_says_ipv6_and_holds_none() -> None:
    assert decode(sent(gue.build(41, b"\x60"), GUE_PORT))[1] == []


def test_ipv6_in_gue_inside_what_is_weak_needs_its_checksum() -> None:
    """A port alone does not prove the candidate around it."""
    for packet, confidence in ((ESP, "weak"), (tcp6(), "strong")):
        datagram = build.udp((NATIVE, 5), (OTHER, GUE_PORT), gue.build(41, packet))
        broken = datagram[:46] + bytes([datagram[46] ^ 1]) + datagram[47:]  # its checksum
        _, rows = decode(sent(broken, NEAR))
        assert [seen(row)[:2] for row in rows] == [("ip6-in-udp", confidence)] * 2


def test_gue_with_fields_is_told_by_its_port_alone() -> None:
    payload = gue.build(41, tcp6(), flags=1, fields=bytes(8))
    assert seen(only_row(sent(payload, GUE_PORT))).kind == "ip6-in-udp"
    assert decode(sent(payload, NEAR))[1] == []


@pytest.mark.parametrize("payload", [TUNNEL, gue.build(4, TUNNEL)])
def test_ipv4_in_udp_tells_itself_on_any_port(payload: bytes) -> None:
    row = only_row(sent(payload, NEAR))
    layer = "fou" if payload == TUNNEL else "gue"
    assert stack(row) == f"ethernet ipv4 udp {layer} ipv4 ipv6 tcp"
    assert seen(row) == Seen("6in4", "strong", "exact-length checksum protocol-41")


@pytest.mark.parametrize("payload", [TUNNEL, gue.build(4, TUNNEL)])
def test_ipv4_in_udp_on_a_port_that_others_own(payload: bytes) -> None:
    assert anomalies(only_row(sent(payload, 53))) == ["borrowed-port"]


def test_octets_behind_ipv4_in_udp_hide_nothing() -> None:
    row = only_row(sent(TUNNEL + b"junk", NEAR))
    assert (seen(row).kind, anomalies(row)) == ("6in4", ["length-mismatch"])


@pytest.mark.parametrize(
    "packet",
    [
        TUNNEL[:10] + bytes([TUNNEL[10] ^ 1]) + TUNNEL[11:],  # checksum
        TUNNEL[:-1],  # total length
        in_four(tcp6(), 6),  # protocol
        b"\x44" + TUNNEL[1:],
        b"\x4f" + TUNNEL[1:30],
    ],
)
def test_what_is_no_ipv4_in_udp(packet: bytes) -> None:
    assert decode(sent(packet, NEAR))[1] == []
    assert decode(sent(gue.build(4, packet), NEAR))[1] == []


def test_what_a_datagram_carries_is_no_surer_than_strong() -> None:
    """An IPv4 packet in UDP is told by its octets: they may be anybody's."""
    row = only_row(sent(in_four(in_four(tcp6(), 41)), NEAR))
    assert seen(row)[:2] == ("6in4", "strong")


def test_dns_that_begins_like_gue_is_none() -> None:
    query = struct.pack("!HHHHHH", 41, 0, 1, 0, 0, 0) + b"\x07example\x03com\0\0\x01\0\x01"
    assert decode(sent(query + bytes(30), 53))[1] == []


def test_carriers_in_carriers() -> None:
    softwire_packet = l2tp.build_data(1, 2, build.ppp(tcp6()))
    within = build.udp((V4A, 1701), (V4B, 1701), softwire_packet)
    frame = sent(vxlan.build(1, ethernet(within)), VXLAN_PORT)
    row = only_row(frame)
    assert stack(row) == "ethernet ipv4 udp vxlan ethernet ipv4 udp l2tp ppp ipv6 tcp"
    mobile = build.udp((V4A, 2152), (V4B, 2152), gtpu.build(1, in_four(tcp6(), 41)))
    found = all_seen(sent(mobile, NEAR))
    assert [row[:2] for row in found] == [("6in4", "strong")]


# the limit of layers


@pytest.mark.parametrize(("port", "payload", "layers"), CARRIERS)
def test_no_room_for_a_carrier(port: int, payload: bytes, layers: str) -> None:
    for room in range(len(layers.split())):
        packet = sent(payload, port)[14:]
        for _ in range(16 - 3 - room):
            packet = in_four(packet)
        row = only_row(ethernet(packet))
        assert (seen(row).kind, anomalies(row)) == ("none", ["too-many-layers"])
        assert row.stack_length == 16


@pytest.mark.parametrize("payload", [TUNNEL, gue.build(4, TUNNEL)])
def test_no_room_for_ipv4_in_udp(payload: bytes) -> None:
    packet = sent(payload, NEAR)[14:]
    for _ in range(13):
        packet = in_four(packet)
    row = only_row(ethernet(packet))
    assert (seen(row).kind, anomalies(row)) == ("none", ["too-many-layers"])


def test_no_room_for_ipv6_in_gue() -> None:
    packet = sent(gue.build(41, tcp6()), NEAR)[14:]
    for _ in range(13):
        packet = in_four(packet)
    row = only_row(ethernet(packet))
    assert (seen(row).kind, anomalies(row)) == ("ip6-in-udp", ["too-many-layers"])


def test_ipv4_in_udp_may_be_authenticated() -> None:
    header = ipv6.build_extension(ipv6.AUTHENTICATION, 41, bytes(10))
    row = only_row(sent(in_four(header + tcp6(), ipv6.AUTHENTICATION), NEAR))
    assert stack(row) == "ethernet ipv4 udp fou ipv4 ipv6 tcp"


@pytest.mark.parametrize("packet", NONSENSE)
def test_nonsense_that_only_the_port_of_gtpu_speaks_for_is_weak(packet: bytes) -> None:
    found, rows = decode(sent(gtpu.build(7, in_four(packet, 41)), GTPU_PORT))
    assert [seen(row)[:2] for row in rows] == [("6in4", "weak")]
    assert found is Reason.WEAK


def test_gre_in_udp_is_of_version_0() -> None:
    payload = b"\x20\1\x86\xdd" + len(tcp6()).to_bytes(2) + b"\0\7" + tcp6()
    assert reason(sent(payload, GRE_PORT)) is Reason.UDP


def test_gue_with_flags_is_told_by_its_port_alone() -> None:
    payload = gue.build(41, tcp6(), flags=1)
    assert seen(only_row(sent(payload, GUE_PORT))).kind == "ip6-in-udp"
    assert reason(sent(payload, NEAR)) is Reason.UDP
