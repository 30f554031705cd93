from __future__ import annotations

import pytest

from sensor.decode.protocol41 import judge_quote
from sensor.decode.settings import DecodeSettings
from sensor.decode.verdict import Verdict
from sensor.schema.words import Anomaly, Confidence, Evidence, Kind, Reason
from sensor.wire import icmpv6, ipv4, ipv6, sixinfour
from sensor.wire.addresses import (
    SixRdDomain,
    build_isatap,
    build_sixover4,
    build_sixtofour,
    packed,
)

from .. import build
from ..build import NATIVE, OTHER, V4A, V4B
from .seen import Seen, anomalies, decode, kinds, only_row, seen

ANYCAST = packed("192.88.99.1")
PRIVATE_HOST = packed("192.168.0.9")
SIXTOFOUR_A, SIXTOFOUR_B = build_sixtofour(V4A), build_sixtofour(V4B)
PREFIX8 = packed("2001:db8:1:2::")[:8]
FAR = packed("8.8.8.8")

EXACT = "exact-length checksum protocol-41"
MATCHED = f"{EXACT} embedded-equals-outer"


def tunnelled(inner_source: bytes, inner_destination: bytes, *outer: bytes) -> Seen:
    return seen(
        only_row(build.sixinfour_frame(build.tcp6(inner_source, inner_destination), *outer))
    )


def names(inner_source: bytes, inner_destination: bytes, *outer: bytes) -> list[str]:
    packet = build.tcp6(inner_source, inner_destination)
    return kinds(only_row(build.sixinfour_frame(packet, *outer)))


def test_a_6in4_row_field_by_field() -> None:
    packet = ipv4.build(V4A, V4B, 41, build.tcp6(), identification=0x1234)
    row = only_row(build.ethernet(packet))
    assert row._asdict() == {
        "frame": 1,
        "time": 0,
        "inner_digest": row.inner_digest,
        "source": 0,
        "copy_of": 0,
        "wire_length": 94,
        "captured_length": 94,
        "inner_offset": 34,
        "inner_length": 60,
        "payload_length": 0,
        "auth_offset": 0,
        "trailers_offset": 0,
        "tail_length": 0,
        "reasons": 0b10_0000_0110,
        "anomalies": 0,
        "kinds": 1 << 2,
        "fragment_id": 0,
        "tcp_sequence": 1000,
        "tcp_acknowledgement": 0,
        "flow_label": 0,
        "outer_key": 0,
        "payload_offset": 34,
        "vlan": 0,
        "outer_source_port": 0,
        "outer_destination_port": 0,
        "outer_id": 0x1234,
        "inner_source_port": 49152,
        "inner_destination_port": 443,
        "icmp_sequence": 0,
        "fragment_offset": 0,
        "origin_port": 0,
        "depth": 0,
        "kind": 2,
        "confidence": 3,
        "quoted": 0,
        "outer_version": 4,
        "outer_transport": 2,
        "teredo_packet": 0,
        "has_auth": 0,
        "auth_confirmation": 0,
        "auth_id_length": 0,
        "auth_value_length": 0,
        "has_origin": 0,
        "trailer_count": 0,
        "inner_transport": 6,
        "hop_limit": 64,
        "tcp_flags": 2,
        "icmp_type": 0,
        "icmp_code": 0,
        "has_transport": 1,
        "has_fragment": 0,
        "fragment_more": 0,
        "stack_length": 4,
        "nonce": bytes(8),
        "origin_ip": bytes(4),
        "outer_source": V4A + bytes(12),
        "outer_destination": V4B + bytes(12),
        "inner_source": NATIVE,
        "inner_destination": OTHER,
        "stack": bytes([1, 5, 6, 8]) + bytes(12),
    }


def test_6to4_between_two_sites() -> None:
    assert tunnelled(SIXTOFOUR_A, SIXTOFOUR_B) == Seen("6to4", "certain", MATCHED)
    assert names(SIXTOFOUR_A, SIXTOFOUR_B) == ["6to4"]


@pytest.mark.parametrize(
    "ends",
    [
        (SIXTOFOUR_A, NATIVE, V4A, ANYCAST),  # to the relay
        (NATIVE, SIXTOFOUR_B, V4A, V4B),  # from a relay with an address of its own
        (NATIVE, SIXTOFOUR_B, ANYCAST, V4B),
    ],
)
def test_6to4_through_a_relay_is_in_order(ends: tuple[bytes, ...]) -> None:
    assert tunnelled(*ends) == Seen("6to4", "certain", MATCHED)


@pytest.mark.parametrize(
    ("ends", "reasons"),
    [
        ((SIXTOFOUR_A, NATIVE, FAR, V4B), EXACT),
        ((SIXTOFOUR_A, SIXTOFOUR_B, FAR, V4B), MATCHED),
        ((NATIVE, SIXTOFOUR_B, V4A, FAR), EXACT),
        # From one 6to4 site to another no relay is needed (RFC 3964 section 5.1).
        ((SIXTOFOUR_A, SIXTOFOUR_B, V4A, ANYCAST), MATCHED),
        ((SIXTOFOUR_A, OTHER, ANYCAST, V4B), EXACT),
    ],
)
def test_6to4_that_disagrees_with_its_outer_ends(ends: tuple[bytes, ...], reasons: str) -> None:
    assert tunnelled(*ends) == Seen("6to4", "certain", reasons, "embedded-mismatch")


@pytest.mark.parametrize("ip", ["10.1.2.3", "192.168.1.1", "127.0.0.1", "224.0.0.1", "0.0.0.0"])
def test_6to4_must_embed_a_public_address(ip: str) -> None:
    private = packed(ip)
    found = tunnelled(build_sixtofour(private), NATIVE, private, V4B)
    assert found == Seen("6to4", "certain", MATCHED, "embedded-not-global")


@pytest.mark.parametrize("universal", [False, True])
def test_isatap_with_either_universal_bit(universal: bool) -> None:
    host = build_isatap(PREFIX8, V4A, universal)
    assert tunnelled(host, NATIVE) == Seen("isatap", "certain", MATCHED)
    assert names(host, NATIVE) == ["isatap"]


def test_isatap_may_be_private_and_go_through_its_router() -> None:
    private = packed("10.1.2.3")
    here, there = build_isatap(PREFIX8, private), build_isatap(PREFIX8, packed("10.9.9.9"))
    assert tunnelled(here, there, private, packed("10.0.0.1")) == Seen("isatap", "certain", MATCHED)


def test_isatap_from_another_host() -> None:
    found = tunnelled(build_isatap(PREFIX8, V4A), NATIVE, FAR, V4B)
    assert found == Seen("isatap", "certain", EXACT, "embedded-mismatch")


def test_one_packet_may_be_of_two_kinds() -> None:
    host = build_isatap(PREFIX8, V4A)
    assert tunnelled(host, SIXTOFOUR_B) == Seen("6to4", "certain", MATCHED)
    assert names(host, SIXTOFOUR_B) == ["6to4", "isatap"]


def test_one_scheme_that_fits_its_end_is_enough() -> None:
    """A 6to4 site may hand its hosts ISATAP addresses: either may be the one in use."""
    both = build_isatap(build_sixtofour(packed("198.51.100.9"))[:8], V4A)
    assert tunnelled(both, NATIVE) == Seen("6to4", "certain", MATCHED)


def test_6over4_is_told_by_its_group() -> None:
    here, group = build_sixover4(V4A), packed("239.192.0.1")
    assert tunnelled(here, packed("ff02::1"), V4A, group) == Seen("6over4", "certain", MATCHED)
    assert names(here, packed("ff02::1"), V4A, group) == ["6over4"]
    assert names(NATIVE, packed("ff02::1"), V4A, group) == ["6over4"]


def test_an_ipv4_link_local_address_may_be_6in4_or_6over4() -> None:
    ends = build_sixover4(V4A), build_sixover4(V4B)
    assert tunnelled(*ends) == Seen("6in4", "certain", MATCHED)
    assert names(*ends) == ["6in4", "6over4"]


@pytest.mark.parametrize("source", ["fe80::1", "fe80::ffff", "::2", "::ff:ffff"])
def test_a_small_number_is_no_ipv4_address(source: str) -> None:
    assert tunnelled(packed(source), OTHER) == Seen("6in4", "certain", EXACT)
    assert names(packed(source), OTHER) == ["6in4"]


def test_ipv4_compatible() -> None:
    ends = bytes(12) + V4A, bytes(12) + V4B
    assert tunnelled(*ends) == Seen("ipv4-compatible", "certain", MATCHED)
    assert names(*ends) == ["ipv4-compatible"]
    mismatch = tunnelled(ends[0], NATIVE, FAR, V4B)
    assert mismatch == Seen("ipv4-compatible", "certain", EXACT, "embedded-mismatch")


def test_the_unspecified_address_embeds_nothing() -> None:
    assert names(bytes(16), packed("ff02::16")) == ["6in4"]


def test_a_teredo_address_in_protocol_41_is_odd() -> None:
    for ends in ((build.TEREDO, NATIVE), (NATIVE, build.TEREDO)):
        assert tunnelled(*ends) == Seen("6in4", "certain", EXACT, "teredo-in-protocol-41")


DOMAIN = SixRdDomain(packed("2001:db8::"), 32, 8, (packed("10.0.0.1"),))
SIXRD = DecodeSettings(sixrd=(DOMAIN,))
CUSTOMER, RELAY = packed("10.100.100.1"), packed("10.0.0.1")
DELEGATED = packed("2001:db8:6464:100::7")  # RFC 5969 section 7.1.1


def sixrd(source: bytes, destination: bytes, *outer: bytes) -> Seen:
    frame = build.sixinfour_frame(build.tcp6(source, destination), *outer)
    _, rows = decode(frame, settings=SIXRD)
    assert len(rows) == 1
    return seen(rows[0])


def test_6rd_as_configured() -> None:
    found = f"{MATCHED} configured-prefix"
    assert sixrd(DELEGATED, NATIVE, CUSTOMER, RELAY) == Seen("6rd", "certain", found)
    assert sixrd(NATIVE, DELEGATED, RELAY, CUSTOMER) == Seen("6rd", "certain", found)


def test_6rd_from_another_customer() -> None:
    found = sixrd(DELEGATED, NATIVE, packed("10.7.7.7"), RELAY)
    assert found == Seen("6rd", "certain", f"{EXACT} configured-prefix", "embedded-mismatch")


def test_6rd_is_unknown_without_its_configuration() -> None:
    assert tunnelled(DELEGATED, NATIVE, CUSTOMER, RELAY) == Seen("6in4", "certain", EXACT)


def outer(payload: bytes) -> bytes:
    return build.ethernet(ipv4.build(V4A, V4B, 41, payload))


def test_octets_behind_the_inner_packet() -> None:
    row = only_row(outer(build.tcp6() + b"junk!"))
    assert seen(row) == Seen("6in4", "certain", "checksum protocol-41", "trailing-bytes")
    assert row.tail_length == 5


def test_an_inner_packet_longer_than_the_outer_one() -> None:
    whole = build.tcp6(payload=b"0123456789")
    found = seen(only_row(outer(whole[:-1])))
    assert found == Seen("6in4", "strong", "protocol-41", "length-mismatch")


def test_an_inner_packet_that_makes_no_sense() -> None:
    packet = ipv6.build(NATIVE, OTHER, 253, bytes(8))
    found = seen(only_row(outer(packet)))
    assert found == Seen("6in4", "strong", "exact-length protocol-41", "extension-headers")


def test_a_bad_inner_checksum_a_spent_hop_limit_and_a_routing_header() -> None:
    assert anomalies(only_row(outer(build.tcp6()[:-1] + b"\1"))) == ["bad-checksum"]
    spent = ipv6.build(NATIVE, OTHER, 59, b"", hop_limit=0)
    assert anomalies(only_row(outer(spent))) == ["hop-limit-zero"]
    routed = ipv6.build(NATIVE, OTHER, 43, ipv6.build_extension(43, 59, bytes(6)))
    assert anomalies(only_row(outer(routed))) == ["routing-header"]


@pytest.mark.parametrize("payload", [b"", b"\x60", build.tcp6()[:39], b"\x45" + bytes(50)])
def test_protocol_41_without_an_ipv6_header(payload: bytes) -> None:
    assert decode(outer(payload)) == (Reason.NOT_IPV6_INSIDE, [])


def test_protocol_41_cut_in_its_ipv6_header() -> None:
    frame = build.sixinfour_frame(build.tcp6())
    assert decode(frame[:70], wire_length=len(frame)) == (Reason.TRUNCATED_PAYLOAD, [])
    cut = only_row(frame[:74], wire_length=len(frame))
    assert seen(cut) == Seen("6in4", "certain", "exact-length protocol-41", "truncated")


def test_a_chain_cut_by_the_snap_length_is_strong_only() -> None:
    """What was cut off may be nonsense."""
    options = ipv6.build_extension(60, 59, bytes(20))
    frame = build.sixinfour_frame(ipv6.build(NATIVE, OTHER, 60, options))
    assert seen(only_row(frame)).confidence == "certain"
    assert seen(only_row(frame[:-1], wire_length=len(frame))).confidence == "strong"


def test_the_codec_and_the_judge_agree_on_the_protocol_number() -> None:
    row = only_row(build.ethernet(sixinfour.encapsulate(V4A, V4B, build.tcp6())))
    assert row.kind == Kind.SIXINFOUR


# addresses and messages that may not cross a tunnel


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        ("ff02::1", "2a00:db8::1"),
        ("::1", "2a00:db8::1"),
        ("2a00:db8::1", "::1"),
        ("2a00:db8::1", "::"),
        ("::ffff:192.0.2.1", "2a00:db8::1"),
        ("2a00:db8::1", "::ffff:192.0.2.1"),
        ("fec0::1", "2a00:db8::1"),
    ],
)
def test_inner_addresses_that_no_tunnel_may_carry(source: str, destination: str) -> None:
    found = tunnelled(packed(source), packed(destination))
    assert "odd-inner-address" in found.anomalies.split()


def test_inner_addresses_that_are_in_order() -> None:
    assert tunnelled(packed("::"), packed("ff02::1:ff00:1")).anomalies == ""
    assert tunnelled(packed("fe80::1"), packed("ff02::5")).anomalies == ""


def test_6to4_has_no_link() -> None:
    """RFC 3964 section 5.1: link-local and multicast addresses have no business there."""
    link_local = tunnelled(SIXTOFOUR_A, packed("fe80::1"), V4A, V4B)
    assert link_local.anomalies == "odd-inner-address"
    assert tunnelled(SIXTOFOUR_A, packed("ff02::1"), V4A, V4B).anomalies == "odd-inner-address"


@pytest.mark.parametrize(
    ("kind", "source", "destination", "expected"),
    [
        (134, V4A, V4B, "neighbour-discovery"),
        (137, V4A, PRIVATE_HOST, "neighbour-discovery"),
        (133, PRIVATE_HOST, V4B, ""),
        (135, V4A, packed("239.192.0.1"), ""),
        (128, V4A, V4B, ""),
        (138, V4A, V4B, ""),
    ],
)
def test_neighbour_discovery_from_afar(
    kind: int, source: bytes, destination: bytes, expected: str
) -> None:
    link_local = packed("fe80::1")
    message = icmpv6.build(link_local, packed("ff02::1"), kind, 0, bytes(4))
    packet = ipv6.build(link_local, packed("ff02::1"), 58, message, hop_limit=255)
    frame = build.sixinfour_frame(packet, source, destination)
    assert seen(only_row(frame)).anomalies == expected


def test_a_6rd_relay_returns_probes() -> None:
    """RFC 5969 section 8: a customer's packet to its own prefix comes back from the relay."""
    domain = SixRdDomain(packed("2001:db8::"), 32, 8, (RELAY,))
    settings = DecodeSettings(sixrd=(domain,))
    packet = build.tcp6(DELEGATED, NATIVE)
    for sender, expected in ((RELAY, ""), (packed("10.7.7.7"), "embedded-mismatch")):
        _, rows = decode(build.sixinfour_frame(packet, sender, CUSTOMER), settings=settings)
        assert [seen(row).anomalies for row in rows] == [expected]


@pytest.mark.parametrize(
    ("trust", "expected"),
    [
        (Confidence.CERTAIN, Confidence.STRONG),
        (Confidence.STRONG, Confidence.STRONG),
        (Confidence.WEAK, Confidence.WEAK),
    ],
)
def test_a_quote_without_inner_addresses_is_strong_at_best(
    trust: Confidence, expected: Confidence
) -> None:
    assert judge_quote(trust) == Verdict(
        kind=Kind.SIXINFOUR,
        kinds=1 << Kind.SIXINFOUR,
        confidence=expected,
        evidence=Evidence.PROTOCOL_41,
        anomalies=Anomaly(0),
    )
