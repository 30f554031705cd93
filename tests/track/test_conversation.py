"""Inner conversations: Zeek's states and history letters, and what answers a SYN."""

from __future__ import annotations

import pytest

from sensor.schema.rows import Observation
from sensor.schema.words import ConnectionState
from sensor.track.conversation import Conversation
from sensor.track.layout import SYNS_KEPT
from sensor.track.settings import TrackLimits
from sensor.wire import icmpv6
from tests.track.rows import (
    ACK,
    CLIENT,
    FIN,
    NATIVE,
    RELAY,
    RST,
    SYN,
    TEREDO,
    Sensor,
    echo,
    flows,
    qualified,
    seconds,
    tcp,
    udp,
)

LIMITS = TrackLimits()


def out(flags: int, length: int = 0, **more: int) -> Observation:
    """A segment of the originator, which is outside."""
    return tcp(
        RELAY, CLIENT, NATIVE, TEREDO, (5000, 80), flags, payload_length=length,
        **({"tcp_acknowledgement": 5001} | more),
    )  # fmt: skip


def back(flags: int, length: int = 0, acknowledgement: int = 1001) -> Observation:
    return tcp(
        CLIENT, RELAY, TEREDO, NATIVE, (80, 5000), flags, payload_length=length,
        tcp_sequence=5000, tcp_acknowledgement=acknowledgement,
    )  # fmt: skip


OPEN = [out(SYN), back(SYN | ACK), out(ACK)]


def flow_of(rows: list[Observation]) -> tuple[str, str]:
    """State and history of the one conversation that the rows belong to."""
    sensor = qualified(Sensor())
    sensor.see(*rows)
    (flow,) = flows(sensor.finish())
    assert flow.source_packets + flow.destination_packets == len(rows)
    return flow.state.name, flow.history


@pytest.mark.parametrize(
    ("rows", "state", "history"),
    [
        ([out(SYN)], "S0", "S"),
        ([out(SYN), out(SYN)], "S0", "S"),
        (OPEN, "S1", "ShA"),
        ([*OPEN, out(ACK, 10), back(ACK, 20)], "S1", "ShADd"),
        ([*OPEN, out(FIN | ACK), back(FIN | ACK), out(ACK)], "SF", "ShAFf"),
        ([out(SYN), back(RST | ACK)], "REJ", "Sr"),
        ([*OPEN, out(FIN | ACK)], "S2", "ShAF"),
        ([*OPEN, back(FIN | ACK)], "S3", "ShAf"),
        ([*OPEN, out(RST)], "RSTO", "ShAR"),
        ([*OPEN, back(RST)], "RSTR", "ShAr"),
        ([*OPEN, out(RST), back(RST)], "RSTR", "ShARr"),
        ([out(SYN), out(RST)], "RSTOS0", "SR"),
        ([back(SYN | ACK), back(RST)], "RSTRH", "^hr"),
        ([out(SYN), out(FIN)], "SH", "SF"),
        ([back(SYN | ACK), back(FIN | ACK)], "SHR", "^hf"),
        ([out(SYN), back(ACK)], "OTH", "Sa"),
        ([out(ACK, 5), back(ACK, 5)], "OTH", "Dd"),
        ([back(SYN | ACK), out(ACK)], "OTH", "^hA"),
        ([out(SYN, 30), back(SYN | ACK)], "S1", "Sh"),
    ],
)
def test_states_and_history_are_zeeks(rows: list[Observation], state: str, history: str) -> None:
    assert flow_of(rows) == (state, history)


def ask(port: int = 5000) -> Observation:
    return udp(RELAY, CLIENT, NATIVE, TEREDO, (port, 161))


def tell(port: int = 5000) -> Observation:
    return udp(CLIENT, RELAY, TEREDO, NATIVE, (161, port))


@pytest.mark.parametrize(
    ("rows", "state", "history"),
    [
        ([ask()], "S0", "D"),
        ([ask(), tell(), ask()], "SF", "Dd"),
        ([tell()], "SHR", "^d"),
    ],
)
def test_datagrams_have_states_too(rows: list[Observation], state: str, history: str) -> None:
    sensor = Sensor()
    sensor.see(*rows)
    (flow,) = flows(sensor.finish())
    assert (flow.state.name, flow.history) == (state, history)


def test_icmp_has_no_state() -> None:
    sensor = qualified(Sensor())
    sensor.see(
        echo(RELAY, CLIENT, NATIVE, TEREDO, icmpv6.ECHO_REQUEST),
        echo(CLIENT, RELAY, TEREDO, NATIVE, icmpv6.ECHO_REPLY),
        echo(RELAY, CLIENT, NATIVE, TEREDO, icmpv6.ECHO_REQUEST, identifier=8),
    )
    first, second = flows(sensor.finish())
    assert (first.state, first.history) == (ConnectionState.OTH, "")
    assert (first.source_packets, first.destination_packets) == (1, 1)
    assert (first.icmp_type, first.icmp_code, first.inbound) == (128, 0, True)
    assert (second.source_packets, second.destination_packets) == (1, 0)


def test_a_flow_tells_ends_octets_and_times() -> None:
    sensor = qualified(Sensor())
    sensor.see(*OPEN, at=5)
    (flow,) = flows(sensor.finish())
    assert flow.source == (NATIVE, 5000)
    assert flow.destination == (TEREDO, 80)
    assert (flow.source_packets, flow.destination_packets) == (2, 1)
    assert (flow.source_bytes, flow.destination_bytes) == (120, 60)
    assert (flow.first_seen, flow.last_seen) == (seconds(5), seconds(5.002))
    assert (flow.outer_source, flow.outer_destination) == (RELAY, CLIENT)
    assert flow.tunnel_id == sensor.tunnel().id


# what answers


def conversation(*rows: Observation) -> Conversation:
    made = Conversation(0, rows[0], 0, b"", True)
    for row in rows:
        made.add(row)
        if row.tcp_flags == SYN:
            made.open(row)
    return made


@pytest.mark.parametrize(
    ("number", "answers"), [(1001, True), (1000, False), (1002, False), (0, False)]
)
def test_an_answer_acknowledges_the_syn(number: int, answers: bool) -> None:
    assert conversation(out(SYN)).answers_syn(back(SYN | ACK, 0, number)) is answers


def test_a_syn_may_carry_data() -> None:
    made = conversation(out(SYN, 5))
    assert [made.answers_syn(back(SYN | ACK, 0, 1000 + n)) for n in range(8)] == [
        False, True, True, True, True, True, True, False,
    ]  # fmt: skip


def test_sequence_numbers_wrap() -> None:
    made = conversation(out(SYN, tcp_sequence=0xFFFFFFFF))
    assert made.answers_syn(back(SYN | ACK, 0, 0))
    assert not made.answers_syn(back(SYN | ACK, 0, 1))


def test_without_a_syn_seen_anything_answers() -> None:
    assert conversation(out(ACK)).answers_syn(back(SYN | ACK, 0, 77))


def test_a_second_syn_does_not_hide_the_answer_to_the_first() -> None:
    later = [out(SYN, tcp_sequence=2000 * number) for number in range(2, 10)]
    made = conversation(out(SYN), *later, later[-1])
    assert len(made.syns) == SYNS_KEPT
    assert made.answers_syn(back(SYN | ACK, 0, 1001))
    assert made.answers_syn(back(SYN | ACK, 0, 2000 * 9 + 1))
    assert not made.answers_syn(back(SYN | ACK, 0, 2000 * 3 + 1))


# how long it lives, and what comes after it


@pytest.mark.parametrize(
    ("rows", "idle"),
    [
        (OPEN, LIMITS.tcp_idle_ns),
        ([*OPEN, out(FIN)], LIMITS.tcp_idle_ns),
        ([*OPEN, out(FIN), back(FIN)], LIMITS.closed_idle_ns),
        ([*OPEN, out(RST)], LIMITS.closed_idle_ns),
        ([*OPEN, back(RST)], LIMITS.closed_idle_ns),
        ([ask()], LIMITS.datagram_idle_ns),
        ([echo(RELAY, CLIENT, NATIVE, TEREDO, 128)], LIMITS.datagram_idle_ns),
    ],
)
def test_how_long_it_may_be_silent(rows: list[Observation], idle: int) -> None:
    assert conversation(*rows).idle(LIMITS) == idle


@pytest.mark.parametrize(
    ("rows", "row", "gives_way"),
    [
        ([*OPEN, out(RST)], out(SYN), True),
        ([*OPEN, out(FIN), back(FIN)], out(SYN), True),
        (OPEN, out(SYN), False),
        ([out(SYN), back(RST | ACK)], out(SYN), False),
        ([*OPEN, out(RST)], out(ACK), False),
        ([*OPEN, out(RST)], out(SYN | ACK), False),
        ([back(ACK)], out(SYN), True),
        ([out(ACK)], out(SYN), False),
        (OPEN, back(SYN), False),
        ([ask()], ask(), False),
    ],
)
def test_a_syn_may_open_another_conversation(
    rows: list[Observation], row: Observation, gives_way: bool
) -> None:
    assert conversation(*rows).gives_way_to(row) is gives_way


def test_used_ports_are_two_flows_in_order() -> None:
    sensor = qualified(Sensor())
    closed = [*OPEN, out(FIN | ACK), back(FIN | ACK)]
    sensor.see(*closed)
    sensor.see(out(SYN))
    found = [(flow.state.name, flow.history) for flow in flows(sensor.finish())]
    assert found == [("SF", "ShAFf"), ("S0", "S")]


def test_an_opening_is_seen_behind_a_late_segment_of_the_host() -> None:
    """A host's last segment, minutes after its conversation was forgotten, opens nothing."""
    sensor = qualified(Sensor())
    sensor.see(back(FIN | ACK))
    sensor.see(out(SYN), back(SYN | ACK))
    assert sensor.exposure().port == 80
    sensor.finish()
    first, second = flows(sensor.changes)
    assert (first.inbound, second.inbound) == (False, True)
