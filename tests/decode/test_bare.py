from __future__ import annotations

import pytest

from sensor.schema.words import Kind, Reason
from sensor.wire import icmpv6, ipv6, sixa44, sixbed4
from sensor.wire.addresses import (
    ALL_ROUTERS,
    SIXA44_RELAY,
    UNSPECIFIED,
    LeakingAddress,
    build_sixa44,
    build_sixbed4,
    packed,
)
from sensor.wire.ports import SIXA44_PORT, SIXBED4_PORT

from .. import build
from ..build import CLIENT, MAPPED, NATIVE, OTHER, PEER, End, udp_frame
from .seen import Seen, decode, kinds, only_row, seen, stack

RELAY: End = (SIXA44_RELAY, SIXA44_PORT)
PREFIX6 = packed("2a00:db8:77::")[:6]
PREFIX8 = packed("fc64:9188:1:2::")[:8]
SIXA44 = build_sixa44(PREFIX6, LeakingAddress(*MAPPED, CLIENT[0]))
SIXBED4 = build_sixbed4(PREFIX8, LeakingAddress(*MAPPED, b"\x12\x34"))

PLAIN = "exact-length checksum"
HELD = f"{PLAIN} embedded-equals-outer"


def judged(packet: bytes, source: End, destination: End) -> Seen:
    return seen(only_row(udp_frame(source, destination, packet)))


def test_bare_ipv6_is_named_for_what_it_is() -> None:
    row = only_row(udp_frame(CLIENT, PEER, build.tcp6()))
    assert seen(row) == Seen("ip6-in-udp", "strong", PLAIN)
    assert (kinds(row), stack(row)) == (["ip6-in-udp"], "ethernet ipv4 udp ipv6 tcp")


@pytest.mark.parametrize(("address", "kind"), [(SIXA44, "6a44"), (SIXBED4, "6bed4")])
def test_an_address_that_holds_the_outer_end(address: bytes, kind: str) -> None:
    out = judged(build.tcp6(address, NATIVE), MAPPED, PEER)
    assert out == Seen(kind, "certain", HELD)
    back = only_row(udp_frame(PEER, MAPPED, build.tcp6(NATIVE, address)))
    assert seen(back) == Seen(kind, "certain", HELD)
    assert back.kinds == 1 << back.kind


@pytest.mark.parametrize("address", [SIXA44, SIXBED4])
@pytest.mark.parametrize("end", [(MAPPED[0], 41659), (packed("203.0.113.3"), 41658)])
def test_an_address_that_holds_another_end_says_nothing(address: bytes, end: End) -> None:
    assert judged(build.tcp6(address, NATIVE), end, PEER) == Seen("ip6-in-udp", "strong", PLAIN)
    assert judged(build.tcp6(NATIVE, address), PEER, end) == Seen("ip6-in-udp", "strong", PLAIN)


@pytest.mark.parametrize("address", [SIXA44, SIXBED4])
def test_such_an_address_makes_a_weak_packet_sure(address: bytes) -> None:
    esp = ipv6.build(address, NATIVE, 50, b"weak")
    assert judged(esp, MAPPED, PEER).confidence == "certain"
    assert judged(esp + b"junk!", MAPPED, PEER).confidence == "strong"
    assert decode(udp_frame(CLIENT, PEER, esp))[0] is Reason.WEAK


def test_6a44_behind_the_nat() -> None:
    """The client's own address stands last, and its relay has an address of its own."""
    for packet, ends in (
        (build.tcp6(SIXA44, NATIVE), (CLIENT, RELAY)),
        (build.tcp6(NATIVE, SIXA44), (RELAY, CLIENT)),
    ):
        expected = Seen("6a44", "certain", f"{HELD} scheme-port anycast-relay")
        assert judged(packet, *ends) == expected


def test_6a44_behind_the_nat_through_no_relay() -> None:
    assert judged(build.tcp6(SIXA44, NATIVE), CLIENT, PEER).kind == "ip6-in-udp"


def test_6a44_through_the_relay_from_somebody_else() -> None:
    """Port and relay only name it."""
    found = judged(build.tcp6(OTHER, NATIVE), CLIENT, RELAY)
    assert found == Seen("6a44", "strong", f"{PLAIN} scheme-port anycast-relay")
    assert judged(build.tcp6(OTHER, NATIVE), (RELAY[0], 5), CLIENT).kind == "ip6-in-udp"
    assert judged(build.tcp6(OTHER, NATIVE), (PEER[0], SIXA44_PORT), CLIENT).kind == "ip6-in-udp"


def test_6bed4_on_its_port() -> None:
    found = judged(build.tcp6(), CLIENT, (PEER[0], SIXBED4_PORT))
    assert found == Seen("6bed4", "strong", f"{PLAIN} scheme-port")


def test_a_6bed4_client_asks_for_its_prefix() -> None:
    payload = sixbed4.build_solicitation()
    found = judged(payload, CLIENT, (sixbed4.SERVER, SIXBED4_PORT))
    assert found == Seen("6bed4", "strong", f"{PLAIN} scheme-port")


def test_a_6bed4_solicitation_with_a_bad_checksum_is_one_still() -> None:
    right = sixbed4.build_solicitation()
    payload = right[:42] + bytes([right[42] ^ 1]) + right[43:]
    frame = udp_frame(CLIENT, (sixbed4.SERVER, SIXBED4_PORT), payload)
    expected = Seen("6bed4", "strong", "exact-length scheme-port", "bad-checksum")
    assert seen(only_row(frame)) == expected
    longer = seen(only_row(udp_frame(CLIENT, (sixbed4.SERVER, SIXBED4_PORT), payload + b"junk")))
    assert longer == Seen("6bed4", "strong", "scheme-port", "trailing-bytes bad-checksum")


@pytest.mark.parametrize(
    ("kind", "source", "destination"),
    [
        (icmpv6.ROUTER_SOLICITATION, NATIVE, ALL_ROUTERS),
        (icmpv6.ROUTER_SOLICITATION, UNSPECIFIED, OTHER),
        (icmpv6.ROUTER_ADVERTISEMENT, UNSPECIFIED, ALL_ROUTERS),
    ],
)
def test_other_messages_are_no_6bed4_solicitation(
    kind: int, source: bytes, destination: bytes
) -> None:
    message = icmpv6.build(source, destination, kind, 0, bytes(12))
    packet = ipv6.build(source, destination, 58, message[:-1] + b"\x01", hop_limit=255)
    assert judged(packet, CLIENT, (PEER[0], SIXBED4_PORT)).confidence == "weak"


def test_data_of_a_tunnel_that_tsp_set_up() -> None:
    row = only_row(udp_frame(CLIENT, (PEER[0], 3653), build.tcp6()))
    assert seen(row) == Seen("tsp", "strong", f"{PLAIN} scheme-port")
    assert kinds(row) == ["tsp", "v6udpv4"]
    assert row.kinds == 1 << Kind.TSP | 1 << Kind.V6UDPV4
    assert stack(row) == "ethernet ipv4 udp ipv6 tcp"


def test_over_ipv6_no_address_holds_an_outer_end() -> None:
    ends = (NATIVE, MAPPED[1]), (OTHER, PEER[1])
    for address in (SIXA44, SIXBED4):
        assert judged(build.tcp6(address, NATIVE), *ends).kind == "ip6-in-udp"


def bubble(length: int = sixa44.BUBBLE_LENGTH) -> bytes:
    return sixa44.Bubble(PREFIX6 + bytes(6), b"identify").build()[:length].ljust(length, b"\0")


def test_6a44_bubbles() -> None:
    for ends in ((CLIENT, RELAY), (RELAY, CLIENT)):
        row = only_row(udp_frame(*ends, bubble()))
        expected = Seen("6a44", "strong", "exact-length scheme-port anycast-relay")
        assert seen(row) == expected
        assert (kinds(row), stack(row), row.inner_length) == (["6a44"], "ethernet ipv4 udp", 0)
        assert (row.payload_offset, row.outer_transport) == (42, 1)


def test_a_6a44_bubble_from_a_port_that_others_own() -> None:
    found = judged(bubble(), (CLIENT[0], 53), RELAY)
    assert found.anomalies == "borrowed-port"


@pytest.mark.parametrize(
    ("length", "destination"),
    [
        (19, RELAY),
        (21, RELAY),
        (20, (RELAY[0], 1028)),
        (20, (PEER[0], SIXA44_PORT)),
    ],
)
def test_other_datagrams_are_no_6a44_bubbles(length: int, destination: End) -> None:
    assert decode(udp_frame(CLIENT, destination, bubble(length))) == (Reason.UDP_SHORT, [])


def test_over_ipv6_there_is_no_6a44_relay() -> None:
    relay = (RELAY[0].ljust(16, b"\0"), RELAY[1])
    assert decode(udp_frame((NATIVE, 5000), relay, bubble())) == (Reason.UDP_SHORT, [])
