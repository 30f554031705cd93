"""A translated packet is the one that would have been built with the new addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.lab.network import rewrite
from sensor.lab.network.rewrite import Flow
from sensor.schema.records import Endpoint
from sensor.wire import checksum, icmpv4, ipv4, tcp, udp

ends = st.builds(Endpoint, st.binary(min_size=4, max_size=4), st.integers(0, 65_535))
payloads = st.binary(max_size=40)
A, B = Endpoint(bytes([10, 0, 0, 1]), 1111), Endpoint(bytes([192, 0, 2, 1]), 2222)
C = Endpoint(bytes([203, 0, 113, 9]), 3333)
PORTLESS = 41


def build(flow: Flow, payload: bytes, *, ttl: int = 64) -> bytes:
    source, destination = flow.source, flow.destination
    if flow.protocol == udp.PROTOCOL:
        inner = udp.build(source.ip, destination.ip, source.port, destination.port, payload)
    elif flow.protocol == tcp.PROTOCOL:
        inner = tcp.build(
            source.ip, destination.ip, source.port, destination.port,
            sequence=1, acknowledgement=2, flags=tcp.ACK, payload=payload,
        )  # fmt: skip
    else:
        kind = icmpv4.ECHO_REPLY if destination.port else icmpv4.ECHO_REQUEST
        identifier = source.port or destination.port
        inner = icmpv4.build(kind, 0, identifier.to_bytes(2) + b"\0\7", payload)
    return ipv4.build(source.ip, destination.ip, flow.protocol, inner, ttl=ttl)


@given(st.sampled_from([udp.PROTOCOL, tcp.PROTOCOL]), ends, ends, ends, ends, payloads)
def test_udp_and_tcp(
    protocol: int, a: Endpoint, b: Endpoint, c: Endpoint, d: Endpoint, payload: bytes
) -> None:
    before, after = Flow(protocol, a, b), Flow(protocol, c, d)
    octets = build(before, payload)
    assert rewrite.read(octets) == before
    changed = rewrite.translated(octets, before, after)
    expected = build(after, payload)
    assert changed[:20] == expected[:20]
    assert rewrite.read(changed) == after
    # 0 and 0xffff are the same sum, and both are right.
    pseudo = checksum.pseudo_ipv4(c.ip, d.ip, protocol, len(changed) - 20)
    assert checksum.verify(pseudo, changed[20:])
    assert changed[20:26] == expected[20:26]


@given(ends, ends, st.integers(0, 65_535), payloads, st.booleans())
def test_echoes(a: Endpoint, b: Endpoint, identifier: int, payload: bytes, reply: bool) -> None:
    request = Flow(icmpv4.PROTOCOL, a, b._replace(port=0))
    before = request.reverse if reply and a.port else request
    inside = before.destination if before is not request else before.source
    outside = Endpoint(C.ip, identifier)
    after = (
        before._replace(source=outside)
        if before is request
        else before._replace(destination=outside)
    )
    octets = build(before, payload)
    assert rewrite.read(octets) == before
    assert inside.port == a.port
    changed = rewrite.translated(octets, before, after)
    assert checksum.verify(changed[20:])
    assert ipv4.header_checksum_ok(changed)
    assert changed[24:26] == identifier.to_bytes(2)


def test_a_wrong_checksum_stays_wrong_and_none_stays_none() -> None:
    before, after = Flow(udp.PROTOCOL, A, B), Flow(udp.PROTOCOL, C, B)
    octets = build(before, b"payload")
    damaged = octets[:-1] + b"?"
    changed = rewrite.translated(damaged, before, after)
    assert udp.verify(C.ip, B.ip, changed[20:]) is False
    without = octets[:26] + bytes(2) + octets[28:]
    changed = rewrite.translated(without, before, after)
    assert udp.verify(C.ip, B.ip, changed[20:]) is None


def test_a_udp_checksum_of_zero_is_never_written() -> None:
    before = Flow(udp.PROTOCOL, A, B)
    octets = build(before, b"data")
    sums = set()
    for port in range(65_536):
        changed = rewrite.translated(octets, before, Flow(udp.PROTOCOL, Endpoint(A.ip, port), B))
        sums.add(changed[26:28])
    assert bytes(2) not in sums
    assert b"\xff\xff" in sums


@pytest.mark.parametrize("protocol", [udp.PROTOCOL, tcp.PROTOCOL])
def test_errors_quote_the_start_of_a_packet_and_that_is_translated_too(protocol: int) -> None:
    before, after = Flow(protocol, A, B), Flow(protocol, C, B)
    for cut in (28, 29, 36, 40):
        quote = build(before, b"payload!")[:cut]
        error = icmpv4.build_error(icmpv4.UNREACHABLE, 3, quote)
        octets = ipv4.build(B.ip, C.ip, icmpv4.PROTOCOL, error)
        found = rewrite.quoted(octets)
        assert found == quote
        assert rewrite.read(found) == before
        renewed = rewrite.translated(found, before, after)
        changed = rewrite.translated_error(octets, B.ip, A.ip, renewed)
        assert rewrite.quoted(changed) == build(after, b"payload!")[:cut]
        assert checksum.verify(changed[20:])
        assert ipv4.header_checksum_ok(changed)
        assert changed[12:20] == B.ip + A.ip


def test_icmp_that_is_neither_echo_nor_error_is_refused() -> None:
    timestamp = icmpv4.build(13, 0, bytes(4), bytes(12))
    octets = ipv4.build(A.ip, B.ip, icmpv4.PROTOCOL, timestamp)
    assert rewrite.quoted(octets) is None
    with pytest.raises(DecodeError, match="ICMP type 13"):
        rewrite.read(octets)


def test_only_errors_quote() -> None:
    assert rewrite.quoted(build(Flow(udp.PROTOCOL, A, B), b"")) is None
    assert rewrite.quoted(build(Flow(icmpv4.PROTOCOL, A, B._replace(port=0)), b"")) is None


@given(ends, ends, ends, ends, payloads, st.sampled_from([b"", bytes(4), bytes(40)]))
def test_without_ports_only_the_header_changes(
    a: Endpoint, b: Endpoint, c: Endpoint, d: Endpoint, payload: bytes, options: bytes
) -> None:
    octets = ipv4.build(a.ip, b.ip, PORTLESS, payload, options=options)
    before = rewrite.read(octets, {PORTLESS})
    assert before == Flow(PORTLESS, a._replace(port=0), b._replace(port=0))
    changed = rewrite.translated(octets, before, Flow(PORTLESS, c, d))
    assert changed == ipv4.build(c.ip, d.ip, PORTLESS, payload, options=options)


def test_protocols_that_were_not_asked_for_are_refused() -> None:
    octets = ipv4.build(A.ip, B.ip, PORTLESS, bytes(40))
    with pytest.raises(DecodeError, match="protocol 41"):
        rewrite.read(octets)
    with pytest.raises(DecodeError, match="protocol 41"):
        rewrite.read(octets, {47})


@pytest.mark.parametrize(
    ("offset", "more", "later"),
    [(0, False, False), (0, True, False), (8, False, True), (65_528, True, True)],
)
def test_later_fragments_are_those_without_the_beginning(
    offset: int, more: bool, later: bool
) -> None:
    octets = ipv4.build(
        A.ip, B.ip, PORTLESS, b"", fragment_offset=offset, more_fragments=more, dont_fragment=True
    )
    assert rewrite.is_later_fragment(octets) is later


@given(st.binary(max_size=60), st.integers(0, 255))
def test_hostile_octets_are_read_or_refused(octets: bytes, protocol: int) -> None:
    for packet in (octets, ipv4.build(A.ip, B.ip, protocol, octets)):
        try:
            flow = rewrite.read(packet, {PORTLESS, protocol})
        except DecodeError:
            continue
        changed = rewrite.translated(packet, flow, Flow(flow.protocol, C, B))
        assert len(changed) == len(packet)


@pytest.mark.parametrize("fragment", [{"more_fragments": True}, {"fragment_offset": 8}])
def test_fragments_are_refused(fragment: dict[str, int]) -> None:
    octets = ipv4.build(
        A.ip, B.ip, udp.PROTOCOL, bytes(16),
        more_fragments=bool(fragment.get("more_fragments")),
        fragment_offset=fragment.get("fragment_offset", 0),
    )  # fmt: skip
    with pytest.raises(DecodeError, match="fragment"):
        rewrite.read(octets)


@pytest.mark.parametrize("ttl", [0, 1, 2, 64, 255])
def test_time_to_live_ends_at_the_last_hop(ttl: int) -> None:
    flow = Flow(udp.PROTOCOL, A, B)
    less = rewrite.decremented(build(flow, b"x", ttl=ttl))
    assert less == (build(flow, b"x", ttl=ttl - 1) if ttl > 1 else None)
