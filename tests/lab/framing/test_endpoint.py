"""What all endpoints with one UDP end do alike."""

from __future__ import annotations

import pytest

from sensor.errors import DecodeError
from sensor.lab.framing.endpoint import Responder, Timed
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire import icmpv6
from sensor.wire.addresses import packed
from tests.lab.framing.parties import ALICE, BROKER, NATIVE, OTHER, SERVER, data, events

PACKET = data(ALICE, NATIVE)


class Echoing(Responder):
    """Sends back what it is sent, and all packets to one end."""

    def _carry(self, packet: bytes, now: float) -> None:
        self._send(packet, OTHER)

    def _take(self, payload: bytes, source: Endpoint, now: float) -> None:
        if not payload:
            raise DecodeError("nothing")
        self._send(payload, source, Kind.NONE)


class Ringing(Timed):
    """Notes when it was woken, and waits for a second."""

    def start(self, now: float) -> None:
        self.rings: list[float] = []
        self._due = now + 1

    def _ring(self, now: float) -> None:
        self.rings.append(now)

    def _carry(self, packet: bytes, now: float) -> None:
        self._deliver(packet)

    def _take(self, payload: bytes, source: Endpoint, now: float) -> None:
        self._deliver(payload)


def echoing(own: bytes | None = None) -> Echoing:
    return Echoing(SERVER, Kind.AYIYA, 1_280, own)


def test_datagrams_come_from_its_end_and_are_of_its_kind() -> None:
    machine = echoing()
    machine.start(0.0)
    machine.send_ipv6(PACKET, 0.0)
    machine.receive_datagram(b"x", OTHER, SERVER, 0.0)
    first, second = machine.datagrams_to_send()
    assert (first.source, first.destination, first.payload) == (SERVER, OTHER, PACKET)
    assert (first.kind, second.kind) == (Kind.AYIYA, Kind.NONE)
    assert machine.ends == (SERVER,)
    machine.handle_timer(9.0)
    assert machine.get_timer() is None


@pytest.mark.parametrize("octets", [b"", PACKET[:-1], PACKET + b"\0", b"\x45" + PACKET[1:]])
def test_only_whole_packets_are_carried(octets: bytes) -> None:
    machine = echoing()
    machine.send_ipv6(octets, 0.0)
    assert machine.drops == {"malformed": 1}
    assert machine.datagrams_to_send() == []


def test_a_decoders_error_is_counted() -> None:
    machine = echoing()
    machine.receive_datagram(b"", OTHER, SERVER, 0.0)
    assert machine.drops == {"malformed": 1}


@pytest.mark.parametrize("own", [None, BROKER])
def test_packets_that_are_too_big_are_answered_by_who_has_an_address(own: bytes | None) -> None:
    machine = echoing(own)
    machine.send_ipv6(data(ALICE, NATIVE, bytes(1_232)), 0.0)
    assert len(machine.datagrams_to_send()) == 1
    machine.send_ipv6(data(ALICE, NATIVE, bytes(1_233)), 0.0)
    assert machine.datagrams_to_send() == []
    assert machine.drops == {"packet-too-big": 1}
    told = machine.ipv6_to_deliver()
    assert len(told) == (own is not None)
    assert all(each[40] == icmpv6.TOO_BIG and each[24:40] == ALICE for each in told)


def test_errors_are_limited() -> None:
    machine = echoing(BROKER)
    for _ in range(15):
        machine.send_ipv6(data(ALICE, NATIVE, bytes(1_300)), 0.0)
    assert len(machine.ipv6_to_deliver()) == 10
    assert machine.drops["errors-limited"] == 5


@pytest.mark.parametrize(
    "end",
    [
        Endpoint(packed("0.1.2.3"), 9),
        Endpoint(packed("127.0.0.1"), 9),
        Endpoint(packed("224.0.0.253"), 9),
        Endpoint(packed("255.255.255.255"), 9),
        Endpoint(OTHER.ip, 0),
        SERVER,
    ],
)
def test_nobody_is_heard_or_answered_who_is_no_other_host(end: Endpoint) -> None:
    machine = echoing()
    machine.receive_datagram(b"x", end, SERVER, 0.0)
    assert machine.drops == {"no-host-there": 1}
    assert machine.datagrams_to_send() == []


def test_a_timer_rings_once_when_it_is_due() -> None:
    machine = Ringing(SERVER, Kind.AYIYA, 1_280)
    machine.handle_timer(0.0)
    machine.start(0.0)
    assert machine.get_timer() == 1.0
    for now in (0.5, 1.0, 2.0):
        machine.handle_timer(now)
    assert machine.rings == [1.0]
    assert machine.get_timer() is None


def test_who_is_stopped_waits_for_nothing() -> None:
    machine = Ringing(SERVER, Kind.AYIYA, 1_280)
    machine.start(0.0)
    machine.stop(0.5)
    assert machine.get_timer() is None
    assert [event.what for event in events(machine)] == ["stopped"]
