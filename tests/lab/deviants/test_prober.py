"""The prober asks each address once, and tells those that unwrap from those that refuse."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.deviants.prober import UNASKED, Prober, ProberSettings
from sensor.lab.machine import OuterPacket
from sensor.schema.words import Kind
from sensor.wire import icmpv4, icmpv6, ipv4, ipv6, sixinfour
from sensor.wire.addresses import build_sixtofour, packed
from sensor.wire.cursor import Cursor

LOCAL = packed("192.0.2.9")
TARGETS = tuple(packed(f"198.18.1.{number}") for number in (1, 2, 3))


def started() -> tuple[Prober, list[OuterPacket]]:
    """A prober that has asked everybody, and its questions."""
    prober = Prober(ProberSettings(LOCAL, TARGETS, interval=1.0), Random(1))
    prober.start(0.0)
    asked = prober.packets_to_send()
    while (due := prober.get_timer()) is not None:
        prober.handle_timer(due)
        asked += prober.packets_to_send()
    return prober, asked


def reply(question: OuterPacket, data: bytes | None = None) -> OuterPacket:
    """What a host that unwraps answers."""
    cursor = Cursor(question.payload)
    header = ipv6.parse(cursor)
    echo = icmpv6.parse_echo(icmpv6.parse(cursor).body)
    echo = echo if data is None else echo._replace(data=data)
    message = icmpv6.build_echo_reply(header.destination, header.source, echo)
    inner = ipv6.build(header.destination, header.source, icmpv6.PROTOCOL, message)
    return OuterPacket(question.destination, LOCAL, sixinfour.PROTOCOL, inner)


def refusal(question: OuterPacket) -> OuterPacket:
    """What a host without such a protocol answers."""
    octets = ipv4.build(LOCAL, question.destination, question.protocol, question.payload)
    error = icmpv4.build_error(icmpv4.UNREACHABLE, 2, octets, quote=548)
    return OuterPacket(question.destination, LOCAL, icmpv4.PROTOCOL, error)


def test_each_address_is_asked_once_in_its_turn() -> None:
    prober = Prober(ProberSettings(LOCAL, TARGETS, interval=1.0), Random(1))
    prober.start(5.0)
    assert [packet.destination for packet in prober.packets_to_send()] == [TARGETS[0]]
    prober.handle_timer(5.5)
    assert prober.packets_to_send() == []
    _, asked = started()
    assert [packet.destination for packet in asked] == list(TARGETS)
    assert {packet.kind for packet in asked} == {Kind.SIXTOFOUR}
    assert [packet.payload[24:40] for packet in asked] == [build_sixtofour(ip) for ip in TARGETS]


def test_answers_tell_who_unwraps_and_errors_who_refuses() -> None:
    prober, (first, second, _) = started()
    prober.receive_packet(reply(first), 9.0)
    prober.receive_packet(refusal(second), 9.0)
    assert (prober.open, prober.closed) == ([TARGETS[0]], [TARGETS[1]])
    event = prober.next_event()
    assert event is not None
    assert (event.what, event.end and event.end.ip) == ("open", TARGETS[0])


def test_answers_to_nothing_that_was_asked_do_not_count() -> None:
    prober, (first, _, _) = started()
    prober.receive_packet(reply(first), 9.0)
    prober.receive_packet(reply(first), 9.0)
    prober.receive_packet(reply(first, data=b"12345678"), 9.0)
    prober.receive_packet(reply(first)._replace(source=packed("192.0.2.77")), 9.0)
    assert prober.open == [TARGETS[0]]
    assert prober.drops == {UNASKED: 3}


def test_it_carries_nothing_and_stops_when_told() -> None:
    prober = Prober(ProberSettings(LOCAL, TARGETS), Random(1))
    prober.start(0.0)
    prober.packets_to_send()
    prober.stop(0.0)
    prober.handle_timer(99.0)
    prober.send_ipv6(bytes(40), 99.0)
    assert (prober.get_timer(), prober.packets_to_send()) == (None, [])
    assert prober.ipv6_to_deliver() == []


@given(st.sampled_from((icmpv4.PROTOCOL, sixinfour.PROTOCOL)), st.binary(max_size=120))
def test_hostile_octets_are_counted(protocol: int, payload: bytes) -> None:
    prober, _ = started()
    prober.receive_packet(OuterPacket(TARGETS[0], LOCAL, protocol, payload), 9.0)
    assert sum(prober.drops.values()) == 1
    assert (prober.open, prober.closed) == ([], [])


@given(st.integers(0, 2), st.integers(0, 119), st.integers(1, 255), st.booleans())
def test_damaged_answers_find_nobody_else(which: int, at: int, flip: int, refused: bool) -> None:
    prober, asked = started()
    answer = refusal(asked[which]) if refused else reply(asked[which])
    octets = bytearray(answer.payload)
    octets[at % len(octets)] ^= flip
    prober.receive_packet(answer._replace(payload=bytes(octets)), 9.0)
    assert {*prober.open, *prober.closed} <= {TARGETS[which]}
