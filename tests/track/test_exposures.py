"""Exposures as the scalar table counts them: what is met, what is news, what gives way."""

from __future__ import annotations

import pytest

from sensor.schema.rows import Observation
from sensor.schema.words import EventType
from sensor.schema.words import ExposureState as State
from sensor.track import exposures
from sensor.track.layout import (
    PROOF_ANSWER,
    PROOF_COMPLETED,
    PROOF_OPENING,
    PROOF_REFUSAL,
    PROOF_UNREACHABLE,
    Event,
)
from sensor.wire.addresses import packed
from tests.track.rows import (
    ACK,
    CLIENT,
    MAPPED,
    NATIVE,
    NATIVE2,
    NEIGHBOUR,
    OTHER_MAPPED,
    RELAY,
    SITE,
    TEREDO,
    End,
    Shown,
    ack,
    address_of,
    bubble,
    echo,
    rst,
    seconds,
    solicitation,
    syn,
    syn_ack,
    tcp,
    types,
    udp,
)

LOCAL = packed("fd00::22")
ALL = PROOF_OPENING | PROOF_ANSWER | PROOF_COMPLETED
ANSWERED = EventType.ANSWER


def answered_tunnel(**limits: int) -> Shown:
    """Both directions are seen, so that a silent service is attempted, not unseen."""
    shown = Shown(**limits)
    shown.see(bubble(CLIENT, RELAY), bubble(RELAY, CLIENT, NATIVE, TEREDO))
    return shown


def through(client: End, service: bytes, remote: int = 49138, port: int = 22) -> Observation:
    return tcp(RELAY, client, NATIVE, service, (remote, port))


def told(events: list[Event]) -> list[tuple[EventType, int, int, int]]:
    return [
        (EventType(event.type), event.conversation, event.exposure, event.value) for event in events
    ]


# what is news


def test_a_handshake_is_three_events_of_one_exposure() -> None:
    shown = answered_tunnel()
    assert told(shown.see(syn(), at=5)) == [(EventType.OPENING, 0, 0, 1)]
    assert told(shown.see(syn_ack())) == [(ANSWERED, 0, 0, 1)]
    assert told(shown.see(ack())) == [(EventType.COMPLETED, 0, 0, 0)]
    state = shown.table.exposure(0)
    assert (state.address, state.port, state.transport) == (TEREDO, 8080, 6)
    assert (state.remote, state.remote_port) == (NATIVE, 49138)
    assert (state.state, state.last_state) == (State.ANSWERED, State.ANSWERED)
    assert (state.proofs, state.first_proof) == (ALL, PROOF_OPENING)
    assert (state.first, state.since, state.last) == tuple(map(seconds, (5.001, 5.002, 5.003)))
    assert (state.serial, state.tunnel, state.remotes) == (0, 0, 1)


def test_what_is_repeated_is_no_news_but_is_the_last() -> None:
    shown = answered_tunnel()
    shown.see(syn(), syn_ack(), ack())
    assert shown.see(syn(), ack(), at=50) == []
    assert shown.see(syn(remote=2), rst(remote=2), at=60) == []
    state = shown.table.exposure(0)
    assert (state.state, state.last_state) == (State.ANSWERED, State.REFUSED)
    assert state.last == seconds(60.002)
    assert state.proofs == ALL


def test_a_service_of_which_nothing_came_back_is_unseen_until_something_does() -> None:
    shown = Shown()
    shown.see(syn())
    assert shown.table.exposure(0).state == State.REPLY_UNSEEN
    assert shown.see(syn()) == []
    shown.see(bubble(CLIENT, RELAY))
    assert told(shown.see(syn())) == [(EventType.OPENING, 0, 0, 1)]
    assert shown.table.exposure(0).state == State.ATTEMPTED


def test_a_new_proof_of_the_same_state_is_news_without_being_stronger() -> None:
    """The answer was seen first in one conversation, with its opening in the next."""
    shown = answered_tunnel()
    (event,) = shown.see(syn_ack())
    assert (event.value, shown.table.exposure(0).proofs) == (1, PROOF_ANSWER)
    assert shown.table.exposure(0).first_proof == PROOF_ANSWER
    (event,) = shown.see(syn())
    assert told([event]) == [(EventType.OPENING, 0, 0, 0)]
    assert shown.table.exposure(0).proofs == PROOF_ANSWER | PROOF_OPENING
    assert shown.table.exposure(0).first_proof == PROOF_ANSWER


def test_another_remote_that_gets_further_starts_with_its_own_proofs() -> None:
    shown = answered_tunnel()
    shown.see(syn(), rst())
    assert shown.table.exposure(0).proofs == PROOF_OPENING | PROOF_REFUSAL
    shown.see(syn(remote=2), syn_ack(remote=2))
    state = shown.table.exposure(0)
    assert (state.proofs, state.remote_port) == (PROOF_OPENING | PROOF_ANSWER, 2)


def test_the_same_remote_keeps_its_first_proof_alone() -> None:
    shown = answered_tunnel()
    shown.see(syn(), rst(), syn_ack())
    assert shown.table.exposure(0).proofs == PROOF_OPENING | PROOF_ANSWER


def test_another_remote_completes_nothing() -> None:
    shown = answered_tunnel()
    shown.see(syn(), syn_ack(), syn(remote=2), syn_ack(remote=2))
    assert shown.see(ack(remote=2)) == []
    assert shown.table.exposure(0).proofs == PROOF_OPENING | PROOF_ANSWER
    assert shown.table.conversation(1).completed


def test_datagrams_open_and_answer() -> None:
    shown = answered_tunnel()
    ask = udp(RELAY, CLIENT, NATIVE, TEREDO, (5000, 161))
    tell = udp(CLIENT, RELAY, TEREDO, NATIVE, (161, 5000))
    assert types(shown.see(ask, ask, tell, tell)) == [EventType.OPENING, EventType.ANSWER]
    assert shown.table.exposure(0).proofs == PROOF_OPENING | PROOF_ANSWER


# a conversation and its service


def test_a_conversation_that_opens_nothing_keeps_a_known_service_in_use() -> None:
    shown = answered_tunnel()
    shown.see(syn(), at=5)
    shown.see(tcp(RELAY, CLIENT, NATIVE2, TEREDO, (7, 8080), ACK), at=50)
    assert shown.table.conversation(1).exposure == 0
    assert shown.table.exposure(0).last == seconds(50.001)
    assert shown.table.exposure(0).remotes == 1


def test_time_that_runs_back_does_not_age_it() -> None:
    shown = answered_tunnel()
    shown.see(syn(), at=50)
    shown.see(syn(), at=40)
    assert shown.table.exposure(0).last == seconds(50.001)


# remotes


def test_remotes_are_distinct_addresses_in_the_order_met() -> None:
    shown = answered_tunnel()
    shown.see(syn(), syn(remote=5), syn(source=NATIVE2), syn())
    assert shown.table.exposure(0).remotes == 2
    assert shown.table.remotes(0, 20) == [NATIVE, NATIVE2]
    assert shown.table.remotes(0, 1) == [NATIVE]


def test_all_of_them_share_a_pool_that_ends_with_their_exposures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exposures, "REMOTES_POOL", 2)
    shown = answered_tunnel()
    shown.see(syn(port=1), syn(port=2), syn(port=3), syn(port=1))
    assert [shown.table.exposure(place).remotes for place in range(3)] == [1, 1, 0]
    assert shown.hits == {"remotes": 1}
    shown.table.expire(seconds(4000))
    shown.see(bubble(CLIENT, RELAY), syn(port=1), syn(port=2), at=4001)
    assert shown.hits == {"remotes": 1}


# room


def test_the_oldest_that_nobody_answered_gives_way() -> None:
    shown = answered_tunnel(exposures=2)
    shown.see(syn(port=1), syn_ack(port=1), syn(port=2))
    dropped, opened = shown.see(syn(port=3), at=9)
    assert dropped == (seconds(9.001), 0, 0, 0, -1, 1, EventType.DROPPED)
    assert (opened.type, opened.exposure) == (EventType.OPENING, 2)
    assert shown.table.exposure(1).port == 2
    assert shown.table.remotes(1, 5) == [NATIVE]
    assert shown.table.services(0) == [0, 2]
    assert shown.table.tunnel(0).attempts == 1
    assert shown.hits == {"exposures": 1}


def test_refused_ones_give_way_too_and_answered_ones_never() -> None:
    shown = answered_tunnel(exposures=1)
    shown.see(syn(port=1), rst(port=1))
    assert types(shown.see(syn(port=2), syn_ack(port=2))) == [
        EventType.DROPPED, EventType.OPENING, EventType.ANSWER,
    ]  # fmt: skip
    assert shown.see(syn(port=3)) == []
    assert shown.table.conversation(2).exposure == -1
    assert shown.hits == {"exposures": 2}


# tunnels that carry them


def two_clients() -> Shown:
    shown = answered_tunnel()
    other = address_of(OTHER_MAPPED)
    shown.see(bubble(NEIGHBOUR, RELAY, other), bubble(RELAY, NEIGHBOUR, NATIVE, other))
    return shown


def test_a_global_service_is_carried_by_the_tunnel_that_led_to_it_last() -> None:
    shown = two_clients()
    shown.see(through(CLIENT, SITE))
    assert [shown.table.tunnel(place).attempts for place in (0, 1)] == [1, 0]
    assert shown.see(through(NEIGHBOUR, SITE)) == []
    assert [shown.table.services(place) for place in (0, 1)] == [[], [0]]
    assert [shown.table.tunnel(place).attempts for place in (0, 1)] == [0, 1]
    assert shown.table.exposure(0).tunnel == 1


def test_a_local_service_is_another_in_another_tunnel() -> None:
    shown = two_clients()
    shown.see(through(CLIENT, LOCAL), through(NEIGHBOUR, LOCAL))
    assert [shown.table.services(place) for place in (0, 1)] == [[0], [1]]


def test_attempts_are_those_that_nobody_answered_or_refused() -> None:
    shown = answered_tunnel()
    counts = []
    for made in (syn(1), syn(2), syn(3), syn_ack(1), rst(2), syn(4)):
        shown.see(made)
        counts.append(shown.table.tunnel(0).attempts)
    assert counts == [1, 2, 3, 2, 1, 2]


def test_they_end_with_their_tunnel_and_are_listed_until_the_next_update() -> None:
    shown = answered_tunnel()
    shown.see(syn(port=1), syn_ack(port=1), syn(port=2))
    (end,) = shown.table.expire(seconds(1000))
    assert (end.type, end.tunnel) == (EventType.END, 0)
    assert shown.table.services(0) == [0, 1]
    assert shown.table.exposure(1).port == 2
    assert shown.table.tunnel(0).attempts == 0
    opened = shown.see(bubble(CLIENT, RELAY), syn(port=2), at=1001)[-1]
    assert (opened.type, opened.exposure, opened.tunnel) == (EventType.OPENING, 2, 1)
    with pytest.raises(KeyError):
        shown.table.exposure(1)


def joining(*outside: Observation) -> tuple[Shown, list[Event]]:
    """Services reached through the outside view first, 5 s later its inside view is met."""
    shown = Shown()
    shown.see(solicitation(client=MAPPED), *outside)
    shown.see(bubble(CLIENT, RELAY), through(CLIENT, LOCAL, port=80), at=5)
    return shown, shown.see(bubble(MAPPED, RELAY))


def test_at_a_join_they_go_on_in_the_tunnel_that_stays() -> None:
    shown, events = joining(through(MAPPED, SITE), through(MAPPED, LOCAL))
    (join,) = [event for event in events if event.type == EventType.JOIN]
    assert (join.tunnel, join.value) == (1, 0)
    assert (shown.table.services(0), shown.table.services(1)) == ([], [2, 0, 1])
    assert [shown.table.tunnel(place).attempts for place in (0, 1)] == [0, 3]
    assert [shown.table.exposure(place).tunnel for place in range(3)] == [1, 1, 1]
    shown.see(through(CLIENT, LOCAL, remote=5))
    assert shown.table.conversation(3).exposure == 1


def test_what_both_views_led_to_ends_with_the_one_that_ends() -> None:
    shown, _ = joining(through(MAPPED, SITE), through(MAPPED, LOCAL, port=80))
    assert (shown.table.services(0), shown.table.services(1)) == ([1], [2, 0])
    assert shown.table.exposure(1).tunnel == 0
    assert [shown.table.tunnel(place).attempts for place in (0, 1)] == [0, 2]
    shown.table.expire(seconds(6))
    assert shown.table.services(0) == []


# refused by an error


def unreachable() -> Observation:
    return echo(CLIENT, RELAY, TEREDO, NATIVE, 1)


def refuse(shown: Shown, port: int = 8080, remote: int = 49138, tunnel: int = 0) -> int:
    return shown.table.refuse(tunnel, 6, (TEREDO, port), NATIVE, remote, shown.now)


def test_an_error_is_told_only_where_an_opening_waits() -> None:
    shown = answered_tunnel()
    assert shown.see(unreachable()) == []
    shown.see(syn())
    assert types(shown.see(unreachable())) == [EventType.UNREACHABLE]
    shown.see(syn_ack())
    assert shown.see(unreachable()) == []


def test_a_refusal_is_news_once() -> None:
    shown = answered_tunnel()
    shown.see(syn())
    assert refuse(shown) == 0
    state = shown.table.exposure(0)
    assert (state.state, state.since) == (State.REFUSED, shown.now)
    assert state.proofs == PROOF_OPENING | PROOF_UNREACHABLE
    assert shown.table.tunnel(0).attempts == 0
    assert refuse(shown) == -1


def test_an_error_behind_a_reset_is_one_more_proof_and_no_stronger_state() -> None:
    shown = answered_tunnel()
    shown.see(syn(), rst())
    since = shown.table.exposure(0).since
    assert refuse(shown) == 0
    assert shown.table.exposure(0).since == since
    assert refuse(shown, remote=5) == -1


def test_an_error_refuses_nothing_that_was_not_opened() -> None:
    shown = answered_tunnel()
    shown.see(syn())
    assert refuse(shown, port=81) == -1
    assert shown.table.exposure(0).state == State.ATTEMPTED


def test_a_refusal_through_another_tunnel_carries_the_service_there() -> None:
    shown = two_clients()
    shown.see(syn())
    assert refuse(shown, tunnel=1) == 0
    assert [shown.table.services(place) for place in (0, 1)] == [[], [0]]
    assert [shown.table.tunnel(place).attempts for place in (0, 1)] == [0, 0]
