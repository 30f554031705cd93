from __future__ import annotations

import pytest

from sensor.cli.subjects import recognised, subjects
from sensor.errors import ConfigError
from sensor.wire import sixinfour
from sensor.wire.addresses import packed

from .. import build
from ..command import call_sensor, run_sensor

ADDRESS = "2001:0:c633:6401:180e:5d45:34ff:8efd"
# What miredo-server answers to a solicitation with authentication.
ADVERTISEMENT = (
    "00010000010203040506070800 000063bf34ff8ef5 6000000000383aff fe800000000000008000f22734ff8efe"
    "fe800000000000000000ffffffffffff 8600954c 00000000 00000000 000007d0 03044040 ffffffff"
    "ffffffff 00000000 20010000cb0071010000000000000000 0501000000000500"
)


@pytest.mark.parametrize(
    "text",
    [
        ADDRESS,
        ADDRESS.upper(),
        f"{ADDRESS}%eth0",
        f"{ADDRESS}/64",
        f"[{ADDRESS}]",
        f"[{ADDRESS}]:8080",
        "20010000c6336401180e5d4534ff8efd",
        "0x20010000 c6336401 180e5d45 34ff8efd",
    ],
)
def test_ways_to_write_an_ipv6_address(text: str) -> None:
    assert subjects([text]) == [packed(ADDRESS)]


@pytest.mark.parametrize("text", ["192.0.2.1", "192.0.2.1/24", "192.0.2.1:3544", "0xc0000201"])
def test_ways_to_write_an_ipv4_address(text: str) -> None:
    assert subjects([text]) == [packed("192.0.2.1")]


@pytest.mark.parametrize(
    "texts",
    [
        ["600000000000 3b15"],
        ["60:00:00:00:00:00:3b:15"],
        ["0x600000000000", "0x3b15"],
        ["60", "00", "00", "00", "00", "00", "3b", "15"],
        ["0x0000:  6000 0000\n\t0x0004:  0000 3b15"],
    ],
)
def test_ways_to_write_hex(texts: list[str]) -> None:
    filled = [*texts[:-1], texts[-1] + " " + "00" * 32]
    assert subjects(filled) == [bytes.fromhex("6000000000003b15") + bytes(32)]


def test_arguments_keep_apart_what_stands_alone() -> None:
    packet = build.tcp6()
    found = subjects([packet.hex(), "192.0.2.1", packet.hex(), "6000", "0000", "::1"])
    assert found == [packet, packed("192.0.2.1"), packet, bytes.fromhex("60000000"), packed("::1")]


@pytest.mark.parametrize("text", ["", "xyz", "fe80::1::2", "2001:db8::/129", "abc", "0x", "1.2.3"])
def test_what_cannot_be_read_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(ConfigError, match="give an IPv6 or IPv4 address, or octets in hex"):
        subjects([text])


def test_too_much_is_refused() -> None:
    with pytest.raises(ConfigError, match="more than 1048576 characters"):
        subjects(["0" * ((1 << 20) + 2)])
    done = run_sensor("explain", "-", stdin=b"00" * (1 << 20))
    assert (done.code, done.out) == (2, "")
    done = run_sensor("explain", "-", stdin=(b"60" + b"00" * 70000))
    assert (done.code, "more than a UDP datagram holds" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("data", "name", "link_type"),
    [
        (bytes.fromhex(ADVERTISEMENT), "UDP payload", None),
        (build.tcp6(), "IPv6 packet, taken for a UDP payload", None),
        (build.udp(build.CLIENT, build.SERVER, b"x"), "IPv4 packet", 228),
        (build.udp_frame(build.CLIENT, build.SERVER, b"x"), "Ethernet frame", 1),
        (build.ethernet(build.tcp6(), (7,)), "Ethernet frame", 1),
        # An IPv4 source of 8.0.69.x reads like an EtherType with IPv4 behind it.
        (sixinfour.encapsulate(packed("8.0.69.1"), build.V4B, build.tcp6()), "IPv4 packet", 228),
        # A router may have changed the header without its checksum.
        (b"\x45" + build.udp(build.CLIENT, build.SERVER, b"x")[1:-1], "IPv4 packet", 228),
        (bytes.fromhex("45000020") + bytes(28), "IPv4 packet", 228),
        (b"\x80\x01" + bytes(30), "UDP payload", None),
    ],
)
def test_what_hex_is(data: bytes, name: str, link_type: int | None) -> None:
    assert recognised(data) == (name, link_type)


def test_an_address() -> None:
    done = call_sensor("explain", ADDRESS)
    assert (done.code, done.err) == (0, "")
    assert "The client is 203.0.113.2:41658/udp" in done.out


def test_a_udp_payload_counts_from_its_own_start() -> None:
    done = call_sensor("explain", *ADVERTISEMENT.split())
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert done.code == 0
    assert lines[0].startswith("UDP payload, 117 bytes")
    for line in (
        "0 authentication",
        "13 origin indication",
        "mapped 203.0.113.10:40000",
        "21 Teredo router-advertisement: inner ipv6",
        "61 ipv6-icmp",
        "checksum right",
        "advertised prefix 2001:0:cb00:7101::/64",
        "advertised MTU 1280",
        "link-local address of a Teredo server (RFC 4380 section 5.3.2)",
    ):
        assert line in lines
    assert "Verdict, for a UDP payload: a Teredo tunnel (router-advertisement)" in done.out


def test_a_payload_is_not_compared_with_ends_it_does_not_have() -> None:
    done = call_sensor("explain", build.tcp6(build.TEREDO, build.NATIVE).hex())
    assert "embedded-mismatch" not in done.out
    assert "The client is 203.0.113.2:41658/udp" in done.out


def test_a_frame_and_what_is_nested_in_it() -> None:
    frame = build.sixinfour_frame(build.six_in_six(build.echo6(build.TEREDO)))
    done = call_sensor("explain", frame.hex(":"))
    assert done.out.startswith(f"Ethernet frame, {len(frame)} bytes\n")
    assert "Verdict: a tunnel of kind 6in4 with IPv6 in IPv6; certain: " in done.out
    assert "The client is 203.0.113.2:41658/udp" in done.out


def test_what_is_no_tunnel_says_why() -> None:
    stun = "0001000c2112a442" + "00" * 24
    assert "Verdict, for a UDP payload: no tunnel: STUN." in call_sensor("explain", stun).out


def test_standard_input_holds_hex_or_addresses() -> None:
    packet = build.tcp6()
    dump = "\n".join(f"\t0x{i:04x}:  {packet[i : i + 4].hex()}" for i in range(0, len(packet), 4))
    assert run_sensor("explain", "-", stdin=dump.encode()).out.startswith("IPv6 packet")
    done = run_sensor("explain", "-", stdin=f"{ADDRESS}\n192.0.2.1\n".encode())
    assert "198.51.100.1" in done.out
    assert "192.0.2.1 = 0xc0000201" in done.out
    assert run_sensor("explain", "-", stdin=b"\xff\x00\x1b[2J").code == 2


def test_what_is_refused_cannot_steer_the_terminal() -> None:
    done = call_sensor("explain", "\x1b[2J" + "z" * 100)
    assert done.code == 2
    assert "cannot read '\\x1b[2Jz" in done.err
    assert "z" * 50 not in done.err
