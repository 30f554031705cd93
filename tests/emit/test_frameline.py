from __future__ import annotations

from sensor.emit.frameline import text_line
from sensor.wire import ipv6, teredo
from sensor.wire.addresses import build_sixtofour

from .. import build
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
