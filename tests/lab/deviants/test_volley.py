"""A volley leaves at its pace, from where it says, and no longer than it may."""

from __future__ import annotations

import pytest

from sensor.lab.deviants import volley
from sensor.lab.deviants.volley import UNHEARD, VOLLEY_CUT, Volley
from sensor.lab.machine import Datagram, Machine
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from tests.lab.teredo.parties import CLIENT_END, OTHER_END, PRIMARY

LOCAL = Endpoint(bytes([192, 0, 2, 130]), 40_000)


def datagrams(count: int) -> list[Datagram]:
    return [
        Datagram(PRIMARY, CLIENT_END, bytes([number]), TeredoPacket.DATA) for number in range(count)
    ]


def fire(machine: Volley, now: float) -> list[bytes]:
    machine.handle_timer(now)
    return [datagram.payload for datagram in machine.datagrams_to_send()]


def test_one_leaves_at_the_start_and_one_after_each_gap() -> None:
    machine = Volley(LOCAL, datagrams(3), gap=0.5)
    assert machine.get_timer() is None
    machine.start(10.0)
    assert [sent.payload for sent in machine.datagrams_to_send()] == [b"\0"]
    assert machine.get_timer() == 10.5
    assert fire(machine, 10.4) == []
    assert fire(machine, 10.5) == [b"\1"]
    assert fire(machine, 12.0) == [b"\2"]
    assert machine.get_timer() is None


def test_it_claims_to_be_where_its_datagrams_say() -> None:
    machine: Machine = Volley(LOCAL, datagrams(1), gap=1.0)
    machine.start(0.0)
    (sent,) = machine.datagrams_to_send()
    assert sent.source == PRIMARY
    assert tuple(machine.ends) == (LOCAL,)


def test_what_comes_back_is_counted() -> None:
    machine = Volley(LOCAL, [], gap=1.0)
    machine.start(0.0)
    machine.receive_datagram(b"why?", OTHER_END, LOCAL, 1.0)
    machine.send_ipv6(b"why?", 1.0)
    assert machine.drops == {UNHEARD: 2}
    assert (machine.datagrams_to_send(), machine.ipv6_to_deliver()) == ([], [])
    assert machine.next_event() is None


def test_who_stops_sends_no_more() -> None:
    machine = Volley(LOCAL, datagrams(5), gap=1.0)
    machine.start(0.0)
    machine.datagrams_to_send()
    machine.stop(0.5)
    assert fire(machine, 9.0) == []


def test_more_than_it_may_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volley, "MOST", 3)
    machine = Volley(LOCAL, datagrams(5), gap=0.0)
    machine.start(0.0)
    assert len(machine.datagrams_to_send()) == 3
    assert machine.drops == {VOLLEY_CUT: 2}
    assert machine.get_timer() is None
