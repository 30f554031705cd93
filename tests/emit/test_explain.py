"""The vectors of address decoding, as people read them."""

from __future__ import annotations

import pytest

from sensor.emit.detail import WIDTH
from sensor.emit.explain import embeds, explain_ipv4, explain_ipv6
from sensor.wire.addresses import packed


def told(address: str) -> str:
    lines = list(explain_ipv6(packed(address)))
    assert max(map(len, lines)) <= WIDTH
    return "\n".join(" ".join(line.split()) for line in lines)


@pytest.mark.parametrize(
    ("address", "server", "flags", "port", "client"),
    [
        ("2001:0:1117:34fa:1027:374b:e1fc:f635", "17.23.52.250", "1027", 51380, "30.3.9.202"),
        ("2001:0:4136:e38e:14e4:2ca1:3424:eab9", "65.54.227.142", "14e4", 54110, "203.219.21.70"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "65.54.227.120", "8000", 40000, "192.0.2.45"),
        ("2001:0:5ef5:79fd:0:59d:a0e5:ba1", "94.245.121.253", "0000", 64098, "95.26.244.94"),
        ("2001:0:4137:9e50:8000:f12a:b9c8:2815", "65.55.158.80", "8000", 3797, "70.55.215.234"),
    ],
)
def test_teredo(address: str, server: str, flags: str, port: int, client: str) -> None:
    text = told(address)
    assert f"server {server}" in text
    assert f"64-79 {flags} flags" in text
    assert f"= {port}\n" in text
    assert f"= {client}" in text
    assert text.endswith("wrong with it: nothing")


def test_each_flag_bit_is_named() -> None:
    text = told("2001:0:4136:e38e:14e4:2ca1:3424:eab9")
    for line in (
        "64 0 C no cone NAT claimed",
        "65 0 z reserved, to be 0",
        "66-69 0101 R1 random, 5",
        "70 0 U universal, to be 0",
        "71 0 G group, to be 0",
        "72-79 11100100 R2 random, 228",
        "80-95 2ca1 mapped port every bit inverted: 0xd35e = 54110",
    ):
        assert line in text.splitlines()
    assert "64 1 C claims to be behind a cone NAT" in told("2001:0:4136:e378:8000:63bf:3fff:fdd2")


@pytest.mark.parametrize(
    ("address", "wrong"),
    [
        ("3ffe:831f:4136:e378:8000:63bf:3fff:fdd2", "the prefix was given back in 2006"),
        ("2001::", "the server 0.0.0.0 is no global unicast address"),
        ("2001::", "the mapped address 255.255.255.255 is no global unicast address"),
        ("2001:0:4136:e378:0:63bf:3f57:fffd", "the mapped address 192.168.0.2"),
        ("2001:0:4136:e378:0:ffff:3fff:fdd2", "no NAT maps to port 0"),
        ("2001:0:4136:e378:4000:63bf:3fff:fdd2", "the reserved flag bit z is set"),
        ("2001:0:4136:e378:200:63bf:3fff:fdd2", "the flag bit U is set"),
        ("2001:0:4136:e378:100:63bf:3fff:fdd2", "the flag bit G is set"),
        ("2001:0:4136:e378:0:f227:bec9:1c87", "the mapping is the server itself"),
        ("2002:c0a8:101::1", "the embedded address 192.168.1.1 is no global"),
        ("2002:ac1d:2d64::1", "the embedded address 172.29.45.100 is no global"),
        ("2002:c058:6301::", "the anycast relay 192.88.99.1 is deprecated"),
        ("2001:db8::200:5efe:10.0.0.1", "the u bit says that 10.0.0.1 is globally unique"),
        ("::203.0.113.5", "automatic tunnels to such addresses were withdrawn"),
        ("::ffff:203.0.113.5", "inside a tunnel it is forged"),
        ("fe80::8000:f227:3f57:fffd", "the server 192.168.0.2 is no global unicast address"),
    ],
)
def test_what_is_wrong_is_said(address: str, wrong: str) -> None:
    assert f"wrong with it: {wrong}" in told(address)


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("2002:cb00:7105::1", "16-47 cb007105 IPv4 address 203.0.113.5 (documentation, RFC 5737)"),
        ("2002:cb00:7105::cb00:7105", "The identifier repeats the IPv4 address, as Windows does."),
        ("fe80::5efe:c0a8:ff64", "96-127 c0a8ff64 IPv4 address 192.168.255.100 (private,"),
        ("2001:db8:1:2:200:5efe:cb00:7105", "64-95 02005efe marker u bit 1"),
        ("fe80::8000:f227:bec8:6189", "every bit inverted: 0x41379e76 = 65.55.158.118"),
        ("fe80::ffff:ffff:fffe", "used by Windows 7 and later"),
        ("fe80::5445:5245:444f", "early Windows XP and Miredo"),
        ("fe80::cb00:7105", "6over4 address"),
        ("64:ff9b::cb00:7105", "translated, not tunnelled"),
        ("2001:638:902:1:201:2ff:fee2:7596", "MAC address 00-01-02-E2-75-96"),
    ],
)
def test_other_schemes(address: str, line: str) -> None:
    assert line in told(address)


def test_an_address_may_follow_two_schemes() -> None:
    text = told("2002:cb00:7105:1:0:5efe:c000:204")
    assert "203.0.113.5" in text
    assert "ISATAP" in text
    assert "192.0.2.4" in text


@pytest.mark.parametrize(
    ("address", "use"),
    [
        ("2001:1::1", "Port Control Protocol anycast"),
        ("2001:1::2", "TURN anycast"),
        ("2001:2::1", "benchmarking"),
        ("2001:3::1", "AMT"),
        ("2001:4:112::1", "AS112"),
        ("2001:5::1", "LISP EID"),
        ("2001:10::1", "ORCHID"),
        ("2001:2f::1", "ORCHIDv2"),
        ("2001:db8::1", "documentation"),
        ("2001:2:4136:e378:8000:63bf:3fff:fdd2", "IETF protocol assignments"),
    ],
)
def test_what_only_begins_like_teredo_is_named_and_not_decoded(address: str, use: str) -> None:
    text = told(address)
    assert f": {use}" in text
    assert "not Teredo" in text
    assert "mapped" not in text
    assert not embeds(packed(address))


@pytest.mark.parametrize("address", ["fe80::1", "2a00:db8::2", "::", "ff02::2", "3ffe::1"])
def test_nothing_embedded_is_said_so(address: str) -> None:
    assert "Nothing that can be recognised" in told(address)


def test_an_ipv4_address_in_every_disguise() -> None:
    lines = [" ".join(line.split()) for line in explain_ipv4(packed("203.0.113.2"))]
    for line in (
        "203.0.113.2 = 0xcb007102",
        "mapped by a NAT, in Teredo every bit inverted, at its end: 34ff:8efd",
        "in an origin indication every bit inverted: 34 ff 8e fd",
        "as Teredo server 2001:0:cb00:7102::/64",
        "server's own link-local fe80::8000:f227:34ff:8efd",
        "6to4 2002:cb00:7102::/48",
        "ISATAP, u bit 1 fe80::200:5efe:cb00:7102",
        "6over4 fe80::cb00:7102",
        "IPv4-compatible ::203.0.113.2",
        "NAT64 64:ff9b::cb00:7102",
    ):
        assert line in lines
    assert not any("No Teredo" in line for line in lines)


def test_a_private_ipv4_address_can_be_no_public_end() -> None:
    assert "No Teredo or 6to4 end" in "\n".join(explain_ipv4(packed("10.1.2.3")))
