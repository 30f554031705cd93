from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.track.settings import Network, Service, TrackSettings, Zone, network
from sensor.wire.addresses import packed

TCP, UDP = 6, 17


@pytest.mark.parametrize(
    ("written", "inside", "outside"),
    [
        ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
        ("172.16.0.0/12", "172.31.0.1", "172.32.0.1"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.0"),
        ("0.0.0.0/0", "255.255.255.255", "::1"),
        ("fc00::/7", "fdff::1", "fe00::1"),
        ("::/0", "2001:db8::1", "1.2.3.4"),
    ],
)
def test_a_network_holds_its_own_addresses(written: str, inside: str, outside: str) -> None:
    assert network(written).holds(packed(inside))
    assert not network(written).holds(packed(outside))


@given(st.integers(0, 32), st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4))
def test_holding_agrees_with_the_standard_library(length: int, base: bytes, ip: bytes) -> None:
    known = ipaddress.ip_network((base, length), strict=False)
    ours = Network(known.network_address.packed, length)
    assert ours.holds(ip) == (ipaddress.ip_address(ip) in known)
    assert str(ours) == str(known)
    assert network(str(ours)) == ours


@given(st.binary(max_size=20))
def test_any_bytes_may_be_asked_for(address: bytes) -> None:
    assert network("0.0.0.0/0").holds(address) == (len(address) == 4)
    assert TrackSettings().zone_of(address, None) in (None, *TrackSettings().zones)


@pytest.mark.parametrize(
    ("prefix", "length"),
    [(b"", 0), (bytes(5), 8), (bytes(4), 33), (bytes(16), 129), (bytes(4), -1), (b"\x0a\0\0\1", 8)],
)
def test_what_is_no_network_is_refused(prefix: bytes, length: int) -> None:
    with pytest.raises(ValueError, match="network"):
        Network(prefix, length)


def test_text_with_host_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="host bits"):
        network("10.0.0.1/8")


@pytest.mark.parametrize(
    ("ip", "inside"),
    [
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("192.168.0.2", True),
        ("100.64.0.1", True),
        ("fd00::1", True),
        ("203.0.113.2", False),
        ("2001:db8::1", False),
    ],
)
def test_private_networks_are_inside_by_default(ip: str, inside: bool) -> None:
    assert TrackSettings().is_inside(packed(ip), None) is inside


def zoned() -> TrackSettings:
    return TrackSettings(
        zones=(
            Zone("site", (network("10.0.0.0/8"), network("fd00::/8"))),
            Zone("dmz", (network("10.9.0.0/16"),), inside=False),
            Zone("guests", (network("10.0.0.0/8"),), frozenset({30, 31})),
        )
    )


@pytest.mark.parametrize(
    ("ip", "vlan", "zone"),
    [
        ("10.1.1.1", None, "site"),
        ("10.1.1.1", 5, "site"),
        ("10.1.1.1", 30, "guests"),  # as long a prefix, but named for this VLAN
        ("10.9.1.1", 30, "dmz"),  # the longest prefix comes first
        ("fd00::1", 30, "site"),
        ("11.1.1.1", 30, None),
    ],
)
def test_the_longest_prefix_and_then_the_vlan_choose_the_zone(
    ip: str, vlan: int | None, zone: str | None
) -> None:
    found = zoned().zone_of(packed(ip), vlan)
    assert (found.name if found else None) == zone


def test_an_outside_zone_is_not_inside() -> None:
    assert not zoned().is_inside(packed("10.9.1.1"), None)


def test_nat_pools_are_public_addresses_of_ours() -> None:
    settings = TrackSettings(nat_pools=(network("203.0.113.0/28"),))
    assert settings.in_nat_pool(packed("203.0.113.2"))
    assert not settings.in_nat_pool(packed("203.0.113.16"))
    assert not settings.is_inside(packed("203.0.113.2"), None)


POLICY = (
    Service(TCP, 443),
    Service(UDP, 53, (network("10.0.0.0/24"),)),
    Service(UDP, 53, (network("10.0.2.0/24"),)),
)


@pytest.mark.parametrize(
    ("services", "ip", "transport", "port", "allowed"),
    [
        (None, "10.0.0.1", TCP, 443, None),
        ((), "10.0.0.1", TCP, 443, False),
        (POLICY, "10.0.0.1", TCP, 443, True),
        (POLICY, None, TCP, 443, True),
        (POLICY, "10.0.0.1", UDP, 443, False),
        (POLICY, "10.0.0.1", UDP, 53, True),
        (POLICY, "10.0.2.1", UDP, 53, True),
        (POLICY, "10.0.1.1", UDP, 53, False),
        (POLICY, None, UDP, 53, None),  # it depends on the host, which is unknown
        (POLICY, None, TCP, 22, False),
    ],
)
def test_policy_allows_a_service(
    services: tuple[Service, ...] | None,
    ip: str | None,
    transport: int,
    port: int,
    allowed: bool | None,
) -> None:
    settings = TrackSettings(services=services)
    assert settings.allows(packed(ip) if ip else None, transport, port) is allowed
