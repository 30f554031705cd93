"""The search for the longest interval that the NAT keeps a mapping."""

from __future__ import annotations

import pytest

from sensor.lab.inner.refusal import Refused
from sensor.lab.teredo.arrival import Arrival, read_arrival
from sensor.lab.teredo.interval import INTERVAL_PACKET, MAXIMUM, Interval
from sensor.lab.teredo.link import Link
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import teredo
from tests.lab.teredo.parties import data
from tests.lab.teredo.world import LOCAL, PUBLIC, RELAY, SERVER, advertisement, link

SECOND_END = Endpoint(LOCAL.ip, 40_001)
SECOND_MAPPED = Endpoint(PUBLIC, 50_001)


def searching(**settings: object) -> tuple[Link, Interval]:
    made = link(interval_port=SECOND_END.port, **settings)
    return made, Interval(made)


def at_second(payload: bytes) -> Arrival:
    return read_arrival(payload, SERVER, SECOND_END)


def qualify(made: Link, search: Interval, now: float) -> None:
    sent = made.outbox.take_datagrams()[-1]
    assert (sent.source, sent.packet) == (SECOND_END, TeredoPacket.ROUTER_SOLICITATION)
    search.receive(at_second(advertisement(sent.payload, SECOND_MAPPED)), now)


def run(lifetime: float, refresh: float = 30.0) -> tuple[float, list[float]]:
    """What is found where mappings live for ``lifetime``, and the intervals that were tried."""
    made, search = searching(refresh=refresh)
    now, began, tried = 0.0, 0.0, []
    search.start(now)
    for _ in range(100):
        for sent in made.outbox.take_datagrams():
            if sent.packet is TeredoPacket.ROUTER_SOLICITATION:
                began = now
                answer = advertisement(sent.payload, SECOND_MAPPED)
                search.receive(at_second(answer), now)
                assert search.due is not None
                tried.append(search.due - now)
            elif now - began <= lifetime:
                assert (sent.source, sent.destination) == (LOCAL, SERVER)
                search.receive(at_second(sent.payload), now)
        if search.done:
            return search.current, tried
        if not made.outbox.datagrams:
            assert search.due is not None
            now = search.due
            search.handle_timer(now)
    raise AssertionError("no end")


@pytest.mark.parametrize(
    ("lifetime", "found", "tried"),
    [
        (1_000.0, 90.0, [60.0, 90.0]),
        (70.0, 60.0, [60.0, 90.0, 75.0]),
        (50.0, 45.0, [60.0, 45.0]),
        (10.0, 30.0, [60.0, 45.0, 37.5]),
    ],
)
def test_it_is_found_in_a_few_rounds(lifetime: float, found: float, tried: list[float]) -> None:
    assert run(lifetime) == (found, tried)


def test_an_interval_near_the_maximum_starts_above_itself() -> None:
    assert run(1_000.0, refresh=80.0) == (100.0, [100.0])
    assert run(1_000.0, refresh=MAXIMUM)[0] >= MAXIMUM


def test_the_second_end_is_open_while_the_search_lasts() -> None:
    made, search = searching()
    assert search.end == SECOND_END
    search.start(0.0)
    for _ in range(3):
        assert search.due is not None
        search.handle_timer(search.due)
    assert search.done
    assert [search.end, search.due] == [None, None]
    event = made.outbox.take_event()
    assert event is not None
    assert event.what == "interval"


def test_without_a_second_port_nothing_is_searched() -> None:
    made = link()
    search = Interval(made)
    search.start(0.0)
    assert (search.done, search.end, search.due) == (True, None, None)
    assert made.outbox.datagrams == []


def test_only_the_own_bubble_at_its_time_proves_anything() -> None:
    made, search = searching()
    search.start(0.0)
    with pytest.raises(Refused, match=f"^{INTERVAL_PACKET}$"):
        search.receive(at_second(data(bytes(16), bytes(16))), 0.0)
    qualify(made, search, 0.0)
    search.handle_timer(60.0)
    (probe,) = made.outbox.take_datagrams()
    forged = teredo.build_bubble(bytes(16), probe.payload[24:40])
    with pytest.raises(Refused, match=f"^{INTERVAL_PACKET}$"):
        search.receive(at_second(forged), 60.1)
    assert search.current == 30.0
    search.receive(at_second(probe.payload), 60.2)
    assert search.current == 60.0


def test_off_line_a_round_ends_without_a_verdict() -> None:
    made, search = searching()
    search.start(0.0)
    qualify(made, search, 0.0)
    made.address = None
    search.handle_timer(60.0)
    assert (search.done, search.due) == (False, None)


def test_a_probe_that_did_not_come_by_the_server_proves_nothing() -> None:
    """Peers know the client's address and can guess the second one's: it is no secret."""
    made, search = searching()
    search.start(0.0)
    qualify(made, search, 0.0)
    search.handle_timer(60.0)
    (probe,) = made.outbox.take_datagrams()
    forged = read_arrival(probe.payload, RELAY, SECOND_END)
    with pytest.raises(Refused, match=f"^{INTERVAL_PACKET}$"):
        search.receive(forged, 60.1)
    assert search.current == 30.0


@pytest.mark.parametrize("refresh", [90.0, 200.0])
def test_an_interval_that_is_long_enough_is_not_searched(refresh: float) -> None:
    made, search = searching(refresh=refresh)
    search.start(0.0)
    assert (search.done, search.current, search.end) == (True, refresh, None)
    assert made.outbox.datagrams == []
