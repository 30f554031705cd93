"""Open conversations of the scalar table, and those that ended and wait to be taken."""

from __future__ import annotations

import pytest

from sensor.schema.rows import pack
from sensor.schema.words import EventType
from sensor.track import conversations
from sensor.track.layout import HISTORY, ConversationState
from sensor.wire import icmpv6
from tests.track.rows import (
    ACK,
    BROKER,
    CLIENT,
    FIN,
    LINK_LOCAL,
    MAPPED,
    NATIVE,
    NATIVE2,
    PUBLIC,
    RELAY,
    RST,
    SYN,
    TEREDO,
    Sensor,
    Shown,
    ack,
    actions,
    bubble,
    echo,
    flows,
    qualified,
    seconds,
    solicitation,
    syn,
    syn_ack,
    tcp,
    types,
    udp,
)


def closed(shown: Shown) -> list[ConversationState]:
    shown.table.finish()
    return shown.table.take_closed()


# the pile


def test_they_are_taken_once_in_the_order_in_which_they_closed() -> None:
    shown = Shown(conversations=2)
    shown.see(solicitation(), syn(remote=1), syn(remote=2))
    shown.see(syn(remote=1), syn(remote=3), at=1)
    assert [seen.originator_port for seen in closed(shown)] == [2, 1, 3]
    assert shown.table.take_closed() == []
    assert shown.hits == {"conversations": 1}


def test_within_a_second_they_keep_their_order() -> None:
    shown = Shown(conversations=2)
    shown.see(solicitation(), syn(remote=1), syn(remote=2))
    shown.see(syn(remote=1), syn(remote=3), at=0.9)
    assert [seen.originator_port for seen in closed(shown)] == [1, 2, 3]


def test_those_of_candidates_are_forgotten_and_dropped_ones_too() -> None:
    shown = Shown(promotions_per_minute=0)
    shown.see(syn())
    assert closed(shown) == []
    shown = Shown()
    shown.see(syn())
    shown.table.finish()
    shown.table.drop_closed()
    assert shown.table.take_closed() == []


def test_a_full_pile_stops_the_table_before_the_next_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conversations, "CLOSED_KEPT", 18)
    shown = Shown(conversations=1)
    assert EventType.CLOSED not in types(
        shown.see(solicitation(), *(syn(remote=n) for n in (1, 2, 3)))
    )
    before = shown.now
    shown.see(syn(remote=4), at=30)
    (event, *more) = shown.see(syn(remote=5), at=40)
    assert before < event.time
    assert event == (seconds(40.001), 0, -1, -1, -1, -1, EventType.CLOSED)
    assert types(more) == []
    assert [seen.originator_port for seen in closed(shown)] == [4, 5]


def test_nothing_is_taken_while_nobody_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "CLOSED_KEPT", 16)
    shown = Shown(conversations=1)
    shown.see(solicitation(), syn(remote=1), syn(remote=2))
    rows = pack([syn(remote=3)._replace(time=seconds(9), frame=99)])
    for _ in range(3):
        index, events = shown.table.update(rows, 0)
        assert (index, types(events)) == (0, [EventType.CLOSED])
    shown.table.drop_closed()
    assert shown.table.update(rows, 0)[0] == 1


def test_a_full_pile_loses_no_flow_and_changes_no_exposure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def found(kept: int) -> tuple[list[int], list[str]]:
        monkeypatch.setattr(conversations, "CLOSED_KEPT", kept)
        sensor = qualified(Sensor(conversations=2))
        for remote in range(1, 40):
            sensor.see(syn(remote=remote), syn_ack(remote=remote), ack(remote=remote))
        sensor.finish()
        others = [action for action in actions(sensor.changes) if action != "inner-flow"]
        return [flow.source.port for flow in flows(sensor.changes)], others

    assert found(17) == found(1000)
    assert found(17)[0] == list(range(1, 40))


# moved to another tunnel


def test_a_moved_conversation_goes_on_under_its_number() -> None:
    shown = Shown()
    shown.see(solicitation(client=MAPPED), tcp(RELAY, MAPPED, NATIVE, TEREDO, (49138, 8080)))
    shown.see(bubble(CLIENT, RELAY), at=5)
    shown.see(bubble(MAPPED, RELAY))
    assert shown.table.conversation(0).tunnel == 1
    shown.see(syn_ack())
    (seen,) = closed(shown)
    assert (seen.serial, seen.tunnel, seen.history) == (0, 1, b"Sh".ljust(16, b"\0"))


# the state that readers see


def test_the_state_of_a_handshake() -> None:
    shown = Shown()
    shown.see(solicitation(), at=4)
    shown.see(syn(payload_length=3)._replace(source=7), syn(tcp_sequence=0xFFFFFFFF), at=5)
    shown.see(syn_ack(tcp_acknowledgement=1001), ack(), at=6)
    state = shown.table.conversation(0)
    assert (state.originator, state.originator_port) == (NATIVE, 49138)
    assert (state.responder, state.responder_port) == (TEREDO, 8080)
    assert (state.outer_source[:4], state.outer_source_port) == RELAY
    assert (state.outer_destination[:4], state.outer_destination_port) == CLIENT
    assert state.history == b"ShA".ljust(16, b"\0")
    assert (state.first, state.last) == (seconds(5.001), seconds(6.002))
    assert (state.frame, state.source) == (2, 7)
    assert (state.sent_packets, state.received_packets) == (3, 1)
    assert (state.sent_bytes, state.received_bytes) == (180, 60)
    assert state.syns == 2
    assert state.syn_0 == 1000 << 32 | 3
    assert state.syn_1 == -(1 << 32)
    assert (state.syn_2, state.syn_3) == (0, 0)
    assert (state.from_outside, state.flipped, state.first_flags) == (1, 0, SYN)
    assert (state.answered, state.completed) == (1, 1)
    assert (state.exposure, state.exposure_serial, state.tunnel) == (0, 0, 0)
    assert (state.sent_syn, state.received_syn) == (1, 1)
    assert (state.sent_closed, state.received_closed) == (0, 0)


def test_the_state_where_nothing_is_known() -> None:
    shown = Shown()
    ends = (PUBLIC[0], 1), (BROKER[0], 2)
    outside = echo(*ends, NATIVE, NATIVE2, icmpv6.ECHO_REQUEST, tcp_flags=255)
    shown.see(outside)
    state = shown.table.conversation(0)
    assert (state.from_outside, state.first_flags) == (2, 0)
    assert (state.icmp_type, state.transport) == (128, 58)
    assert (state.exposure, state.exposure_serial) == (-1, -1)


def test_an_answer_seen_first_is_flipped() -> None:
    shown = Shown()
    shown.see(solicitation(), syn_ack())
    state = shown.table.conversation(0)
    assert (state.originator_port, state.from_outside, state.flipped) == (49138, 1, 1)
    assert state.history == b"^h".ljust(16, b"\0")


def test_every_letter_once() -> None:
    shown = Shown()
    both = [SYN, SYN | ACK, FIN | ACK, ACK]
    shown.see(solicitation(), syn_ack())
    for flags in both:
        shown.see(tcp(RELAY, CLIENT, NATIVE, TEREDO, (49138, 8080), flags, payload_length=1))
        shown.see(tcp(CLIENT, RELAY, TEREDO, NATIVE, (8080, 49138), flags, payload_length=1))
    for flags in (ACK, RST):
        shown.see(tcp(RELAY, CLIENT, NATIVE, TEREDO, (49138, 8080), flags))
        shown.see(tcp(CLIENT, RELAY, TEREDO, NATIVE, (8080, 49138), flags))
    history = shown.table.conversation(0).history.rstrip(b"\0")
    assert len(history) == HISTORY
    assert set(history) == set(b"^SHDFARshdfar")


def test_a_closed_exposure_is_no_longer_met() -> None:
    """Its number would be another's in the compiled table."""
    shown = Shown(exposures=1)
    shown.see(solicitation(), syn(port=1), at=5)
    shown.see(syn(port=2), at=6)
    shown.see(tcp(RELAY, CLIENT, NATIVE, TEREDO, (49138, 1), ACK), at=7)
    assert shown.table.exposure(1).last == seconds(6.001)


def test_datagrams_without_a_tunnel_of_their_own_count() -> None:
    shown = Shown()
    shown.see(bubble(CLIENT, RELAY, LINK_LOCAL), udp(RELAY, CLIENT, NATIVE, TEREDO, (5, 161)))
    state = shown.table.conversation(0)
    assert (state.history, state.sent_packets) == (b"D".ljust(16, b"\0"), 1)
