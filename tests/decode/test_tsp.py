from __future__ import annotations

import pytest

from sensor.decode import tsp
from sensor.decode.trace import SILENCE
from sensor.schema.words import Reason
from sensor.wire import tcp
from sensor.wire import tsp as tsp_wire

from .. import build
from ..build import V4A, V4B, in_four, udp_frame
from .seen import Seen, anomalies, decode, kinds, only_row, seen, stack

COMMANDS = (
    b"VERSION=2.0.0\r\n",
    b"CAPABILITY TUNNEL=V6V4\r\n",
    b"AUTHENTICATE ANONYMOUS\r\n",
    b"Content-length: 234\r\n<tunnel",
    b'<tunnel action="create" type="v6udpv4">',
)
REPLIES = (b"200 Success\r\n", b"300\r\n", b"500 ", b"1200 Redirection\r\n")
OTHERS = (b"", b"GET / HTTP/1.0", b"VERSION", b"600 x", b"200", b"2x0 ", b"1200", b"1100 x")
AT, NEAR = (V4B, 3653), (V4B, 3654)


def datagram(text: bytes, destination: build.End = AT) -> bytes:
    return udp_frame((V4A, 4000), destination, tsp_wire.build(7, 1, text))


def segment(text: bytes, ports: tuple[int, int] = (4000, 3653)) -> bytes:
    flags = tcp.PSH | tcp.ACK
    return tcp.build(V4A, V4B, *ports, sequence=1, acknowledgement=2, flags=flags, payload=text)


def over_tcp(text: bytes, ports: tuple[int, int] = (4000, 3653)) -> bytes:
    return build.ethernet(in_four(segment(text, ports), 6))


@pytest.mark.parametrize("text", COMMANDS)
def test_a_command_over_udp(text: bytes) -> None:
    assert seen(only_row(datagram(text))) == Seen("tsp", "certain", "tsp scheme-port")
    assert seen(only_row(datagram(text, NEAR))) == Seen("tsp", "strong", "tsp")


@pytest.mark.parametrize("text", REPLIES)
def test_a_reply_over_udp_is_one_only_from_the_port(text: bytes) -> None:
    told = udp_frame(AT, (V4A, 4000), tsp_wire.build(7, 1, text))
    assert seen(only_row(told)) == Seen("tsp", "strong", "tsp scheme-port")
    assert decode(datagram(text)) == (Reason.UDP_SHORT, [])
    assert decode(datagram(text, NEAR)) == (Reason.UDP_SHORT, [])


@pytest.mark.parametrize("text", OTHERS)
def test_other_words_over_udp(text: bytes) -> None:
    assert decode(datagram(text)) == (Reason.UDP_SHORT, [])


def test_words_without_the_header_of_signalling() -> None:
    frame = udp_frame((V4A, 4000), AT, bytes(8) + COMMANDS[0])
    assert decode(frame) == (Reason.UDP_SHORT, [])
    assert decode(udp_frame((V4A, 4000), AT, b"\xf0\0\0\0\0\0\0")) == (Reason.UDP_SHORT, [])


def test_a_command_from_a_port_that_others_own() -> None:
    frame = udp_frame((V4A, 53), NEAR, tsp_wire.build(7, 1, COMMANDS[0]))
    assert seen(only_row(frame)) == Seen("tsp", "strong", "tsp", "borrowed-port")


def test_a_row_of_signalling_names_no_inner_packet() -> None:
    row = only_row(datagram(COMMANDS[0]))
    assert stack(row) == "ethernet ipv4 udp tsp"
    assert kinds(row) == ["tsp"]
    assert (row.outer_transport, row.outer_source_port, row.outer_destination_port) == (
        1,
        4000,
        3653,
    )
    assert (row.payload_offset, row.inner_offset, row.inner_length, row.tail_length) == (
        42,
        0,
        0,
        0,
    )
    assert (row.inner_source, row.has_transport, row.hop_limit) == (bytes(16), 0, 0)


@pytest.mark.parametrize("text", COMMANDS)
@pytest.mark.parametrize("ports", [(4000, 3653), (3653, 4000)])
def test_a_command_over_tcp(text: bytes, ports: tuple[int, int]) -> None:
    row = only_row(over_tcp(text, ports))
    assert seen(row) == Seen("tsp", "certain", "tsp scheme-port")
    assert stack(row) == "ethernet ipv4 tcp tsp"
    assert (row.outer_transport, row.payload_offset) == (4, 54)
    assert (row.outer_source_port, row.outer_destination_port) == ports


@pytest.mark.parametrize("text", REPLIES)
def test_a_reply_over_tcp(text: bytes) -> None:
    row = only_row(over_tcp(text, (3653, 4000)))
    assert seen(row) == Seen("tsp", "strong", "tsp scheme-port")


@pytest.mark.parametrize(
    "text", [b"220 mail.example ESMTP\r\n", b"331 Password\r\n", b"250 OK\r\n"]
)
@pytest.mark.parametrize("server", [21, 25, 119])
def test_other_servers_reply_to_clients_at_that_port(text: bytes, server: int) -> None:
    assert decode(over_tcp(text, (server, 3653))) == (Reason.TCP, [])


@pytest.mark.parametrize("text", OTHERS)
def test_other_words_over_tcp(text: bytes) -> None:
    assert decode(over_tcp(text)) == (Reason.TCP, [])


def test_over_tcp_only_the_port_is_asked() -> None:
    assert decode(over_tcp(COMMANDS[0], (4000, 80))) == (Reason.TCP, [])


def test_tcp_over_ipv6_sets_tunnels_up_too() -> None:
    text = COMMANDS[0]
    packet = build.tcp6(ports=(4000, 3653), flags=tcp.PSH, payload=text)
    row = only_row(build.ethernet(packet))
    assert (seen(row).confidence, row.outer_version, stack(row)) == (
        "certain",
        6,
        "ethernet ipv6 tcp tsp",
    )


def test_a_segment_that_is_cut() -> None:
    frame = over_tcp(COMMANDS[0])
    for size in range(34, 54 + 8):
        assert decode(frame[:size], wire_length=len(frame)) == (Reason.TCP, [])
    row = only_row(frame[: 54 + 10], wire_length=len(frame))
    assert anomalies(row) == ["truncated"]


def test_no_room_for_the_last_layer() -> None:
    packet = in_four(segment(COMMANDS[0]), 6)
    for _ in range(13):
        packet = in_four(packet)
    row = only_row(build.ethernet(packet))
    assert (seen(row).kind, anomalies(row)) == ("none", ["too-many-layers"])


def test_no_room_for_the_last_layer_over_udp() -> None:
    packet = datagram(COMMANDS[0])[14:]
    for _ in range(13):
        packet = in_four(packet)
    row = only_row(build.ethernet(packet))
    assert (seen(row).kind, anomalies(row)) == ("none", ["too-many-layers"])


def test_a_segment_is_judged_by_its_words_and_who_sends_it() -> None:
    assert tsp.judge_segment(b"hello", True, SILENCE) is None
    assert tsp.judge_segment(REPLIES[0], False, SILENCE) is None
    assert tsp.judge_segment(REPLIES[0], True, SILENCE) is not None
    assert tsp.judge_segment(COMMANDS[0], False, SILENCE) is not None
