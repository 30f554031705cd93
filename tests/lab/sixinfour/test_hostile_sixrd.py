"""6rd under hostile octets: no exception, bounded probes, nothing for who is in no domain."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour.sixrd import PROBE_WAIT, SixRdEdge
from sensor.schema.words import Kind
from tests.lab.sixinfour.ends import (
    BORDER,
    EDGE,
    NATIVE,
    OTHER_EDGE,
    STRANGER,
    border,
    carried,
    edge,
    hear,
    home,
)
from tests.lab.sixinfour.hostile import Watched, stories, truncated
from tests.lab.teredo.parties import data


class SixRd(Watched):
    """What leaves goes to an address of the domain."""

    def _check(self, outer: OuterPacket) -> None:
        super()._check(outer)
        assert outer.destination[0] == EDGE[0]

    def probe(self) -> None:
        machine = self.machine
        assert isinstance(machine, SixRdEdge)
        self.step(lambda: machine.probe(self.now))


@given(st.lists(stories(BORDER, OTHER_EDGE) | st.just([("probe",)]), max_size=4))
def test_an_edge_goes_on(chapters: list[list[Any]]) -> None:
    machine = edge()
    watched = SixRd(machine, Kind.SIXRD, PROBE_WAIT)
    for story in chapters:
        watched.run(story)
    watched.wait(PROBE_WAIT)
    assert machine.get_timer() is None
    machine.send_ipv6(data(home(EDGE), home(OTHER_EDGE)), watched.now)
    machine.send_ipv6(data(home(EDGE), NATIVE), watched.now)
    assert [outer.destination for outer in machine.packets_to_send()] == [OTHER_EDGE, BORDER]
    hear(machine, data(home(OTHER_EDGE), home(EDGE)), OTHER_EDGE, EDGE)
    hear(machine, data(NATIVE, home(EDGE)), BORDER, EDGE)
    assert len(machine.ipv6_to_deliver()) == 2


@given(stories(EDGE))
def test_a_relay_goes_on(story: list[Any]) -> None:
    machine = border()
    SixRd(machine, Kind.SIXRD).run(story)
    assert machine.get_timer() is None
    machine.send_ipv6(data(NATIVE, home(EDGE)), 9_000.0)
    (sent,) = machine.packets_to_send()
    assert sent.destination == EDGE
    hear(machine, data(home(EDGE), NATIVE), EDGE, BORDER)
    assert machine.ipv6_to_deliver() == [data(home(EDGE), NATIVE)]


@pytest.mark.parametrize("source", [BORDER, EDGE, OTHER_EDGE, STRANGER])
def test_every_truncation_is_taken_or_refused(source: bytes) -> None:
    for machine in (edge(), border()):
        truncated(SixRd(machine, Kind.SIXRD), source)
        assert set(machine.drops) >= {"malformed"}


@given(st.data())
def test_lost_doubled_late_and_reordered_probes_are_told_of_once_each(draws: st.DataObject) -> None:
    """Whatever happens to a probe on its way, one word is said about it or a later one."""
    machine, relay = edge(), border()
    now, on_the_way, told = 0.0, [], 0
    for probes in range(1, 7):
        machine.probe(now)
        (sent,) = machine.packets_to_send()
        relay.receive_packet(carried(sent.payload, EDGE, BORDER), now)
        on_the_way += relay.packets_to_send()
        for outer in draws.draw(st.lists(st.sampled_from(on_the_way), max_size=3)):
            machine.receive_packet(outer, now)
        now += draws.draw(st.sampled_from([0.1, PROBE_WAIT]))
        machine.handle_timer(now)
        while machine.next_event() is not None:
            told += 1
        assert told <= probes
        due = machine.get_timer()
        assert due is None or now < due <= now + PROBE_WAIT
    assert machine.ipv6_to_deliver() == []
    machine.handle_timer(now + PROBE_WAIT)
    assert machine.get_timer() is None
    assert told + (machine.next_event() is not None) >= 1
