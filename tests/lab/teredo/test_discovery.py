"""Discovery bubbles out, and those that are taken."""

from __future__ import annotations

import pytest

from sensor.lab.inner.refusal import Refused
from sensor.lab.teredo import discovery as words
from sensor.lab.teredo.arrival import Arrival, read_arrival
from sensor.lab.teredo.discovery import GROUP, Discovery
from sensor.schema.records import Endpoint
from sensor.wire import addresses, teredo
from sensor.wire.addresses import packed
from tests.lab.teredo.parties import data
from tests.lab.teredo.world import LOCAL, MAPPED, NATIVE, PUBLIC, RELAY, address_of, link

NEIGHBOUR = Endpoint(packed("192.168.0.3"), 41_000)
ITS_ADDRESS = address_of(Endpoint(PUBLIC, 50_001))


def arrival(
    source: bytes = ITS_ADDRESS, to: bytes = addresses.ALL_NODES, end: Endpoint = NEIGHBOUR
) -> Arrival:
    return read_arrival(teredo.build_bubble(source, to, 1), end, GROUP)


def test_the_first_bubble_leaves_at_once_the_next_in_200_to_300_seconds() -> None:
    made = link(local_discovery=True)
    found = Discovery(made)
    found.start(10.0)
    (sent,) = made.outbox.take_datagrams()
    assert (sent.source, sent.destination, sent.ttl) == (LOCAL, GROUP, 1)
    assert sent.payload[7] == 1
    assert sent.payload[8:40] == (made.address or b"") + packed("ff02::1")
    assert found.due is not None
    assert 210.0 <= found.due <= 310.0
    found.stop()
    assert found.due is None


def test_it_is_off_unless_asked_for() -> None:
    made = link()
    found = Discovery(made)
    found.start(0.0)
    assert (found.due, made.outbox.datagrams) == (None, [])
    with pytest.raises(Refused, match=f"^{words.DISCOVERY_OFF}$"):
        found.check(arrival())


def test_a_neighbours_bubble_is_taken() -> None:
    made = link(local_discovery=True)
    Discovery(made).check(arrival())
    assert made.drops == {}


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (arrival(source=NATIVE), words.DISCOVERY_FORM),
        (arrival(source=address_of(MAPPED)), words.DISCOVERY_FORM),
        (arrival(to=packed("ff02::2")), words.DISCOVERY_FORM),
        (read_arrival(data(ITS_ADDRESS, addresses.ALL_NODES), NEIGHBOUR, GROUP),
         words.DISCOVERY_FORM),
        (arrival(end=RELAY), words.DISCOVERY_SUBNET),
        (arrival(end=Endpoint(packed("192.168.1.3"), 41_000)), words.DISCOVERY_SUBNET),
    ],
)  # fmt: skip
def test_anything_else_is_refused(wrong: Arrival, word: str) -> None:
    with pytest.raises(Refused, match=f"^{word}$"):
        Discovery(link(local_discovery=True)).check(wrong)


def test_off_line_it_announces_nothing() -> None:
    made = link(local_discovery=True)
    made.address = None
    Discovery(made).announce()
    assert made.outbox.datagrams == []


def test_nothing_is_announced_where_it_is_off() -> None:
    made = link()
    Discovery(made).announce()
    assert made.outbox.datagrams == []
