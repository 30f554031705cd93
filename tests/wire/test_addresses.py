from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sensor.schema.words import Kind
from sensor.wire import addresses
from sensor.wire.addresses import LeakingAddress, SixRdDomain, TeredoAddress, packed, text
from sensor.wire.ports import TEREDO_PORT

VECTORS: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[1] / "vectors" / "addresses.yaml").read_text()
)
SCHEMES: dict[str, Callable[[bytes], bytes | None]] = {
    "server_link_local": addresses.server_link_local,
    "sixtofour": addresses.sixtofour,
    "isatap": addresses.isatap,
    "ipv4_compatible": addresses.ipv4_compatible,
    "sixover4": addresses.sixover4,
    "sixover4_multicast": addresses.sixover4_multicast,
}
POSITIVE = [(name, *pair) for name in SCHEMES for pair in VECTORS[name].items()]
NEGATIVE = [(name, each) for name in SCHEMES for each in VECTORS.get(f"not_{name}", ())]
RECOGNISERS = [
    addresses.parse_teredo,
    addresses.parse_teredo_link_local,
    addresses.server_link_local,
    addresses.sixtofour,
    addresses.isatap,
    addresses.ipv4_compatible,
    addresses.ipv4_mapped,
    addresses.sixover4,
]

ipv4s = st.binary(min_size=4, max_size=4)
ipv6s = st.binary(min_size=16, max_size=16)


def network(prefix: str, length: int, ipv4_mask: int, *relays: str) -> SixRdDomain:
    return SixRdDomain(packed(prefix), length, ipv4_mask, tuple(map(packed, relays)))


@pytest.mark.parametrize("row", VECTORS["teredo"] + VECTORS["legacy_teredo"], ids=str)
def test_teredo_vectors(row: dict[str, Any]) -> None:
    decoded = addresses.parse_teredo(packed(row["address"]))
    assert decoded == TeredoAddress(
        server=packed(row["server"]),
        flags=row["flags"],
        port=row["port"],
        ip=packed(row["ip"]),
        legacy=row in VECTORS["legacy_teredo"],
    )
    assert decoded.random == row["random"]
    assert text(decoded.build()) == row["address"]


@pytest.mark.parametrize("address", VECTORS["not_teredo"])
def test_neighbours_of_the_prefix_are_not_teredo(address: str) -> None:
    assert addresses.parse_teredo(packed(address)) is None


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (0x8000, {"cone"}),
        (0x4000, {"reserved"}),
        (0x0200, {"universal"}),
        (0x0100, {"group"}),
        (0x3CFF, set()),
        (0xC300, {"cone", "reserved", "universal", "group"}),
    ],
)
def test_flag_names(flags: int, named: set[str]) -> None:
    address = TeredoAddress(bytes(4), flags, 0, bytes(4), False)
    names = {"cone", "reserved", "universal", "group"}
    assert {name for name in names if getattr(address, name)} == named


def test_flag_masks_share_out_all_bits() -> None:
    masks = [
        addresses.FLAG_CONE,
        addresses.FLAG_RESERVED,
        addresses.FLAG_RANDOM1,
        addresses.FLAG_UNIVERSAL,
        addresses.FLAG_GROUP,
        addresses.FLAG_RANDOM2,
    ]
    assert sum(masks) == 0xFFFF
    assert TeredoAddress(bytes(4), 0xFFFF, 0, bytes(4), False).random == 0xFFF


@given(ipv4s, st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), ipv4s, st.booleans())
def test_teredo_round_trip(server: bytes, flags: int, port: int, ip: bytes, legacy: bool) -> None:
    address = TeredoAddress(server, flags, port, ip, legacy)
    assert addresses.parse_teredo(address.build()) == address
    local = TeredoAddress(bytes(4), flags, port, ip, False)
    assert addresses.parse_teredo_link_local(address.build_link_local()) == local


def test_teredo_agrees_with_python_on_random_addresses(seed: int) -> None:
    drawn = random.Random(seed)
    for number in range(1000):
        prefix = (addresses.TEREDO_PREFIX, b"\x20\x01", b"")[number % 3]
        address = prefix + drawn.randbytes(16 - len(prefix))
        theirs = ipaddress.IPv6Address(address).teredo
        ours = addresses.parse_teredo(address)
        if theirs is None:
            assert ours is None
        else:
            assert ours is not None
            assert (ours.server, ours.ip) == tuple(each.packed for each in theirs)


@given(ipv6s)
def test_sixtofour_and_mapped_agree_with_python(address: bytes) -> None:
    for prefix in (b"\x20\x02", b"\x20\x03", bytes(10) + b"\xff\xff"):
        each = prefix + address[len(prefix) :]
        theirs = ipaddress.IPv6Address(each)
        assert addresses.sixtofour(each) == (theirs.sixtofour and theirs.sixtofour.packed)
        assert addresses.ipv4_mapped(each) == (theirs.ipv4_mapped and theirs.ipv4_mapped.packed)


@pytest.mark.parametrize(
    ("address", "cone", "port", "ip"),
    [
        ("fe80::ffff:ffff:ffff", False, 0, "0.0.0.0"),
        ("fe80::ffff:ffff:fffe", False, 0, "0.0.0.1"),
        ("fe80::8000:ffff:ffff:fffd", True, 0, "0.0.0.2"),
        ("fe80::8000:f12a:b9c8:2815", True, 3797, "70.55.215.234"),
    ],
)
def test_link_local_vectors(address: str, cone: bool, port: int, ip: str) -> None:
    flags = 0x8000 if cone else 0
    expected = TeredoAddress(bytes(4), flags, port, packed(ip), False)
    assert addresses.parse_teredo_link_local(packed(address)) == expected


@pytest.mark.parametrize("address", ["fe80:0:0:1::1", "febf::1", "2001::1"])
def test_link_local_means_the_first_subnet(address: str) -> None:
    assert addresses.parse_teredo_link_local(packed(address)) is None


@pytest.mark.parametrize(("scheme", "address", "ip"), POSITIVE)
def test_embedded_vectors(scheme: str, address: str, ip: str) -> None:
    assert SCHEMES[scheme](packed(address)) == packed(ip)


@pytest.mark.parametrize(("scheme", "address"), NEGATIVE)
def test_addresses_of_no_scheme(scheme: str, address: str) -> None:
    assert SCHEMES[scheme](packed(address)) is None


@pytest.mark.parametrize("recognise", RECOGNISERS, ids=lambda f: f.__name__)
@given(data=st.binary(max_size=20))
def test_other_lengths_are_of_no_scheme(recognise: Callable[[bytes], object], data: bytes) -> None:
    if len(data) != 16:
        for prefix in (b"", b"\x20\x02", addresses.LINK_LOCAL_PREFIX, bytes(12)):
            longer = prefix + data
            assert len(longer) == 16 or recognise(longer) is None


@given(ipv4s, st.integers(0, 0xFFFF), st.binary(min_size=8, max_size=8), st.booleans())
def test_embedded_round_trips(ip: bytes, subnet: int, prefix: bytes, universal: bool) -> None:
    assert addresses.sixtofour(addresses.build_sixtofour(ip, subnet, prefix)) == ip
    assert addresses.isatap(addresses.build_isatap(prefix, ip, universal)) == ip
    assert addresses.server_link_local(addresses.build_server_link_local(ip)) == ip
    assert addresses.sixover4(addresses.build_sixover4(ip)) == (ip if ip[0] else None)


def test_well_known_addresses() -> None:
    assert TEREDO_PORT == 3544
    assert text(addresses.DISCOVERY_GROUP) == "224.0.0.253"
    assert text(addresses.SIXTOFOUR_ANYCAST) == "192.88.99.1"
    assert text(addresses.ALL_NODES) == "ff02::1"
    assert text(addresses.ALL_ROUTERS) == "ff02::2"


def test_builders_place_every_field() -> None:
    ip = packed("203.0.113.5")
    assert text(addresses.build_sixtofour(ip)) == "2002:cb00:7105::1"
    assert text(addresses.build_sixtofour(ip, 0x102, b"\x33" * 8)).startswith(
        "2002:cb00:7105:102:33"
    )
    assert text(addresses.build_isatap(packed("2001:db8:1:2::")[:8], ip, universal=True)) == (
        "2001:db8:1:2:200:5efe:cb00:7105"
    )
    assert text(addresses.build_isatap(addresses.LINK_LOCAL_PREFIX, ip)) == "fe80::5efe:cb00:7105"


def test_sixrd_example_of_rfc_5969() -> None:
    domain = network("2001:db8::", 32, 8, "10.0.0.1")
    assert domain.delegate(packed("10.100.100.1")) == (packed("2001:db8:6464:100::"), 56)
    assert domain.delegate(domain.relays[0]) == (packed("2001:db8:0:100::"), 56)
    inside = packed("2001:db8:6464:1ff::1")
    assert domain.embedded(inside, packed("10.9.9.9")) == packed("10.100.100.1")
    assert domain.embedded(packed("2001:db9:6464:100::"), packed("10.0.0.1")) is None
    assert domain.embedded(inside[:4], packed("10.0.0.1")) is None


def test_sixrd_without_embedded_bits_gives_the_common_address() -> None:
    domain = network("2001:db8::", 32, 32)
    assert domain.embedded(packed("2001:db8::1"), packed("10.1.2.3")) == packed("10.1.2.3")
    assert domain.delegate(packed("10.1.2.3")) == (packed("2001:db8::"), 32)


@given(ipv4s, st.integers(0, 96), st.integers(0, 32))
def test_sixrd_round_trip(ip: bytes, length: int, ipv4_mask: int) -> None:
    prefix = (int.from_bytes(b"\x2a" * 16) >> 128 - length << 128 - length).to_bytes(16)
    domain = SixRdDomain(prefix, length, ipv4_mask)
    delegated, bits = domain.delegate(ip)
    assert bits == length + 32 - ipv4_mask
    assert domain.embedded(delegated, ip) == ip


@pytest.mark.parametrize(
    ("prefix", "length", "ipv4_mask", "relays"),
    [
        ("10.0.0.1", 32, 8, ()),
        ("2001:db8::", 32, 8, ("::1",)),
        ("::", -1, 8, ()),
        ("::", 129, 8, ()),
        ("::", 32, -1, ()),
        ("::", 32, 33, ()),
        ("::", 97, 0, ()),
        ("2001:db8::", 28, 8, ()),
    ],
)
def test_values_that_form_no_sixrd_domain(
    prefix: str, length: int, ipv4_mask: int, relays: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="6rd"):
        network(prefix, length, ipv4_mask, *relays)


# Edges of every network: (address, private, global unicast, bogon).
@pytest.mark.parametrize(
    ("ip", "private", "unicast", "bogon"),
    [
        ("0.255.255.255", False, False, True),
        ("1.0.0.0", False, True, False),
        ("9.255.255.255", False, True, False),
        ("10.0.0.0", True, False, True),
        ("11.0.0.0", False, True, False),
        ("100.63.255.255", False, True, False),
        ("100.64.0.0", True, True, True),
        ("100.127.255.255", True, True, True),
        ("100.128.0.0", False, True, False),
        ("127.0.0.1", False, False, True),
        ("128.0.0.0", False, True, False),
        ("169.253.255.255", False, True, False),
        ("169.254.0.0", False, False, True),
        ("172.15.255.255", False, True, False),
        ("172.16.0.0", True, False, True),
        ("172.31.255.255", True, False, True),
        ("172.32.0.0", False, True, False),
        ("192.0.2.1", False, True, False),
        ("192.88.98.255", False, True, False),
        ("192.88.99.1", False, False, False),
        ("192.88.100.0", False, True, False),
        ("192.167.255.255", False, True, False),
        ("192.168.0.0", True, False, True),
        ("192.169.0.0", False, True, False),
        ("198.18.0.1", False, True, False),
        ("198.51.100.1", False, True, False),
        ("203.0.113.1", False, True, False),
        ("223.255.255.255", False, True, False),
        ("224.0.0.0", False, False, True),
        ("239.255.255.255", False, False, True),
        ("240.0.0.0", False, True, True),
        ("255.255.255.254", False, True, True),
        ("255.255.255.255", False, False, True),
        ("2001:db8::1", False, False, True),
    ],
)
def test_kinds_of_ipv4_address(ip: str, private: bool, unicast: bool, bogon: bool) -> None:
    address = packed(ip)
    assert addresses.is_private(address) is private
    assert addresses.is_global_unicast(address) is unicast
    assert addresses.is_bogon(address) is bogon


def test_a_long_address_with_the_value_of_a_private_one_is_not_private() -> None:
    assert not addresses.is_private(bytes(12) + packed("10.0.0.1"))


@pytest.mark.parametrize(
    ("address", "kinds"),
    [
        ("ff02::1", {"is_multicast6"}),
        ("feff::1", set()),
        ("fe80::1", {"is_link_local6"}),
        ("febf::1", {"is_link_local6"}),
        ("fe7f::1", set()),
        ("fec0::1", set()),
        ("2000::", {"is_global6"}),
        ("3ffe:831f::1", {"is_global6"}),
        ("4000::", set()),
        ("1fff::", set()),
        ("::1", set()),
        ("32.1.0.0", set()),
        ("254.128.0.0", set()),
        ("255.2.0.0", set()),
    ],
)
def test_kinds_of_ipv6_address(address: str, kinds: set[str]) -> None:
    names = {"is_multicast6", "is_link_local6", "is_global6"}
    assert {name for name in names if getattr(addresses, name)(packed(address))} == kinds


@pytest.mark.parametrize(("full", "canonical"), VECTORS["texts"].items())
def test_canonical_text(full: str, canonical: str) -> None:
    assert text(packed(full)) == canonical


@given(st.lists(st.sampled_from([0, 0, 0, 1, 0xFFFF, 0xDB8]), min_size=8, max_size=8))
def test_text_agrees_with_python_and_reads_back(groups: list[int]) -> None:
    address = b"".join(group.to_bytes(2) for group in groups)
    if addresses.ipv4_mapped(address) is None:
        assert text(address) == ipaddress.IPv6Address(address).compressed
    assert packed(text(address)) == address


@pytest.mark.parametrize("length", [0, 3, 5, 15, 17])
def test_text_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"not {length}$"):
        text(bytes(length))


@pytest.mark.parametrize("wrong", ["", "1.2.3", "1.2.3.256", "01.2.3.4", "::1::", "fe80::1%eth0"])
def test_text_that_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear|zone index"):
        packed(wrong)


def test_every_scheme_that_fits_an_address_is_found() -> None:
    first, second = packed("203.0.113.5"), packed("192.0.2.4")
    both = addresses.build_isatap(addresses.build_sixtofour(second)[:8], first)
    domain = SixRdDomain(packed("2002::"), 16, 0)
    assert addresses.embeddings(both, first, (domain,)) == [
        (Kind.SIXTOFOUR, second),
        (Kind.ISATAP, first),
        (Kind.SIXRD, second),
    ]
    assert addresses.embeddings(packed("2001:db8::1"), first, (domain,)) == []
    assert addresses.embeddings(packed("fe80::1"), first, ()) == []
    assert addresses.embeddings(packed("::2"), first, ()) == []


# schemes that tell of the host behind the NAT

ENDPOINT = packed("203.0.113.5"), 40000


def test_6a44_shows_the_inside_address() -> None:
    found = LeakingAddress(*ENDPOINT, packed("192.168.1.7"))
    address = packed("2001:db8:644:cb00:7105:9c40:c0a8:107")
    assert addresses.parse_sixa44(address) == found
    assert addresses.build_sixa44(packed("2001:db8:644::")[:6], found) == address


def test_6bed4_shows_the_number_in_the_lan() -> None:
    found = LeakingAddress(*ENDPOINT, b"\x00\x01")
    address = packed("fc64:bed:9188:1:c800:7105:9c40:c001")
    assert addresses.parse_sixbed4(address) == found
    assert addresses.build_sixbed4(packed("fc64:bed:9188:1::")[:8], found) == address


@given(ipv4s, st.integers(0, 0xFFFF), st.integers(0, 0x3FFF), st.binary(min_size=8, max_size=8))
def test_6bed4_round_trips(ip: bytes, port: int, number: int, prefix: bytes) -> None:
    found = LeakingAddress(ip, port, number.to_bytes(2))
    assert addresses.parse_sixbed4(addresses.build_sixbed4(prefix, found)) == found


def test_site_local_addresses() -> None:
    assert [addresses.is_site_local6(packed(one)) for one in ("fec0::1", "feff::1")] == [True] * 2
    others = ("febf::1", "fd00::1", "2001:db8::1", "192.0.2.1")
    assert not any(addresses.is_site_local6(packed(one)) for one in others)
