"""6to4 under hostile octets: no exception, no state, nothing for who cannot be a site."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.machine import OuterPacket
from sensor.schema.words import Kind
from sensor.wire.addresses import SIXTOFOUR_ANYCAST, is_bogon, sixtofour
from tests.lab.sixinfour.ends import (
    LOCAL,
    NATIVE,
    OTHER_SITE,
    OWN_SITE,
    REMOTE,
    STRANGER,
    hear,
    relay,
    router,
)
from tests.lab.sixinfour.hostile import Watched, stories, truncated
from tests.lab.teredo.parties import data


class Sixtofour(Watched):
    """What leaves embeds where it goes, but for native destinations by the relay."""

    def _check(self, outer: OuterPacket) -> None:
        super()._check(outer)
        assert not is_bogon(outer.destination)
        assert sixtofour(outer.payload[24:40]) in (None, outer.destination)


@given(stories(REMOTE))
def test_a_router_goes_on(story: list[Any]) -> None:
    machine = router()
    Sixtofour(machine, Kind.SIXTOFOUR).run(story)
    assert machine.get_timer() is None
    machine.send_ipv6(data(OWN_SITE, OTHER_SITE), 9_000.0)
    machine.send_ipv6(data(OWN_SITE, NATIVE), 9_000.0)
    sent = machine.packets_to_send()
    assert [outer.destination for outer in sent] == [REMOTE, SIXTOFOUR_ANYCAST]
    hear(machine, data(OTHER_SITE, OWN_SITE), REMOTE, LOCAL)
    hear(machine, data(NATIVE, OWN_SITE), SIXTOFOUR_ANYCAST, LOCAL)
    assert len(machine.ipv6_to_deliver()) == 2


@given(stories(REMOTE), st.booleans())
def test_a_relay_goes_on(story: list[Any], anycast: bool) -> None:
    machine = relay(anycast=anycast)
    Sixtofour(machine, Kind.SIXTOFOUR).run(story)
    assert machine.get_timer() is None
    machine.send_ipv6(data(NATIVE, OTHER_SITE), 9_000.0)
    (sent,) = machine.packets_to_send()
    assert sent.destination == REMOTE
    hear(machine, data(OTHER_SITE, NATIVE), REMOTE, LOCAL)
    assert machine.ipv6_to_deliver() == [data(OTHER_SITE, NATIVE)]


@pytest.mark.parametrize("source", [REMOTE, STRANGER, LOCAL, SIXTOFOUR_ANYCAST])
def test_every_truncation_is_taken_or_refused(source: bytes) -> None:
    for machine in (router(), relay(anycast=True)):
        truncated(Sixtofour(machine, Kind.SIXTOFOUR), source)
        assert set(machine.drops) >= {"malformed"}
