"""Which addresses can be somebody's."""

from __future__ import annotations

import pytest

from sensor.lab.sixinfour.places import (
    is_odd,
    is_unicast4,
    leads_back,
    may_be_forwarded,
    within,
)
from sensor.wire.addresses import packed


@pytest.mark.parametrize(
    ("ip", "is_one"),
    [
        ("0.0.0.0", False), ("0.1.2.3", False), ("1.0.0.0", True), ("10.1.2.3", True),
        ("126.255.255.255", True), ("127.0.0.1", False), ("128.0.0.1", True),
        ("192.88.99.1", True), ("223.255.255.255", True), ("224.0.0.1", False),
        ("239.192.0.1", False), ("240.0.0.1", False), ("255.255.255.255", False),
    ],
)  # fmt: skip
def test_one_other_host_in_ipv4(ip: str, is_one: bool) -> None:
    assert is_unicast4(packed(ip)) == is_one


def test_an_address_of_another_length_is_nobodys() -> None:
    assert not is_unicast4(b"")
    assert not is_unicast4(packed("2001:db8::1"))


@pytest.mark.parametrize(
    "address", ["2001:db8::1", "2002:cb00:7105::1", "2001:0:1:2::1", "fc00::1", "64:ff9b::1", "1::"]
)
def test_what_routers_pass_on(address: str) -> None:
    assert may_be_forwarded(packed(address))


@pytest.mark.parametrize(
    "address",
    ["::", "::1", "::1.2.3.4", "::ffff:1.2.3.4", "0:1::1", "fe80::1", "febf::1", "fec0::1",
     "feff::1", "ff02::1", "ff0e::1"],
)  # fmt: skip
def test_what_routers_never_pass_on(address: str) -> None:
    assert not may_be_forwarded(packed(address))


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("2001:db8::1", True), ("2001:db8:ffff::", True), ("2001:db9::", False),
        ("2a00::7", True), ("2a00::8", False), ("::", False),
    ],
)  # fmt: skip
def test_networks_hold_what_their_leading_bits_say(address: str, inside: bool) -> None:
    networks = ((packed("2001:db8::5"), 32), (packed("2a00::7"), 128))
    assert within(packed(address), networks) == inside


def test_no_bits_hold_all_and_no_network_nothing() -> None:
    assert within(packed("2001:db8::1"), ((bytes(16), 0),))
    assert not within(packed("2001:db8::1"), ())


@pytest.mark.parametrize(
    ("source", "odd"),
    [
        ("ff02::1", True), ("::1", True), ("::1.2.3.4", True), ("::ffff:1.2.3.4", True),
        ("::", False), ("fe80::1", False), ("::1:0:0", False), ("2001:db8::1", False),
    ],
)  # fmt: skip
def test_sources_that_no_packet_in_a_tunnel_has(source: str, odd: bool) -> None:
    assert is_odd(packed(source)) == odd


@pytest.mark.parametrize(
    ("address", "back"),
    [
        ("2002:cb00:7105::1", True), ("2002:c058:6301::1", True), ("2002:cb00:7106::1", False),
        ("2001:db8::5efe:203.0.113.5", True), ("2001:db8::200:5efe:192.88.99.1", True),
        ("2001:db8::5efe:203.0.113.6", False), ("2001:db8::203.0.113.5", False),
    ],
)  # fmt: skip
def test_what_embeds_a_local_address_leads_back(address: str, back: bool) -> None:
    assert leads_back(packed(address), (packed("203.0.113.5"), packed("192.88.99.1"))) == back
    assert not leads_back(packed(address), ())
