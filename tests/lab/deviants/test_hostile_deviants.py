"""Deviants under hostile octets: no exception, and bounded answers, memory and timers."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.deviants.eavesdropper import KEPT, Eavesdropper
from sensor.lab.deviants.lax_client import LaxClient
from sensor.lab.deviants.scanner import FLAGS, Scanner, ScannerSettings
from sensor.lab.deviants.volley import Volley
from sensor.lab.deviants.weak_server import ROUNDS, WeakServer
from sensor.lab.machine import Datagram, Machine
from sensor.lab.teredo.settings import PeerLimits, RelaySettings, ServerSettings
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire.addresses import is_global_unicast
from tests.lab.teredo.hostile import hostile, sources
from tests.lab.teredo.parties import (
    CLIENT,
    CLIENT_END,
    INTERNET,
    NATIVE,
    PRIMARY,
    RELAY_END,
    RELAY_SOURCE,
    SECONDARY,
)
from tests.lab.teredo.world import client_settings

LOCAL = Endpoint(bytes([192, 0, 2, 130]), 40_000)
LIMITS = PeerLimits(peers=3, queued_packets=2, queued_octets=200)
PORTS = range(40_000, 40_010)
# The most that one input, or the time between two, may bring forth.
MOST = len(PORTS) + len(FLAGS)

steps = st.lists(
    st.tuples(st.just("receive"), hostile, sources)
    | st.tuples(st.just("send"), hostile, sources)
    | st.tuples(st.just("wait"), st.just(b""), sources),
    max_size=25,
)


def live(machine: Machine, story: list[Any], now: float = 1_000.0) -> list[Datagram]:
    """What it sent in a story; each of its ends hears the same."""
    sent: list[Datagram] = []
    machine.start(now)
    for verb, octets, source in story:
        if verb == "receive":
            for end in tuple(machine.ends):
                machine.receive_datagram(octets, source, end, now)
        elif verb == "send":
            machine.send_ipv6(octets, now)
        else:
            now += 7.0
        due = machine.get_timer()
        if due is not None and due <= now:
            machine.handle_timer(now)
        step = machine.datagrams_to_send()
        assert len(step) <= MOST
        sent += step
        machine.ipv6_to_deliver()
        while machine.next_event() is not None:
            pass
    return sent


@given(steps)
def test_a_volley_is_moved_by_nobody(story: list[Any]) -> None:
    datagram = Datagram(PRIMARY, CLIENT_END, b"", TeredoPacket.DATA)
    sent = live(Volley(LOCAL, [datagram] * 3, gap=1.0), story)
    assert len(sent) <= 3
    assert set(sent) <= {datagram}


@given(steps)
def test_a_scanner_sends_to_its_target_and_its_server_alone(story: list[Any]) -> None:
    settings = ScannerSettings(LOCAL, NATIVE, CLIENT_END.ip, PRIMARY.ip, PORTS)
    sent = live(Scanner(settings), story)
    assert len(sent) <= MOST
    assert {datagram.destination.ip for datagram in sent} <= {CLIENT_END.ip, PRIMARY.ip}


@given(steps)
def test_an_eavesdropper_is_a_relay_within_its_limits(story: list[Any]) -> None:
    settings = RelaySettings(RELAY_END, RELAY_SOURCE, INTERNET, limits=LIMITS)
    machine = Eavesdropper(settings, Random(1), victims=CLIENT[:8], site=NATIVE[:6])
    for datagram in live(machine, story):
        assert datagram.source == RELAY_END
        assert is_global_unicast(datagram.destination.ip)
    assert len(machine.read) <= KEPT
    assert len(machine._peers) <= LIMITS.peers


@given(steps)
def test_a_lax_client_answers_where_a_host_can_be(story: list[Any]) -> None:
    client = LaxClient(client_settings(), Random(1))
    for datagram in live(client, story):
        assert is_global_unicast(datagram.destination.ip)
        assert datagram.destination.port


@given(steps)
def test_a_weak_server_goes_round_no_more_than_it_may(story: list[Any]) -> None:
    server = WeakServer(ServerSettings(PRIMARY.ip, SECONDARY.ip), Random(1))
    own = tuple(server.ends)
    for datagram in live(server, story):
        assert datagram.source in own
        assert datagram.destination.ip not in (PRIMARY.ip, SECONDARY.ip)
    assert server.rounds <= ROUNDS * len(own) * len(story)
