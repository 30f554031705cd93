"""TCP between hosts: services, refusals, limits, bad networks."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.network.clock import Clock
from sensor.lab.network.connection import Connection, Outcome
from sensor.lab.network.medium import Faults
from sensor.lab.network.native import Native
from sensor.lab.network.stack6 import Stack6
from sensor.lab.network.tap import Tap
from sensor.lab.network.tcp import BAD_CHECKSUM, CONNECTIONS, FULL, LINGER, SILENT, UNREADABLE, Tcp
from sensor.wire import checksum, tcp
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor

A, B = packed("2001:db8::a"), packed("2001:db8::b")


class Net:
    """A caller and a server that answers requests of one line."""

    def __init__(self, seed: int = 1) -> None:
        self.clock = Clock()
        self.native = Native(self.clock, Random(seed))
        self.a = Stack6("a", self.clock, Random(f"{seed}/a"), [A])
        self.b = Stack6("b", self.clock, Random(f"{seed}/b"), [B])
        for stack in (self.a, self.b):
            self.native.host(stack)
        self.tap = Tap(self.native)
        self.b.tcp.serve(80, self.answer)

    def answer(self, request: bytes) -> bytes | None:
        return b"200 " + request * 2 if request.endswith(b"\n") else None

    def fetch(self, request: bytes = b"GET\n", port: int = 80, seconds: float = 30) -> Connection:
        connection = self.a.tcp.connect(B, port, request)
        self.clock.run(self.clock.now + seconds)
        return connection

    def flags(self) -> list[str]:
        headers = [tcp.parse(Cursor(frame.octets[54:])) for frame in self.tap.frames]
        return [tcp.flags_text(header.flags) for header in headers]


def test_request_and_answer() -> None:
    net = Net()
    page = net.fetch()
    assert (page.outcome, page.received) == (Outcome.ANSWERED, b"200 GET\nGET\n")
    assert net.flags() == ["S", "SA", "A", "PA", "PA", "FA", "A", "FA", "A"]


def test_long_requests_and_answers() -> None:
    net = Net()
    request = bytes(range(10)) * 9000 + b"\n"
    request = request.replace(b"\n", b"-")[:-1] + b"\n"
    page = net.fetch(request)
    assert (page.outcome, page.received) == (Outcome.ANSWERED, b"200 " + request * 2)


@pytest.mark.parametrize("seed", range(5))
def test_a_bad_network_loses_no_octet(seed: int) -> None:
    net = Net(seed)
    net.native.faults = Faults(0.15, 0.1, 0.1, 0.05)
    request = Random(seed).randbytes(20_000).replace(b"\n", b"-") + b"\n"
    page = net.fetch(request, seconds=600)
    assert (page.outcome, page.received) == (Outcome.ANSWERED, b"200 " + request * 2)


def test_more_may_be_said_in_mid_connection() -> None:
    net = Net()
    page = net.fetch(b"GET ")
    assert page.outcome is Outcome.PENDING
    page.send(b"/index\n")
    net.clock.run(60.0)
    assert page.received.startswith(b"200 GET /index\n")


def test_a_closed_port_refuses_and_a_silent_one_says_nothing() -> None:
    net = Net()
    net.b.tcp.silence(82)
    assert net.fetch(port=81).outcome is Outcome.REFUSED
    assert net.flags() == ["S", "RA"]
    assert net.fetch(port=82, seconds=200).outcome is Outcome.TIMED_OUT
    assert net.b.tcp.drops[SILENT] == 7


def test_who_has_no_address_reaches_nobody() -> None:
    net = Net()
    net.a.addresses = []
    page = net.fetch()
    assert (page.outcome, net.tap.frames) == (Outcome.UNREACHABLE, [])


@pytest.mark.parametrize(
    ("flags", "answer"),
    [
        (tcp.SYN, ("RA", 0, 1001)),
        (tcp.FIN, ("RA", 0, 1001)),
        (tcp.ACK, ("R", 77, 0)),
        (tcp.SYN | tcp.ACK, ("R", 77, 0)),
        (tcp.RST, None),
        (tcp.RST | tcp.ACK, None),
    ],
)
def test_what_belongs_to_no_conversation_is_reset(
    flags: int, answer: tuple[str, int, int] | None
) -> None:
    sent: list[bytes] = []
    end = Tcp(Clock(), Random(1), lambda *what: sent.append(what[2]), lambda _: B)
    segment = tcp.build(A, B, 5, 6, sequence=1000, acknowledgement=77, flags=flags)
    end.receive(A, B, segment)
    told = [tcp.parse(Cursor(octets)) for octets in sent]
    found = [(tcp.flags_text(h.flags), h.sequence, h.acknowledgement) for h in told]
    assert found == ([answer] if answer else [])


def test_what_ended_is_forgotten_after_a_while() -> None:
    net = Net()
    net.fetch(seconds=1.0)
    assert (len(net.a.tcp), len(net.b.tcp)) == (1, 1)
    net.clock.run(2.0 + LINGER)
    assert (len(net.a.tcp), len(net.b.tcp)) == (0, 0)


def test_a_flood_of_openings_fills_the_table_and_no_more() -> None:
    sent: list[bytes] = []
    clock = Clock()
    end = Tcp(clock, Random(1), lambda *what: sent.append(what[2]), lambda _: B)
    end.serve(80, lambda request: request)
    for port in range(1, CONNECTIONS + 11):
        end.receive(A, B, tcp.build(A, B, port, 80, sequence=9, acknowledgement=0, flags=tcp.SYN))
    assert (len(end), end.drops[FULL], len(sent)) == (CONNECTIONS, 10, CONNECTIONS)
    assert end.connect(A, 80, b"").outcome is Outcome.UNREACHABLE
    clock.run(200.0)
    assert len(end) == 0


def test_damaged_segments_are_counted() -> None:
    end = Tcp(Clock(), Random(1), lambda *_: None, lambda _: B)
    whole = tcp.build(A, B, 1, 2, sequence=0, acknowledgement=0, flags=tcp.SYN)
    end.receive(A, B, whole[:-1] + b"\x01")
    assert end.drops == {BAD_CHECKSUM: 1}


@given(st.binary(min_size=18, max_size=60))
def test_hostile_segments_raise_nothing(octets: bytes) -> None:
    end = Tcp(Clock(), Random(1), lambda *_: None, lambda _: B)
    end.serve(80, lambda request: request)
    unsummed = octets[:16] + bytes(2) + octets[18:]
    pseudo = checksum.pseudo_ipv6(A, B, tcp.PROTOCOL, len(octets))
    summed = checksum.internet_checksum(pseudo, unsummed).to_bytes(2)
    end.receive(A, B, octets[:16] + summed + octets[18:])
    assert end.drops[BAD_CHECKSUM] == 0
    assert end.drops[UNREADABLE] <= 1


def test_a_listener_takes_connections_and_may_speak_more_than_once() -> None:
    net = Net()

    def echo(connection: Connection) -> None:
        connection.send(connection.received[-1:])

    def take(connection: Connection) -> None:
        connection.on_data = echo

    net.b.tcp.listen(25, take)
    call = net.fetch(b"a", 25, seconds=1)
    call.send(b"b")
    net.clock.run(net.clock.now + 1)
    call.close()
    net.clock.run(net.clock.now + 1)
    assert (call.received, call.outcome) == (b"ab", Outcome.ANSWERED)
