from __future__ import annotations

import pytest

from sensor.emit.frameline import text_line
from sensor.schema.rows import Observation
from sensor.schema.words import Kind
from sensor.wire import ayiya, ipv6, teredo
from sensor.wire.addresses import build_sixtofour

from .. import build
from ..track import rows as made_rows
from .test_rows import rows_of


def line(data: bytes) -> str:
    return text_line("7", rows_of(data), data, ())


def test_a_line_reads_as_tcpdump_writes() -> None:
    packet = build.tcp6(build.NATIVE, build.TEREDO, (49138, 8080))
    assert line(build.udp_frame(build.RELAY, build.CLIENT, packet)) == (
        "7 2026-11-21 07:01:54.123456Z IP 192.0.2.10.3545 > 192.168.0.2.41658: Teredo data"
        " (dst mapped 203.0.113.2:41658 server 198.51.100.1): IP6 2a00:db8::2.49138 >"
        " 2001:0:c633:6401:180e:5d45:34ff:8efd.8080: tcp S, hlim 64"
    )


def test_setup_and_trailers_are_named() -> None:
    payload = build.authentication(confirmation=1) + build.origin() + build.advertisement()
    text = line(build.udp_frame(build.SERVER, build.CLIENT, payload))
    assert "router-advertisement (nonce 0102030405060708, confirmation 1, origin" in text
    assert "origin 203.0.113.2:41658)" in text
    assert "icmp6 router advertisement" in text

    trailers = [
        teredo.build_trailer_alternate([(build.CLIENT[0], 41658)]),
        teredo.build_trailer_random_port(57208),
        bytes([0x99, 0]),
    ]
    data = build.udp_frame(build.RELAY, build.CLIENT, build.bubble() + b"".join(trailers))
    text = line(data)
    assert "(alternate-address 192.168.0.2:41658, random-port 57208, trailer 0x99, dst" in text
    assert "no next header, hlim 21" in text


def test_protocol_41_and_what_it_embeds() -> None:
    data = build.sixinfour_frame(build.echo6(build_sixtofour(build.V4A), build.OTHER))
    assert "IP 203.0.113.5 > 192.0.2.4: 6to4 (source 6to4 203.0.113.5): IP6 " in line(data)
    assert "icmp6 echo request, length 8" in line(data)


def test_layers_follow_one_another() -> None:
    text = line(build.sixinfour_frame(build.six_in_six(build.tcp6())))
    assert text.count("IP6 ") == 2
    assert ": 6in4: IP6 2a00:db8::2 > 2a00:db8:1::9: ip6-in-ip6: IP6 2a00:db8::2.49152 >" in text


def test_oddities_close_the_line() -> None:
    data = build.sixinfour_frame(build.tcp6() + b"\0")
    (row,) = rows_of(data)
    marked = row._replace(copy_of=3, quoted=1)
    text = text_line("7", [marked], data, ())
    assert text.endswith(" [trailing-bytes; quoted in an ICMP error; copy of frame 3]")


def test_fragments_and_flagless_segments() -> None:
    header = bytes([6, 0]) + (1480 | 1).to_bytes(2) + (0xABCD).to_bytes(4)
    packet = ipv6.build(build.NATIVE, build.OTHER, ipv6.FRAGMENT, header + bytes(40))
    assert "tcp, fragment 0x0000abcd at 1480+, hlim 64" in line(build.sixinfour_frame(packet))
    assert "tcp no flags" in line(build.sixinfour_frame(build.tcp6(flags=0)))


# other kinds


def told(*rows: Observation, data: bytes = b"") -> str:
    """The line behind its number and time."""
    return text_line("7", rows, data, ()).partition("Z ")[2]


@pytest.mark.parametrize(
    ("opcode", "words"),
    [
        (0, "AYIYA no-op"),
        (1, "AYIYA packet in which no IPv6 can be read"),
        (2, "AYIYA echo request"),
        (4, "AYIYA echo reply"),
        (5, "AYIYA message of the day"),
        (6, "AYIYA query"),
        (7, "AYIYA query reply"),
        (9, "AYIYA message 9"),
    ],
)
def test_an_ayiya_message_says_what_it_is_for(opcode: int, words: str) -> None:
    header = ayiya.Header(1, bytes(16), 2, bytes(20), 1, opcode, 59, 0).build()
    made = made_rows.message(made_rows.CLIENT, made_rows.RELAY, payload_offset=2)
    line = told(made, data=b"\xff\xff" + header)
    assert line == f"IP 192.168.0.2.41658 > 192.0.2.10.3545: {words}"
    assert told(made, data=header[:3]).endswith(": AYIYA message")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.TSP, "TSP setup"),
        (Kind.SIXA44, "6a44 bubble"),
        (Kind.TEREDO, "Teredo without a whole inner header"),
        (Kind.SIXBED4, "6bed4 without a whole inner header"),
    ],
)
def test_packets_without_an_inner_one_say_what_they_are(kind: Kind, words: str) -> None:
    line = told(made_rows.message(made_rows.CLIENT, made_rows.RELAY, kind))
    assert line == f"IP 192.168.0.2.41658 > 192.0.2.10.3545: {words}"


def test_a_frame_of_too_many_layers_says_so() -> None:
    words = "more layers than the limit before any tunnel, not followed [too-many-layers]"
    made = made_rows.unfollowed()
    assert told(made) == f"IP 192.168.0.2 > 192.0.2.10: {words}"
    assert told(made._replace(outer_version=0)) == words


def test_what_is_quoted_is_named_as_such() -> None:
    alone = made_rows.message(made_rows.CLIENT, made_rows.RELAY, Kind.TEREDO, quoted=1)
    assert told(alone).endswith("Teredo without a whole inner header [quoted in an ICMP error]")
    error = made_rows.echo(made_rows.CLIENT, made_rows.RELAY, made_rows.TEREDO, made_rows.NATIVE, 1)
    quoted = made_rows.direct(made_rows.syn())._replace(depth=1, quoted=1, anomalies=1)
    line = told(error, quoted)
    assert line.count("6in4") == 1
    assert line.endswith(
        "destination unreachable, hlim 64 [quotes 6in4 IP 192.0.2.10 > 192.168.0.2]"
    )


def test_gre_tells_its_key() -> None:
    made = made_rows.gre(made_rows.row(made_rows.PRIVATE, made_rows.BROKER), 5)
    assert told(made).startswith("IP 10.0.0.7 > 192.0.2.4: gre6 (key 5): IP6 ")
