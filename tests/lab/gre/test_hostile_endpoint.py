"""A GRE end under hostile octets: no exception, nothing but the peer's IPv6, and it recovers."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.gre.endpoint import SEQUENCE_KEPT, GreEndpoint
from sensor.lab.inner.packets import is_whole
from sensor.wire import gre
from sensor.wire.cursor import Cursor
from tests.lab.framing.parties import ALICE, NATIVE, data
from tests.lab.gre.parties import EAST, OWN, THIRD, WEST, carried, east, outer, west

PACKET = data(ALICE, NATIVE)
BUILT = [
    gre.build(protocol, payload, key=key, sequence=sequence, checksum=summed)
    for protocol in (gre.IPV6, gre.IPV4)
    for payload in (PACKET, PACKET + b"junk", PACKET[:50])
    for key in (None, 7)
    for sequence in (None, 0, 3, 0x80000001)
    for summed in (False, True)
]
BUILT += [gre.build(gre.IPV6, PACKET, routes=(b"\1\2\3\4",)), gre.build_pptp(7, PACKET)]
addresses = st.sampled_from([EAST, WEST, THIRD])
settings = st.fixed_dictionaries(
    {
        "key": st.sampled_from([None, 7]),
        "sequence": st.booleans(),
        "checksum": st.booleans(),
        "own": st.sampled_from([None, OWN]),
    }
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    octets = bytearray(draw(st.sampled_from(BUILT)))
    for _ in range(draw(st.integers(0, 3))):
        octets[draw(st.integers(0, len(octets) - 1))] = draw(st.integers(0, 255))
    return bytes(octets[: draw(st.integers(0, len(octets)))])


hostile = st.binary(max_size=60) | st.sampled_from(BUILT) | mutated()
steps = st.lists(
    st.tuples(st.just("receive"), hostile, addresses, addresses, st.sampled_from([1, 41, 47]))
    | st.tuples(st.just("send"), st.binary(max_size=60) | st.just(data(ALICE, NATIVE, bytes(1300))))
    | st.tuples(st.just("wait"), st.sampled_from([0.1, 40.0])),
    max_size=25,
)


def check(machine: GreEndpoint) -> None:
    for sent in machine.packets_to_send():
        assert (sent.source, sent.destination, sent.protocol) == (WEST, EAST, 47)
        cursor = Cursor(sent.payload)
        assert gre.parse(cursor).protocol == gre.IPV6
        assert is_whole(cursor.rest())
    assert all(is_whole(packet) for packet in machine.ipv6_to_deliver())
    assert machine.get_timer() is None


@given(steps, settings)
def test_it_takes_or_counts_and_recovers(story: list[Any], options: dict[str, Any]) -> None:
    machine, now = west(**options), 0.0
    for verb, *arguments in story:
        if verb == "wait":
            now += arguments[0]
        elif verb == "send":
            machine.send_ipv6(arguments[0], now)
        else:
            octets, source, destination, protocol = arguments
            machine.receive_packet(outer(octets, source, destination, protocol), now)
        check(machine)
    # A peer that begins anew is heard once its former numbers are forgotten, forged ones too.
    now += SEQUENCE_KEPT
    peer = east(**options)
    for _ in range(2):
        assert carried(peer, machine, PACKET, now) == [PACKET]
        assert carried(machine, peer, PACKET, now) == [PACKET]


def test_it_takes_or_counts_every_truncation() -> None:
    for built in BUILT:
        for length in range(len(built) + 1):
            machine = west(key=7, sequence=True)
            machine.receive_packet(outer(built[:length]), 0.0)
            assert len(machine.ipv6_to_deliver()) + machine.drops.total() == 1


@given(st.lists(st.integers(0, 9), max_size=30))
def test_lost_doubled_and_reordered_packets_come_once_and_in_order(order: list[int]) -> None:
    sender, receiver = east(sequence=True), west(sequence=True)
    for number in range(10):
        sender.send_ipv6(data(ALICE, NATIVE, bytes([number])), 0.0)
    sent = sender.packets_to_send()
    for number in order:
        receiver.receive_packet(sent[number], 0.0)
    got = [packet[-1] for packet in receiver.ipv6_to_deliver()]
    assert got == sorted(set(got))
    assert len(got) + receiver.drops["out-of-sequence"] == len(order)
