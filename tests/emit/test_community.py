"""Community IDs against the specification's own baseline, and Suricata's variant."""

from __future__ import annotations

import random

import pytest

from sensor.emit.community import (
    ICMPV6,
    community_id,
    community_id_icmpv6,
    community_id_suricata,
)
from sensor.schema.records import Endpoint
from sensor.wire.addresses import packed, text

# From baseline/baseline_deflt.json of corelight/community-id-spec.
CONVERSATIONS = [
    (
        6,
        ("2001:470:e5bf:dead:4957:2174:e82c:4887", 63943),
        ("2607:f8b0:400c:c03::1a", 25),
        "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
    ),
    (6, ("128.232.110.120", 34855), ("66.35.250.204", 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (17, ("192.168.1.52", 54585), ("8.8.8.8", 53), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (132, ("192.168.170.8", 7), ("192.168.170.56", 7), "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
    (46, ("10.1.12.1", 0), ("10.1.12.2", 0), "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="),
]
LOW, HIGH = "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea"
HOST = "3ffe:507:0:1:200:86ff:fe05:80da"
MESSAGES = [
    (LOW, HIGH, 135, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
    (HIGH, LOW, 136, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
    (HIGH, LOW, 135, 0, "1:zavyT/cezQr1fmImYCwYnMXbgck="),
    (LOW, HIGH, 136, 0, "1:zavyT/cezQr1fmImYCwYnMXbgck="),
    ("3ffe:501:1800:2345::2", HOST, 3, 0, "1:2ObVBgIn28oZvibYZhZMBgh7WdQ="),
    ("3ffe:501:410:0:2c0:dfff:fe47:33e", HOST, 1, 4, "1:hLZd0XGWojozrvxqE0dWB1iM6R0="),
    (HOST, "3ffe:501:0:1001::2", 128, 0, "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="),
    ("3ffe:501:0:1001::2", HOST, 129, 0, "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="),
    (LOW, "ff02::2", 133, 0, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="),
    (HIGH, "ff02::1", 134, 0, "1:pkvHqCL88/tg1k4cPigmZXUtL00="),
]


def endpoint(pair: tuple[str, int]) -> Endpoint:
    return Endpoint(packed(pair[0]), pair[1])


@pytest.mark.parametrize(("protocol", "one", "other", "expected"), CONVERSATIONS)
def test_both_directions_of_a_conversation_share_the_published_identity(
    protocol: int, one: tuple[str, int], other: tuple[str, int], expected: str
) -> None:
    assert community_id(protocol, endpoint(one), endpoint(other)) == expected
    assert community_id(protocol, endpoint(other), endpoint(one)) == expected


@pytest.mark.parametrize(("source", "destination", "type_", "code", "expected"), MESSAGES)
def test_icmpv6_messages_have_the_published_identity(
    source: str, destination: str, type_: int, code: int, expected: str
) -> None:
    found = community_id_icmpv6(packed(source), packed(destination), type_, code)
    assert found == expected


def test_equal_addresses_are_ordered_by_port() -> None:
    ip = packed("2001:db8::1")
    one, other = Endpoint(ip, 80), Endpoint(ip, 50000)
    assert community_id(6, one, other) == community_id(6, other, one)


def test_a_protocol_without_ports_ignores_them() -> None:
    one, other = packed("192.0.2.1"), packed("192.0.2.2")
    plain = community_id(41, Endpoint(one, 0), Endpoint(other, 0))
    assert community_id(41, Endpoint(other, 5), Endpoint(one, 6)) == plain


def test_suricata_hashes_two_zero_ports() -> None:
    """The beginnings of both texts were read off Suricata 7.0.10 and the reference library."""
    one, other = packed("192.168.1.10"), packed("198.51.100.1")
    assert community_id(41, Endpoint(one, 0), Endpoint(other, 0)).startswith("1:SOBsav")
    assert community_id_suricata(41, one, other).startswith("1:s9vrW1")
    assert community_id_suricata(41, other, one) == community_id_suricata(41, one, other)


def test_the_reference_package_agrees_on_random_tuples(seed: int) -> None:
    reference = pytest.importorskip("communityid", reason="pip install communityid")
    calculate = reference.CommunityID().calc
    rng = random.Random(seed)
    for _ in range(2000):
        size = rng.choice((4, 16))
        one, other = rng.randbytes(size), rng.choice((rng.randbytes(size), bytes(size)))
        ports = (rng.randrange(1 << 16), rng.randrange(1 << 16))
        protocol = rng.choice((6, 17, 132))
        tuple_ = reference.FlowTuple(protocol, text(one), text(other), *ports)
        ends = (Endpoint(one, ports[0]), Endpoint(other, ports[1]))
        assert community_id(protocol, *ends) == calculate(tuple_), (seed, tuple_)
        tuple_ = reference.FlowTuple(41, text(one), text(other))
        assert community_id(41, *ends) == calculate(tuple_), (seed, tuple_)


def test_the_reference_package_agrees_on_every_icmpv6_type(seed: int) -> None:
    reference = pytest.importorskip("communityid", reason="pip install communityid")
    calculate = reference.CommunityID().calc
    rng = random.Random(seed)
    for type_ in range(256):
        one, other, code = rng.randbytes(16), rng.randbytes(16), rng.randrange(256)
        tuple_ = reference.FlowTuple(ICMPV6, text(one), text(other), type_, code)
        assert community_id_icmpv6(one, other, type_, code) == calculate(tuple_), (seed, type_)
