"""An IPv6 host knows who opened what on it."""

from __future__ import annotations

import pytest

from sensor.lab.network.clock import Clock
from sensor.lab.network.native import Native
from sensor.lab.scenarios.openings import LoggingStack, OpeningLog, Outcome
from sensor.lab.scenarios.world import World
from sensor.schema.records import Endpoint
from sensor.wire import icmpv6, ipv6, tcp, udp
from sensor.wire.addresses import packed
from sensor.wire.tcp import ACK, RST, SYN

OWN = Endpoint(packed("2001:db8::1"), 80)
REMOTE = Endpoint(packed("2001:db8::2"), 50_000)


def segment(source: Endpoint, destination: Endpoint, flags: int) -> bytes:
    made = tcp.build(
        source.ip, destination.ip, source.port, destination.port,
        sequence=1, acknowledgement=0, flags=flags,
    )  # fmt: skip
    return ipv6.build(source.ip, destination.ip, tcp.PROTOCOL, made)


def datagram(source: Endpoint, destination: Endpoint) -> bytes:
    made = udp.build(source.ip, destination.ip, source.port, destination.port, b"data")
    return ipv6.build(source.ip, destination.ip, udp.PROTOCOL, made)


def unreachable(packet: bytes, kind: int = icmpv6.UNREACHABLE) -> bytes:
    made = icmpv6.build_error(OWN.ip, REMOTE.ip, kind, 4, packet)
    return ipv6.build(OWN.ip, REMOTE.ip, icmpv6.PROTOCOL, made)


@pytest.mark.parametrize(
    ("replies", "outcome"),
    [
        ([], Outcome.ATTEMPTED),
        ([SYN | ACK], Outcome.ANSWERED),
        ([RST | ACK], Outcome.REFUSED),
        ([SYN | ACK, RST | ACK], Outcome.ANSWERED),
    ],
)
def test_a_tcp_opening_is_as_strong_as_the_best_reply(replies: list[int], outcome: Outcome) -> None:
    log = OpeningLog()
    log.arrived(segment(REMOTE, OWN, SYN), 2.5)
    log.arrived(segment(REMOTE, OWN, SYN), 3.5)
    for flags in replies:
        log.left(segment(OWN, REMOTE, flags))
    (opening,) = log
    assert opening.talk == (tcp.PROTOCOL, OWN, REMOTE)
    assert (opening.at, opening.outcome) == (2.5, outcome)


def test_what_the_host_opened_itself_is_no_opening() -> None:
    log = OpeningLog()
    log.left(segment(OWN, REMOTE, SYN))
    log.arrived(segment(REMOTE, OWN, SYN | ACK), 1.0)
    log.left(datagram(OWN, REMOTE))
    log.arrived(datagram(REMOTE, OWN), 1.0)
    assert list(log) == []


def test_the_middle_of_a_conversation_opens_nothing() -> None:
    log = OpeningLog()
    log.arrived(segment(REMOTE, OWN, ACK), 1.0)
    assert list(log) == []


def test_a_udp_opening_is_answered_or_refused() -> None:
    answered, refused, other = OpeningLog(), OpeningLog(), OpeningLog()
    for log in (answered, refused, other):
        log.arrived(datagram(REMOTE, OWN), 1.0)
    answered.left(datagram(OWN, REMOTE))
    refused.left(unreachable(datagram(REMOTE, OWN)))
    other.left(unreachable(datagram(REMOTE, OWN), icmpv6.TIME_EXCEEDED))
    outcomes = [opening.outcome for log in (answered, refused, other) for opening in log]
    assert outcomes == [Outcome.ANSWERED, Outcome.REFUSED, Outcome.ATTEMPTED]


@pytest.mark.parametrize("quoted", [b"", datagram(REMOTE, OWN)[:42], unreachable(b"")])
def test_an_error_that_quotes_too_little_refuses_nothing(quoted: bytes) -> None:
    log = OpeningLog()
    log.arrived(datagram(REMOTE, OWN), 1.0)
    log.left(unreachable(quoted))
    assert [opening.outcome for opening in log] == [Outcome.ATTEMPTED]


def test_an_error_about_what_nobody_opened_opens_nothing() -> None:
    log = OpeningLog()
    log.left(unreachable(datagram(REMOTE, OWN)))
    assert list(log) == []


def test_a_stack_keeps_the_log_of_its_own_packets() -> None:
    clock, world = Clock(), World(1)
    native = Native(clock, world.chance("native"))
    own = LoggingStack("own", clock, world.chance("own"), [OWN.ip])
    remote = LoggingStack("remote", clock, world.chance("remote"), [REMOTE.ip])
    native.host(own)
    native.host(remote)
    own.serve_udp(53, lambda question: question)
    remote.ask(OWN.ip, 53, b"?")
    remote.ask(OWN.ip, 54, b"?")
    remote.tcp.connect(OWN.ip, 80, b"?")
    clock.run(5)
    assert list(remote.log) == []
    assert {(o.talk.transport, o.talk.own.port): o.outcome for o in own.log} == {
        (udp.PROTOCOL, 53): Outcome.ANSWERED,
        (udp.PROTOCOL, 54): Outcome.REFUSED,
        (tcp.PROTOCOL, 80): Outcome.REFUSED,
    }
