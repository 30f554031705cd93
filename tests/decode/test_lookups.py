"""What messages say of names: questions, answers, aliases, registrations, and what to leave out."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.data.known import listed_names, name_role
from sensor.decode.lookups import MAX_ADDRESSES, Said, said, witnesses
from sensor.decode.names import holds_name, name_hashes
from sensor.decode.scalar import Frame
from sensor.decode.settings import DecodeSettings
from sensor.schema.witness import Witness
from sensor.wire import dns, nbns
from sensor.wire.addresses import packed
from sensor.wire.ports import DNS_PORT, LLMNR_PORT, MDNS_PORT, NETBIOS_PORT
from tests import build
from tests.build import End

A, AAAA, CNAME, TXT = 1, 28, 5, 16
TEREDO = "teredo.ipv6.microsoft.com"
ALIAS = "teredo.ipv6.microsoft.com.nsatc.net"
SERVERS = tuple(map(packed, ("65.55.158.118", "94.245.121.253", "157.56.106.184")))
ROUTER6 = packed("2001:db8::1")
HOST, RESOLVER, ROGUE = packed("192.168.1.20"), packed("192.168.1.1"), packed("192.168.1.66")
TEREDO_SERVER, ISATAP_ROUTER = "teredo-server", "isatap-router"


def message(
    *sections: list[bytes], response: bool = True, flags: int = 0, identifier: int = 7
) -> bytes:
    counts = [len(section) for section in sections] + [0] * (4 - len(sections))
    head = struct.pack("!HH4H", identifier, flags | 0x8000 * response, *counts)
    return head + b"".join(b"".join(section) for section in sections)


def question(name: str, kind: int = A, cls: int = 1) -> bytes:
    return dns.build_name(name) + struct.pack("!HH", kind, cls)


def record(name: str | bytes, data: bytes, kind: int = A, cls: int = 1) -> bytes:
    owner = dns.build_name(name) if isinstance(name, str) else name
    return owner + struct.pack("!HHIH", kind, cls, 60, len(data)) + data


def alias(name: str, target: str) -> bytes:
    return record(name, dns.build_name(target), CNAME)


def heard(payload: bytes, port: int = DNS_PORT) -> list[Said]:
    return said(payload, port, name_role)


# questions


@pytest.mark.parametrize("port", [DNS_PORT, MDNS_PORT, LLMNR_PORT])
def test_a_question(port: int) -> None:
    asked = heard(dns.build_query(7, "ISATAP.Corp.Example", A), port)
    assert asked == [Said("isatap.corp.example", ISATAP_ROUTER, False)]
    assert heard(dns.build_query(7, "isatapx.corp.example", A), port) == []


def test_several_questions_of_one_message() -> None:
    names = ["printer.local", "isatap.local", "_isatap.local", "isatap.local"]
    payload = message([question(name, A, 0x8001) for name in names], response=False)
    assert heard(payload, MDNS_PORT) == [
        Said("isatap.local", ISATAP_ROUTER, False),
        Said("_isatap.local", ISATAP_ROUTER, False),
    ]


def test_what_one_who_asks_knows_already_is_no_answer() -> None:
    known = message([question("isatap.local")], [record("isatap.local", ROGUE)], response=False)
    assert heard(known, MDNS_PORT) == [Said("isatap.local", ISATAP_ROUTER, False)]


# answers


def test_addresses_stand_in_order_once_each() -> None:
    for servers in (SERVERS, SERVERS[::-1], SERVERS * 2):
        payload = dns.build_response(7, TEREDO, A, servers)
        assert heard(payload) == [Said(TEREDO, TEREDO_SERVER, True, tuple(sorted(SERVERS)))]


def test_addresses_of_both_families() -> None:
    answers = [record("isatap.local", ROUTER6, AAAA), record("isatap.local", ROGUE)]
    told = heard(message([], answers), MDNS_PORT)
    assert told == [Said("isatap.local", ISATAP_ROUTER, True, (ROUTER6, ROGUE))]


def test_a_chain_of_aliases_leads_to_addresses() -> None:
    chain = [alias(TEREDO, ALIAS), alias(ALIAS, "a.example"), *(record("a.example", SERVERS[0]),)]
    expected = [Said(TEREDO, TEREDO_SERVER, True, (SERVERS[0],))]
    assert heard(message([question(TEREDO)], chain)) == expected
    assert heard(message([question(TEREDO)], chain[::-1])) == expected
    # Without the question, the alias tells for itself where it comes first.
    assert heard(message([], chain)) == expected
    assert heard(message([], chain[1:])) == [Said(ALIAS, TEREDO_SERVER, True, (SERVERS[0],))]


def test_a_name_asked_for_by_its_alias() -> None:
    chain = [alias("router.example", "isatap.example"), record("isatap.example", ROGUE)]
    told = heard(message([question("router.example")], chain))
    assert told == [Said("isatap.example", ISATAP_ROUTER, True, (ROGUE,))]


def test_aliases_in_a_circle() -> None:
    circle = [alias(TEREDO, ALIAS), alias(ALIAS, TEREDO), record(ALIAS, SERVERS[0])]
    told = heard(message([question(TEREDO)], circle))
    assert told == [Said(TEREDO, TEREDO_SERVER, True, (SERVERS[0],))]


def test_a_chain_without_end_is_followed_for_a_while() -> None:
    chain = [alias(f"{i}.example", f"{i + 1}.example") for i in range(40)]
    chain.append(record("40.example", SERVERS[0]))
    payload = message([question("isatap.example")], [alias("isatap.example", "0.example"), *chain])
    assert heard(payload) == [Said("isatap.example", ISATAP_ROUTER, True)]


@pytest.mark.parametrize("flags", [0x0003, 0x0005, 0])
def test_a_denial(flags: int) -> None:
    payload = message([question("isatap.example")], flags=flags)
    assert heard(payload) == [Said("isatap.example", ISATAP_ROUTER, True)]


def test_records_that_tell_no_address() -> None:
    odd = [record("isatap.local", b"v=1", TXT), record("isatap.local", b"\1\2\3")]
    odd += [record("isatap.local", ROGUE, AAAA), record("isatap.local", ROGUE, cls=3)]
    told = heard(message([question("isatap.local")], odd))
    assert told == [Said("isatap.local", ISATAP_ROUTER, True)]
    assert heard(message([], odd[:1])) == []


def test_addresses_of_other_names_are_left_out() -> None:
    others = [record("a.example", SERVERS[1]), record("isatap.example", ROGUE)]
    told = heard(message([question("isatap.example")], others))
    assert told == [Said("isatap.example", ISATAP_ROUTER, True, (ROGUE,))]


def test_more_addresses_than_are_kept(seed: int) -> None:
    addresses = [packed(f"192.0.2.{i}") for i in range(MAX_ADDRESSES + 5)]
    kept = tuple(addresses[:MAX_ADDRESSES])
    random.Random(seed).shuffle(addresses)
    assert heard(dns.build_response(7, "isatap", A, addresses))[0].addresses == kept


def test_compression() -> None:
    first = question("host.corp.example")
    payload = message([first, b"\x06isatap\xc0\x11" + struct.pack("!HH", A, 1)], response=False)
    assert heard(payload) == [Said("isatap.corp.example", ISATAP_ROUTER, False)]
    answer = message([question(TEREDO)], [record(b"\xc0\x0c", SERVERS[0])])
    assert heard(answer) == [Said(TEREDO, TEREDO_SERVER, True, (SERVERS[0],))]


# what a hash alone cannot tell


@pytest.mark.parametrize(
    ("name", "hashed"),
    [
        (b"\x0eisatap.example\0", False),  # no first label is so long
        (b"\x0bteredo.ipv6\x09microsoft\3com\0", True),
    ],
)
def test_a_dot_within_a_label_makes_another_name(name: bytes, hashed: bool) -> None:
    payload = message([name + struct.pack("!HH", A, 1)], response=False)
    assert holds_name(payload, DNS_PORT, name_hashes(*listed_names())) is hashed
    assert heard(payload) == []


def test_names_beside_listed_ones_say_nothing() -> None:
    payload = dns.build_query(7, "www.ipv6.microsoft.com", A)
    assert holds_name(payload, DNS_PORT, name_hashes(*listed_names()))
    assert heard(payload) == []
    assert heard(nbns.build_query(7, "isatap 1"), NETBIOS_PORT) == []


# NetBIOS


def test_netbios_questions_and_answers() -> None:
    assert heard(nbns.build_query(7, "ISATAP"), NETBIOS_PORT) == [
        Said("isatap", ISATAP_ROUTER, False)
    ]
    assert heard(nbns.build_query(7, "ISATAP.LAN", 0x20), NETBIOS_PORT) == [
        Said("isatap.lan", ISATAP_ROUTER, False)
    ]
    assert heard(nbns.build_response(7, "ISATAP", [ROGUE, RESOLVER]), NETBIOS_PORT) == [
        Said("isatap", ISATAP_ROUTER, True, (RESOLVER, ROGUE))
    ]
    assert heard(nbns.build_query(7, "FILESERVER"), NETBIOS_PORT) == []


def registration(operation: int, told: bytes = ROGUE) -> bytes:
    name = nbns.build_query(7, "ISATAP")[12:]
    record = b"\xc0\x0c" + struct.pack("!HHIHH", 0x20, 1, 300, 6, 0) + told
    return struct.pack("!HH4H", 7, operation << 11 | 0x0110, 1, 0, 0, 1) + name + record


@pytest.mark.parametrize("operation", [5, 8, 9, 15])
def test_who_registers_a_name_claims_it(operation: int) -> None:
    claim = Said("isatap", ISATAP_ROUTER, True, (ROGUE,), claim=True)
    assert heard(registration(operation), NETBIOS_PORT) == [claim]
    # What a name server says of it is an answer.
    response = bytearray(registration(operation))
    response[2] |= 0x80
    assert heard(bytes(response), NETBIOS_PORT) == [claim._replace(claim=False)]


# damage


@pytest.mark.parametrize(
    ("payload", "port"),
    [
        (dns.build_query(7, TEREDO, A), DNS_PORT),
        (message([question(TEREDO)], [alias(TEREDO, ALIAS), record(ALIAS, SERVERS[0])]), DNS_PORT),
        (nbns.build_response(7, "ISATAP", [ROGUE]), NETBIOS_PORT),
    ],
    ids=["question", "answer", "netbios"],
)
def test_damage_at_every_octet_is_data(payload: bytes, port: int) -> None:
    for at in range(len(payload)):
        for octet in (0, 1, 0x3F, 0x40, 0xC0, 0xFF, payload[at] ^ 0x20):
            for name in heard(payload[:at] + bytes([octet]) + payload[at + 1 :], port):
                assert name_role(name.name) == name.role
        heard(payload[:at], port)


@given(st.binary(max_size=300), st.sampled_from([DNS_PORT, MDNS_PORT, LLMNR_PORT, NETBIOS_PORT, 0]))
def test_any_octets_are_data(payload: bytes, port: int) -> None:
    assert said(payload, port, lambda name: None) == []
    for name in said(payload, port, lambda name: "any"):
        assert name.role == "any"


def test_other_services_say_nothing() -> None:
    assert heard(dns.build_query(7, "isatap", A), 0) == []


# frames


def seen(source: End, destination: End, payload: bytes) -> list[Witness]:
    frame = build.udp_frame(source, destination, payload)
    return witnesses(Frame(frame, 1, len(frame), 9, 55, 2), DecodeSettings(), name_role)


@pytest.mark.parametrize(
    ("port", "protocol"), [(DNS_PORT, "dns"), (MDNS_PORT, "mdns"), (LLMNR_PORT, "llmnr")]
)
def test_a_question_and_its_answer_name_the_same_two(port: int, protocol: str) -> None:
    asked = Witness(2, 9, 55, protocol, False, "isatap.local", ISATAP_ROUTER, HOST, RESOLVER, ())
    host, resolver = (HOST, 1025), (RESOLVER, port)
    assert seen(host, resolver, dns.build_query(7, "isatap.local", A)) == [asked]
    told = asked._replace(answer=True, addresses=(ROGUE,))
    assert seen(resolver, host, dns.build_response(7, "isatap.local", A, [ROGUE])) == [told]
    assert told.question == asked.question
    assert told.key != asked.key


def test_an_answer_nobody_asked_for_names_who_tells() -> None:
    (told,) = seen((ROGUE, 137), (HOST, 137), nbns.build_response(7, "ISATAP", [ROGUE]))
    assert (told.protocol, told.answer, told.asker, told.teller) == ("nbns", True, HOST, ROGUE)
    assert told.addresses == (ROGUE,)


@pytest.mark.parametrize("destination", ["192.168.1.255", "255.255.255.255", "192.168.1.1"])
def test_a_claim_has_no_asker(destination: str) -> None:
    (told,) = seen((ROGUE, 137), (packed(destination), 137), registration(5, HOST))
    assert (told.answer, told.claim, told.asker, told.teller) == (True, True, b"", ROGUE)
    assert told.addresses == (HOST,)


def test_over_ipv6() -> None:
    resolver = build.OTHER, 53
    (asked,) = seen((build.NATIVE, 1025), resolver, dns.build_query(7, TEREDO, A))
    assert (asked.asker, asked.teller) == (build.NATIVE, build.OTHER)


def test_frames_without_such_a_message() -> None:
    assert seen((HOST, 1025), (RESOLVER, 54), dns.build_query(7, TEREDO, A)) == []
    assert seen((HOST, 1025), (RESOLVER, 53), b"") == []
    assert witnesses(Frame(b"", 1, 0), DecodeSettings(), name_role) == []
