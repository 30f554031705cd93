"""A configured tunnel under hostile octets: no exception, no state, one packet for one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from sensor.schema.words import Kind
from tests.lab.sixinfour.ends import FAR, LOCAL, NEAR, REMOTE, STRANGER, hear, peer
from tests.lab.sixinfour.hostile import Watched, stories, truncated
from tests.lab.teredo.parties import data


@given(stories(REMOTE))
def test_it_speaks_to_its_other_end_alone_and_goes_on(story: list[Any]) -> None:
    machine = peer()
    Watched(machine, Kind.SIXINFOUR).run(story)
    assert machine.get_timer() is None
    machine.send_ipv6(data(NEAR, FAR), 9_000.0)
    (sent,) = machine.packets_to_send()
    assert (sent.destination, sent.payload) == (REMOTE, data(NEAR, FAR))
    hear(machine, data(FAR, NEAR), REMOTE, LOCAL)
    assert machine.ipv6_to_deliver() == [data(FAR, NEAR)]


@pytest.mark.parametrize("source", [REMOTE, STRANGER, LOCAL])
def test_every_truncation_is_taken_or_refused(source: bytes) -> None:
    machine = peer()
    truncated(Watched(machine, Kind.SIXINFOUR), source)
    assert set(machine.drops) >= {"malformed"}
