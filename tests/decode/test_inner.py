from __future__ import annotations

import pytest

from sensor.decode.inner import Inner, digest, summarize
from sensor.wire import icmpv6, ipv6, tcp, udp
from sensor.wire.addresses import ALL_ROUTERS
from sensor.wire.cursor import Cursor

from .. import build

SOURCE, DESTINATION = build.NATIVE, build.OTHER


def summary(packet: bytes, end: int | None = None, offset: int = 0) -> Inner:
    header = ipv6.parse(Cursor(packet, offset))
    return summarize(packet, offset, header, len(packet) if end is None else end)


def snapped(packet: bytes, end: int) -> Inner:
    """What is told of a packet of which a capture has the first ``end`` octets."""
    return summarize(packet, 0, ipv6.parse(Cursor(packet)), end, snapped=True)


def packet(next_header: int, payload: bytes) -> bytes:
    return ipv6.build(SOURCE, DESTINATION, next_header, payload)


def extended(kinds: list[int], transport: int, payload: bytes) -> bytes:
    """A packet with extension headers of 8 octets each in front of its transport."""
    following = transport
    for kind in reversed(kinds):
        payload = ipv6.build_extension(kind, following, bytes(6)) + payload
        following = kind
    return packet(following, payload)


def fragment(transport: int, payload: bytes, offset: int, more: bool) -> bytes:
    return packet(ipv6.FRAGMENT, ipv6.build_fragment(transport, 0xABCD, offset, more) + payload)


DATAGRAM = udp.build(SOURCE, DESTINATION, 5353, 53, b"query")
SEGMENT = tcp.build(
    SOURCE, DESTINATION, 49152, 443, sequence=1000, acknowledgement=7, flags=0x12, payload=b"data"
)


def test_tcp() -> None:
    found = summary(packet(6, SEGMENT))
    assert found.plausible
    assert found.has_transport
    assert found.checksum is True
    assert (found.source_port, found.destination_port) == (49152, 443)
    assert (found.sequence, found.acknowledgement, found.tcp_flags) == (1000, 7, 0x12)
    assert (found.length, found.end, found.payload_length) == (64, 64, 4)


def test_udp() -> None:
    found = summary(packet(17, DATAGRAM))
    assert found.checksum is True
    assert (found.source_port, found.destination_port, found.payload_length) == (5353, 53, 5)
    assert found.tcp_flags == 0


def test_an_echo_has_its_identifier_as_port() -> None:
    found = summary(build.echo6())
    assert (found.icmp_type, found.icmp_code, found.icmp_sequence) == (128, 0, 9)
    assert (found.source_port, found.destination_port, found.payload_length) == (7, 0, 8)
    assert found.checksum is True
    assert found.icmp(128)
    assert not found.icmp(129)


def test_other_icmpv6_has_no_identifier() -> None:
    message = icmpv6.build_error(SOURCE, DESTINATION, 1, 4, bytes.fromhex("60000000"))
    found = summary(packet(58, message))
    assert (found.icmp_type, found.icmp_code, found.source_port) == (1, 4, 0)
    assert found.payload_length == 8
    assert not found.icmp(1)


def test_an_echo_cut_before_its_identifier_has_none() -> None:
    message = icmpv6.build(SOURCE, DESTINATION, 128, 0, b"\0\7\0")
    found = summary(packet(58, message))
    assert (found.icmp_type, found.source_port, found.icmp_sequence) == (128, 0, 0)
    assert found.has_transport


def test_a_packet_may_start_anywhere() -> None:
    frame = bytes(23) + packet(17, DATAGRAM) + b"tail"
    found = summary(frame, offset=23)
    assert (found.offset, found.length, found.end) == (23, 53, 76)
    assert found.source_port == 5353
    assert found.checksum is True


def test_a_cut_packet_keeps_what_headers_announce() -> None:
    whole = packet(6, SEGMENT)
    found = summary(whole, end=60)
    assert (found.length, found.end, found.payload_length) == (64, 60, 4)
    assert found.source_port == 49152
    assert found.checksum is None


@pytest.mark.parametrize("end", range(40, 60))
def test_a_transport_header_cut_short_is_absent(end: int) -> None:
    found = summary(packet(6, SEGMENT), end=end)
    assert found.plausible
    assert not found.has_transport
    assert (found.source_port, found.tcp_flags, found.checksum) == (0, 0, None)
    assert not found.icmp(0)


# what a capture cut


@pytest.mark.parametrize("end", range(40, 64))
def test_tcp_is_told_once_its_flags_are_captured(end: int) -> None:
    found = snapped(packet(6, SEGMENT), end)
    told = end >= 40 + 14
    assert (found.has_transport, found.plausible, found.checksum) == (told, True, None)
    assert (found.source_port, found.destination_port) == ((49152, 443) if told else (0, 0))
    assert (found.sequence, found.acknowledgement) == ((1000, 7) if told else (0, 0))
    assert (found.tcp_flags, found.payload_length) == ((0x12, 4) if told else (0, 0))


@pytest.mark.parametrize("end", range(40, 53))
def test_udp_is_told_once_its_ports_are_captured(end: int) -> None:
    found = snapped(packet(17, DATAGRAM), end)
    told = end >= 40 + 4
    assert (found.has_transport, found.checksum) == (told, None)
    assert (found.source_port, found.destination_port) == ((5353, 53) if told else (0, 0))
    assert found.payload_length == (5 if told else 0)


@pytest.mark.parametrize("end", range(40, 56))
def test_icmpv6_is_told_once_its_code_is_captured(end: int) -> None:
    message = icmpv6.build_error(SOURCE, DESTINATION, 1, 4, bytes(8))
    found = snapped(packet(58, message), end)
    told = end >= 40 + 2
    assert (found.has_transport, found.checksum) == (told, None)
    assert (found.icmp_type, found.icmp_code) == ((1, 4) if told else (0, 0))
    assert found.payload_length == (12 if told else 0)


@pytest.mark.parametrize("kind", [128, 129])
def test_an_echo_is_not_told_by_its_type_alone(kind: int) -> None:
    """Those of different identifiers would be taken for one."""
    whole = packet(58, icmpv6.build(SOURCE, DESTINATION, kind, 0, bytes.fromhex("00070009")))
    assert [snapped(whole, end).has_transport for end in range(40, 45)] == [False] * 4 + [True]
    assert (snapped(whole, 44).icmp_type, snapped(whole, 44).source_port) == (kind, 0)
    assert not any(snapped(whole, end).may_be_icmp(kind) for end in range(42, 48))


def test_a_tcp_offset_under_twenty_is_nonsense_though_cut() -> None:
    damaged = packet(6, SEGMENT[:12] + b"\x40" + SEGMENT[13:])
    assert not any(snapped(damaged, end).has_transport for end in range(40, 64))


def test_what_is_whole_is_not_cut() -> None:
    """The capture cut what follows: a small first fragment tells as little as without."""
    for transport, size in ((6, 16), (17, 4), (58, 2)):
        whole = fragment(transport, SEGMENT[:size], 0, more=True)
        assert snapped(whole, len(whole)) == summary(whole)
        assert not summary(whole).has_transport


@pytest.mark.parametrize(("transport", "told"), [(6, 14), (17, 4), (58, 2)])
def test_a_cut_fragment_with_less_than_a_header_has_no_payload(transport: int, told: int) -> None:
    whole = fragment(transport, SEGMENT[: told + 1], 0, more=True)
    found = snapped(whole, len(whole) - 1)
    assert (found.has_transport, found.payload_length) == (True, 0)


@pytest.mark.parametrize("transport", [4, 41, 50, 59, 132])
def test_nothing_is_told_of_other_transports(transport: int) -> None:
    whole = packet(transport, bytes(60))
    assert not any(snapped(whole, end).has_transport for end in range(40, 100))


def test_behind_extension_headers_a_cut_transport_is_told_too() -> None:
    whole = extended([0, 60], 6, SEGMENT)
    assert [snapped(whole, end).has_transport for end in (55, 69, 70)] == [False, False, True]
    assert snapped(whole, 70).destination_port == 443


def router_message(kind: int, hop_limit: int = 255) -> bytes:
    message = icmpv6.build(SOURCE, ALL_ROUTERS, kind, 0, bytes(4))
    return ipv6.build(SOURCE, ALL_ROUTERS, 58, message, hop_limit=hop_limit)


def test_a_message_cut_before_its_code_may_be_what_its_type_allows() -> None:
    whole = router_message(133)
    assert [snapped(whole, end).may_be_icmp(133) for end in range(40, 48)] == [True] * 2 + [
        False
    ] * 6
    assert [snapped(whole, end).icmp(133) for end in range(40, 48)] == [False] * 2 + [True] * 6
    assert snapped(whole, 40).may_be_icmp(134)
    assert not snapped(whole, 41).may_be_icmp(134)


@pytest.mark.parametrize("end", [40, 41])
def test_a_message_is_not_guessed_where_something_contradicts(end: int) -> None:
    assert not snapped(router_message(133, hop_limit=1), end).may_be_icmp(133)
    assert not snapped(router_message(132), 41).may_be_icmp(133)
    assert not summary(router_message(133), end).may_be_icmp(133)
    assert not snapped(packet(17, DATAGRAM), end).may_be_icmp(133)
    short = ipv6.build(SOURCE, ALL_ROUTERS, 58, b"\x85\0\0", hop_limit=255)
    assert not snapped(short, end).may_be_icmp(133)
    behind = ipv6.build_extension(0, 58, bytes(6)) + router_message(133)[40:]
    hidden = ipv6.build(SOURCE, ALL_ROUTERS, 0, behind, hop_limit=255)
    assert not snapped(hidden, end + 8).may_be_icmp(133)


def test_a_wrong_checksum_is_told() -> None:
    assert summary(packet(17, DATAGRAM[:-1] + b"!")).checksum is False
    assert summary(packet(6, SEGMENT[:-1] + b"!")).checksum is False
    assert summary(build.echo6()[:-1] + b"!").checksum is False


def test_a_udp_checksum_of_zero_says_nothing() -> None:
    assert summary(packet(17, DATAGRAM[:6] + b"\0\0" + DATAGRAM[8:])).checksum is None


def test_a_tcp_checksum_of_zero_is_wrong() -> None:
    assert summary(packet(6, SEGMENT[:16] + b"\0\0" + SEGMENT[18:])).checksum is False


@pytest.mark.parametrize(
    ("next_header", "payload", "plausible"),
    [
        (59, b"", True),
        (59, b"behind no next header", True),
        (50, b"esp", True),
        (132, b"sctp", True),
        (6, SEGMENT[:20], True),
        (6, SEGMENT[:19], False),
        (17, DATAGRAM[:8], True),
        (17, DATAGRAM[:7], False),
        (58, bytes(4), True),
        (58, bytes(3), False),
        (4, bytes(20), True),
        (4, bytes(19), False),
        (41, bytes(40), True),
        (41, bytes(39), False),
        (253, bytes(40), False),
        (1, bytes(40), False),
        (0, bytes([6, 0, 0, 0, 0, 0, 0]), False),
    ],
)
def test_what_makes_sense(next_header: int, payload: bytes, plausible: bool) -> None:
    assert summary(packet(next_header, payload)).plausible is plausible


def test_a_chain_cut_by_the_snap_length_makes_sense_so_far() -> None:
    whole = extended([0, 60], 6, SEGMENT)
    for end in range(40, 56):
        cut = summary(whole, end=end)
        assert cut.plausible
        assert not cut.has_transport
    assert summary(whole, end=76).source_port == 49152


def test_a_tcp_offset_under_twenty_leaves_the_fields_absent() -> None:
    damaged = SEGMENT[:12] + b"\x40" + SEGMENT[13:]
    found = summary(packet(6, damaged))
    assert found.plausible
    assert not found.has_transport
    assert found.checksum is None


def test_a_tcp_offset_past_the_segment_leaves_no_payload() -> None:
    damaged = SEGMENT[:12] + b"\xf0" + SEGMENT[13:]
    assert summary(packet(6, damaged)).payload_length == 0


@pytest.mark.parametrize("kinds", [[0], [60], [0, 60, 60], [135, 139, 140], [60] * 64])
def test_extension_headers_are_walked(kinds: list[int]) -> None:
    found = summary(extended(kinds, 6, SEGMENT))
    assert found.chain.headers == tuple(kinds)
    assert found.destination_port == 443
    assert found.checksum is True


def test_the_walk_over_extension_headers_has_an_end() -> None:
    found = summary(extended([60] * 65, 6, SEGMENT))
    assert len(found.chain.headers) == ipv6.MAX_EXTENSION_HEADERS == 64
    assert found.chain.limit_hit
    assert found.plausible
    assert not found.has_transport


def test_a_routing_header_hides_what_the_checksum_covers() -> None:
    found = summary(extended([ipv6.ROUTING], 6, SEGMENT))
    assert found.chain.routing_types == (0,)
    assert found.checksum is None
    assert found.destination_port == 443


def test_a_first_fragment_has_ports_but_no_checksum() -> None:
    found = summary(fragment(6, SEGMENT, 0, more=True))
    assert found.chain.fragment == ipv6.Fragment(0xABCD, 0, True)
    assert (found.destination_port, found.checksum) == (443, None)


def test_an_atomic_fragment_is_whole() -> None:
    assert summary(fragment(6, SEGMENT, 0, more=False)).checksum is True


def test_a_later_fragment_has_no_transport_whatever_it_begins_with() -> None:
    found = summary(fragment(6, SEGMENT, 1280, more=False))
    assert found.plausible
    assert not found.has_transport
    assert found.checksum is None
    assert summary(fragment(253, b"xyz", 8, more=True)).plausible


@pytest.mark.parametrize(
    ("data", "is_bubble"),
    [
        (build.bubble(), True),
        (packet(59, b"x"), False),
        (packet(50, b""), False),
    ],
)
def test_a_bubble_announces_nothing(data: bytes, is_bubble: bool) -> None:
    assert summary(data).bubble is is_bubble


@pytest.mark.parametrize(
    ("data", "value"),
    [
        # Computed in C from the same definition.
        (bytes(40), 0x50CE170895477A16),
        (bytes(range(41)), 0x9E61C2FFA31B90B4),
    ],
)
def test_digest_is_stable(data: bytes, value: int) -> None:
    assert digest(data) == value


def test_digest_ignores_the_hop_limit_alone() -> None:
    data = packet(6, SEGMENT)
    aged = data[:7] + b"\x01" + data[8:]
    assert digest(aged) == digest(data)
    changed = {digest(data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :]) for i in range(len(data))}
    assert len(changed) == len(data)  # all differ but one, that of the hop limit


def test_digest_tells_lengths_apart() -> None:
    assert len({digest(bytes(n)) for n in range(8, 80)}) == 72


def test_an_echo_and_its_reply_have_the_same_numbers() -> None:
    echo = icmpv6.Echo(7, 9, b"abcd")
    for build_echo in (icmpv6.build_echo_request, icmpv6.build_echo_reply):
        found = summary(packet(58, build_echo(SOURCE, DESTINATION, echo)))
        assert (found.source_port, found.icmp_sequence) == (7, 9)


@pytest.mark.parametrize("transport", [33, 46, 47, 50, 88, 89, 103, 112, 115, 132, 136])
def test_what_stands_behind_real_headers_makes_sense(transport: int) -> None:
    assert summary(packet(transport, b"1234")).plausible


@pytest.mark.parametrize("transport", [4, 6, 17, 41, 58])
def test_a_first_fragment_may_hold_less_than_the_shortest_header(transport: int) -> None:
    assert summary(fragment(transport, b"123", 0, more=True)).plausible
    assert not summary(fragment(transport, b"123", 0, more=False)).plausible
