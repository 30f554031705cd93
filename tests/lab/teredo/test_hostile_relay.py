"""A relay under hostile octets: no exception, bounded table, timers and answers."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.machine import Datagram
from sensor.lab.teredo.relay import BUBBLE_WAIT, Relay
from sensor.lab.teredo.settings import PeerLimits, RelaySettings
from sensor.schema.records import Endpoint
from tests.lab.teredo.hostile import HONEST, check_sent, hostile, sources
from tests.lab.teredo.parties import (
    CLIENT,
    CLIENT_END,
    INTERNET,
    NATIVE,
    OTHER_END,
    PRIMARY,
    RELAY_END,
    RELAY_SOURCE,
    bubble,
    data,
    echo,
    hear,
    less_a_hop,
    relay,
)

LIMITS = PeerLimits(peers=3, queued_packets=2, queued_octets=200)
TWO_A_STEP = 2  # datagrams at most for one that comes in: a direct and an indirect bubble


class Watched:
    """A relay whose limits and timer are looked at after each step."""

    def __init__(self, *, of_one_host: bool, direct: bool) -> None:
        served = ((NATIVE, 128),) if of_one_host else INTERNET
        self.now = 1_000.0
        self.sent: list[Datagram] = []
        settings = RelaySettings(
            RELAY_END, RELAY_SOURCE, served, direct_bubbles=direct, limits=LIMITS
        )
        self.relay = Relay(settings, Random(1))

    def receive(self, payload: bytes, source: Endpoint) -> None:
        self.relay.receive_datagram(payload, source, RELAY_END, self.now)
        self._check(most=LIMITS.queued_packets + 1)

    def send(self, packet: bytes) -> None:
        self.relay.send_ipv6(packet, self.now)
        self._check(most=TWO_A_STEP)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.relay.handle_timer(self.now)
        self._check(most=TWO_A_STEP * LIMITS.peers)

    def _check(self, most: int) -> None:
        sent = self.relay.datagrams_to_send()
        assert len(sent) <= most
        check_sent(sent, (RELAY_END,))
        assert len(self.relay.ipv6_to_deliver()) <= 1 + LIMITS.peers * LIMITS.queued_packets
        due = self.relay.get_timer()
        assert due is None or self.now <= due <= self.now + BUBBLE_WAIT
        held = self.relay._peers
        assert len(held) <= LIMITS.peers
        assert set(self.relay._asked) <= {peer.address for peer in held.all()}
        queued = [len(packet) for peer in held.all() for packet in peer.queue]
        assert held.queued_octets == sum(queued) <= LIMITS.queued_octets
        assert all(len(peer.queue) <= LIMITS.queued_packets for peer in held.all())


steps = st.lists(
    st.tuples(st.just("receive"), hostile, sources)
    | st.tuples(st.just("send"), hostile)
    | st.tuples(st.just("wait"), st.sampled_from([0.0, 0.5, 2.0, 7.0, 40.0])),
    max_size=25,
)


def calm(watched: Watched) -> None:
    """Timers fire when they are due and no sooner, until none is left."""
    for _ in range(50):
        due = watched.relay.get_timer()
        if due is None:
            return
        watched.wait(due - watched.now)
    raise AssertionError("it never stops asking")


@given(steps, st.booleans(), st.booleans())
def test_a_relay_stays_within_its_limits_and_recovers(
    story: list[Any], of_one_host: bool, direct: bool
) -> None:
    watched = Watched(of_one_host=of_one_host, direct=direct)
    for verb, *arguments in story:
        # A timer that is due has fired before anything else happens.
        watched.wait(0.0)
        getattr(watched, verb)(*arguments)
    calm(watched)
    # Whatever happened, an honest client is reached again.
    watched.wait(31.0)
    packet = data(NATIVE, CLIENT)
    machine = watched.relay
    machine.send_ipv6(packet, watched.now)
    asked = machine.datagrams_to_send()[-1]
    assert asked.destination == PRIMARY
    machine.receive_datagram(bubble(CLIENT, RELAY_SOURCE), CLIENT_END, RELAY_END, watched.now)
    (sent,) = machine.datagrams_to_send()
    assert sent.destination == CLIENT_END
    assert sent.payload == (packet if of_one_host else less_a_hop(packet))


@pytest.mark.parametrize("source", [CLIENT_END, OTHER_END, RELAY_END, PRIMARY])
def test_a_relay_takes_or_refuses_every_truncation(source: Endpoint) -> None:
    watched = Watched(of_one_host=False, direct=True)
    for payload in HONEST:
        for end in range(len(payload) + 1):
            watched.receive(payload[:end], source)
            watched.send(payload[:end])


@given(st.data())
def test_lost_doubled_late_and_reordered_bubbles_end_in_trust_or_silence(
    draws: st.DataObject,
) -> None:
    """Each of a client's answers may be lost, come twice, late or out of order."""
    machine = relay()
    now, answers = 0.0, [bubble(CLIENT, RELAY_SOURCE), data(CLIENT, NATIVE), echo(CLIENT, NATIVE)]
    machine.send_ipv6(data(NATIVE, CLIENT), now)
    for _ in range(4):
        for answer in draws.draw(st.lists(st.sampled_from(answers), max_size=3)):
            hear(machine, answer, CLIENT_END, now)
        now += draws.draw(st.sampled_from([0.1, BUBBLE_WAIT]))
        machine.handle_timer(now)
    sent = [datagram.payload for datagram in machine.datagrams_to_send()]
    reached = less_a_hop(data(NATIVE, CLIENT)) in sent
    assert sent.count(less_a_hop(data(NATIVE, CLIENT))) <= 1
    assert reached or machine.get_timer() is not None or machine.drops["not-reached"] == 1
