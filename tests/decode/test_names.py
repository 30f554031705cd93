"""The hash test over the names of a message: what it finds, what not, and how far it looks."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.config import load
from sensor.data.known import listed_names, name_role
from sensor.decode.names import (
    MAX_NAME,
    MAX_NAMES,
    NameHashes,
    holds_name,
    name_hashes,
    name_service,
)
from sensor.wire import dns, nbns
from sensor.wire.addresses import packed
from sensor.wire.ports import DNS_PORT, LLMNR_PORT, MDNS_PORT, NETBIOS_PORT

NAMES = name_hashes(*listed_names())
A, AAAA, CNAME = 1, 28, 5
SERVER = packed("65.55.158.118")

LISTED = [
    "teredo.ipv6.microsoft.com",
    "win10.ipv6.microsoft.com",
    "win2022.ipv6.microsoft.com",
    "teredo.ipv6.microsoft.com.nsatc.net",
    "6to4.ipv6.microsoft.com",
    "teredo.trex.fi",
    "broker.freenet6.net",
    "tic.sixxs.net",
    "tunnelbroker.net",
    "tserv9.chi1.ipv6.he.net",
    "tserv1.fra1.he.net",
    "isatap",
    "_isatap",
    "isatap.corp.example",
    "_isatap.example",
    "isatap.local",
]
LOOKALIKES = [
    "",
    "com",
    "isatapx",
    "xisatap",
    "xisatap.example",
    "isatap-1.example",
    "corp.isatap",
    "www.isatap.example",
    "teredo.ipv6.microsoft.com.evil.example",
    "x.teredo.ipv6.microsoft.com",
    "a.b.ipv6.microsoft.com",
    "ipv6.microsoft.com",
    "evil-ipv6.microsoft.com",
    "teredo-ipv6.microsoft.com",
    "microsoft.com",
    "teredo.trex.fi.example",
    "trex.fi",
    "freenet6.net",
    "eredo.trex.fi",
    "www.he.net",
    "core1.fra1.he.net",
    "www.sixxs.net",
    "www.tunnelbroker.net",
    "tunnel1.tunnel.tserv9.chi1.ipv6.he.net",
    "ipv6.google.com",
]


def header(*counts: int, flags: int = 0x0100) -> bytes:
    return struct.pack("!HH4H", 7, flags, *(counts + (0,) * (4 - len(counts))))


def question(name: bytes) -> bytes:
    return name + struct.pack("!HH", A, 1)


def record(name: bytes, data: bytes = SERVER, kind: int = A) -> bytes:
    return name + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


def held(payload: bytes, port: int = DNS_PORT, hashes: NameHashes = NAMES) -> bool:
    return holds_name(payload, port, hashes)


# which names


@pytest.mark.parametrize("name", LISTED)
@pytest.mark.parametrize("port", [DNS_PORT, MDNS_PORT, LLMNR_PORT])
def test_listed_names_are_found(name: str, port: int) -> None:
    assert held(dns.build_query(6, name, A), port)
    assert held(dns.build_query(6, name.upper(), AAAA), port)
    assert held(dns.build_query(6, name.title(), A), port)
    assert held(dns.build_response(6, name, A, [SERVER]), port)


@pytest.mark.parametrize("name", LOOKALIKES)
def test_lookalikes_are_not(name: str) -> None:
    assert not held(dns.build_query(6, name, A))
    assert not held(dns.build_response(6, name, A, [SERVER]))
    assert name_role(name) is None


def test_whole_names_labels_and_parents_do_not_pass_for_one_another() -> None:
    only = name_hashes(["a.example"], ["b"], ["c.example"])
    found = ["a.example", "b", "b.a.example", "x.c.example", "b.c.example"]
    others = ["a", "x.a.example", "x.b", "c.example", "c", "x.y.c.example", "b-a.example"]
    assert all(held(dns.build_query(1, name, A), hashes=only) for name in found)
    assert not any(held(dns.build_query(1, name, A), hashes=only) for name in others)


def test_hashes_stand_in_order_and_never_change() -> None:
    assert load(None).decode.names == NAMES
    sorts = NAMES.whole, NAMES.first, NAMES.parent
    assert all(list(sort) == sorted(set(sort)) for sort in sorts)
    assert [len(sort) for sort in sorts] == [66, 2, 2]
    # Compiled code must compute the same.
    assert name_hashes(["a.b"], ["isatap"], ["ipv6.microsoft.com"]) == NameHashes(
        whole=(0xBDBEF952E3F324D0,),
        first=(0x87B83D9152299E3A,),
        parent=(0xF6745E315263A6B0,),
        endings=(1 << 64) - 1,  # a.b is too short for a rule
        lengths=1 << 6,
    )


def test_most_names_are_ruled_out_before_a_hash_is_made() -> None:
    assert 0 < NAMES.endings.bit_count() < 16
    assert NAMES.lengths == 1 << 6 | 1 << 7
    ruled_out = NAMES._replace(endings=0)
    assert not held(dns.build_query(1, "teredo.trex.fi", A), hashes=ruled_out._replace(lengths=0))
    assert held(dns.build_query(1, "teredo.trex.fi", A), hashes=ruled_out)  # teredo: six letters


def test_without_listed_names_nothing_is_found() -> None:
    assert not held(dns.build_query(1, "isatap", A), hashes=NameHashes())
    assert not held(nbns.build_query(1, "ISATAP"), NETBIOS_PORT, NameHashes())


# where they stand in a message


def test_a_later_question_counts() -> None:
    names = ["printer.local", "_ipp._tcp.local", "ISATAP.local"]
    payload = header(3) + b"".join(question(dns.build_name(name)) for name in names)
    assert held(payload, MDNS_PORT)
    assert not held(header(2) + payload[12:], MDNS_PORT)


def test_the_owners_of_records_count_in_every_section() -> None:
    other, listed = record(dns.build_name("a.example")), record(dns.build_name("isatap.local"))
    for counts in ((0, 2), (0, 1, 1), (0, 1, 0, 1), (0, 0, 0, 2), (0, 0, 1, 1)):
        assert held(header(*counts, flags=0x8400) + other + listed, MDNS_PORT)


def test_names_in_the_data_of_records_do_not_count() -> None:
    alias = record(dns.build_name("a.example"), dns.build_name("isatap"), CNAME)
    assert not held(header(0, 1) + alias)


def test_a_compressed_name_is_passed_over_but_for_its_first_label() -> None:
    first = question(dns.build_name("host.corp.example"))
    corp = b"\xc0\x11"  # where "corp.example" stands
    assert held(header(2) + first + question(b"\x06isatap" + corp))
    assert not held(header(2) + first + question(b"\x07isatapx" + corp))
    listed = question(dns.build_name("isatap"))
    assert held(header(3) + first + question(b"\xc0\x0c") + listed)
    # The octets that a pointer leads to have been looked at where they stand.
    microsoft = question(dns.build_name("a.b.ipv6.microsoft.com"))
    assert not held(header(2) + microsoft + question(b"\x06teredo\xc0\x10"))


def test_a_message_about_many_names_is_looked_at_in_part() -> None:
    root, listed = question(b"\0"), question(dns.build_name("isatap"))
    assert held(header(MAX_NAMES) + root * (MAX_NAMES - 1) + listed)
    assert not held(header(MAX_NAMES + 1) + root * MAX_NAMES + listed)
    assert held(header(0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF) + listed)


def test_a_long_name_is_damage() -> None:
    listed = question(dns.build_name("isatap"))
    longest = dns.build_name(".".join(["a" * 63] * 3 + ["a" * 61]))
    longer = dns.build_name(".".join(["a" * 63] * 3 + ["a" * 62]))
    assert (len(longest), len(longer)) == (MAX_NAME, MAX_NAME + 1)
    assert held(header(2) + question(longest) + listed)
    assert not held(header(2) + question(longer) + listed)


@pytest.mark.parametrize("length", [0x40, 0x80, 0xBF])
def test_an_unknown_kind_of_label_is_damage(length: int) -> None:
    listed = question(dns.build_name("isatap"))
    assert not held(header(2) + question(bytes([length]) + b"a" * length + b"\0") + listed)


# NetBIOS


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("isatap", True),
        ("IsaTap", True),
        ("_ISATAP", True),
        ("isatap.lan", True),
        ("teredo.trex.fi", True),
        ("isatapx", False),
        ("xisatap", False),
        ("isata", False),
        ("www.isatap", False),
        ("teredo.trex.fr", False),
        ("*", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("suffix", [0x00, 0x20, 0x1C])
def test_encoded_names(name: str, found: bool, suffix: int) -> None:
    assert held(nbns.build_query(1, name, suffix), NETBIOS_PORT) is found
    assert held(nbns.build_response(1, name, [SERVER], suffix), NETBIOS_PORT) is found


def test_an_encoded_name_of_full_length() -> None:
    hashes = name_hashes(["abcdefghijk.xyz"], [], [])
    assert held(nbns.build_query(1, "ABCDEFGHIJK.XYZ"), NETBIOS_PORT, hashes)
    assert not held(nbns.build_query(1, "ABCDEFGHIJK.XYA"), NETBIOS_PORT, hashes)


def test_encoded_names_are_read_of_their_service_alone() -> None:
    assert not held(nbns.build_query(1, "ISATAP"), DNS_PORT)
    # In plain letters it stands there too.
    assert held(dns.build_query(1, "isatap", A), NETBIOS_PORT)


@pytest.mark.parametrize("at", range(13, 43))
@pytest.mark.parametrize("letter", [b"@", b"Q", b"\0", b"a", b"\xff"])
def test_letters_that_encode_nothing(at: int, letter: bytes) -> None:
    payload = nbns.build_query(1, "teredo.trex.fi")
    assert not held(payload[:at] + letter + payload[at + 1 :], NETBIOS_PORT)


@pytest.mark.parametrize("at", [43, 44])
def test_what_a_name_is_for_does_not_count(at: int) -> None:
    payload = nbns.build_query(1, "teredo.trex.fi")
    assert all(
        held(payload[:at] + bytes([i]) + payload[at + 1 :], NETBIOS_PORT) for i in range(256)
    )


def test_what_is_registered_counts() -> None:
    name = nbns.build_query(1, "ISATAP")[12:]
    registration = header(1, 0, 0, 1, flags=0x2910) + name
    registration += b"\xc0\x0c" + struct.pack("!HHIHH", 0x20, 1, 300, 6, 0) + SERVER
    assert held(registration, NETBIOS_PORT)
    assert held(header(0, 0, 0, 1, flags=0xA910) + name[:-4] + registration[-18:], NETBIOS_PORT)


# ports


@pytest.mark.parametrize(
    ("ports", "service"),
    [
        ((1025, 53), DNS_PORT),
        ((53, 1025), DNS_PORT),
        ((5353, 5353), MDNS_PORT),
        ((5353, 1025), MDNS_PORT),
        ((1025, 5355), LLMNR_PORT),
        ((5355, 1025), LLMNR_PORT),
        ((137, 137), NETBIOS_PORT),
        ((137, 1025), NETBIOS_PORT),
        ((137, 53), DNS_PORT),
        ((5353, 53), DNS_PORT),
        ((138, 138), 0),
        ((0, 0), 0),
        ((3544, 1025), 0),
    ],
)
def test_services_are_told_by_their_ports(ports: tuple[int, int], service: int) -> None:
    assert name_service(*ports) == service


# damage


def messages() -> list[tuple[bytes, int]]:
    found = [(dns.build_query(1, name, A), DNS_PORT) for name in LISTED]
    found += [(dns.build_response(1, name, A, [SERVER] * 3), MDNS_PORT) for name in LISTED]
    found += [(nbns.build_response(1, "isatap", [SERVER] * 2), NETBIOS_PORT)]
    found += [
        (
            header(0, 2, flags=0x8400)
            + record(dns.build_name("a.local"))
            + record(dns.build_name("isatap.local")),
            MDNS_PORT,
        )
    ]
    return found


@pytest.mark.parametrize(("payload", "port"), messages())
def test_a_name_counts_once_it_is_whole(payload: bytes, port: int) -> None:
    found = [held(payload[:length], port) for length in range(len(payload) + 1)]
    assert found == sorted(found), "more of a message never hides a name"
    assert found[-1]
    assert not any(found[:12])


@pytest.mark.slow
@pytest.mark.parametrize(("payload", "port"), messages())
def test_every_octet_may_be_damaged(payload: bytes, port: int) -> None:
    for at in range(len(payload)):
        for octet in range(256):
            held(payload[:at] + bytes([octet]) + payload[at + 1 :], port)


@given(st.binary(max_size=600), st.sampled_from([DNS_PORT, MDNS_PORT, LLMNR_PORT, NETBIOS_PORT]))
def test_any_octets_are_data(payload: bytes, port: int) -> None:
    assert held(payload, port) in (False, True)


class Counted(bytes):
    """Octets that count how often one of them is read."""

    reads = 0

    def __getitem__(self, key: Any) -> Any:
        Counted.reads += 1
        return super().__getitem__(key)


@pytest.mark.parametrize("port", [DNS_PORT, NETBIOS_PORT])
def test_work_is_bounded_whatever_a_message_claims(port: int, seed: int) -> None:
    drawn = random.Random(seed)
    label = bytes([63]) + drawn.randbytes(63)
    letters = b"\x20" + b"CK" * 16 + b"\0"
    for body in (label * 1000, question(b"\0") * 9000, question(label * 3 + b"\0") * 300,
                 question(letters) * 1000, bytes(60000), b"\x01a" * 30000):  # fmt: skip
        Counted.reads = 0
        held(Counted(header(0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF) + body), port)
        assert 0 < Counted.reads <= 16 + MAX_NAMES * (MAX_NAME + 40)
