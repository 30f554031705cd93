"""What every end does whatever its tunnel: takes what is for it, and speaks to others only."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sensor.lab.inner.refusal import LENGTH, LOOP, MALFORMED
from sensor.lab.machine import RawMachine
from sensor.lab.sixinfour.link import ERRORS_A_SECOND
from sensor.lab.sixinfour.refusal import (
    ERRORS_LIMITED,
    NO_ERROR,
    NOT_MINE,
    NOT_SENT,
    NOT_UNICAST,
    WRONG_PROTOCOL,
)
from sensor.wire import icmpv4, icmpv6, ipv6
from sensor.wire.addresses import packed
from tests.lab.sixinfour.ends import (
    BORDER,
    EDGE,
    FAR,
    NATIVE,
    NEAR,
    OTHER_SITE,
    OWN_SITE,
    REMOTE,
    STRANGER,
    border,
    carried,
    edge,
    error_about,
    hear,
    home,
    peer,
    relay,
    router,
)
from tests.lab.teredo.parties import data

# An end, a packet of its host that it sends, and a packet for its host from an honest other end.
CASES: dict[str, tuple[Callable[[], RawMachine], bytes, bytes, bytes]] = {
    "peer": (peer, data(NEAR, FAR), data(FAR, NEAR), REMOTE),
    "6to4 router": (router, data(OWN_SITE, OTHER_SITE), data(OTHER_SITE, OWN_SITE), REMOTE),
    "6to4 relay": (relay, data(NATIVE, OTHER_SITE), data(OTHER_SITE, NATIVE), REMOTE),
    "6rd edge": (edge, data(home(EDGE), NATIVE), data(NATIVE, home(EDGE)), BORDER),
    "6rd relay": (border, data(NATIVE, home(EDGE)), data(home(EDGE), NATIVE), EDGE),
}
each = pytest.mark.parametrize(("make", "out", "into", "other"), CASES.values(), ids=CASES)
Make = Callable[[], RawMachine]


@each
def test_one_packet_in_and_one_out(make: Make, out: bytes, into: bytes, other: bytes) -> None:
    machine = make()
    (local, *_) = machine.addresses
    assert tuple(machine.protocols) == (41,)
    machine.start(0.0)
    machine.send_ipv6(out, 0.0)
    (sent,) = machine.packets_to_send()
    assert (sent.source, sent.destination, sent.payload) == (local, other, out)
    hear(machine, into, other, local)
    assert machine.ipv6_to_deliver() == [into]
    assert machine.packets_to_send() == []
    assert machine.drops == {}
    assert machine.get_timer() is None
    machine.handle_timer(1.0)
    assert machine.next_event() is None


@each
def test_good_bye(make: Make, out: bytes, into: bytes, other: bytes) -> None:
    machine = make()
    machine.stop(1.0)
    event = machine.next_event()
    assert event is not None
    assert event.what == "stopped"
    assert machine.next_event() is None


@each
def test_what_is_not_whole_is_not_sent(make: Make, out: bytes, into: bytes, other: bytes) -> None:
    machine = make()
    for length in range(len(out)):
        machine.send_ipv6(out[:length], 0.0)
    machine.send_ipv6(out + b"\0", 0.0)
    assert machine.packets_to_send() == []
    assert machine.drops == {MALFORMED: len(out) + 1}


@each
def test_what_is_not_for_it_is_not_taken(make: Make, out: bytes, into: bytes, other: bytes) -> None:
    machine = make()
    (local, *_) = machine.addresses
    for destination in (STRANGER, packed("224.0.0.1"), packed("255.255.255.255"), other):
        hear(machine, into, other, destination)
    assert machine.drops == {NOT_MINE: 4}
    machine.receive_packet(carried(into, other, local)._replace(protocol=47), 0.0)
    assert machine.drops == {NOT_MINE: 4, WRONG_PROTOCOL: 1}
    assert machine.ipv6_to_deliver() == []


@each
@pytest.mark.parametrize("source", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"])
def test_nobody_sends_from_there(
    make: Make, out: bytes, into: bytes, other: bytes, source: str
) -> None:
    machine = make()
    (local, *_) = machine.addresses
    hear(machine, into, packed(source), local)
    assert machine.drops == {NOT_UNICAST: 1}
    assert machine.ipv6_to_deliver() == []


@each
def test_it_does_not_hear_itself(make: Make, out: bytes, into: bytes, other: bytes) -> None:
    machine = make()
    (local, *_) = machine.addresses
    hear(machine, into, local, local)
    assert machine.drops == {LOOP: 1}
    assert machine.ipv6_to_deliver() == []


@each
def test_cut_packets_are_counted(make: Make, out: bytes, into: bytes, other: bytes) -> None:
    machine = make()
    (local, *_) = machine.addresses
    for length in range(len(into)):
        hear(machine, into[:length], other, local)
    assert machine.drops == {MALFORMED: 40, LENGTH: len(into) - 40}
    hear(machine, into + bytes(6), other, local)
    assert machine.ipv6_to_deliver() == [into]


@each
def test_its_host_hears_of_what_did_not_arrive(
    make: Make, out: bytes, into: bytes, other: bytes
) -> None:
    machine = make()
    machine.send_ipv6(out, 0.0)
    (sent,) = machine.packets_to_send()
    machine.receive_packet(error_about(sent), 0.0)
    (told,) = machine.ipv6_to_deliver()
    assert told[24:40] == out[8:24]
    assert told[48:] == out


@each
def test_nobody_hears_of_what_it_did_not_send(
    make: Make, out: bytes, into: bytes, other: bytes
) -> None:
    machine = make()
    machine.send_ipv6(out, 0.0)
    (sent,) = machine.packets_to_send()
    machine.receive_packet(error_about(sent._replace(destination=STRANGER)), 0.0)
    assert machine.ipv6_to_deliver() == []
    assert sum(machine.drops.values()) == 1


def test_only_so_many_errors_a_second_are_passed_on() -> None:
    machine = peer()
    machine.send_ipv6(data(NEAR, FAR), 0.0)
    (sent,) = machine.packets_to_send()
    for _ in range(ERRORS_A_SECOND + 5):
        machine.receive_packet(error_about(sent), 100.0)
    assert len(machine.ipv6_to_deliver()) == ERRORS_A_SECOND
    assert machine.drops == {ERRORS_LIMITED: 5}
    machine.receive_packet(error_about(sent), 101.0)
    assert len(machine.ipv6_to_deliver()) == 1


def test_what_is_not_passed_on_silences_no_error() -> None:
    """Junk, errors about others' packets, and errors about errors, as many as may come."""
    machine = peer()
    machine.send_ipv6(data(NEAR, FAR), 0.0)
    (sent,) = machine.packets_to_send()
    quoted = icmpv6.build_error(NEAR, FAR, icmpv6.UNREACHABLE, 0, data(FAR, NEAR))
    about_an_error = sent._replace(payload=ipv6.build(NEAR, FAR, icmpv6.PROTOCOL, quoted))
    for _ in range(3 * ERRORS_A_SECOND):
        machine.receive_packet(error_about(sent, icmpv4.REDIRECT), 100.0)
        machine.receive_packet(error_about(sent._replace(destination=STRANGER)), 100.0)
        machine.receive_packet(error_about(about_an_error), 100.0)
    assert machine.ipv6_to_deliver() == []
    assert machine.drops == {NO_ERROR: 3 * ERRORS_A_SECOND, NOT_SENT: 3 * ERRORS_A_SECOND}
    machine.receive_packet(error_about(sent), 100.0)
    assert len(machine.ipv6_to_deliver()) == 1
