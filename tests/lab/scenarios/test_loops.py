"""A packet goes round until its hops end, or once where the router looks closer."""

from __future__ import annotations

from sensor.lab.scenarios.loops import HOPS
from sensor.schema.words import Kind
from sensor.wire import ipv4, ipv6, link
from sensor.wire.cursor import Cursor
from tests.lab.scenarios.linked import embedded, senders
from tests.lab.scenarios.stories import told


def hop_limits(name: str) -> list[int]:
    """Of the inner packets, in order."""
    world, _ = told(name)
    found = []
    for frame in world.watched.outside.frames:
        cursor = Cursor(frame.octets)
        link.parse(link.LINKTYPE_ETHERNET, cursor)
        ipv4.parse(cursor)
        found.append(ipv6.parse(cursor).hop_limit)
    return found


def test_each_round_takes_one_hop() -> None:
    assert hop_limits("rfc6324-loop") == list(range(HOPS - 1, 0, -1))
    assert senders("rfc6324-loop", "inside") == {"relay": HOPS - 1}


def test_a_router_that_looks_closer_ends_it_at_once() -> None:
    assert hop_limits("rfc6324-protected") == [HOPS - 1]


def test_each_end_is_named_by_the_others_scheme() -> None:
    relay, router = "192.0.2.130", "198.18.1.20"
    assert list(embedded("rfc6324-loop", "outside", Kind.ISATAP).values()) == [relay]
    assert list(embedded("rfc6324-loop", "outside", Kind.SIXTOFOUR).values()) == [router]
